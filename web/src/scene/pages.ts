// Which pages of which blocks are at hand for drawing: a fixed number of places, filled from tiles, the longest unused given
// away. Holds the numbers themselves, so that a lost drawing context is filled again at once. Draws nothing.

import { firstPage, PAGE, pageCount, pagesAt, sheetAt, type Pyramid } from "./pyramid";
import { flat, holdsAll, slabIn, TILE, type TileKey, type Values } from "./values";

/** Pages along each side of the sheet that holds them. */
export const SIDE = 48;
const CELLS = PAGE * PAGE;
/** Drawn as missing; no number of a model is infinite. */
export const MISSING = Infinity;

/** What is taken from a cache of tiles. */
export type Tiles = Pick<Values, "tile">;

export class Pages {
  /** Where each block's pages begin in the table. */
  readonly first: ReadonlyMap<string, number>;
  /** For every page of every block, 1 + the place where it is; 0 where it is not at hand. */
  readonly table: Uint16Array;
  /** The numbers, place by place. */
  readonly cells = new Float32Array(SIDE * SIDE * CELLS);
  /** Places whose numbers have changed. */
  readonly changed = new Set<number>();
  tableChanged = true;
  readonly #pyramids: ReadonlyMap<string, Pyramid>;
  readonly #owner = new Int32Array(SIDE * SIDE).fill(-1);
  readonly #used = new Int32Array(SIDE * SIDE).fill(-1);
  readonly #whole = new Uint8Array(SIDE * SIDE);
  #tick = 0;
  #row = new Float64Array(PAGE);
  #count = new Float64Array(PAGE);

  constructor(pyramids: readonly Pyramid[]) {
    this.#pyramids = new Map(pyramids.map((pyramid) => [pyramid.block, pyramid]));
    const first = new Map<string, number>();
    let n = 0;
    for (const pyramid of pyramids) {
      first.set(pyramid.block, n);
      n += pageCount(pyramid);
    }
    this.first = first;
    this.table = new Uint16Array(Math.max(1, n));
  }

  pyramid(block: string): Pyramid {
    const found = this.#pyramids.get(block);
    if (!found) throw new RangeError(`there is no block "${block}"`);
    return found;
  }

  /** Begins another look at what is needed: pages not asked for since may be given away. */
  look(): void {
    this.#tick += 1;
  }

  /**
   * Has a page at hand, as far as its numbers are there.
   *
   * @returns the tiles that it still needs, none where it is whole; null where every place is in use.
   */
  need(block: string, level: number, across: number, down: number, tiles: Tiles): readonly TileKey[] | null {
    const pyramid = this.pyramid(block);
    const entry = this.first.get(block)! + firstPage(pyramid, level) + down * pagesAt(pyramid, level).across + across;
    let place = this.table[entry]! - 1;
    if (place < 0) {
      place = this.#free();
      if (place < 0) return null;
      const before = this.#owner[place]!;
      if (before >= 0) this.table[before] = 0;
      this.#owner[place] = entry;
      this.#whole[place] = 0;
      this.table[entry] = place + 1;
      this.tableChanged = true;
    }
    this.#used[place] = this.#tick;
    if (this.#whole[place]) return [];
    const missing: TileKey[] = [];
    this.#fill(place, pyramid, level, across, down, tiles, missing);
    this.#whole[place] = missing.length ? 0 : 1;
    this.changed.add(place);
    return missing;
  }

  /** Places in use. */
  get used(): number {
    return this.#owner.reduce((n, entry) => n + (entry >= 0 ? 1 : 0), 0);
  }

  /** Nothing is at hand any more. */
  forget(): void {
    this.table.fill(0);
    this.tableChanged = true;
    this.#owner.fill(-1);
    this.#used.fill(-1);
    this.#whole.fill(0);
    this.changed.clear();
  }

  /** Everything is to be given to the drawing context again. */
  again(): void {
    this.tableChanged = true;
    this.#owner.forEach((entry, place) => {
      if (entry >= 0) this.changed.add(place);
    });
  }

  /** A place that nothing has, else the one that was unused longest. */
  #free(): number {
    let best = -1;
    for (let place = 0; place < this.#owner.length; place++) {
      if (this.#owner[place] === -1) return place;
      if (this.#used[place]! < this.#tick && (best < 0 || this.#used[place]! < this.#used[best]!)) best = place;
    }
    return best;
  }

  #fill(
    place: number,
    pyramid: Pyramid,
    level: number,
    across: number,
    down: number,
    tiles: Tiles,
    missing: TileKey[],
  ): void {
    const sheet = sheetAt(pyramid, level);
    const from = level === 0 || !pyramid.made ? level : 0;
    const step = 2 ** (level - from);
    const [left, top] = [across * PAGE, down * PAGE];
    const right = Math.min(sheet.across, left + PAGE);
    const bottom = Math.min(sheet.down, top + PAGE);
    this.cells.fill(MISSING, place * CELLS, (place + 1) * CELLS);
    const sourceRows = Math.ceil(pyramid.rows / 2 ** from);
    const sourceColumns = Math.ceil(pyramid.columns / 2 ** from);
    const source = new Source(pyramid, from, tiles, missing);
    for (let v = top; v < bottom; v++) {
      const slab = Math.floor(v / sheet.rows);
      const row = v - slab * sheet.rows;
      const at = place * CELLS + (v - top) * PAGE;
      if (step === 1) {
        source.copy(slab, row, left, right, this.cells, at);
        continue;
      }
      this.#row.fill(0);
      this.#count.fill(0);
      let known = true;
      for (let r = row * step; r < Math.min(sourceRows, (row + 1) * step); r++)
        known &&= source.add(slab, r, left * step, Math.min(sourceColumns, right * step), step, this.#row, this.#count);
      if (known) for (let u = 0; u < right - left; u++) this.cells[at + u] = this.#row[u]! / this.#count[u]!;
    }
  }
}

/** Rows of a block at one level, from tiles. */
class Source {
  readonly #pyramid: Pyramid;
  readonly #level: number;
  readonly #tiles: Tiles;
  readonly #missing: TileKey[];
  readonly #all: boolean;
  readonly #known = new Map<number, { data: Float32Array; width: number } | null>();

  constructor(pyramid: Pyramid, level: number, tiles: Tiles, missing: TileKey[]) {
    this.#pyramid = pyramid;
    this.#level = level;
    this.#tiles = tiles;
    this.#missing = missing;
    this.#all = holdsAll(pyramid.shape, level);
  }

  copy(slab: number, row: number, from: number, to: number, into: Float32Array, at: number): void {
    for (let left = from; left < to;) {
      const column = Math.floor(left / TILE);
      const right = Math.min(to, (column + 1) * TILE);
      const found = this.#part(slab, row, column);
      if (found) {
        const start = found.start + left - column * TILE;
        into.set(found.data.subarray(start, start + right - left), at + left - from);
      }
      left = right;
    }
  }

  /** Adds numbers to sums over `step` columns each, and counts them; false where some are not there yet. */
  add(slab: number, row: number, from: number, to: number, step: number, sums: Float64Array, counts: Float64Array) {
    for (let left = from; left < to;) {
      const column = Math.floor(left / TILE);
      const right = Math.min(to, (column + 1) * TILE);
      const found = this.#part(slab, row, column);
      if (!found) return false;
      for (let u = left; u < right; u++) {
        const value = found.data[found.start + u - column * TILE]!;
        if (Number.isNaN(value)) continue;
        const n = Math.floor((u - from) / step);
        sums[n]! += value;
        counts[n]! += 1;
      }
      left = right;
    }
    return true;
  }

  /** The tile of a row, and where the row begins in it. */
  #part(slab: number, row: number, column: number): { data: Float32Array; start: number } | null {
    const { shape, rowIsSlab } = this.#pyramid;
    const dataRow = rowIsSlab ? slab : row;
    const tileRow = Math.floor(dataRow / TILE);
    // Fewer than 2^20 tiles in a row of any block.
    const name = ((rowIsSlab ? 0 : slab) * 4096 + tileRow) * 2 ** 20 + column;
    let found = this.#known.get(name);
    if (found === undefined) {
      const lead = rowIsSlab ? [] : coordinatesOf(slab, flat(shape).lead);
      const key: TileKey = {
        block: this.#pyramid.block,
        level: this.#level,
        lead: this.#all ? [] : lead,
        row: tileRow,
        column,
      };
      const tile = this.#tiles.tile(key);
      if (!tile) {
        found = null;
        if (!this.#missing.some((one) => same(one, key))) this.#missing.push(key);
      } else found = { data: slabIn(key, tile, shape, lead), width: tile.shape.at(-1) ?? 1 };
      this.#known.set(name, found);
    }
    return found && { data: found.data, start: (dataRow - tileRow * TILE) * found.width };
  }
}

function same(a: TileKey, b: TileKey): boolean {
  return a.row === b.row && a.column === b.column && a.lead.join() === b.lead.join();
}

/** The coordinates of a slab along the axes before the last two. */
export function coordinatesOf(slab: number, lead: readonly number[]): number[] {
  const found = new Array<number>(lead.length);
  for (let axis = lead.length - 1; axis >= 0; axis--) {
    found[axis] = slab % lead[axis]!;
    slab = Math.floor(slab / lead[axis]!);
  }
  return found;
}
