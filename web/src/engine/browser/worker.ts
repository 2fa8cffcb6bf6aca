// The worker: it owns ONNX Runtime and the models, so that the page never waits. Files come from the page's store.

import * as ort from "onnxruntime-web/wasm";
import glue from "onnxruntime-web/ort-wasm-simd-threaded.mjs?url";

import type { Shape } from "../contract";
import { EngineError, isAbort } from "../engine";
import { isBroken } from "./failures";
import type { Runtime } from "./loading";
import { LocalEngine } from "./local";
import type { Manifest, OnProgress, Site, Store } from "./manifest";
import type { FromStore, FromWorker, Stored, ToWorker } from "./messages";
import type { Graphics, Program } from "./ways";
import { fromPlain, SIGNAL, toPlain } from "./wire";
import { traceBytes } from "./write";

interface Host {
  postMessage(message: FromWorker, transfer?: Transferable[]): void;
  onmessage: ((event: MessageEvent<ToWorker>) => void) | null;
  readonly crossOriginIsolated: boolean;
}

const host = globalThis as unknown as Host;

interface Awaited {
  readonly resolve: (value: FromStore) => void;
  readonly reject: (error: Error) => void;
  readonly onProgress: OnProgress;
}

const awaited = new Map<number, Awaited>();
const questions = new Map<number, AbortController>();
let asked = 0;

/** The page's store, asked by message. */
const store: Store = {
  site: (signal) => stored({ what: "site" }, signal) as Promise<Site>,
  shapes: (signal) => stored({ what: "shapes" }, signal) as Promise<readonly Shape[]>,
  graphics: (signal) => stored({ what: "graphics" }, signal) as Promise<Graphics | null>,
  program: (which, signal) => stored({ what: "program", which }, signal) as Promise<ArrayBuffer>,
  manifest: (model, signal) => stored({ what: "manifest", model }, signal) as Promise<Manifest>,
  file: (model, file, signal, onProgress) =>
    stored({ what: "file", model, file }, signal, onProgress) as Promise<ArrayBuffer>,
};

function stored(what: Stored, signal: AbortSignal, onProgress: OnProgress = () => undefined) {
  const id = ++asked;
  return new Promise<FromStore>((resolve, reject) => {
    awaited.set(id, { resolve, reject, onProgress });
    signal.addEventListener("abort", () => host.postMessage({ kind: "leave", id }), { once: true });
    host.postMessage({ kind: "store", id, asked: what });
  }).finally(() => awaited.delete(id));
}

const runtimes = new Map<Program, Promise<Runtime>>();

/** ONNX Runtime with the program that the store has: it fetches nothing by itself. */
function started(program: Program): Promise<Runtime> {
  let runtime = runtimes.get(program);
  if (!runtime) {
    runtime = start(program);
    runtimes.set(program, runtime);
    runtime.catch(() => runtimes.delete(program));
  }
  return runtime;
}

async function start(program: Program): Promise<Runtime> {
  const bytes = await store.program(program, new AbortController().signal);
  // Threads need a page that shares nothing with others, which ordinary hosts do not give.
  const threads = host.crossOriginIsolated ? Math.min(4, Math.ceil(navigator.hardwareConcurrency / 2)) : 1;
  if (program === "webgpu") return (await import("./webgpu")).start(bytes, threads);
  const { wasm } = ort.env;
  wasm.wasmBinary = bytes;
  wasm.wasmPaths = { mjs: new URL(glue, import.meta.url).href };
  wasm.numThreads = threads;
  wasm.proxy = false;
  return { ort, versions: { "onnxruntime-web": ort.env.versions.web ?? "" } };
}

const engine = new LocalEngine(store, started);
engine.onComputed = (model, said) => host.postMessage({ kind: "computed", model, said });

host.onmessage = ({ data }) => {
  switch (data.kind) {
    case "cancel":
      questions.get(data.id)?.abort();
      return;
    case "prefer":
      engine.prefer(data.first, data.lane);
      return;
    case "stored":
      awaited.get(data.id)?.resolve(data.value);
      return;
    case "progress":
      awaited.get(data.id)?.onProgress(data.done, data.total);
      return;
    case "lost":
      awaited.get(data.id)?.reject(fromPlain(data.failure));
      return;
    default:
      void answer(data);
  }
};

type Question = Extract<ToWorker, { kind: "one" | "many" | "prepare" }>;

async function answer(question: Question): Promise<void> {
  const { id } = question;
  const controller = new AbortController();
  questions.set(id, controller);
  try {
    if (question.kind === "many") {
      await row(question, controller.signal);
      host.postMessage({ kind: "end", id });
      return;
    }
    if (question.kind === "prepare") {
      const tell = (said: string, done: number, total: number) =>
        host.postMessage({ kind: "step", id, said, done, total });
      await engine.prepare(question.model, controller.signal, tell);
      host.postMessage({ kind: "answer", id, value: null });
      return;
    }
    const ask = engine[question.method] as (...given: unknown[]) => Promise<unknown>;
    const value = await ask.apply(engine, filled(question.with, controller.signal));
    host.postMessage({ kind: "answer", id, value });
  } catch (error) {
    if (!(error instanceof EngineError || isAbort(error))) console.error(error);
    host.postMessage({ kind: "failed", id, failure: toPlain(error) });
    if (isBroken()) host.postMessage({ kind: "broken" });
  } finally {
    questions.delete(id);
  }
}

async function row(
  { id, method, with: given }: Extract<Question, { kind: "many" }>,
  signal: AbortSignal,
): Promise<void> {
  const all = filled(given, signal);
  if (method === "sample") {
    for await (const value of engine.sample(...(all as Parameters<LocalEngine["sample"]>)))
      host.postMessage({ kind: "next", id, value });
    return;
  }
  for await (const said of engine.trace(...(all as Parameters<LocalEngine["trace"]>))) {
    if (said.kind !== "piece") host.postMessage({ kind: "next", id, value: said });
    else {
      const bytes = traceBytes(said.piece);
      host.postMessage({ kind: "next", id, value: null, bytes }, [bytes.buffer]);
    }
  }
}

/** The arguments with the signal in its place. */
function filled(given: readonly unknown[], signal: AbortSignal): unknown[] {
  return given.map((one) => (one === SIGNAL ? signal : one));
}
