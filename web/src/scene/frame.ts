// One picture as plain data: what is looked at, what is there, what is lit up. A chapter makes it, a scene draws it.
//
// A frame is a function of chapter and time alone, so that playing, scrubbing and jumping all give the same picture.

import { directions, HALF } from "./axes";
import type { BracketRef } from "./brackets";
import type { Layout } from "./layout";
import { around, centre, type Box, type Point } from "./geometry";
import { sectionKey } from "./sections";

/** Why something is lit up: it is spoken of, read, or written. */
export type Tone = "focus" | "source" | "target";

export interface CellRef {
  readonly block: string;
  readonly index: readonly number[];
}

/** Where the eye is. */
export interface Pose {
  /** What it looks at. */
  readonly centre: Point;
  /** Degrees to the right, and upwards. */
  readonly yaw: number;
  readonly pitch: number;
  /** Cells across the picture's shorter side, at the centre. */
  readonly span: number;
}

/** What is to fill the picture: the scene finds the pose. */
export interface Look {
  /** Block ids, and sections by their keys such as `block 0/attention`; none is the layout's core. */
  readonly look: readonly string[];
  readonly yaw: number;
  readonly pitch: number;
  /** 1 lets it just fit; 2 shows it twice as large. */
  readonly zoom: number;
}

export interface LitCell extends CellRef {
  readonly tone: Tone;
}

/** Cells from one corner to one past the other. */
export interface LitRange {
  readonly block: string;
  readonly from: readonly number[];
  readonly to: readonly number[];
  readonly tone: Tone;
}

export interface CellArrow {
  readonly from: CellRef;
  readonly to: CellRef;
}

/** One cell's sum taken apart: 0 its terms lie where they are, 1 they have become the cell. */
export interface Apart extends CellRef {
  readonly progress: number;
}

export interface Frame {
  readonly camera: Look | Pose;
  /** By block id or section key, the more exact name counts: 0 is not there, 1 is solid; 1 where nothing is said. */
  readonly opacity: Readonly<Record<string, number>>;
  /** By block id: how much of it has been computed, column by column; 1 where nothing is said. */
  readonly reveal: Readonly<Record<string, number>>;
  readonly cells: readonly LitCell[];
  readonly ranges: readonly LitRange[];
  readonly arrows: readonly CellArrow[];
  readonly apart?: Apart;
  readonly caption?: string;
  /** Sides of blocks that are measured. */
  readonly brackets?: readonly BracketRef[];
  /** False where known models that were asked for to stand beside are not to be seen. */
  readonly beside?: boolean;
  /** The cell that is spoken of while none is lit. */
  readonly spoken?: CellRef;
}

/** How much of the picture a look fills, to its sides and below, and above, where names stand. */
const SIDES_KEPT = 0.92;
const TOP_KEPT = 0.84;

/** Everything there, seen from the front and a little from above and the side. */
export const WHOLE: Frame = {
  camera: { look: [], yaw: -25, pitch: 12, zoom: 1 },
  opacity: {},
  reveal: {},
  cells: [],
  ranges: [],
  arrows: [],
};

/** A frame of what is named; the rest is as in `WHOLE`. */
export function frameOf(named: Partial<Frame>): Frame {
  return { ...WHOLE, ...named };
}

export function isPose(camera: Look | Pose): camera is Pose {
  return "span" in camera;
}

/** The box that a look is at. */
export function lookedAt(layout: Layout, look: readonly string[]): Box {
  const boxes = look.flatMap((name): Box[] => {
    const box = layout.byId.get(name) ?? layout.sections.find((section) => sectionKey(section.path) === name);
    return box ? [box] : [];
  });
  return boxes.length ? around(boxes) : layout.core;
}

/**
 * The pose of a camera in a picture of some shape.
 *
 * @param aspect the picture's width by its height.
 */
export function poseOf(camera: Look | Pose, layout: Layout, aspect: number): Pose {
  return isPose(camera) ? camera : poseAround(lookedAt(layout, camera.look), camera, aspect);
}

/**
 * The pose in which a box fills a picture of some shape: all its corners are in it, the near ones too, with room for the
 * names above.
 */
export function poseAround(box: Box, { yaw, pitch, zoom }: Omit<Look, "look">, aspect: number): Pose {
  const { back, right, up } = directions({ yaw, pitch });
  const wide = SIDES_KEPT * HALF * Math.max(1, aspect);
  const high = HALF * Math.max(1, 1 / aspect);
  const [above, below] = [TOP_KEPT * high, SIDES_KEPT * high];
  // Of each edge of the picture, the corner that comes nearest to it.
  let [left, rightmost, top, bottom] = [-Infinity, -Infinity, -Infinity, -Infinity];
  const middle = centre(box);
  for (let corner = 0; corner < 8; corner++) {
    const x = (corner & 1 ? 0.5 : -0.5) * box.size.x;
    const y = (corner & 2 ? 0.5 : -0.5) * box.size.y;
    const z = (corner & 4 ? 0.5 : -0.5) * box.size.z;
    const [across, upwards, nearer] = [right, up, back].map((one) => x * one.x + y * one.y + z * one.z) as Three;
    rightmost = Math.max(rightmost, across + nearer * wide);
    left = Math.max(left, -across + nearer * wide);
    top = Math.max(top, upwards + nearer * above);
    bottom = Math.max(bottom, -upwards + nearer * below);
  }
  const distance = Math.max((left + rightmost) / (2 * wide), (top + bottom) / (above + below)) / zoom;
  const span = Math.max(4, 2 * HALF * distance);
  const far = span / 2 / HALF;
  // In the middle of what is left, to the sides and in height.
  const aside = (rightmost - left) / 2;
  const raised = (top - bottom - far * (above - below)) / 2;
  return {
    centre: {
      x: middle.x + right.x * aside + up.x * raised,
      y: middle.y + right.y * aside + up.y * raised,
      z: middle.z + right.z * aside + up.z * raised,
    },
    yaw,
    pitch,
    span,
  };
}

type Three = [number, number, number];

/** How solid a block is in a frame: what its id says, else the longest of its sections that is spoken of. */
export function opacityOf(frame: Frame, block: string, section: readonly string[]): number {
  const own = frame.opacity[block];
  if (own !== undefined) return own;
  for (const key of keysOf(section)) {
    const said = frame.opacity[key];
    if (said !== undefined) return said;
  }
  return 1;
}

/** A section's key and those of the ones around it, the longest first; made once, as they are asked for in every picture. */
function keysOf(section: readonly string[]): readonly string[] {
  let keys = KEYS.get(section);
  if (!keys) KEYS.set(section, (keys = section.map((_, i) => sectionKey(section.slice(0, section.length - i)))));
  return keys;
}

const KEYS = new WeakMap<readonly string[], readonly string[]>();

/** How much of a block has been computed in a frame. */
export function revealOf(frame: Frame, block: string): number {
  return frame.reveal[block] ?? 1;
}

/** A path from 0 to 1 that begins and ends gently. */
export function eased(t: number): number {
  const at = clamped(t);
  return at * at * (3 - 2 * at);
}

export function clamped(t: number): number {
  return Math.min(1, Math.max(0, t));
}

/**
 * The frame between two: cameras move, solidity and progress go over gradually, and what is lit is that of the first until
 * the second is reached.
 *
 * @param t 0 is exactly the first, 1 exactly the second.
 */
export function between(from: Frame, to: Frame, t: number, layout: Layout, aspect: number): Frame {
  const at = clamped(t);
  if (at === 0) return from;
  if (at === 1) return to;
  return {
    ...from,
    camera: betweenPoses(poseOf(from.camera, layout, aspect), poseOf(to.camera, layout, aspect), at),
    opacity: betweenRecords(from, to, "opacity", at, layout),
    reveal: betweenRecords(from, to, "reveal", at, layout),
  };
}

/** The pose between two: the size goes over by its logarithm, so that a flight from far off keeps its pace. */
export function betweenPoses(from: Pose, to: Pose, t: number): Pose {
  const mixed = (a: number, b: number) => a + (b - a) * t;
  const span = Math.exp(mixed(Math.log(from.span), Math.log(to.span)));
  // Towards a smaller picture the centre has to move with the size, or the goal leaves the picture on the way.
  // Sizes that differ by rounding alone have no difference to divide by.
  const same = Math.abs(from.span - to.span) <= 1e-6 * from.span;
  const across = same ? t : (from.span - span) / (from.span - to.span);
  return {
    centre: {
      x: from.centre.x + (to.centre.x - from.centre.x) * across,
      y: from.centre.y + (to.centre.y - from.centre.y) * across,
      z: from.centre.z + (to.centre.z - from.centre.z) * across,
    },
    yaw: from.yaw + shortest(to.yaw - from.yaw) * t,
    pitch: mixed(from.pitch, to.pitch),
    span,
  };
}

/** A turn the short way round, in degrees. */
function shortest(turn: number): number {
  return ((((turn + 180) % 360) + 360) % 360) - 180;
}

/** What both frames say of their blocks, each block by its own id: a section may be spoken of in one of them only. */
function betweenRecords(from: Frame, to: Frame, of: "opacity" | "reveal", t: number, layout: Layout): Frame["opacity"] {
  const names = new Set([...Object.keys(from[of]), ...Object.keys(to[of])]);
  const found: Record<string, number> = {};
  for (const { block } of layout.boxes) {
    const spoken =
      names.has(block.id) || block.section.some((_, i) => names.has(sectionKey(block.section.slice(0, i + 1))));
    if (!spoken) continue;
    const value = (frame: Frame) =>
      of === "opacity" ? opacityOf(frame, block.id, block.section) : revealOf(frame, block.id);
    found[block.id] = value(from) + (value(to) - value(from)) * t;
  }
  return found;
}

/** The corner and the opposite corner of some cells of a block that a lit range names, kept within the block. */
export function rangeWithin(range: LitRange, shape: readonly number[]): { from: number[]; to: number[] } {
  const inside = (n: number, size: number) => Math.min(size, Math.max(0, Math.floor(n)));
  return {
    from: shape.map((size, axis) => inside(range.from[axis] ?? 0, size)),
    to: shape.map((size, axis) => inside(range.to[axis] ?? size, size)),
  };
}
