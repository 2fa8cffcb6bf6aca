// Boxes in space, measured in cells. x grows to the right, y downwards, z towards the viewer. Knows no models.

export interface Point {
  readonly x: number;
  readonly y: number;
  readonly z: number;
}

/** From its least corner; every size is above 0. */
export interface Box {
  readonly origin: Point;
  readonly size: Point;
}

export type Side = "x" | "y" | "z";

export const SIDES: readonly Side[] = ["x", "y", "z"];

export function moved<Moved extends Box>(box: Moved, by: Partial<Point>): Moved {
  const { x, y, z } = box.origin;
  return { ...box, origin: { x: x + (by.x ?? 0), y: y + (by.y ?? 0), z: z + (by.z ?? 0) } };
}

export function end(box: Box): Point {
  const { origin, size } = box;
  return { x: origin.x + size.x, y: origin.y + size.y, z: origin.z + size.z };
}

export function centre(box: Box): Point {
  const { origin, size } = box;
  return { x: origin.x + size.x / 2, y: origin.y + size.y / 2, z: origin.z + size.z / 2 };
}

/** Whether two boxes share more than a surface along these sides. */
export function overlap(a: Box, b: Box, sides: readonly Side[] = SIDES): boolean {
  return sides.every((side) => a.origin[side] < end(b)[side] && b.origin[side] < end(a)[side]);
}

export function contains(outer: Box, inner: Box): boolean {
  return SIDES.every((side) => outer.origin[side] <= inner.origin[side] && end(inner)[side] <= end(outer)[side]);
}

/** The smallest box around some, with a margin on every side. */
export function around(boxes: readonly Box[], margin = 0): Box {
  const least = { x: Infinity, y: Infinity, z: Infinity };
  const most = { x: -Infinity, y: -Infinity, z: -Infinity };
  for (const box of boxes)
    for (const side of SIDES) {
      least[side] = Math.min(least[side], box.origin[side] - margin);
      most[side] = Math.max(most[side], end(box)[side] + margin);
    }
  return { origin: least, size: { x: most.x - least.x, y: most.y - least.y, z: most.z - least.z } };
}
