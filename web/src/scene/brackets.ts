// Brackets along a block's sides that say how many cells there are, and of what: where they stand. Draws nothing.

import { slabOf, type BlockBox } from "./boxes";
import { end, type Point, type Side } from "./geometry";

/** A block's side that is to be measured. */
export interface BracketRef {
  readonly block: string;
  /** By its name; all axes where there is none. */
  readonly axis: string | null;
}

export interface Stroke {
  readonly from: Point;
  readonly to: Point;
}

export interface Bracket {
  readonly axis: string;
  readonly size: number;
  readonly side: Side;
  /** Along the side, and across its two ends. */
  readonly line: readonly Stroke[];
  /** Where its words stand, and how much of them is left of it: all, half or nothing. */
  readonly words: Point;
  readonly anchor: 0 | 0.5 | 1;
}

/**
 * The brackets of a block: what lies along x below it, along y to its left, in depth to its right at the bottom.
 *
 * @param axis which; all where it is null.
 * @param away cells from the block.
 * @param slab of a block that has several, the one whose sides are measured.
 */
export function bracketsOf(box: BlockBox, axis: string | null, away: number, slab = 0): Bracket[] {
  const { origin } = box;
  const far = end(box);
  const front = end(slabOf(box, slab)).z;
  const found: Bracket[] = [];
  for (const side of ["x", "y", "z"] as const) {
    const at = box.axes[side];
    if (at === null) continue;
    const { name } = box.block.axes[at]!;
    if (axis !== null && name !== axis) continue;
    const [from, to, across, words, anchor] = placed(side);
    const ticks = [from, to].map((point) => ({ from: moved(point, across, -0.5), to: moved(point, across, 0.5) }));
    found.push({ axis: name, size: box.shape[at]!, side, line: [{ from, to }, ...ticks], words, anchor });
  }
  return found;

  function placed(side: Side): [from: Point, to: Point, across: Side, words: Point, anchor: 0 | 0.5 | 1] {
    const below = far.y + away;
    if (side === "x") {
      const [from, to] = [
        { x: origin.x, y: below, z: front },
        { x: far.x, y: below, z: front },
      ];
      return [from, to, "y", { ...from, x: (origin.x + far.x) / 2, y: below + away / 2 }, 0.5];
    }
    if (side === "y") {
      const left = origin.x - away;
      const from = { x: left, y: origin.y, z: front };
      return [from, { ...from, y: far.y }, "x", { ...from, x: left - away / 2, y: (origin.y + far.y) / 2 }, 1];
    }
    const from = { x: far.x + away, y: far.y, z: far.z };
    const to = { ...from, z: origin.z };
    // At its near end, where nothing stands before it.
    return [from, to, "x", { ...from, x: from.x + away / 2 }, 0];
  }

  function moved(point: Point, along: Side, by: number): Point {
    return { ...point, [along]: point[along] + by * away };
  }
}
