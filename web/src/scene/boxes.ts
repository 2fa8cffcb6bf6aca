// A block as a box of cells: which of its axes lies along which side, and where each of its cells is.

import type { GraphBlock } from "../engine";
import { moved, type Box, type Point, type Side } from "./geometry";
import { shapeOf, sizeOf } from "./roles";

/** The number of a block's axis along each side; null where the box is one cell thick. */
export type Axes = Readonly<Record<Side, number | null>>;

export interface BlockBox extends Box {
  readonly block: GraphBlock;
  /** Cells along each of the block's axes. */
  readonly shape: readonly number[];
  readonly axes: Axes;
  /** From one slab in depth to the next; slabs are one cell thick, the first is the nearest. */
  readonly pitch: number;
  /** Drawn as a thin row or column beside what it belongs to. */
  readonly strip: boolean;
}

/** How heads stand in depth. */
export interface Depth {
  /** From one head of queries to the next. */
  readonly pitch: number;
  readonly nHeads: number;
}

/** A block's box with its least corner at x = y = 0, and in depth centred on the residual stream. */
export function boxOf(block: GraphBlock, axes: Axes, nPositions: number, depth: Depth, strip = false): BlockBox {
  const length = (axis: number | null) => (axis === null ? 1 : sizeOf(block, axis, nPositions));
  const slabs = length(axes.z);
  // Several heads of queries may share a head of keys, which then stands in the middle of them.
  const pitch = axes.z === null ? depth.pitch : (depth.pitch * depth.nHeads) / slabs;
  const deep = (slabs - 1) * pitch + 1;
  return {
    block,
    shape: shapeOf(block, nPositions),
    axes,
    pitch,
    strip,
    origin: { x: 0, y: 0, z: -deep / 2 },
    size: { x: length(axes.x), y: length(axes.y), z: deep },
  };
}

/** The box of one slab: what one head is of a block that has heads, else the whole. */
export function slabOf(box: BlockBox, slab: number): Box {
  if (box.axes.z === null) return box;
  const { origin, size } = box;
  const z = origin.z + size.z - 1 - slab * box.pitch;
  return { origin: { ...origin, z }, size: { ...size, z: 1 } };
}

/** The box of one cell. */
export function cellBox(box: BlockBox, index: readonly number[]): Box {
  const at = (side: Side) => (box.axes[side] === null ? 0 : (index[box.axes[side]] ?? 0));
  const { origin } = slabOf(box, at("z"));
  return moved({ origin, size: { x: 1, y: 1, z: 1 } }, { x: at("x"), y: at("y") });
}

/** The middle of a cell. */
export function cellCentre(box: BlockBox, index: readonly number[]): Point {
  const { x, y, z } = cellBox(box, index).origin;
  return { x: x + 0.5, y: y + 0.5, z: z + 0.5 };
}

/** The cell at a point of a box, or null between slabs and outside. */
export function cellAt(box: BlockBox, point: Point): number[] | null {
  const index = box.shape.map(() => 0);
  for (const side of ["x", "y", "z"] as const) {
    const within = point[side] - box.origin[side];
    if (within < 0 || within > box.size[side]) return null;
    const axis = box.axes[side];
    if (axis === null) continue;
    const last = box.shape[axis]! - 1;
    if (side !== "z") index[axis] = Math.min(last, Math.floor(within));
    else {
      const behind = box.size.z - within;
      const slab = Math.min(last, Math.floor(behind / box.pitch));
      if (behind - slab * box.pitch > 1) return null;
      index[axis] = slab;
    }
  }
  return index;
}
