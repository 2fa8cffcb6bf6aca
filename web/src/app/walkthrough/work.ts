// How much there is to compute, from the graph alone: what reading a text takes, and what one more token takes where the
// keys and values of those before it are kept.

import type { Graph } from "../../engine";

export interface Work {
  /** Multiplications of numbers in dot products, for all positions of the text. */
  readonly whole: number;
  /** The same for its last position alone: what remains where earlier keys and values are kept. */
  readonly last: number;
  /** Numbers that have to be kept for it. */
  readonly kept: number;
}

/**
 * @param nPositions tokens of the text, the newest included.
 */
export function workOf(graph: Graph, nPositions: number): Work {
  const [whole, before] = [products(graph, nPositions), products(graph, nPositions - 1)];
  return { whole, last: whole - before, kept: kept(graph, nPositions) };
}

function products(graph: Graph, n: number): number {
  let total = 0;
  for (const { formula, axes } of graph.blocks) {
    if (formula?.kind !== "dot" || n < 1) continue;
    const names = [...axes, ...formula.over];
    const along = names.filter((axis) => axis.size === null);
    const others = names.reduce((size, axis) => size * (axis.size ?? 1), 1);
    // Queries meet only keys that do not come after them.
    total += others * (along.length > 1 ? (n * (n + 1)) / 2 : along.length ? n : 1);
  }
  return total;
}

/** Of every position before the last, what later ones read. */
function kept(graph: Graph, n: number): number {
  const read = new Set(
    graph.blocks.flatMap(({ formula }) =>
      (formula?.kind === "dot" ? formula.operands : [])
        .filter((operand) => operand.index.some((index) => index.axis === "key"))
        .map((operand) => operand.block),
    ),
  );
  return graph.blocks
    .filter((block) => read.has(block.id) && block.axes.some((axis) => axis.name === "key") && !block.causal)
    .reduce((sum, block) => sum + block.axes.reduce((size, axis) => size * (axis.size ?? n - 1), 1), 0);
}
