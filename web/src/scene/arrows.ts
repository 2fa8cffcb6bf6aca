// From what a block is computed from to the block: lines between the surfaces of boxes. Knows no numbers.

import type { Layout } from "./layout";
import { centre, end, type Box, type Point, type Side } from "./geometry";

export interface Arrow {
  readonly from: string;
  readonly to: string;
  /** What the source is to the formula: `left`, `bias`, `mean`, ...; `ids` where coordinates are looked up in it. */
  readonly role: string;
  readonly start: Point;
  readonly end: Point;
}

/** The arrows that end on a block. */
export function arrowsInto(layout: Layout, block: string): Arrow[] {
  const to = layout.byId.get(block);
  const operands = to?.block.formula?.operands ?? [];
  const read = new Map<string, string>();
  for (const { block: source, role, index } of operands) {
    for (const { lookup } of index) if (lookup) read.set(lookup, "ids");
    if (!read.has(source)) read.set(source, role);
  }
  return [...read].flatMap(([source, role]) => {
    const from = layout.byId.get(source);
    return from && to ? [{ from: source, to: block, role, ...between(from, to) }] : [];
  });
}

/** A line from one box to another that begins and ends on their surfaces. */
export function between(from: Box, to: Box): { start: Point; end: Point } {
  const [a, b] = [centre(from), centre(to)];
  const apart = (side: Side) =>
    Math.max(to.origin[side] - end(from)[side], from.origin[side] - end(to)[side], -Infinity);
  // Along the side on which they are furthest apart; from the facing surfaces.
  const side = (["x", "y", "z"] as const).reduce((best, one) => (apart(one) > apart(best) ? one : best));
  const forwards = b[side] >= a[side];
  const start = { ...meeting(from, to) };
  const finish = { ...meeting(to, from) };
  start[side] = forwards ? end(from)[side] : from.origin[side];
  finish[side] = forwards ? to.origin[side] : end(to)[side];
  return { start, end: finish };
}

/** A point of a box: the middle of what it shares with another along each side, else where it is nearest to it. */
function meeting(box: Box, other: Box): { x: number; y: number; z: number } {
  const along = (side: Side) => {
    const low = Math.max(box.origin[side], other.origin[side]);
    const high = Math.min(end(box)[side], end(other)[side]);
    if (low <= high) return (low + high) / 2;
    return centre(box)[side];
  };
  return { x: along("x"), y: along("y"), z: along("z") };
}
