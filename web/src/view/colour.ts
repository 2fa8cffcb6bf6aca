// Colours as plain data: two ramps, a balance of both, the seed's pastel rule, and the ink that reads on each.
//
// The same digits as Python's `view/colour.py`. Oklab: B. Ottosson (2020). Contrast: WCAG 2.2, §1.4.3.

import { InputError } from "./errors";

export type RampName = "ember" | "tide" | "balance" | "pastel";

/** (place in 0..1, Oklab L in 0..1, a, b). */
type Point = readonly [place: number, lightness: number, a: number, b: number];

/** The grey of what has no number; hatched where it can be. */
export const NOT_SCORED = "#d9d9d6";

function fromLch(...points: readonly (readonly [number, number, number, number])[]): readonly Point[] {
  return points.map(([place, lightness, chroma, hue]) => {
    const turn = (hue * Math.PI) / 180;
    return [
      place,
      lightness,
      Number((chroma * Math.cos(turn)).toFixed(5)),
      Number((chroma * Math.sin(turn)).toFixed(5)),
    ];
  });
}

/** From pale to deep; the balance from deep by way of pale to deep. */
export const RAMPS: Readonly<Record<Exclude<RampName, "pastel">, readonly Point[]>> = {
  ember: fromLch(
    [0.0, 0.985, 0.01, 95],
    [0.125, 0.952, 0.052, 92],
    [0.3, 0.875, 0.098, 76],
    [0.5, 0.755, 0.145, 50],
    [0.69, 0.6, 0.175, 24],
    [0.85, 0.45, 0.155, 352],
    [1.0, 0.29, 0.11, 318],
  ),
  tide: fromLch(
    [0.0, 0.985, 0.008, 110],
    [0.15, 0.93, 0.045, 150],
    [0.33, 0.84, 0.075, 178],
    [0.53, 0.7, 0.092, 205],
    [0.76, 0.52, 0.1, 238],
    [1.0, 0.33, 0.095, 266],
  ),
  balance: fromLch(
    [0.0, 0.38, 0.11, 264],
    [0.17, 0.59, 0.115, 248],
    [0.34, 0.81, 0.075, 232],
    [0.5, 0.985, 0.004, 95],
    [0.66, 0.85, 0.1, 72],
    [0.83, 0.65, 0.16, 45],
    [1.0, 0.42, 0.14, 25],
  ),
};

/** The colour of a ramp at `place`, as `#rrggbb`; places outside 0..1 take the nearest end. */
export function colourAt(ramp: RampName, place: number): string {
  if (Number.isNaN(place)) throw new InputError("a missing number has no place on a colour ramp; draw it as missing.");
  const at = Math.min(1, Math.max(0, place));
  if (ramp === "pastel") return hsl(150 * at, 0.6, 0.85);
  const points = RAMPS[ramp];
  let right = points.findIndex((point) => point[0] > at);
  if (right < 0) right = points.length - 1;
  const low = points[right - 1]!;
  const high = points[right]!;
  const share = (at - low[0]) / (high[0] - low[0]);
  const between = (i: 1 | 2 | 3) => low[i] + share * (high[i] - low[i]);
  return oklabToHex(between(1), between(2), between(3));
}

/** An Oklab colour as `#rrggbb`; channels outside sRGB are clamped. */
export function oklabToHex(lightness: number, a: number, b: number): string {
  const long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const medium = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const short = (lightness - 0.0894841775 * a - 1.291485548 * b) ** 3;
  return hex([
    encode(4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short),
    encode(-1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short),
    encode(-0.0041960863 * long - 0.7034186147 * medium + 1.707614701 * short),
  ]);
}

/** A CSS `hsl()` colour as `#rrggbb`; hue in degrees, the others in 0..1. */
function hsl(hue: number, saturation: number, lightness: number): string {
  const swing = saturation * Math.min(lightness, 1 - lightness);
  const channel = (n: number) => {
    const k = (n + hue / 30) % 12;
    return lightness - swing * Math.max(-1, Math.min(k - 3, 9 - k, 1));
  };
  return hex([channel(0), channel(8), channel(4)]);
}

/** Relative luminance of `#rrggbb`, 0 (black) to 1 (white). */
export function luminance(colour: string): number {
  const [red, green, blue] = [1, 3, 5].map((i) => decode(parseInt(colour.slice(i, i + 2), 16) / 255));
  return 0.2126 * red! + 0.7152 * green! + 0.0722 * blue!;
}

/** Contrast ratio of two colours, 1 to 21; 4.5 is what body text needs. */
export function contrast(one: string, other: string): number {
  const [low, high] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (high! + 0.05) / (low! + 0.05);
}

const INKS = new Map<string, string>();

/** Black or white, whichever reads better on `colour`; of the two, one always reaches 4.58. */
export function inkOn(colour: string): string {
  let ink = INKS.get(colour);
  if (ink === undefined) {
    ink = contrast("#000000", colour) >= contrast("#ffffff", colour) ? "#000000" : "#ffffff";
    if (INKS.size > 4096) INKS.clear();
    INKS.set(colour, ink);
  }
  return ink;
}

/** Linear light to an sRGB channel, clamped to 0..1. */
function encode(linear: number): number {
  const light = Math.min(1, Math.max(0, linear));
  return light <= 0.0031308 ? 12.92 * light : 1.055 * light ** (1 / 2.4) - 0.055;
}

function decode(channel: number): number {
  return channel <= 0.04045 ? channel / 12.92 : ((channel + 0.055) / 1.055) ** 2.4;
}

function hex(channels: readonly number[]): string {
  return `#${channels
    .map((x) =>
      Math.floor(255 * x + 0.5)
        .toString(16)
        .padStart(2, "0"),
    )
    .join("")}`;
}
