// The colours of a tensor's cells: from deep blue by way of paper to deep orange, one scale for each tensor, 0 in its middle.

import { colourAt } from "../view";
import type { Spread } from "./values";

/**
 * The absolute value that has the deepest colour: the largest there is, or three times the root mean square where few
 * numbers are so large that all others would be pale. What is beyond has the deepest colour too, and the legend says so.
 */
export function limitOf({ rms, largest }: Spread): number {
  return Math.min(largest, 3 * rms) || 1;
}

/** Steps of the colour table. */
const STEPS = 256;

const COLOURS = Array.from({ length: STEPS + 1 }, (_, i) => colourAt("balance", i / STEPS));

/** The colour of a value; null of what is left out by the mask. */
export function cellColour(value: number, limit: number): string | null {
  if (Number.isNaN(value)) return null;
  const place = 0.5 + value / (2 * limit);
  return COLOURS[Math.round(STEPS * Math.min(1, Math.max(0, place)))]!;
}

/** The table as bytes for a texture: `n` colours from the least to the largest, red, green, blue and 255 each. */
export function colourTable(n = STEPS): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(4 * n);
  for (let i = 0; i < n; i++) {
    const colour = colourAt("balance", i / (n - 1));
    bytes.set(
      [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16)),
      4 * i,
    );
    bytes[4 * i + 3] = 255;
  }
  return bytes;
}
