// What a block is to the picture, read from formulas, kinds and axes. Knows no models by name.

import type { Graph, GraphBlock } from "../engine";

export interface Roles {
  readonly graph: Graph;
  readonly byId: ReadonlyMap<string, GraphBlock>;
  /** The residual stream: the blocks that start it and those that add to it, in order. */
  readonly stream: readonly string[];
  /** Axes that are drawn in depth: the heads of queries, and of keys where several share one. */
  readonly depth: ReadonlySet<string>;
  /** How many heads of queries there are; 1 where nothing is drawn in depth. */
  readonly nHeads: number;
  /** How many cells the residual stream is wide. */
  readonly width: number;
  /** Blocks that sum up others along an axis, and the block beside which each of them is drawn. */
  readonly beside: ReadonlyMap<string, string>;
}

const REDUCTIONS = new Set(["mean", "variance", "mean_square", "maximum", "exp_sum"]);

/** Whether a block says one number for each row of another. */
export function isReduction(block: GraphBlock): boolean {
  return block.formula !== null && REDUCTIONS.has(block.formula.kind);
}

/** Whether an axis is as long as the text. */
export function isAlong(name: string): boolean {
  return name === "position" || name === "key";
}

export function rolesOf(graph: Graph): Roles {
  const byId = new Map(graph.blocks.map((block) => [block.id, block]));
  const stream = new Set<string>();
  const depth = new Map<string, number>();
  const beside = new Map<string, string>();
  for (const block of graph.blocks) {
    const { formula, axes } = block;
    if (!formula) continue;
    // A look-up is the start; an addition goes on where one of its terms is the stream.
    if (formula.kind === "lookup" || (formula.kind === "add" && formula.operands.some((o) => stream.has(o.block))))
      stream.add(block.id);
    const [first] = axes;
    if (axes.length === 3 && first?.size && !isAlong(first.name)) depth.set(first.name, first.size);
    if (!isReduction(block))
      for (const operand of formula.operands) {
        const read = byId.get(operand.block);
        if (read && isReduction(read) && !beside.has(read.id)) beside.set(read.id, block.id);
      }
  }
  const last = byId.get([...stream].at(-1) ?? "");
  return {
    graph,
    byId,
    stream: [...stream],
    depth: new Set(depth.keys()),
    nHeads: Math.max(1, ...depth.values()),
    width: last?.axes.findLast((axis) => axis.size !== null)?.size ?? 1,
    beside,
  };
}

export function sizeOf(block: GraphBlock, axis: number, nPositions: number): number {
  return block.axes[axis]?.size ?? nPositions;
}

export function shapeOf(block: GraphBlock, nPositions: number): number[] {
  return block.axes.map((axis) => axis.size ?? nPositions);
}

/** Whether a block's numbers are the names of tokens, and no amounts: they have no colour. */
export function areNames(block: GraphBlock): boolean {
  return block.kind === "input" && block.axes.length === 1;
}

/** The block that an operand of this role reads. */
export function operandOf(block: GraphBlock, role: string): string | null {
  return block.formula?.operands.find((operand) => operand.role === role)?.block ?? null;
}
