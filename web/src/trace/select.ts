// The piece of a trace that holds only some of its stages or positions; as Python's `Trace.select`.

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

/**
 * The same trace at fewer positions, which ascend.
 *
 * @throws TraceError where there is a position that it does not hold.
 */
export function atPositions(trace: Trace, positions: Int32Array): Trace {
  const columns = Array.from(positions, (position) => trace.column(position));
  const absent = positions[columns.indexOf(-1)];
  if (absent !== undefined)
    throw new TraceError(`position ${absent} was asked for, but this trace does not hold it; read it first.`);
  if (columns.length === trace.positions.length) return trace;
  const arrays = new Map<string, Values>();
  for (const [name, { data, shape }] of trace.arrays) {
    const [rows, n, ...inner] = [shape[0]!, shape[1]!, ...shape.slice(2)];
    const width = inner.reduce((a, b) => a * b, 1);
    const size = rows * columns.length * width;
    const kept = data instanceof Float32Array ? new Float32Array(size) : new Int32Array(size);
    for (let row = 0; row < rows; row++)
      columns.forEach((column, i) => {
        const from = (row * n + column) * width;
        kept.set(data.subarray(from, from + width), (row * columns.length + i) * width);
      });
    arrays.set(name, { data: kept, shape: [rows, columns.length, ...inner] });
  }
  const contextLengths = trace.contextLengths.length
    ? Int32Array.from(columns, (column) => trace.contextLengths[column]!)
    : trace.contextLengths;
  const seams = trace.seams.filter((seam) => positions.includes(seam));
  return new Trace({ ...trace, positions, arrays, contextLengths, seams });
}
