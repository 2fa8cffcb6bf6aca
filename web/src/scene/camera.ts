// Where the eye is and how hands move it: pure functions of poses. Knows no events and no drawing.
//
// A pose looks at a point from a distance that shows `span` cells along the picture's shorter side; y grows downwards here
// and upwards for the eye.

import { directions, HALF } from "./axes";
import { betweenPoses, eased, type Pose } from "./frame";
import { end, type Box, type Point } from "./geometry";

export { directions };

const STEEPEST = 87;
/** Cells across the picture when nearest. */
const NEAREST = 3;

/** The picture, in CSS pixels. */
export interface Picture {
  readonly width: number;
  readonly height: number;
}

/** From the eye to what it looks at, in cells. */
export function distanceOf(pose: Pose): number {
  return pose.span / 2 / HALF;
}

export function eyeOf(pose: Pose): Point {
  return along(pose.centre, directions(pose).back, distanceOf(pose));
}

/** The ray through a point of the picture, from the eye. */
export function rayAt(pose: Pose, picture: Picture, x: number, y: number): { origin: Point; direction: Point } {
  const { back, right, up } = directions(pose);
  const shorter = Math.min(picture.width, picture.height) / 2;
  const across = ((x - picture.width / 2) / shorter) * HALF;
  const upwards = ((picture.height / 2 - y) / shorter) * HALF;
  const direction = {
    x: -back.x + right.x * across + up.x * upwards,
    y: -back.y + right.y * across + up.y * upwards,
    z: -back.z + right.z * across + up.z * upwards,
  };
  const length = Math.hypot(direction.x, direction.y, direction.z);
  return {
    origin: eyeOf(pose),
    direction: { x: direction.x / length, y: direction.y / length, z: direction.z / length },
  };
}

/** Pixels that a cell takes where the eye looks at. */
export function pixelsPerCell(pose: Pose, picture: Picture): number {
  return Math.min(picture.width, picture.height) / pose.span;
}

/** Moves the picture with a hand: what is under it stays under it, as far as it is as far away as the middle. */
export function panned(pose: Pose, picture: Picture, dx: number, dy: number): Pose {
  const { right, up } = directions(pose);
  const cells = 1 / pixelsPerCell(pose, picture);
  return { ...pose, centre: along(along(pose.centre, right, -dx * cells), up, dy * cells) };
}

export function rotated(pose: Pose, yaw: number, pitch: number): Pose {
  const turned = ((((pose.yaw + yaw + 180) % 360) + 360) % 360) - 180;
  return { ...pose, yaw: turned, pitch: Math.min(STEEPEST, Math.max(-STEEPEST, pose.pitch + pitch)) };
}

/**
 * Comes nearer by a factor, towards a point that stays where it is in the picture.
 *
 * @param factor above 1 is nearer.
 */
export function zoomed(pose: Pose, bounds: Box, factor: number, towards: Point | null = null): Pose {
  const span = Math.min(furthest(bounds), Math.max(NEAREST, pose.span / factor));
  if (!towards) return { ...pose, span };
  const share = 1 - span / pose.span;
  const to = (from: number, at: number) => from + (at - from) * share;
  const { x, y, z } = pose.centre;
  return { ...pose, span, centre: { x: to(x, towards.x), y: to(y, towards.y), z: to(z, towards.z) } };
}

/** Where a ray meets the plane through the middle that faces the eye. */
export function onPlane(pose: Pose, ray: { origin: Point; direction: Point }): Point {
  const { back } = directions(pose);
  const { origin, direction } = ray;
  const slope = direction.x * back.x + direction.y * back.y + direction.z * back.z;
  return along(origin, direction, -distanceOf(pose) / slope);
}

/** The same, as near as hands may bring it: its middle is never outside what there is. */
export function bounded(pose: Pose, bounds: Box): Pose {
  const most = end(bounds);
  const inside = (at: number, low: number, high: number) => Math.min(high, Math.max(low, at));
  const { x, y, z } = pose.centre;
  return {
    ...pose,
    span: inside(pose.span, NEAREST, furthest(bounds)),
    pitch: inside(pose.pitch, -STEEPEST, STEEPEST),
    centre: {
      x: inside(x, bounds.origin.x, most.x),
      y: inside(y, bounds.origin.y, most.y),
      z: inside(z, bounds.origin.z, most.z),
    },
  };
}

/** Cells across the picture when furthest away. */
function furthest({ size }: Box): number {
  return 4 * Math.max(size.x, size.y, size.z, NEAREST);
}

/** Whether two poses show the same picture. */
export function samePose(a: Pose, b: Pose): boolean {
  const near = (one: number, other: number) => Math.abs(one - other) <= 1e-4 * a.span;
  return (
    near(a.centre.x, b.centre.x) &&
    near(a.centre.y, b.centre.y) &&
    near(a.centre.z, b.centre.z) &&
    near(a.span, b.span) &&
    Math.abs(a.yaw - b.yaw) < 0.01 &&
    Math.abs(a.pitch - b.pitch) < 0.01
  );
}

/** A way from one pose to another, in time. */
export interface Flight {
  readonly from: Pose;
  readonly to: Pose;
  readonly seconds: number;
}

/** Far away takes longer, but never long: slow flights make people sick. */
export function flight(from: Pose, to: Pose): Flight {
  const apart = Math.hypot(to.centre.x - from.centre.x, to.centre.y - from.centre.y, to.centre.z - from.centre.z);
  const steps = Math.abs(Math.log2(to.span / from.span)) + apart / Math.max(from.span, to.span);
  return { from, to, seconds: Math.min(1.2, 0.35 + 0.15 * steps) };
}

export function during(flight: Flight, seconds: number): Pose {
  const { from, to } = flight;
  if (seconds >= flight.seconds) return to;
  return betweenPoses(from, to, eased(seconds / flight.seconds));
}

/** A pose as a short text for an address. */
export function poseText(pose: Pose): string {
  const { centre, yaw, pitch, span } = pose;
  const short = (n: number) => String(Number(n.toPrecision(5)));
  return [centre.x, centre.y, centre.z, yaw, pitch, span].map(short).join(",");
}

/** The pose of such a text; null where it is none. */
export function poseFrom(text: string): Pose | null {
  if (!text) return null;
  const numbers = text.split(",").map(Number);
  if (numbers.length !== 6 || text.includes(",,") || !numbers.every(Number.isFinite)) return null;
  const [x, y, z, yaw, pitch, span] = numbers as [number, number, number, number, number, number];
  if (span <= 0) return null;
  return { centre: { x, y, z }, yaw, pitch: Math.min(STEEPEST, Math.max(-STEEPEST, pitch)), span };
}

function along(from: Point, direction: Point, by: number): Point {
  return { x: from.x + direction.x * by, y: from.y + direction.y * by, z: from.z + direction.z * by };
}
