// The page's side: questions by number, withdrawn ones, what a dead worker does; and who may compute.

import { describe, expect, it, vi } from "vitest";

import { goldenTrace } from "../../trace/goldens";
import { EngineError, isAbort } from "../engine";
import { BrowserEngine, type WorkerLike } from "./browser";
import { Line, Newest, until } from "./line";
import type { Store } from "./manifest";
import type { FromWorker, ToWorker } from "./messages";
import { piecesOf } from "./opened";
import { withoutWasm } from "./wasm";
import { traceBytes } from "./write";

const never = () => new AbortController().signal;

/** A worker of which the test says what it answers. */
function played(store: Partial<Store> = {}) {
  const heard: ToWorker[] = [];
  const made: WorkerLike[] = [];
  const engine = new BrowserEngine(store as Store, () => {
    const worker: WorkerLike = {
      postMessage: (message) => heard.push(structuredClone(message)),
      onmessage: null,
      onerror: null,
      terminate: vi.fn(),
    };
    made.push(worker);
    return worker;
  });
  const say = (message: FromWorker) => made.at(-1)!.onmessage!(new MessageEvent("message", { data: message }));
  return { engine, heard, made, say };
}

const soon = () => new Promise((resolve) => setTimeout(resolve, 0));

it("asks by number and takes the answer of that number", async () => {
  const { engine, heard, say } = played();
  const first = engine.texts(never());
  const second = engine.shapes(never());
  await soon();
  const [a, b] = heard.map(({ id }) => id);
  say({ kind: "answer", id: b!, value: ["second"] });
  say({ kind: "answer", id: a!, value: ["first"] });
  expect([await first, await second]).toEqual([["first"], ["second"]]);
});

it("reads pieces from their bytes, in order, and ends", async () => {
  const { engine, heard, say } = played();
  const trace = goldenTrace("prose");
  const found: unknown[] = [];
  const all = (async () => {
    for await (const said of engine.trace({ model: "m", text: "x" }, never())) found.push(said);
  })();
  await soon();
  const { id } = heard[0]!;
  say({ kind: "next", id, value: { kind: "progress", done: 0, total: 9 } });
  say({ kind: "next", id, value: null, bytes: traceBytes(trace) });
  say({ kind: "end", id });
  await all;
  expect(found).toMatchObject([
    { kind: "progress", total: 9 },
    { kind: "piece", piece: { stages: trace.stages } },
  ]);
  // What ended by itself is not withdrawn.
  expect(heard.map(({ kind }) => kind)).toEqual(["many"]);
});

it("withdraws a question whose signal is aborted, and one whose reader stops", async () => {
  const { engine, heard, say } = played();
  const controller = new AbortController();
  const asked = engine.tokenise({ model: "m", text: "x" }, controller.signal).catch((error: unknown) => error);
  await soon();
  controller.abort();
  expect(isAbort(await asked)).toBe(true);
  expect(heard.at(-1)).toEqual({ kind: "cancel", id: heard[0]!.id });
  const steps = engine.sample({ model: "m", text: "x" }, never());
  const next = steps.next();
  await soon();
  say({ kind: "next", id: heard.at(-1)!.id, value: { id: 1 } });
  await next;
  await steps.return(undefined);
  expect(heard.at(-1)!.kind).toBe("cancel");
});

it("says which places are wanted first now, to a worker that there is", async () => {
  const { engine, heard } = played();
  engine.prefer([3]);
  expect(heard).toEqual([]);
  void engine.trace({ model: "m", text: "x", first: [1] }, never(), "aside").next();
  await soon();
  engine.prefer([4, 5], "aside");
  expect(heard.at(-1)).toMatchObject({ kind: "prefer", first: [4, 5], lane: "aside" });
});

it("asks nothing where it was withdrawn before", async () => {
  const { engine, heard } = played();
  const asked = engine.models(AbortSignal.abort()).catch((error: unknown) => error);
  expect(isAbort(await asked)).toBe(true);
  expect(heard).toEqual([]);
});

it("passes on why there is no answer", async () => {
  const { engine, heard, say } = played();
  const asked = engine.graph("m", never());
  await soon();
  say({ kind: "failed", id: heard[0]!.id, failure: { trouble: "cannot", message: "no graph", retryAfter: null } });
  await expect(asked).rejects.toMatchObject({ trouble: "cannot", message: "no graph" });
});

it("starts another worker after one that died", async () => {
  const { engine, heard, made, say } = played();
  const asked = engine.texts(never());
  await soon();
  say({ kind: "broken" });
  await expect(asked).rejects.toMatchObject({ trouble: "failed" });
  expect(made[0]!.terminate).toHaveBeenCalled();
  const again = engine.texts(never());
  await soon();
  say({ kind: "answer", id: heard.at(-1)!.id, value: [] });
  expect(await again).toEqual([]);
  expect(made).toHaveLength(2);
});

it("fetches for the worker, says how far it is, and why it could not", async () => {
  const file = { path: "a", bytes: 3, sha256: "" };
  const store: Partial<Store> = {
    file: async (_, __, ___, onProgress) => {
      onProgress?.(1, 3);
      return new ArrayBuffer(3);
    },
    program: () => Promise.reject(new EngineError("gone", "nobody answers")),
  };
  const { engine, heard, say } = played(store);
  void engine.texts(never()).catch(() => undefined);
  await soon();
  say({ kind: "store", id: 7, asked: { what: "file", model: "m", file } });
  say({ kind: "store", id: 8, asked: { what: "program", which: "wasm" } });
  await soon();
  expect(heard.slice(1)).toMatchObject([
    { kind: "progress", id: 7, done: 1, total: 3 },
    { kind: "stored", id: 7, value: { byteLength: 3 } },
    { kind: "lost", id: 8, failure: { trouble: "gone", message: "nobody answers" } },
  ]);
});

it("says what it is doing while a model is made ready", async () => {
  const { engine, heard, say } = played();
  const steps: unknown[] = [];
  const ready = engine.prepare("m", never(), (...step) => steps.push(step));
  await soon();
  const { id } = heard[0]!;
  say({ kind: "step", id, said: "reading the model", done: 1, total: 2 });
  say({ kind: "answer", id, value: null });
  await ready;
  expect(steps).toEqual([["reading the model", 1, 2]]);
});

describe("who may compute", () => {
  it("is one after the other; who is withdrawn while waiting has no turn", async () => {
    const line = new Line();
    const order: string[] = [];
    const first = await line.turn(never());
    const gone = new AbortController();
    const second = line.turn(gone.signal).catch((error: unknown) => order.push(isAbort(error) ? "withdrawn" : "?"));
    const third = line.turn(never()).then((end) => {
      order.push("third");
      end();
    });
    gone.abort();
    await second;
    await soon();
    expect(order).toEqual(["withdrawn"]);
    first();
    await third;
    expect(order).toEqual(["withdrawn", "third"]);
  });

  it("is seen by whoever has the turn", async () => {
    const line = new Line();
    const first = await line.turn(never());
    expect(line.crowded).toBe(false);
    const second = line.turn(never());
    const gone = new AbortController();
    const third = line.turn(gone.signal).catch(() => undefined);
    expect(line.crowded).toBe(true);
    gone.abort();
    await third;
    first();
    await second;
    expect(line.crowded).toBe(false);
  });

  it("is the newest question of a lane", async () => {
    const newest = new Newest();
    const older = newest.begin("trace", never());
    const other = newest.begin("trace of another lane", never());
    const newer = newest.begin("trace", never());
    expect([older, other, newer].map(({ signal }) => signal.aborted)).toEqual([true, false, false]);
    await expect(until(new Promise(() => undefined), older.signal)).rejects.toMatchObject({ trouble: "superseded" });
    older.end();
    newer.end();
    expect(newest.begin("trace", never()).signal.aborted).toBe(false);
  });
});

it("opens a trace file in pieces, and refuses what is none", async () => {
  const trace = goldenTrace("prose");
  const stages: string[][] = [];
  for await (const said of piecesOf(new Blob([traceBytes(trace)]), never()))
    if (said.kind === "piece") stages.push([...said.piece.stages]);
  expect(stages[0]).toEqual(trace.stages.slice(-1));
  expect(stages.flat().sort()).toEqual([...trace.stages].sort());
  const refused = piecesOf(new Blob(["no trace at all"]), never()).next();
  await expect(refused).rejects.toMatchObject({ trouble: "refused" });
});

it("says what is missing in a browser without WebAssembly's wide numbers", () => {
  expect(withoutWasm()).toBe("");
  const validate = vi.spyOn(WebAssembly, "validate").mockReturnValue(false);
  expect(withoutWasm()).toMatch(/no SIMD/);
  validate.mockRestore();
});
