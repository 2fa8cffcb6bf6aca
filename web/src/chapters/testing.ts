// Runs for tests: goldens' graphs with a text, and numbers that are all there.

import { layoutOf, shapeOf, type Giant } from "../scene";
import { goldenGraph, type GRAPHS } from "../scene/goldens";
import { contextOf, type Context, type Followed } from "./context";
import type { Numbers } from "./numbers";

export const LETTERS = ["C", "B", "A", "B", "B", "C"];

export function contextFor(
  name: (typeof GRAPHS)[number],
  followed: Partial<Followed> = {},
  tokens: readonly string[] = LETTERS,
  aspect = 1.5,
  likeliest = 1,
  giants: readonly Giant[] = [],
): Context {
  const graph = goldenGraph(name);
  const ids = tokens.map((token) => (token.codePointAt(0) ?? 0) % graph.sizes["vocab"]!);
  return contextOf(
    { model: name, graph, layout: layoutOf(graph, tokens.length), ids, tokens },
    followed,
    aspect,
    likeliest,
    giants,
  );
}

/** Rows whose numbers are made of their place: some number for everything that words may ask. */
export function somehow(context: Context, asked: string[] = []): Numbers {
  return {
    row: (block, ...lead) => {
      const found = context.layout.byId.get(block);
      if (!found) throw new RangeError(`there is no block "${block}"`);
      const shape = shapeOf(found.block, context.layout.nPositions);
      const inside = lead.length === shape.length - 1 && lead.every((at, axis) => at >= 0 && at < shape[axis]!);
      if (!inside)
        throw new RangeError(`"${block}" has shape ${shape.join(" × ")}, and ${lead.join(", ")} was asked for`);
      asked.push([block, ...lead].join(" "));
      return Float32Array.from({ length: shape.at(-1)! }, (_, i) => Math.abs(Math.sin(i + lead.length)));
    },
    name: (id) => `#${id}`,
    trace: () => null,
  };
}
