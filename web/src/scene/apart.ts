// One cell's sum taken apart: its terms leave their places, meet in rows before the cell, and become it. Where each of them
// is at a moment; its number is the one that is stored. Draws nothing.

import { cellBox } from "./boxes";
import { clamped, eased, type Apart } from "./frame";
import type { Point } from "./geometry";
import type { Layout } from "./layout";
import { sourcesOf } from "./sources";

export interface FlyingCell {
  readonly x: number;
  readonly y: number;
  readonly z: number;
  readonly size: number;
  /** The block whose colours it has. */
  readonly block: string;
  /** Undefined where it is not known yet. */
  readonly value: number | undefined;
}

/** Terms that are shown at most; of longer sums the first. */
const MOST = 96;
const COLUMNS = 8;

/** When terms are in their rows, and when they set out for the cell. */
const MET = 0.4;
const PARTED = 0.6;

/**
 * @param valueOf the stored number of a cell.
 * @param most cells in all.
 */
export function apartCells(
  layout: Layout,
  ids: readonly number[],
  { block, index, progress }: Apart,
  valueOf: (block: string, index: readonly number[]) => number | undefined,
  most = 400,
): FlyingCell[] {
  const box = layout.byId.get(block);
  if (!box || progress <= 0 || progress >= 1) return [];
  const target = cellBox(box, index).origin;
  const sources = sourcesOf(layout, ids, { block, index });
  const counts = sources.map(({ from, to }) => from.reduce((n, first, axis) => n * (to[axis]! - first), 1));
  const nTerms = Math.min(MOST, Math.max(1, ...counts));
  const found: FlyingCell[] = [];
  const wide = Math.min(COLUMNS, nTerms);
  // Terms of one sum stand in pairs below each other, in rows of eight, below their cell and nearer.
  let alone = 0;
  sources.forEach(({ block: from, from: first, to }, n) => {
    const there = layout.byId.get(from)!;
    const summed = counts[n] === Math.max(...counts);
    for (let i = 0; i < Math.min(counts[n]!, MOST) && found.length < most; i++) {
      const cell = nth(first, to, i);
      const start = cellBox(there, cell).origin;
      const [column, row] = summed ? [i % wide, Math.floor(i / wide)] : [wide + 1, alone];
      const meeting: Point = {
        x: target.x + (column - (wide - 1) / 2) * 1.25,
        y: target.y + 2 + (row * 2.7 + (summed ? n : 0)) * 1.05,
        z: target.z + 4,
      };
      found.push({
        ...position(start, meeting, target, progress, i / nTerms),
        block: from,
        value: valueOf(from, cell),
      });
    }
    if (!summed) alone += 1;
  });
  return found;
}

/** Where a cell is: at home, then in its row, then at the goal; later terms set out a little later. */
function position(home: Point, meeting: Point, goal: Point, progress: number, late: number): Point & { size: number } {
  const delay = 0.12 * late;
  const out = eased(clamped((progress - delay) / (MET - 0.12)));
  const back = eased(clamped((progress - PARTED - delay) / (1 - PARTED - 0.12)));
  const mixed = (a: number, b: number, t: number) => a + (b - a) * t;
  const at = (side: "x" | "y" | "z") => mixed(mixed(home[side], meeting[side], out), goal[side], back);
  return { x: at("x"), y: at("y"), z: at("z") + (out > 0 ? 0.1 : 0), size: mixed(1, 0.6, back) };
}

/** The `i`th cell of a range, the last axis the fastest. */
function nth(from: readonly number[], to: readonly number[], i: number): number[] {
  const found = [...from];
  for (let axis = from.length - 1; axis >= 0; axis--) {
    const size = to[axis]! - from[axis]!;
    found[axis] = from[axis]! + (i % size);
    i = Math.floor(i / size);
  }
  return found;
}
