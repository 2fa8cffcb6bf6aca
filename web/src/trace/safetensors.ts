// The safetensors container: a JSON header and tensors behind it. Knows nothing of traces.
// Source of the format: https://github.com/huggingface/safetensors#format

import { TraceError } from "./errors";

export type Numbers = Float32Array | Int32Array | BigInt64Array | Uint8Array;

export interface Tensor {
  dtype: string;
  shape: readonly number[];
  data: Numbers;
}

export interface Container {
  metadata: Readonly<Record<string, string>>;
  tensors: ReadonlyMap<string, Tensor>;
}

const KINDS: Readonly<
  Record<string, { new (b: ArrayBuffer, o: number, n: number): Numbers; BYTES_PER_ELEMENT: number }>
> = { F32: Float32Array, I32: Int32Array, I64: BigInt64Array, U8: Uint8Array, BOOL: Uint8Array };

/**
 * Reads a container; tensors are views of the given bytes where these are aligned, and copies where not.
 *
 * @throws TraceError where the bytes are no safetensors file, or hold a type of number that no trace has.
 */
export function readContainer(bytes: Uint8Array): Container {
  if (bytes.length < 8) throw new TraceError("this is no trace file: it is shorter than a header.");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const size = Number(view.getBigUint64(0, true));
  if (size > bytes.length - 8)
    throw new TraceError("this is no trace file, or it is cut short: its header does not fit.");
  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + size)));
  } catch {
    throw new TraceError("this is no trace file: its header is no JSON.");
  }
  if (typeof header !== "object" || header === null)
    throw new TraceError("this is no trace file: its header is no object.");
  const tensors = new Map<string, Tensor>();
  let metadata: Record<string, string> = {};
  for (const [name, entry] of Object.entries(header)) {
    if (name === "__metadata__") metadata = entry as Record<string, string>;
    else tensors.set(name, tensor(name, entry, bytes, 8 + size));
  }
  return { metadata, tensors };
}

function tensor(name: string, entry: unknown, bytes: Uint8Array, base: number): Tensor {
  const { dtype, shape, data_offsets: offsets } = (entry ?? {}) as Record<string, unknown>;
  const Kind = typeof dtype === "string" && Object.hasOwn(KINDS, dtype) ? KINDS[dtype] : undefined;
  if (!Kind)
    throw new TraceError(`the trace is damaged: ${name} is of the type ${String(dtype)}, which no trace holds.`);
  if (!wholes(shape) || !wholes(offsets) || offsets.length !== 2)
    throw new TraceError(`the trace is damaged: ${name} has no shape or place.`);
  const [from, to] = offsets as [number, number];
  const n = shape.reduce((product, length) => product * length, 1);
  if (to - from !== n * Kind.BYTES_PER_ELEMENT || base + to > bytes.length)
    throw new TraceError(`the trace is damaged or cut short: ${name} does not fit its place.`);
  const start = bytes.byteOffset + base + from;
  const aligned = start % Kind.BYTES_PER_ELEMENT === 0 && bytes.buffer instanceof ArrayBuffer;
  const data = aligned
    ? new Kind(bytes.buffer as ArrayBuffer, start, n)
    : new Kind(bytes.slice(base + from, base + to).buffer, 0, n);
  return { dtype: dtype as string, shape, data };
}

function wholes(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((n) => Number.isSafeInteger(n) && n >= 0);
}
