// The eye's own directions, and how much it sees. Knows no pictures and no blocks.

import type { Point } from "./geometry";

/** How much the shorter side of the picture sees, in degrees. */
export const FIELD = 40;
const RADIANS = Math.PI / 180;

/** Half of what the shorter side sees, at a distance of one. */
export const HALF = Math.tan((FIELD / 2) * RADIANS);

/** How an eye is turned: degrees to the right, and upwards. */
export interface Turn {
  readonly yaw: number;
  readonly pitch: number;
}

/** The direction from the middle to the eye, and what is right and up in the picture; in cells, y downwards. */
export function directions({ yaw, pitch }: Turn): { back: Point; right: Point; up: Point } {
  const [a, b] = [yaw * RADIANS, pitch * RADIANS];
  const [sy, cy, sp, cp] = [Math.sin(a), Math.cos(a), Math.sin(b), Math.cos(b)];
  return {
    back: { x: sy * cp, y: -sp, z: cy * cp },
    right: { x: cy, y: 0, z: -sy },
    up: { x: -sy * sp, y: -cp, z: -cy * sp },
  };
}
