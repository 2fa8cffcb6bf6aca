// A trace from the bytes that Python's `Trace.save` wrote; pieces of the server and embedded traces are the same bytes.
//
// A file is not trusted: each shape and bound is checked before a Trace is made of it.

import { TraceError } from "./errors";
import { readContainer, type Container, type Numbers, type Tensor } from "./safetensors";
import { stageKey } from "./stages";
import { BINS, SAMPLES_PER_BIN, STATISTICS } from "./statistics";
import { Tokens, Vocabulary } from "./tokens";
import { Trace, type Provenance, type Values } from "./trace";
import { decodeWithHalves } from "./utf8";

const FORMAT = "logitscope-trace";
const VERSION = 1;

const KINDS: Readonly<Record<string, string>> = {
  bool: "BOOL",
  uint8: "U8",
  int32: "I32",
  int64: "I64",
  float32: "F32",
};

const REQUIRED: Readonly<Record<string, string>> = {
  "tokens.ids": "int32",
  "tokens.spans": "int32",
  "tokens.special": "bool",
  "tokens.text": "uint8",
  "tokens.bytes": "uint8",
  "tokens.offsets": "int64",
  "vocabulary.ids": "int32",
  "vocabulary.bytes": "uint8",
  "vocabulary.offsets": "int64",
  "vocabulary.special": "int32",
  positions: "int32",
  context_lengths: "int32",
};

/**
 * Reads a trace, or a piece of one.
 *
 * @throws TraceError where the bytes are no trace, are damaged or cut short, or a newer version wrote them.
 */
export function readTrace(bytes: Uint8Array): Trace {
  const container = readContainer(bytes);
  const text = container.metadata[FORMAT];
  if (typeof text !== "string")
    throw new TraceError("this is a safetensors file, but no trace; traces are written by `Trace.save`.");
  const head = header(text);
  const tensors = checked(container);
  const tokens = readTokens(head, tensors);
  const stages = list(head, "stages", "string") as string[];
  stages.forEach(stageKey);
  require(new Set(stages).size === stages.length, "a stage stands twice in it");
  const positions = whole(tensors, "positions");
  const context = whole(tensors, "context_lengths");
  require(positions.every(
    (p, i) => p >= 0 && p < tokens.length && (i === 0 || p > positions[i - 1]!),
  ), "its positions do not ascend within the text");
  require(context.length === positions.length || context.length === 0, "its context lengths do not fit its positions");
  const watched = list(head, "watched", "number") as number[];
  return new Trace({
    tokens,
    stages,
    positions,
    arrays: arrays(tensors, stages.length, positions.length, watched.length),
    vocabulary: readVocabulary(tensors),
    provenance: provenance(head),
    watched,
    contextLengths: context,
    seams: list(head, "seams", "number") as number[],
  });
}

function header(text: string): Record<string, unknown> {
  let head: unknown;
  try {
    head = JSON.parse(text);
  } catch {
    throw damaged("its header is no JSON");
  }
  if (typeof head !== "object" || head === null) throw damaged("its header is no object");
  const { version } = head as { version?: unknown };
  if (typeof version === "number" && version > VERSION)
    throw new TraceError(
      `a newer Logitscope wrote this trace (format ${version}; this page reads up to ${VERSION}); reload the page or update logitscope.`,
    );
  require(version === VERSION, "its header has no version");
  return head as Record<string, unknown>;
}

function checked(container: Container): ReadonlyMap<string, Tensor> {
  for (const name of Object.keys(REQUIRED)) require(container.tensors.has(name), `it lacks ${name}`);
  for (const [name, tensor] of container.tensors) {
    const kind = REQUIRED[name] ?? STATISTICS.get(name)?.dtype;
    if (kind === undefined) throw damaged(`it holds ${name}, which no trace holds`);
    require(tensor.dtype === KINDS[kind], `${name} is ${tensor.dtype} and not ${kind}`);
  }
  return container.tensors;
}

function readTokens(head: Record<string, unknown>, tensors: ReadonlyMap<string, Tensor>): Tokens {
  const text = decodeWithHalves(bytesOf(tensors, "tokens.text"));
  if (text === null) throw damaged("its text is no UTF-8");
  const pieces = unpacked("tokens", tensors);
  const ids = whole(tensors, "tokens.ids");
  const spans = tensors.get("tokens.spans")!;
  const special = tensors.get("tokens.special")!;
  const n = pieces.length;
  require(ids.length === n &&
    special.data.length === n &&
    (n === 0 || (spans.shape[0] === n && spans.shape[1] === 2)), "its tokens do not fit together");
  const names = head["names"];
  require(typeof names === "object" && names !== null, "the names of its special tokens are no texts by id");
  const tokens = new Tokens({
    text,
    ids,
    pieces,
    spans: spans.data as Int32Array,
    special: [...(special.data as Uint8Array)].map((flag) => flag !== 0),
    lossy: head["lossy"] === true,
    names: new Map(Object.entries(names as Record<string, unknown>).map(([id, name]) => [Number(id), String(name)])),
  });
  const last = tokens.units.length - 1;
  for (let i = 0; i < 2 * n; i += 2)
    require(0 <= tokens.spans[i]! &&
      tokens.spans[i]! <= tokens.spans[i + 1]! &&
      tokens.spans[i + 1]! <= last, "a token lies outside its text");
  return tokens;
}

function readVocabulary(tensors: ReadonlyMap<string, Tensor>): Vocabulary {
  const ids = whole(tensors, "vocabulary.ids");
  const pieces = unpacked("vocabulary", tensors);
  require(ids.length === pieces.length, "its vocabulary does not fit together");
  return new Vocabulary(
    new Map(pieces.map((piece, i) => [ids[i]!, piece])),
    new Set(whole(tensors, "vocabulary.special")),
  );
}

function arrays(
  tensors: ReadonlyMap<string, Tensor>,
  nStages: number,
  nPositions: number,
  nWatched: number,
): ReadonlyMap<string, Values> {
  const sizes: Record<string, number> = {
    stage: nStages,
    position: nPositions,
    watch: nWatched,
    bin: BINS,
    sample: SAMPLES_PER_BIN,
  };
  const held = new Map<string, Values>();
  for (const { name, axes } of STATISTICS.values()) {
    const tensor = tensors.get(name);
    if (!tensor) continue;
    require(tensor.shape.length === axes.length, `${name} has ${tensor.shape.length} axes and not ${axes.length}`);
    axes.forEach((axis, i) => {
      sizes[axis] ??= tensor.shape[i]!;
      require(tensor.shape[i] === sizes[axis], `${name} holds ${tensor.shape[i]} along ${axis} and not ${sizes[axis]}`);
    });
    held.set(name, { data: tensor.data as Float32Array | Int32Array, shape: tensor.shape });
  }
  return held;
}

function unpacked(name: string, tensors: ReadonlyMap<string, Tensor>): Uint8Array[] {
  const content = bytesOf(tensors, `${name}.bytes`);
  const offsets = Array.from(tensors.get(`${name}.offsets`)!.data as BigInt64Array, Number);
  const inOrder = offsets[0] === 0 && offsets.every((o, i) => i === 0 || o >= offsets[i - 1]!);
  require(inOrder && offsets.at(-1) === content.length, `${name}.offsets do not fit ${name}.bytes`);
  return offsets.slice(1).map((end, i) => content.subarray(offsets[i], end));
}

function provenance(head: Record<string, unknown>): Provenance {
  const found = head["provenance"];
  if (typeof found !== "object" || found === null) throw damaged("it does not say where its numbers come from");
  const said = found as Partial<Omit<Provenance, "self_check">> & { self_check?: unknown };
  for (const name of ["model", "model_class", "dtype"] as const)
    require(typeof said[name] === "string", `its provenance lacks ${name}`);
  // JSON has no infinity or NaN; as text they survive.
  const check =
    typeof said.self_check === "string" ? Number(said.self_check.replace("inf", "Infinity")) : said.self_check;
  return {
    model: said.model!,
    model_class: said.model_class!,
    dtype: said.dtype!,
    lens: said.lens ?? "logit",
    norm: said.norm ?? "final",
    revision: said.revision ?? null,
    content_hash: said.content_hash ?? null,
    self_check: typeof check === "number" ? check : null,
    context_window: said.context_window ?? 0,
    stride: said.stride ?? 0,
    bos: said.bos ?? "none",
    created: said.created ?? "",
    versions: said.versions ?? {},
    last_stage: said.last_stage ?? "",
    length_dependent: said.length_dependent ?? false,
  };
}

function whole(tensors: ReadonlyMap<string, Tensor>, name: string): Int32Array {
  const tensor = tensors.get(name)!;
  require(tensor.shape.length === 1, `${name} is no row`);
  return tensor.data as Int32Array;
}

function bytesOf(tensors: ReadonlyMap<string, Tensor>, name: string): Uint8Array {
  const tensor = tensors.get(name)!;
  require(tensor.shape.length === 1, `${name} is no row of bytes`);
  return tensor.data as Numbers as Uint8Array;
}

function list(head: Record<string, unknown>, name: string, kind: "string" | "number"): unknown[] {
  const values = head[name];
  if (!Array.isArray(values) || !values.every((value) => typeof value === kind))
    throw damaged(`its ${name} are not what they should be`);
  return values;
}

function require(holds: boolean, why: string): asserts holds {
  if (!holds) throw damaged(why);
}

function damaged(why: string): TraceError {
  return new TraceError(`the trace is damaged: ${why}; write it again.`);
}
