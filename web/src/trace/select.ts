// The piece of a trace that holds only some of its stages; as Python's `Trace.select`. It copies no number.

import { TraceError } from "./errors";
import { Trace, type Values } from "./trace";

/**
 * The same trace at fewer stages, in its own order.
 *
 * @throws TraceError where a stage is named that it does not hold.
 */
export function atStages(trace: Trace, names: readonly string[]): Trace {
  const absent = names.find((name) => !trace.stages.includes(name));
  if (absent !== undefined)
    throw new TraceError(`stage "${absent}" was asked for, but this trace holds ${trace.stages.join(", ")}.`);
  const rows = trace.stages.flatMap((name, row) => (names.includes(name) ? [row] : []));
  if (rows.length === trace.stages.length) return trace;
  const arrays = new Map<string, Values>();
  for (const [name, { data, shape }] of trace.arrays) {
    const width = shape.slice(1).reduce((a, b) => a * b, 1);
    const kept =
      data instanceof Float32Array ? new Float32Array(rows.length * width) : new Int32Array(rows.length * width);
    rows.forEach((row, i) => kept.set(data.subarray(row * width, (row + 1) * width), i * width));
    arrays.set(name, { data: kept, shape: [rows.length, ...shape.slice(1)] });
  }
  return new Trace({ ...trace, stages: rows.map((row) => trace.stages[row]!), arrays });
}
