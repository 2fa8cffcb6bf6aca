// A cell that keys move: within its block, from slab to slab, and from block to block. Pure.

import type { CellRef } from "./frame";
import type { Layout } from "./layout";
import type { Side } from "./geometry";

/** Steps of a cursor: along x and y, between slabs, and between blocks. */
export type Step = "left" | "right" | "up" | "down" | "nearer" | "further" | "previous" | "next";

const WAYS: Readonly<Partial<Record<Step, readonly [Side, number]>>> = {
  left: ["x", -1],
  right: ["x", 1],
  up: ["y", -1],
  down: ["y", 1],
  nearer: ["z", -1],
  further: ["z", 1],
};

/** The cell a step away; beyond an edge it stays. */
export function stepped(layout: Layout, { block, index }: CellRef, step: Step): CellRef {
  const box = layout.byId.get(block);
  if (!box) return { block, index };
  const way = WAYS[step];
  if (way) {
    const [side, by] = way;
    const axis = box.axes[side];
    if (axis === null) return { block, index };
    const moved = [...index];
    moved[axis] = Math.min(box.shape[axis]! - 1, Math.max(0, index[axis]! + by));
    return { block, index: moved };
  }
  const at = layout.boxes.indexOf(box) + (step === "next" ? 1 : -1);
  const other = layout.boxes[at];
  return other ? kept(layout, { block, index }, other.block.id) : { block, index };
}

/** The cell of another block with the same coordinates along axes of the same name; 0 along the others. */
function kept(layout: Layout, from: CellRef, to: string): CellRef {
  const [old, box] = [layout.byId.get(from.block)!, layout.byId.get(to)!];
  const index = box.block.axes.map((axis, i) => {
    const was = old.block.axes.findIndex(({ name }) => name === axis.name);
    return Math.min(box.shape[i]! - 1, was < 0 ? 0 : from.index[was]!);
  });
  return { block: to, index };
}
