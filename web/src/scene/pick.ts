// What a ray meets first: a block, and the cell of it. Knows no screen.

import { cellAt, type BlockBox } from "./boxes";
import type { CellRef } from "./frame";
import type { Layout } from "./layout";
import type { Point } from "./geometry";

export interface Hit extends CellRef {
  readonly point: Point;
  readonly distance: number;
}

/** What is less solid than this is looked through. */
const LEAST = 0.15;

/**
 * The cell that a ray meets first.
 *
 * @param direction of length 1.
 * @param solid how solid a slab of a block is; what is hardly there is looked through.
 */
export function pick(
  layout: Layout,
  origin: Point,
  direction: Point,
  solid: (block: string, slab: number) => number = () => 1,
): Hit | null {
  let nearest = Infinity;
  let found: BlockBox | null = null;
  for (const box of layout.boxes) {
    const { x, y, z } = box.origin;
    const { size } = box;
    const whole = meets(origin, direction, x, y, z, size.x, size.y, size.z);
    if (whole >= nearest) continue;
    const slabs = box.axes.z === null ? 1 : box.shape[box.axes.z]!;
    for (let slab = 0; slab < slabs; slab++) {
      const thick = slabs === 1 ? size.z : 1;
      const at = meets(origin, direction, x, y, z + size.z - thick - slab * box.pitch, size.x, size.y, thick);
      if (at < nearest && solid(box.block.id, slab) >= LEAST) [nearest, found] = [at, box];
    }
  }
  if (!found) return null;
  const at = (by: number) => ({
    x: origin.x + direction.x * by,
    y: origin.y + direction.y * by,
    z: origin.z + direction.z * by,
  });
  // A little way in, so that a surface belongs to the cell below it.
  const index = cellAt(found, clampedTo(found, at(nearest + 1e-3)));
  return index && { block: found.block.id, index, point: at(nearest), distance: nearest };
}

function clampedTo({ origin, size }: BlockBox, point: Point): Point {
  const within = (at: number, low: number, length: number) => Math.min(low + length - 1e-6, Math.max(low, at));
  return {
    x: within(point.x, origin.x, size.x),
    y: within(point.y, origin.y, size.y),
    z: within(point.z, origin.z, size.z),
  };
}

/** How far along a ray a box begins; infinite where it is not met. Inside a box that is 0. */
function meets(
  origin: Point,
  direction: Point,
  x: number,
  y: number,
  z: number,
  width: number,
  height: number,
  depth: number,
): number {
  let from = 0;
  let to = Infinity;
  for (let side = 0; side < 3; side++) {
    const start = side === 0 ? origin.x : side === 1 ? origin.y : origin.z;
    const slope = side === 0 ? direction.x : side === 1 ? direction.y : direction.z;
    const low = side === 0 ? x : side === 1 ? y : z;
    const high = low + (side === 0 ? width : side === 1 ? height : depth);
    if (slope === 0) {
      if (start < low || start > high) return Infinity;
      continue;
    }
    const a = (low - start) / slope;
    const b = (high - start) / slope;
    from = Math.max(from, Math.min(a, b));
    to = Math.min(to, Math.max(a, b));
    if (from > to) return Infinity;
  }
  return from;
}
