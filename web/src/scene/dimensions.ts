// The directions that tables have in common, each with a colour of its own: in words, on brackets, wherever it is met.
//
// No colour says anything alone: what it marks has its name or its number beside it. Plain data; draws nothing.

import { grouped } from "../view";

export type Dimension = "position" | "d_model" | "d_head" | "d_mlp" | "vocab" | "head";

/** On light paper and on dark; told apart in all common kinds of colour blindness, which a test sees to. */
export const HUES: Readonly<Record<Dimension, { readonly light: string; readonly dark: string }>> = {
  position: { light: "#006f9e", dark: "#3fbdf5" },
  d_model: { light: "#b0105c", dark: "#ff6ba9" },
  d_head: { light: "#6233c9", dark: "#9a7dff" },
  d_mlp: { light: "#9a5b00", dark: "#e6a532" },
  vocab: { light: "#1d4d1a", dark: "#c8f08a" },
  head: { light: "#4d4d4d", dark: "#d9d9d9" },
};

const OF: Readonly<Record<string, Dimension>> = {
  position: "position",
  key: "position",
  context: "position",
  d_model: "d_model",
  d_head: "d_head",
  d_mlp: "d_mlp",
  vocab: "vocab",
  head: "head",
  key_head: "head",
};

const UNITS: Readonly<Record<string, readonly [one: string, more: string]>> = {
  position: ["position", "positions"],
  key: ["key", "keys"],
  context: ["place", "places"],
  head: ["head", "heads"],
  key_head: ["head of keys", "heads of keys"],
};

/** Of an axis; null where it is none of these. */
export function dimensionOf(axis: string): Dimension | null {
  return OF[axis] ?? null;
}

/** What stands on a bracket: `64 d_model`, `9 positions`. */
export function sizeWords(axis: string, size: number): string {
  const [one, more] = UNITS[axis] ?? [axis, axis];
  return `${grouped(size)} ${size === 1 ? one : more}`;
}
