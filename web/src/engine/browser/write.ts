// A trace as a file: safetensors as `Trace.save` writes it, JSON and CSV as `trace.write` does.

import { DERIVED, STATISTICS, type Trace, type Values } from "../../trace";
import { encodeWithHalves } from "../../trace/utf8";
import { joinedBytes } from "./cut";
import { hexOf } from "./tokenise";

const FORMAT = "logitscope-trace";

type Entry = readonly [dtype: string, shape: readonly number[], data: ArrayBufferView];

/** What `Trace.save` writes into the file. */
export function traceBytes(trace: Trace): Uint8Array<ArrayBuffer> {
  const { tokens, vocabulary } = trace;
  const ids = [...vocabulary.pieces.keys()].sort((a, b) => a - b);
  const entries: Record<string, Entry> = {
    "tokens.ids": whole(tokens.ids),
    "tokens.spans": ["I32", [tokens.length, 2], tokens.spans],
    "tokens.special": ["BOOL", [tokens.length], Uint8Array.from(tokens.special, Number)],
    "tokens.text": octets(encodeWithHalves(tokens.text)),
    "vocabulary.ids": whole(Int32Array.from(ids)),
    "vocabulary.special": whole(Int32Array.from(vocabulary.special).sort()),
    positions: whole(trace.positions),
    context_lengths: whole(trace.contextLengths),
    ...packed("tokens", tokens.pieces),
    ...packed(
      "vocabulary",
      ids.map((id) => vocabulary.pieces.get(id)!),
    ),
  };
  for (const [name, { data, shape }] of trace.arrays)
    entries[name] = [data instanceof Float32Array ? "F32" : "I32", shape, data];
  return container(entries, { [FORMAT]: ascii(JSON.stringify(header(trace))) });
}

/** All of a trace but its arrays and texts, as strict JSON. */
function header(trace: Trace): object {
  const check = trace.provenance.self_check;
  const held = [...trace.arrays.keys()].map((name) => STATISTICS.get(name)!);
  return {
    format: FORMAT,
    version: 1,
    // JSON has no infinity or NaN; as text they survive.
    provenance: {
      ...trace.provenance,
      self_check: check === null || Number.isFinite(check) ? check : String(check).replace("Infinity", "inf"),
    },
    stages: trace.stages,
    watched: trace.watched,
    seams: trace.seams,
    lossy: trace.tokens.lossy,
    names: Object.fromEntries(trace.tokens.names),
    statistics: Object.fromEntries(held.map(({ name, unit, axes }) => [name, { unit, axes }])),
  };
}

/** The safetensors container; wider numbers stand first, so that each is aligned. */
function container(
  entries: Readonly<Record<string, Entry>>,
  metadata: Record<string, string>,
): Uint8Array<ArrayBuffer> {
  const width = ([dtype]: Entry) => ({ I64: 8, F32: 4, I32: 4 })[dtype] ?? 1;
  const ordered = Object.entries(entries).sort(([a, x], [b, y]) => width(y) - width(x) || (a < b ? -1 : 1));
  const described: Record<string, unknown> = { __metadata__: metadata };
  let end = 0;
  for (const [name, [dtype, shape, data]] of ordered) {
    described[name] = { dtype, shape, data_offsets: [end, end + data.byteLength] };
    end += data.byteLength;
  }
  const head = new TextEncoder().encode(JSON.stringify(described));
  const size = Math.ceil(head.length / 8) * 8;
  const bytes = new Uint8Array(8 + size + end);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(size), true);
  bytes.fill(0x20, 8, 8 + size).set(head, 8);
  let at = 8 + size;
  for (const [, [, , data]] of ordered) {
    bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), at);
    at += data.byteLength;
  }
  return bytes;
}

function whole(data: Int32Array): Entry {
  return ["I32", [data.length], data];
}

function octets(data: Uint8Array): Entry {
  return ["U8", [data.length], data];
}

function packed(name: string, pieces: readonly Uint8Array[]): Record<string, Entry> {
  const offsets = new BigInt64Array(pieces.length + 1);
  pieces.forEach((piece, i) => {
    offsets[i + 1] = offsets[i]! + BigInt(piece.length);
  });
  return { [`${name}.bytes`]: octets(joinedBytes(pieces)), [`${name}.offsets`]: ["I64", [offsets.length], offsets] };
}

/** JSON that holds no letter beyond ASCII, as Python writes it. */
function ascii(json: string): string {
  return json.replace(/[\u007f-\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/** What Python's `to_dict` holds. */
export function traceJson(trace: Trace): string {
  const { tokens, vocabulary } = trace;
  const ids = [...vocabulary.pieces.keys()].sort((a, b) => a - b);
  const described = {
    ...header(trace),
    text: tokens.text,
    ids: [...tokens.ids],
    tokens: tokens.texts,
    bytes: tokens.pieces.map(hexOf),
    spans: tokens.pieces.map((_, i) => [tokens.spans[2 * i], tokens.spans[2 * i + 1]]),
    special: tokens.special,
    partial: tokens.partial,
    positions: [...trace.positions],
    context_lengths: [...trace.contextLengths],
    vocabulary: Object.fromEntries(ids.map((id) => [id, vocabulary.text(id)])),
  };
  const values = [...STATISTICS.keys(), ...DERIVED.keys()]
    .filter((name) => trace.has(name))
    .map((name) => `${JSON.stringify(name)}: ${listed(trace.array(name), unitOf(name))}`);
  return ascii(`${JSON.stringify(described).slice(0, -1)}, "values": {${values.join(", ")}}}\n`);
}

/** Nested lists of numbers, null for what is missing or not finite. */
function listed({ data, shape }: Values, unit: string): string {
  let at = 0;
  const level = (axis: number): string => {
    if (axis === shape.length) {
      const one = data[at++]!;
      return isMissing(one, unit) || !Number.isFinite(one) ? "null" : shortest(one, data instanceof Float32Array);
    }
    return `[${Array.from({ length: shape[axis]! }, () => level(axis + 1)).join(", ")}]`;
  };
  return level(0);
}

/** Python's table of a trace: one row per stage and position. */
export function traceCsv(trace: Trace): string {
  const lines: string[] = [];
  const flat = [...STATISTICS.values(), ...DERIVED.values()].filter(
    ({ name }) => trace.has(name) && trace.array(name).shape.length === 2,
  );
  const topK = trace.has("top_ids") ? trace.array("top_ids").shape[2]! : 0;
  const ofTop = ["logprob", "logit"].filter((measure) => trace.has(`top_${measure}s`));
  const ofWatch = ["logit", "logprob", "rank"].filter((measure) => trace.has(`watch_${measure}`));
  const recorded = trace.contextLengths.length > 0;
  lines.push(
    [
      ...["stage", "stage_index", "position", "token_id", "token", "next_id", "next_token"],
      ...(recorded ? ["context_length"] : []),
      ...flat.map(({ name }) => name),
      ...counted(topK).flatMap((j) => ["id", "token", ...ofTop].map((what) => `top_${j}_${what}`)),
      ...counted(trace.watched.length).flatMap((j) => ["id", "token", ...ofWatch].map((what) => `watch_${j}_${what}`)),
    ].join(","),
  );
  const cell = (name: string, row: number, column: number, axis = 0) => {
    const one = trace.at(name, row, column, axis);
    if (isMissing(one, unitOf(name))) return "";
    return shortest(one, trace.array(name).data instanceof Float32Array);
  };
  trace.stages.forEach((stage, row) =>
    trace.positions.forEach((position, column) => {
      const next = trace.ids[position + 1];
      const token = (id: number) => (id < 0 ? "" : quoted(trace.vocabulary.text(id)));
      lines.push(
        [
          ...[quoted(stage), row, position, trace.ids[position], quoted(trace.tokens.texts[position]!)],
          ...(next === undefined ? ["", ""] : [next, quoted(trace.tokens.texts[position + 1]!)]),
          ...(recorded ? [trace.contextLengths[column]] : []),
          ...flat.map(({ name }) => cell(name, row, column)),
          ...counted(topK).flatMap((j) => [
            cell("top_ids", row, column, j - 1),
            token(trace.at("top_ids", row, column, j - 1)),
            ...ofTop.map((measure) => cell(`top_${measure}s`, row, column, j - 1)),
          ]),
          ...trace.watched.flatMap((id, j) => [
            id,
            token(id),
            ...ofWatch.map((measure) => cell(`watch_${measure}`, row, column, j)),
          ]),
        ].join(","),
      );
    }),
  );
  return `${lines.join("\n")}\n`;
}

function counted(n: number): number[] {
  return Array.from({ length: n }, (_, i) => i + 1);
}

/** Half of a surrogate pair, which UTF-8 cannot write, is spelt out. */
function quoted(text: string): string {
  const written = text.isWellFormed()
    ? text
    : [...text].map((c) => (c.isWellFormed() ? c : `\\u${c.charCodeAt(0).toString(16)}`)).join("");
  return `"${written.replaceAll('"', '""')}"`;
}

/** Which values stand for nothing: NaN, a rank of 0, an id below 0. */
function isMissing(one: number, unit: string): boolean {
  return Number.isNaN(one) || (unit === "rank" && one === 0) || (unit === "id" && one < 0);
}

function unitOf(name: string): string {
  return (STATISTICS.get(name) ?? DERIVED.get(name))!.unit;
}

/** A number as numpy writes it: of an fp32 the fewest digits that give it back. */
export function shortest(one: number, real: boolean): string {
  if (!real) return String(one);
  if (!Number.isFinite(one)) return one > 0 ? "inf" : one < 0 ? "-inf" : "nan";
  if (one === 0) return Object.is(one, -0) ? "-0.0" : "0.0";
  const single = Math.fround(one);
  let digits = 1;
  while (Math.fround(Number(single.toPrecision(digits))) !== single) digits++;
  const [mantissa = "", exponent = "0"] = single.toExponential(digits - 1).split("e");
  const power = Number(exponent);
  if (Math.abs(single) < 1e-4 || Math.abs(single) >= 1e6) {
    const sign = power < 0 ? "-" : "+";
    return `${mantissa}e${sign}${String(Math.abs(power)).padStart(2, "0")}`;
  }
  const plain = Number(single.toPrecision(digits));
  const fixed = plain.toFixed(Math.max(1, digits - 1 - power));
  return fixed;
}
