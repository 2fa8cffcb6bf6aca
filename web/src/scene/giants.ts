// Known models as shapes beside the reader's own: on one scale, without any numbers, and labelled so.

import type { Shape } from "../engine";
import { besideEachOther, layoutOf, type Layout } from "./layout";
import type { Giant } from "./renderer";

/** Laid out one after the other, with a breath for the page between them: the largest has thousands of blocks. */
export async function giantsOf(own: Layout, shapes: readonly Shape[]): Promise<Giant[]> {
  const layouts: Layout[] = [];
  for (const { graph, n_positions } of shapes) {
    layouts.push(layoutOf(graph, n_positions));
    await new Promise((resolve) => setTimeout(resolve));
  }
  const offsets = besideEachOther([own, ...layouts]).slice(1);
  return layouts.map((layout, i) => ({ layout, offset: offsets[i]!, words: wordsOf(shapes[i]!) }));
}

export function wordsOf({ name, n_parameters, n_positions }: Shape): string[] {
  return [
    `${name}, ${n_positions.toLocaleString("en")} tokens`,
    `${n_parameters.toLocaleString("en")} parameters`,
    "shape only, no values",
  ];
}
