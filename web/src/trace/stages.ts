// The order of stages: where in the model each point of the residual stream lies. Knows the names only.

import { TraceError } from "./errors";

const BLOCK = /^(0|[1-9][0-9]{0,5})\.(attn|mlp)$/;

/** Sorts stage names as the model computes them: `embed`, `0.attn`, `0.mlp`, `1.attn`, ... */
export function stageKey(name: string): number {
  if (name === "embed") return -1;
  const block = BLOCK.exec(name);
  if (!block)
    throw new TraceError(`"${name}" is no name of a stage; they are "embed", "0.attn", "0.mlp", "1.attn" and so on.`);
  return 2 * Number(block[1]) + (block[2] === "attn" ? 0 : 1);
}
