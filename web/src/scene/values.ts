// The numbers of a run as they are needed: tiles of its tensors, fetched a few at a time, kept as long as there is room.
//
// A tile is a square of cells of the last two axes, at a level: each of its cells is the mean of 2^level × 2^level cells.
// Where all slabs of a block together are small it holds them all, else one. Whoever draws asks for what is there, says
// what it wants, and is told of news.

import { isAbort, type Engine, type Range, type Run, type Tile } from "../engine";

/** Cells of a tile along each side. */
export const TILE = 256;

/** Cells whose means are asked for at one time: whoever is asked has other questions to answer. */
const MUCH = 2 ** 23;

/** Cells of a tile that holds all slabs of a block. */
const MOST = 4 * TILE * TILE;

export interface TileKey {
  readonly block: string;
  readonly level: number;
  /** Which slab: coordinates of the axes before the last two; none where the tile holds all slabs. */
  readonly lead: readonly number[];
  /** Which tile, counted in tiles of its level. */
  readonly row: number;
  readonly column: number;
}

/** Cells of the last two axes, from the first to one past the last. */
export interface Window {
  readonly rows: Range;
  readonly columns: Range;
}

export function nameOf({ block, level, lead, row, column }: TileKey): string {
  return `${block} ${level} ${lead.join(",")} ${row} ${column}`;
}

/** A block's shape as slabs of rows and columns; a block of one axis is one row. */
export function flat(shape: readonly number[]): { lead: readonly number[]; rows: number; columns: number } {
  return { lead: shape.slice(0, -2), rows: shape.at(-2) ?? 1, columns: shape.at(-1) ?? 1 };
}

/** The level at which a slab is one tile. */
export function coarsest(shape: readonly number[]): number {
  const { rows, columns } = flat(shape);
  return Math.max(0, Math.ceil(Math.log2(Math.max(rows, columns) / TILE)));
}

/**
 * The level that shows no less than the screen can.
 *
 * @param pixels that one cell takes on the screen, along its shorter side.
 */
export function levelFor(pixels: number, shape: readonly number[]): number {
  if (!(pixels > 0)) return coarsest(shape);
  return Math.min(coarsest(shape), Math.max(0, Math.floor(-Math.log2(pixels))));
}

/** Whether one tile of this level holds all slabs of a block. */
export function holdsAll(shape: readonly number[], level: number): boolean {
  const { lead, rows, columns } = flat(shape);
  const [down, across] = [Math.ceil(rows / 2 ** level), Math.ceil(columns / 2 ** level)];
  return down <= TILE && across <= TILE && lead.reduce((size, n) => size * n, down * across) <= MOST;
}

/** The numbers of one slab in a tile. */
export function slabIn(key: TileKey, tile: Tile, shape: readonly number[], lead: readonly number[]): Float32Array {
  if (key.lead.length === lead.length) return tile.data;
  const size = (tile.shape.at(-2) ?? 1) * (tile.shape.at(-1) ?? 1);
  const slab = lead.reduce((n, at, axis) => n * shape[axis]! + at, 0);
  return tile.data.subarray(slab * size, (slab + 1) * size);
}

/** The tiles that cover a window of one slab. */
export function tilesOver(
  block: string,
  shape: readonly number[],
  lead: readonly number[],
  level: number,
  window?: Window,
): TileKey[] {
  const { rows, columns } = flat(shape);
  const side = TILE * 2 ** level;
  const within = (range: Range | undefined, size: number): Range => [
    Math.max(0, Math.floor((range?.[0] ?? 0) / side)),
    Math.min(Math.ceil(size / side), Math.ceil((range?.[1] ?? size) / side)),
  ];
  const [top, bottom] = within(window?.rows, rows);
  const [left, right] = within(window?.columns, columns);
  const found: TileKey[] = [];
  if (holdsAll(shape, level)) lead = [];
  for (let row = top; row < bottom; row++)
    for (let column = left; column < right; column++) found.push({ block, level, lead, row, column });
  return found;
}

/** The cells of a block that a tile is made of: a range for each axis. */
export function rangesOf(key: TileKey, shape: readonly number[]): Range[] {
  const side = TILE * 2 ** key.level;
  const within = (n: number, size: number): Range => [n * side, Math.min(size, (n + 1) * side)];
  const { rows, columns } = flat(shape);
  const lead = shape.slice(0, -2).map((size, axis): Range => {
    const n = key.lead[axis];
    return n === undefined ? [0, size] : [n, n + 1];
  });
  if (shape.length < 2) return shape.length ? [within(key.column, columns)] : [];
  return [...lead, within(key.row, rows), within(key.column, columns)];
}

/** How far a block's numbers are from 0. */
export interface Spread {
  readonly rms: number;
  readonly largest: number;
}

interface Wanted {
  readonly key: TileKey;
  readonly name: string;
}

export interface ValuesOptions {
  /** What all tiles may take together. */
  readonly bytes?: number;
  /** Tiles that are asked for at one time; others follow when half of them have come, so that they go together too. */
  readonly atOnce?: number;
}

export class Values {
  readonly #engine: Engine;
  readonly #run: Run;
  readonly #shapes: ReadonlyMap<string, readonly number[]>;
  readonly #limit: number;
  readonly #atOnce: number;
  /** The longest unused first. */
  readonly #tiles = new Map<string, Tile>();
  readonly #spreads = new Map<string, Spread>();
  readonly #asked = new Map<string, AbortController>();
  readonly #refused = new Map<string, unknown>();
  readonly #listeners = new Set<(key: TileKey) => void>();
  #wanted: readonly Wanted[] = [];
  #bytes = 0;
  /** Cells that what is asked for is made of. */
  #work = 0;
  #closed = false;
  /** What is told of an answer that does not come; by default nothing. */
  ontrouble: (error: unknown) => void = () => undefined;

  /**
   * @param shapes the shape of each block, for the length of this run's text.
   */
  constructor(
    engine: Engine,
    run: Run,
    shapes: ReadonlyMap<string, readonly number[]>,
    { bytes = 96 * 2 ** 20, atOnce = 64 }: ValuesOptions = {},
  ) {
    this.#engine = engine;
    this.#run = run;
    this.#shapes = shapes;
    this.#limit = bytes;
    this.#atOnce = atOnce;
  }

  get run(): Run {
    return this.#run;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Whether everything that was wanted is there. */
  get settled(): boolean {
    return this.#asked.size === 0 && !this.#next();
  }

  /** Told whenever a tile has come; the answer stops it. */
  listen(listener: (key: TileKey) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  shape(block: string): readonly number[] {
    const shape = this.#shapes.get(block);
    if (!shape) throw new RangeError(`there is no block "${block}"`);
    return shape;
  }

  /** A tile that is there. */
  tile(key: TileKey): Tile | null {
    const name = nameOf(key);
    const found = this.#tiles.get(name);
    if (!found) return null;
    this.#tiles.delete(name);
    this.#tiles.set(name, found);
    return found;
  }

  /** The tile, or the finest coarser one that is there and covers it. */
  best(key: TileKey): { readonly key: TileKey; readonly tile: Tile } | null {
    const shape = this.shape(key.block);
    const most = coarsest(shape);
    for (let above = key; ;) {
      const tile = this.tile(above);
      if (tile) return { key: above, tile };
      if (above.level >= most) return null;
      const level = above.level + 1;
      const lead = holdsAll(shape, level) ? [] : above.lead;
      above = { ...above, level, lead, row: above.row >> 1, column: above.column >> 1 };
    }
  }

  /** What a block's colours are measured by; null before any of its tiles has come. */
  spread(block: string): Spread | null {
    return this.#spreads.get(block) ?? null;
  }

  /** A number that is there exactly; undefined where it is not yet, NaN where the mask leaves it out. */
  cell(block: string, index: readonly number[]): number | undefined {
    const key = this.keyOf(block, index);
    const tile = this.tile(key);
    if (!tile) return undefined;
    const width = tile.shape.at(-1) ?? 1;
    const row = (index.at(-2) ?? 0) - key.row * TILE;
    const column = (index.at(-1) ?? 0) - key.column * TILE;
    return slabIn(key, tile, this.shape(block), index.slice(0, -2))[row * width + column];
  }

  /** The tile in which a cell's own number is. */
  keyOf(block: string, index: readonly number[]): TileKey {
    const row = Math.floor((index.at(-2) ?? 0) / TILE);
    const column = Math.floor((index.at(-1) ?? 0) / TILE);
    const lead = holdsAll(this.shape(block), 0) ? [] : index.slice(0, -2);
    return { block, level: 0, lead, row, column };
  }

  /**
   * Says what is wanted from now on, the most urgent first. What was asked for and is not among it is withdrawn.
   */
  want(keys: readonly TileKey[]): void {
    // Names are made once: whether all is there is asked for every picture.
    this.#wanted = keys.map((key) => ({ key, name: nameOf(key) }));
    const names = new Set(this.#wanted.map(({ name }) => name));
    for (const [name, controller] of this.#asked) if (!names.has(name)) controller.abort();
    this.#ask();
  }

  /** Withdraws everything and forgets it. */
  close(): void {
    this.#closed = true;
    this.want([]);
    this.#tiles.clear();
    this.#listeners.clear();
    this.#bytes = 0;
  }

  #next(): Wanted | undefined {
    for (const one of this.#wanted)
      if (!this.#tiles.has(one.name) && !this.#asked.has(one.name) && !this.#refused.has(one.name)) return one;
    return undefined;
  }

  #ask(): void {
    if (this.#asked.size > this.#atOnce / 2) return;
    while (!this.#closed && this.#asked.size < this.#atOnce && this.#work < MUCH) {
      const next = this.#next();
      if (!next) return;
      void this.#fetch(next);
    }
  }

  async #fetch({ key, name }: Wanted): Promise<void> {
    const controller = new AbortController();
    const ranges = rangesOf(key, this.shape(key.block));
    const work = ranges.reduce((size, [from, to]) => size * (to - from), 1);
    this.#asked.set(name, controller);
    this.#work += work;
    try {
      const tile = await this.#engine.tile(this.#run, key.block, ranges, key.level, controller.signal);
      if (this.#closed) return;
      this.#keep(name, tile);
      this.#spreads.set(key.block, { rms: tile.rms, largest: tile.largest });
      for (const listener of this.#listeners) listener(key);
    } catch (error) {
      if (isAbort(error) || this.#closed) return;
      // Asked for again and again it would be refused again and again.
      this.#refused.set(name, error);
      this.ontrouble(error);
    } finally {
      this.#asked.delete(name);
      this.#work -= work;
      this.#ask();
    }
  }

  #keep(name: string, tile: Tile): void {
    this.#tiles.set(name, tile);
    this.#bytes += tile.data.byteLength;
    for (const [oldest, { data }] of this.#tiles) {
      if (this.#bytes <= this.#limit || oldest === name) return;
      this.#tiles.delete(oldest);
      this.#bytes -= data.byteLength;
    }
  }

  /** Whether anything was refused; asks for it once more when told to. */
  again(): void {
    this.#refused.clear();
    this.#ask();
  }
}
