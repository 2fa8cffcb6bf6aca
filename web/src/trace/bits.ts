// What each token of a text cost at one stage.

import { TraceError } from "./errors";
import type { Trace } from "./trace";

/**
 * The bits of every token of the text: position `t` of the trace scores token `t + 1`.
 *
 * NaN for tokens that have no likelihood here: the first one, and those that a piece lacks.
 *
 * @param stage a name or a row; the last one by default.
 */
export function tokenBits(trace: Trace, stage: string | number = -1): Float32Array {
  const asked = typeof stage === "string" ? trace.stage(stage) : stage;
  const row = asked < 0 ? asked + trace.stages.length : asked;
  if (row < 0 || row >= trace.stages.length)
    throw new TraceError(`stage ${asked} was asked for, but this trace holds ${trace.stages.length} stages.`);
  const bits = new Float32Array(trace.tokens.length).fill(NaN);
  const { data, shape } = trace.array("surprisal_bits");
  trace.positions.forEach((position, column) => {
    if (position + 1 < bits.length) bits[position + 1] = data[row * shape[1]! + column]!;
  });
  return bits;
}
