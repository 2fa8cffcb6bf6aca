// The scene's few colours, read from the page's own; data colours are the scale's and the same in the dark.

import { dimensionOf, HUES } from "./dimensions";

export type Colour = readonly [red: number, green: number, blue: number];

export interface Theme {
  readonly paper: Colour;
  readonly ink: Colour;
  readonly muted: Colour;
  readonly missing: Colour;
  readonly accent: Colour;
  /** Edges of what was learned, given and computed. */
  readonly weight: Colour;
  readonly input: Colour;
  readonly value: Colour;
  /** What is lit up: spoken of, read, written. */
  readonly focus: Colour;
  readonly source: Colour;
  readonly target: Colour;
  readonly dark: boolean;
}

/** The colour of an axis; that of words where it is none of the common directions. */
export function axisColour({ dark, ink }: Theme, axis: string): Colour {
  const dimension = dimensionOf(axis);
  return dimension ? colourFrom(HUES[dimension][dark ? "dark" : "light"]) : ink;
}

export function themeOf(element: Element): Theme {
  const style = getComputedStyle(element);
  const named = (name: string, fallback: string) => colourFrom(style.getPropertyValue(name).trim() || fallback);
  const paper = named("--paper", "#fbfaf7");
  const dark = 0.2126 * paper[0] + 0.7152 * paper[1] + 0.0722 * paper[2] < 0.4;
  return {
    paper,
    ink: named("--ink", "#1c1b19"),
    muted: named("--muted", "#6b675f"),
    missing: colourFrom(dark ? "#5a5c68" : "#c9c4b8"),
    accent: named("--accent", "#2b59c3"),
    weight: colourFrom(dark ? "#7f9bd8" : "#5570b0"),
    input: colourFrom(dark ? "#c4b27a" : "#8a7430"),
    value: colourFrom(dark ? "#8fb3a2" : "#4d7a66"),
    focus: colourFrom(dark ? "#ffffff" : "#1c1b19"),
    source: colourFrom(dark ? "#59c9a5" : "#00775a"),
    target: colourFrom(dark ? "#e59be0" : "#a2379b"),
    dark,
  };
}

/** `#rrggbb` as three numbers from 0 to 1. */
export function colourFrom(hex: string): Colour {
  const digits = /^#[0-9a-f]{3}$/i.test(hex) ? hex.replace(/[0-9a-f]/gi, "$&$&") : hex;
  const at = (i: number) => (parseInt(digits.slice(i, i + 2), 16) || 0) / 255;
  return [at(1), at(3), at(5)];
}
