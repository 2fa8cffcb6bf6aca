// What the engine says of an exported model, held against what Python said of the model itself.
//
// tests/web/test_browser_engine.py exports models, asks Python, and runs this with LOGITSCOPE_EXPORTED; alone it is skipped.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";

import { merge, readTrace, STATISTICS, type Trace } from "../../trace";
import type { TraceRequest } from "../contract";
import { EngineError, type Range } from "../engine";
import { folderStore, nodeRuntime } from "./folder";
import { LocalEngine } from "./local";

const folder = process.env["LOGITSCOPE_EXPORTED"];

/** Nats: what the browser may differ by. */
const TOLERANCE = 1e-4;

interface Case {
  readonly asked: Record<string, unknown>;
  readonly said?: unknown;
  readonly refused?: string;
}

interface Questions {
  readonly model: string;
  readonly [kind: string]: unknown;
}

const questions: Questions = folder
  ? (JSON.parse(readFileSync(join(folder, "questions.json"), "utf8")) as Questions)
  : { model: "" };
const cases = (kind: string): [string, Case][] =>
  ((questions[kind] as readonly Case[] | undefined) ?? []).map((one) => [JSON.stringify(one.asked).slice(0, 90), one]);
const never = () => new AbortController().signal;

/** What WebAssembly programs that were started here have taken. */
const memories: WebAssembly.Memory[] = [];
const memory = () => memories.reduce((bytes, { buffer }) => bytes + buffer.byteLength, 0);
WebAssembly.Memory = class extends WebAssembly.Memory {
  constructor(...given: ConstructorParameters<typeof WebAssembly.Memory>) {
    super(...given);
    memories.push(this);
  }
};

describe.skipIf(!folder)("an exported model", { timeout: 120_000 }, () => {
  let engine: LocalEngine;

  beforeAll(async () => {
    engine = new LocalEngine(folderStore(folder!, { [questions.model]: "model" }), nodeRuntime);
    await engine.prepare(questions.model, never());
  }, 120_000);

  it.each(cases("tokenise"))("tokenise %s", (_, one) => same(one, () => engine.tokenise(request(one), never())));

  it.each(cases("trace"))("trace %s", async (_, one) => {
    if (one.refused !== undefined) return refusal(() => traced(engine, request(one)));
    const said = one.said as { file: string; csv?: string; json?: string };
    const expected = readTrace(new Uint8Array(readFileSync(join(folder!, said.file))));
    alike(await traced(engine, request(one)), expected);
    const first = [expected.positions.at(-1)!, 2, -1, 999];
    alike(await traced(engine, { ...request<TraceRequest>(one), first }, "by places"), expected);
    const saved = await engine.save(request(one), never());
    alike(readTrace(new Uint8Array(await saved.arrayBuffer())), expected);
    for (const format of ["csv", "json"] as const) {
      const python = said[format];
      if (python === undefined) continue;
      const written = await (await engine.save({ ...request(one), format }, never())).text();
      const parts = format === "csv" ? [cells(written), cells(python)] : [JSON.parse(written), JSON.parse(python)];
      near(withoutOrigin(parts[0]), withoutOrigin(parts[1]));
    }
  });

  it("answers what is asked in the middle of a long reading, and then reads on where it is looked at", async () => {
    const text = "CBABBCABACBACAB".repeat(20);
    const long = { model: questions.model, text, first: [7], top_k: 1 };
    const reading = engine.trace(long, never(), "long");
    const found: Trace[] = [];
    const next = async (): Promise<boolean> => {
      const { value, done } = await reading.next();
      if (!done && value.kind !== "piece") return next();
      if (value?.kind === "piece") found.push(value.piece);
      return !done;
    };
    await next();
    const aside = { model: questions.model, text: text.slice(0, 5) };
    const other = traced(engine, aside, "aside").then(() => found.length);
    engine.prefer([9, 3], "long");
    await next();
    expect(await other).toBe(1);
    const [whole, some] = found as [Trace, Trace];
    expect([...some.positions]).toEqual(expect.arrayContaining([3, 9]));
    expect(some.positions.length).toBeLessThan(whole.positions.length);
    while (await next());
    alike(merge(found), await traced(engine, { model: questions.model, text, top_k: 1 }, "again"));
  });

  it.each(["parquet", "html"] as const)("says that Python alone writes %s", async (format) => {
    const asked = engine.save({ model: questions.model, text: "x", format }, never());
    await expect(asked).rejects.toMatchObject({ trouble: "cannot", message: expect.stringContaining("Python alone") });
  });

  it.each(cases("sample"))("sample %s", (_, one) =>
    same(one, async () => {
      const steps = [];
      for await (const step of engine.sample(request(one), never())) steps.push(step);
      return steps;
    }),
  );

  it.each(cases("replace"))("replace %s", (_, one) => same(one, () => engine.replace(request(one), never())));
  it.each(cases("fill"))("fill %s", (_, one) => same(one, () => engine.fill(request(one), never())));
  it.each(cases("ask"))("ask %s", (_, one) => same(one, () => engine.ask(request(one), never())));

  it.each(cases("tile"))("tile %s", (_, one) =>
    same(one, async () => {
      const { text, block, ranges, level } = one.asked as {
        text: string;
        block: string;
        ranges: Range[];
        level: number;
      };
      const run = await engine.run({ model: questions.model, text }, never());
      const { data, shape, rms, largest } = await engine.tile(run, block, ranges, level, never());
      return { shape, cells: Array.from(data, (cell) => (Number.isNaN(cell) ? null : cell)), rms, largest };
    }),
  );

  it.each(cases("repeat"))("holds no more after many beginnings of %s than after a few", async (_, { asked }) => {
    const text = [...(asked["text"] as string)];
    const round = async () => {
      for (let n = 1; n <= 12; n++)
        for (const lane of ["a", "b", "c", "d", "e"]) {
          const some = text.slice(0, 1 + ((n * 5) % text.length)).join("");
          await traced(engine, { model: questions.model, text: some, subblocks: true, histogram: n % 3 === 0 }, lane);
        }
    };
    await round();
    const before = { memory: memory(), ...engine.held };
    await round();
    await round();
    expect(memory() - before.memory).toBeLessThanOrEqual(8 << 20);
    expect(engine.held.remembered).toBeLessThanOrEqual(1.1 * before.remembered);
    expect(engine.held.models).toBe(1);
  });

  it.each(cases("explain"))("explain %s", (_, one) =>
    same(one, async () => {
      const {
        text,
        block,
        index,
        n_terms: n,
      } = one.asked as { text: string; block: string; index: number[]; n_terms: number };
      const run = await engine.run({ model: questions.model, text }, never());
      return engine.explain(run, block, index, never(), n);
    }),
  );
});

function request<Request>({ asked }: Case): Request {
  return { model: questions.model, ...asked } as Request;
}

async function traced(engine: LocalEngine, asked: Parameters<LocalEngine["trace"]>[0], lane?: string): Promise<Trace> {
  const pieces: Trace[] = [];
  for await (const said of engine.trace(asked, never(), lane)) if (said.kind === "piece") pieces.push(said.piece);
  return merge(pieces);
}

async function same(one: Case, ask: () => Promise<unknown>): Promise<void> {
  if (one.refused !== undefined) return refusal(ask);
  near(await ask(), one.said);
}

async function refusal(ask: () => Promise<unknown>): Promise<void> {
  const error = await ask().then(
    () => null,
    (caught: unknown) => caught,
  );
  expect(error).toBeInstanceOf(EngineError);
  expect((error as EngineError).trouble).toBe("refused");
}

/** Plain data: the same but for numbers, which may differ by rounding. */
function near(found: unknown, expected: unknown, path = ""): void {
  if (typeof expected === "number" && typeof found === "number") {
    const tolerance = TOLERANCE * Math.max(1, Math.abs(expected));
    if (Math.abs(found - expected) > tolerance) expect.fail(`${path}: ${found} and not ${expected}`);
  } else if (expected !== null && typeof expected === "object" && found !== null && typeof found === "object") {
    expect(Object.keys(found).sort(), path).toEqual(Object.keys(expected).sort());
    for (const [key, value] of Object.entries(expected))
      near((found as Record<string, unknown>)[key], value, `${path}.${key}`);
  } else expect(found, path).toEqual(expected);
}

/** The same trace: tokens, names and header exactly, numbers but for rounding, ranks and ids but for ties. */
function alike(found: Trace, expected: Trace): void {
  expect(found.tokens.same(expected.tokens)).toBe(true);
  expect([...found.tokens.names]).toEqual([...expected.tokens.names]);
  expect(found.stages).toEqual(expected.stages);
  expect([...found.positions]).toEqual([...expected.positions]);
  expect([...found.contextLengths]).toEqual([...expected.contextLengths]);
  expect(found.seams).toEqual(expected.seams);
  expect(found.watched).toEqual(expected.watched);
  // A small model is computed wider in the page than in Python.
  const origin = ({ provenance: { created: _, versions: __, self_check: ___, dtype: ____, ...rest } }: Trace) => rest;
  expect(origin(found)).toEqual(origin(expected));
  expect([...found.arrays.keys()].sort()).toEqual([...expected.arrays.keys()].sort());
  for (const [name, { data, shape }] of expected.arrays) {
    const own = found.arrays.get(name)!;
    expect(own.shape, name).toEqual(shape);
    const exact = STATISTICS.get(name)!.dtype === "int32";
    let wrong = 0;
    data.forEach((one, i) => {
      const difference = Math.abs(own.data[i]! - one);
      if (Number.isNaN(one) !== Number.isNaN(own.data[i]!)) wrong++;
      else if (exact ? difference > 0 : difference > TOLERANCE * Math.max(1, Math.abs(one) / 10)) wrong++;
    });
    // Logits that differ by less than rounding change places, and so do those on the edge of a bin.
    expect(wrong, name).toBeLessThanOrEqual(exact ? data.length / 200 : 0);
  }
}

/** Cells of a table, numbers as numbers. */
function cells(table: string): unknown {
  return table
    .trimEnd()
    .split("\n")
    .map((line) => line.split(",").map((cell) => (cell !== "" && Number.isFinite(Number(cell)) ? Number(cell) : cell)));
}

function withoutOrigin(written: unknown): unknown {
  if (typeof written !== "object" || written === null || !("provenance" in written)) return written;
  return { ...written, provenance: null };
}
