// A pair of colours for each of several curves: a light one and a dark one of the same hue. Knows no curves.
//
// Hues step by the golden angle, so that neighbours in rank are far apart; lightness is the same for all.

import { oklabToHex } from "./colour";

const FIRST = 265;
const STEP = 137.508;
const LIGHT = [0.8, 0.095] as const;
const DARK = [0.46, 0.135] as const;

/** The light and the dark colour of curve `index`, as `#rrggbb`. */
export function pair(index: number): [light: string, dark: string] {
  const hue = ((FIRST + STEP * index) * Math.PI) / 180;
  const [light, dark] = [LIGHT, DARK].map(([lightness, chroma]) =>
    oklabToHex(lightness, chroma * Math.cos(hue), chroma * Math.sin(hue)),
  );
  return [light!, dark!];
}
