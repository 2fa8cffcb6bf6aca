// Which pages of which blocks an eye needs, and which tiles have to come for them: the most urgent first.
//
// Called when the eye has moved or numbers have come, a few times a second; never for every picture.

import { HALF } from "./axes";
import type { BlockBox } from "./boxes";
import { slabOf } from "./boxes";
import { directions, distanceOf, eyeOf, rayAt, type Picture } from "./camera";
import type { Pose } from "./frame";
import type { Box, Point } from "./geometry";
import { levelOf, PAGE, pagesAt, placeIn, sheetAt, type Pyramid } from "./pyramid";
import type { Pages, Tiles } from "./pages";
import { coarsest, holdsAll, type TileKey } from "./values";

/** Pages of one level of one block that are had at hand without asking which of them are in the picture. */
const FEW = 10;
/** Tiles that are asked for at one time. */
const MOST = 192;

/** The tiles that a first look will need whatever it is at: all of what is small. */
export function atFirst(boxes: readonly BlockBox[]): TileKey[] {
  const small = boxes.filter(({ shape }) => coarsest(shape) === 0 && holdsAll(shape, 0));
  return small.slice(0, MOST).map(({ block }) => ({ block: block.id, level: 0, lead: [], row: 0, column: 0 }));
}

/** What an eye sees, for all boxes. */
export class View {
  readonly #eye: Point;
  readonly #back: Point;
  readonly #right: Point;
  readonly #up: Point;
  readonly #halfWide: number;
  readonly #halfHigh: number;
  readonly #shorter: number;

  constructor(
    readonly pose: Pose,
    readonly picture: Picture,
  ) {
    this.#eye = eyeOf(pose);
    ({ back: this.#back, right: this.#right, up: this.#up } = directions(pose));
    this.#shorter = Math.min(picture.width, picture.height);
    this.#halfWide = (HALF * picture.width) / this.#shorter;
    this.#halfHigh = (HALF * picture.height) / this.#shorter;
  }

  /** Pixels that a cell takes at a distance in front of the eye. */
  pixels(ahead: number): number {
    return this.#shorter / 2 / HALF / ahead;
  }

  /** How far in front of the eye a point is. */
  ahead({ x, y, z }: Point): number {
    const { x: ex, y: ey, z: ez } = this.#eye;
    return -((x - ex) * this.#back.x + (y - ey) * this.#back.y + (z - ez) * this.#back.z);
  }

  /** Cells of a sheet that faces the viewer that a pixel covers at a point, along x or y, whichever is more. */
  cellsPerPixel({ x, y, z }: Point): number {
    const ahead = this.ahead({ x, y, z });
    if (ahead <= 1e-3) return 0;
    const dx = x - this.#eye.x;
    const dy = y - this.#eye.y;
    const dz = z - this.#eye.z;
    const across = dx * this.#right.x + dy * this.#right.y + dz * this.#right.z;
    const upwards = dx * this.#up.x + dy * this.#up.y + dz * this.#up.z;
    // How the picture's two coordinates change from cell to cell, and, turned round, cells from pixel to pixel.
    const scale = this.pixels(ahead) / ahead;
    const a = scale * (this.#right.x * ahead + across * this.#back.x);
    const b = scale * (this.#right.y * ahead + across * this.#back.y);
    const c = scale * (this.#up.x * ahead + upwards * this.#back.x);
    const d = scale * (this.#up.y * ahead + upwards * this.#back.y);
    return Math.max(Math.hypot(d, b), Math.hypot(c, a)) / Math.max(1e-12, Math.abs(a * d - b * c));
  }

  /** The same where it is most: at the corners of a box's front, or in its middle. */
  mostCellsPerPixel({ origin, size }: Box): number {
    const z = origin.z + size.z;
    let most = this.cellsPerPixel({ x: origin.x + size.x / 2, y: origin.y + size.y / 2, z });
    for (let corner = 0; corner < 4; corner++) {
      const x = origin.x + (corner & 1) * size.x;
      const y = origin.y + (corner >> 1) * size.y;
      most = Math.max(most, this.cellsPerPixel({ x, y, z }));
    }
    return most;
  }

  /** Where a point is in the picture; null behind the eye. */
  project(point: Point): { x: number; y: number; ahead: number } | null {
    const ahead = this.ahead(point);
    if (ahead <= 1e-3) return null;
    const x = point.x - this.#eye.x;
    const y = point.y - this.#eye.y;
    const z = point.z - this.#eye.z;
    const across = x * this.#right.x + y * this.#right.y + z * this.#right.z;
    const upwards = x * this.#up.x + y * this.#up.y + z * this.#up.z;
    const pixels = this.pixels(ahead);
    return { x: this.picture.width / 2 + across * pixels, y: this.picture.height / 2 - upwards * pixels, ahead };
  }

  /** The point that is so many pixels above another in the picture, as far ahead. */
  above({ x, y, z }: Point, ahead: number, pixels: number): Point {
    const by = pixels / this.pixels(ahead);
    return { x: x + this.#up.x * by, y: y + this.#up.y * by, z: z + this.#up.z * by };
  }

  /** Whether a ball is, at least in part, in the picture. */
  sees(middle: Point, radius: number): boolean {
    const ahead = this.ahead(middle);
    if (ahead < -radius) return false;
    const x = middle.x - this.#eye.x;
    const y = middle.y - this.#eye.y;
    const z = middle.z - this.#eye.z;
    const across = Math.abs(x * this.#right.x + y * this.#right.y + z * this.#right.z);
    const upwards = Math.abs(x * this.#up.x + y * this.#up.y + z * this.#up.z);
    return (
      across - ahead * this.#halfWide <= radius * Math.hypot(1, this.#halfWide) &&
      upwards - ahead * this.#halfHigh <= radius * Math.hypot(1, this.#halfHigh)
    );
  }

  /** The nearest and furthest distance of a box, in front of the eye; at least a cell's tenth. */
  reach(box: { readonly origin: Point; readonly size: Point }): [near: number, far: number] {
    let [near, far] = [Infinity, 0];
    for (let corner = 0; corner < 8; corner++) {
      const ahead = this.ahead({
        x: box.origin.x + (corner & 1 ? box.size.x : 0),
        y: box.origin.y + (corner & 2 ? box.size.y : 0),
        z: box.origin.z + (corner & 4 ? box.size.z : 0),
      });
      near = Math.min(near, ahead);
      far = Math.max(far, ahead);
    }
    // An eye before the middle of a large sheet is nearer to it than to its corners.
    const inside = (at: number, low: number, length: number) => Math.min(low + length, Math.max(low, at));
    const { origin, size } = box;
    const nearest = {
      x: inside(this.#eye.x, origin.x, size.x),
      y: inside(this.#eye.y, origin.y, size.y),
      z: inside(this.#eye.z, origin.z, size.z),
    };
    near = Math.max(Math.min(near, this.ahead(nearest)), 0.1);
    return [near, Math.max(far, near)];
  }

  /** Cells of a slab that are in the picture, as far as that is easily said; the whole slab otherwise. */
  window(slab: {
    readonly origin: Point;
    readonly size: Point;
  }): [left: number, right: number, top: number, bottom: number] {
    const whole: [number, number, number, number] = [0, slab.size.x, 0, slab.size.y];
    const { width, height } = this.picture;
    const found: [number, number, number, number] = [Infinity, -Infinity, Infinity, -Infinity];
    for (const x of [0, width])
      for (const y of [0, height]) {
        const { origin, direction } = rayAt(this.pose, this.picture, x, y);
        const by = (slab.origin.z + slab.size.z - origin.z) / direction.z;
        if (!(by > 0) || by > 8 * distanceOf(this.pose)) return whole;
        const [u, v] = [origin.x + direction.x * by - slab.origin.x, origin.y + direction.y * by - slab.origin.y];
        [found[0], found[1]] = [Math.min(found[0], u), Math.max(found[1], u)];
        [found[2], found[3]] = [Math.min(found[2], v), Math.max(found[3], v)];
      }
    const inside = (n: number, size: number) => Math.min(size, Math.max(0, n));
    return [
      inside(Math.floor(found[0]), slab.size.x),
      inside(Math.ceil(found[1]), slab.size.x),
      inside(Math.floor(found[2]), slab.size.y),
      inside(Math.ceil(found[3]), slab.size.y),
    ];
  }
}

/** Levels of one block that are had at hand for one picture, the finest first; a sheet seen from its edge needs more. */
const LEVELS = 4;

/** One level of one block that is needed. */
interface Need {
  readonly n: number;
  readonly box: BlockBox;
  readonly level: number;
  /** How much of the picture it fills, roughly; the coarsest level of what is seen comes first. */
  readonly urgency: number;
}

/**
 * Has what a view needs at hand, as far as its numbers are there.
 *
 * @param ratio pixels of the screen for each of the picture.
 * @param levels of each box, the coarsest level that it is to be drawn with is written there.
 * @returns the tiles that are still to come.
 */
export function survey(
  view: View,
  boxes: readonly BlockBox[],
  solid: (box: number) => number,
  pages: Pages,
  tiles: Tiles,
  ratio: number,
  levels?: { [box: number]: number },
): TileKey[] {
  const needs: Need[] = [];
  boxes.forEach((box, n) => {
    if (solid(n) < 0.02) return;
    const { origin, size } = box;
    const radius = Math.hypot(size.x, size.y, size.z) / 2;
    const middle = { x: origin.x + size.x / 2, y: origin.y + size.y / 2, z: origin.z + size.z / 2 };
    if (!view.sees(middle, radius)) return;
    const pyramid = pages.pyramid(box.block.id);
    const [near, far] = view.reach(box);
    const pixels = view.pixels(near);
    const area = Math.min(size.x * size.y * pixels ** 2, 1e7);
    const top = pyramid.levels - 1;
    needs.push({ n, box, level: top, urgency: 1e8 + area });
    const finest = levelOf(pyramid, 1 / pixels / ratio);
    const most = Math.max(1 / view.pixels(far), view.mostCellsPerPixel(box));
    const coarsest = Math.min(levelOf(pyramid, most / ratio), finest + LEVELS - 1);
    if (levels) levels[n] = coarsest;
    for (let level = finest; level <= coarsest; level++)
      if (level < top) needs.push({ n, box, level, urgency: area / (1 + level - finest) });
  });
  needs.sort((a, b) => b.urgency - a.urgency);
  pages.look();
  const wanted: TileKey[] = [];
  /** Whether a level of a block, as far as it is in the picture, has its places. */
  const had = (box: BlockBox, pyramid: Pyramid, level: number): boolean => {
    const { across, down } = pagesAt(pyramid, level);
    let all = true;
    const need = (u: number, v: number) => {
      const missing = pages.need(box.block.id, level, u, v, tiles);
      all &&= missing !== null;
      for (const key of missing ?? [])
        if (wanted.length < MOST && !wanted.some((one) => sameTile(one, key))) wanted.push(key);
    };
    if (across * down <= FEW) {
      for (let v = 0; v < down; v++) for (let u = 0; u < across; u++) need(u, v);
    } else for (const [u, v] of pagesInView(view, box, pyramid, level)) need(u, v);
    return all;
  };
  for (const { n, box, level } of needs) {
    const pyramid = pages.pyramid(box.block.id);
    // Where there is no place for so much detail, for as much as there is.
    let at = level;
    while (at < pyramid.levels - 1 && !had(box, pyramid, at)) at += 1;
    if (at === pyramid.levels - 1) had(box, pyramid, at);
    if (levels && at > level) levels[n] = Math.max(levels[n]!, at);
  }
  return wanted;
}

/** The pages of a level that show something of what is in the picture. */
function pagesInView(view: View, box: BlockBox, pyramid: Pyramid, level: number): [number, number][] {
  const found = new Map<number, [number, number]>();
  const { rows, across } = sheetAt(pyramid, level);
  const wide = Math.ceil(across / PAGE);
  for (let slab = 0; slab < pyramid.slabs; slab++) {
    const there = slabOf(box, slab);
    const { origin, size } = there;
    const middle = { x: origin.x + size.x / 2, y: origin.y + size.y / 2, z: origin.z + size.z / 2 };
    if (!view.sees(middle, Math.hypot(size.x, size.y, size.z) / 2)) continue;
    const [left, right, top, bottom] = view.window(there);
    if (left >= right || top >= bottom) continue;
    const first = placeIn(pyramid, left, top);
    const last = placeIn(pyramid, right - 1, bottom - 1);
    const page = (n: number) => Math.floor((n >> level) / PAGE);
    const pageRow = (row: number) => Math.floor((slab * rows + (row >> level)) / PAGE);
    for (let v = pageRow(first.row); v <= pageRow(last.row); v++)
      for (let u = page(first.column); u <= page(last.column); u++) found.set(v * wide + u, [u, v]);
  }
  return [...found.values()];
}

function sameTile(a: TileKey, b: TileKey): boolean {
  return (
    a.block === b.block &&
    a.level === b.level &&
    a.row === b.row &&
    a.column === b.column &&
    a.lead.join() === b.lead.join()
  );
}
