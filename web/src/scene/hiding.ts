// What stands before a cell that somebody has come for: heads stand behind each other, and those before it make way.
// Pure.

import { slabOf, type BlockBox } from "./boxes";
import type { CellRef, Frame } from "./frame";
import type { Layout } from "./layout";

/** How solid a head is that makes way: it is still to be seen that it is there. */
export const FAINT = 0.045;

/** A place in depth that is to be seen, and the layer that it is in. */
export interface Sought {
  readonly layer: string;
  readonly z: number;
}

/** Where a cell is in depth; null where its block has no heads, and nothing stands before it. */
export function soughtAt(layout: Layout, { block, index }: CellRef): Sought | null {
  const box = layout.byId.get(block);
  const axis = box?.axes.z ?? null;
  if (!box || axis === null) return null;
  const slab = Math.min(box.shape[axis]! - 1, Math.max(0, Math.floor(index[axis] ?? 0)));
  return { layer: box.block.section[0] ?? "", z: slabOf(box, slab).origin.z };
}

/** The one head that a frame lights up; null where it lights several, or none. */
export function soughtBy(layout: Layout, { apart, cells, ranges }: Frame): Sought | null {
  if (apart) return soughtAt(layout, apart);
  let found: Sought | null = null;
  for (const { block, index } of cells) {
    const one = soughtAt(layout, { block, index });
    if (one && found && one.z !== found.z) return null;
    found ??= one;
  }
  for (const { block, from, to } of ranges) {
    const axis = layout.byId.get(block)?.axes.z ?? null;
    if (axis === null) continue;
    if (to[axis] === undefined || to[axis] - (from[axis] ?? 0) > 1) return null;
    found ??= soughtAt(layout, { block, index: from });
  }
  return found;
}

/**
 * Whether a slab of a box hides what is sought.
 *
 * @param behind the eye looks from behind.
 */
export function hides({ layer, z }: Sought, box: BlockBox, slab: number, behind: boolean): boolean {
  if (box.axes.z === null || (box.block.section[0] ?? "") !== layer) return false;
  const here = slabOf(box, slab).origin.z;
  // Heads of keys stand in the middle of the heads of queries that share them: half a step does not hide.
  const apart = box.pitch / 2;
  return behind ? here < z - apart : here > z + apart;
}
