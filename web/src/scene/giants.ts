// Known models as shapes beside the reader's own: on one scale, without any numbers, and labelled so.

import type { Shape } from "../engine";
import { moved, type Box, type Point } from "./geometry";
import { besideEachOther, layoutOf, type Layout } from "./layout";

/** A model that stands beside, as mere shapes. */
export interface Giant {
  readonly shape: Shape;
  readonly layout: Layout;
  readonly offset: Point;
  readonly words: readonly string[];
}

/** Where it stands. */
export function placeOf({ layout, offset }: Giant): Box {
  return moved({ origin: layout.origin, size: layout.size }, offset);
}

/** Laid out one after the other, with a breath for the page between them: the largest has thousands of blocks. */
export async function giantsOf(own: Layout, shapes: readonly Shape[]): Promise<Giant[]> {
  const layouts: Layout[] = [];
  for (const { graph, n_positions } of shapes) {
    layouts.push(layoutOf(graph, n_positions));
    await new Promise((resolve) => setTimeout(resolve));
  }
  const offsets = besideEachOther([own, ...layouts]).slice(1);
  return layouts.map((layout, i) => ({ layout, offset: offsets[i]!, shape: shapes[i]!, words: wordsOf(shapes[i]!) }));
}

/** Of a picture's height, what a model's card takes above it; and all cards together at most. */
const CARD = 0.12;
const CARDS = 0.5;

/** A box with room above for the cards of what stands in it, which may all stand above each other. */
export function underCards({ origin, size }: Box, nCards: number): Box {
  const room = size.y / (1 - Math.min(CARDS, CARD * nCards)) - size.y;
  return { origin: { ...origin, y: origin.y - room }, size: { ...size, y: size.y + room } };
}

export function wordsOf({ name, n_parameters, n_positions }: Shape): string[] {
  return [
    `${name}, ${n_positions.toLocaleString("en")} tokens`,
    `${n_parameters.toLocaleString("en")} parameters`,
    "shape only, no values",
  ];
}
