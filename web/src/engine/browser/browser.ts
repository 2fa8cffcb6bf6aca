// The engine that a page without a server has: thin, for everything is computed in a worker.

import { readTrace } from "../../trace";
import type * as Said from "../contract";
import { EngineError, type Engine, type Range, type Tile, type TracePiece } from "../engine";
import type { OnStep } from "./loading";
import type { Store } from "./manifest";
import type { FromWorker, Many, One, Stored, ToWorker } from "./messages";
import { piecesOf } from "./opened";
import { fromPlain, SIGNAL, toPlain } from "./wire";

/** What is used of a worker. */
export interface WorkerLike {
  postMessage(message: ToWorker, transfer?: Transferable[]): void;
  onmessage: ((event: MessageEvent<FromWorker>) => void) | null;
  onerror: ((event: ErrorEvent) => void) | null;
  terminate(): void;
}

interface Open {
  next(message: FromWorker): void;
  fail(error: Error): void;
}

export class BrowserEngine implements Engine {
  /** Told by what a model is computed, when that is known. */
  onComputed: (model: string, said: string) => void = () => undefined;

  readonly #store: Store;
  readonly #make: () => WorkerLike;
  #worker: WorkerLike | null = null;
  readonly #open = new Map<number, Open>();
  readonly #fetching = new Map<number, AbortController>();
  #asked = 0;

  /** @param make makes the worker; the engine's own by default. */
  constructor(store: Store, make: () => WorkerLike = ownWorker) {
    this.#store = store;
    this.#make = make;
  }

  models(signal: AbortSignal): Promise<readonly Said.ModelCard[]> {
    return this.#one("models", [SIGNAL], signal);
  }

  texts(signal: AbortSignal): Promise<readonly Said.StartingText[]> {
    return this.#one("texts", [SIGNAL], signal);
  }

  shapes(signal: AbortSignal): Promise<readonly Said.Shape[]> {
    return this.#one("shapes", [SIGNAL], signal);
  }

  /** Fetches what a model needs, makes it ready and checks its numbers; questions do that by themselves otherwise. */
  async prepare(model: string, signal: AbortSignal, onStep: OnStep = () => undefined): Promise<void> {
    const ask = (id: number): ToWorker => ({ kind: "prepare", id, model });
    for await (const message of this.#said(ask, signal))
      if (message.kind === "step") onStep(message.said, message.done, message.total);
  }

  tokenise(request: Said.TokeniseRequest, signal: AbortSignal): Promise<Said.Tokenised> {
    return this.#one("tokenise", [request, SIGNAL], signal);
  }

  async *trace(request: Said.TraceRequest, signal: AbortSignal, lane = ""): AsyncGenerator<TracePiece> {
    for await (const { value, bytes } of this.#many("trace", [request, SIGNAL, lane], signal))
      yield bytes ? { kind: "piece", piece: readTrace(bytes) } : (value as TracePiece);
  }

  prefer(first: readonly number[], lane = ""): void {
    this.#worker?.postMessage({ kind: "prefer", id: ++this.#asked, first: [...first], lane });
  }

  async *sample(request: Said.SampleRequest, signal: AbortSignal, lane = ""): AsyncGenerator<Said.Step> {
    for await (const { value } of this.#many("sample", [request, SIGNAL, lane], signal)) yield value as Said.Step;
  }

  replace(request: Said.ReplaceRequest, signal: AbortSignal, lane = ""): Promise<Said.Change> {
    return this.#one("replace", [request, SIGNAL, lane], signal);
  }

  fill(request: Said.FillRequest, signal: AbortSignal, lane = ""): Promise<Said.Fill> {
    return this.#one("fill", [request, SIGNAL, lane], signal);
  }

  ask(request: Said.AskRequest, signal: AbortSignal, lane = ""): Promise<readonly Said.Answer[]> {
    return this.#one("ask", [request, SIGNAL, lane], signal);
  }

  graph(model: string, signal: AbortSignal): Promise<Said.Graph> {
    return this.#one("graph", [model, SIGNAL], signal);
  }

  run(request: Said.RunRequest, signal: AbortSignal): Promise<Said.Run> {
    return this.#one("run", [request, SIGNAL], signal);
  }

  tile(run: Said.Run, block: string, ranges: readonly Range[], level: number, signal: AbortSignal): Promise<Tile> {
    return this.#one("tile", [run, block, ranges, level, SIGNAL], signal);
  }

  explain(
    run: Said.Run,
    block: string,
    index: readonly number[],
    signal: AbortSignal,
    nTerms = 12,
  ): Promise<Said.Explanation> {
    return this.#one("explain", [run, block, index, SIGNAL, nTerms], signal);
  }

  save(request: Said.SaveRequest, signal: AbortSignal): Promise<Blob> {
    return this.#one("save", [request, SIGNAL], signal);
  }

  open(file: Blob, signal: AbortSignal): AsyncIterable<TracePiece> {
    return piecesOf(file, signal);
  }

  async #one<Answer>(method: One, given: readonly unknown[], signal: AbortSignal): Promise<Answer> {
    const ask = (id: number): ToWorker => ({ kind: "one", id, method, with: plain(given) });
    for await (const message of this.#said(ask, signal)) if (message.kind === "answer") return message.value as Answer;
    throw new EngineError("failed", "the engine gave no answer; reload the page.");
  }

  async *#many(
    method: Many,
    given: readonly unknown[],
    signal: AbortSignal,
  ): AsyncGenerator<Extract<FromWorker, { kind: "next" }>> {
    const ask = (id: number): ToWorker => ({ kind: "many", id, method, with: plain(given) });
    for await (const message of this.#said(ask, signal)) if (message.kind === "next") yield message;
  }

  /** All that the worker says to one question, until it is answered. Who stops listening withdraws it. */
  async *#said(ask: (id: number) => ToWorker, signal: AbortSignal): AsyncGenerator<FromWorker> {
    if (signal.aborted) throw withdrawn();
    const id = ++this.#asked;
    const waiting: FromWorker[] = [];
    let failure: Error | null = null;
    let wake: () => void = () => undefined;
    let answered = false;
    const stop = () => {
      failure ??= withdrawn();
      wake();
    };
    const open: Open = {
      next(message) {
        waiting.push(message);
        wake();
      },
      fail(error) {
        answered = true;
        failure ??= error;
        wake();
      },
    };
    this.#open.set(id, open);
    signal.addEventListener("abort", stop, { once: true });
    try {
      this.#started().postMessage(ask(id));
      for (;;) {
        // What is withdrawn says nothing more, whatever has arrived meanwhile.
        if (failure && (signal.aborted || !waiting.length)) throw failure;
        const message = waiting.shift();
        if (!message) {
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
          continue;
        }
        answered ||= message.kind === "end" || message.kind === "answer";
        if (message.kind === "end") return;
        yield message;
        if (message.kind === "answer") return;
      }
    } finally {
      signal.removeEventListener("abort", stop);
      this.#open.delete(id);
      if (!answered) this.#worker?.postMessage({ kind: "cancel", id });
    }
  }

  #started(): WorkerLike {
    if (this.#worker) return this.#worker;
    const worker = this.#make();
    worker.onmessage = ({ data }) => this.#hear(data);
    worker.onerror = (event) => {
      event.preventDefault?.();
      this.#stop();
    };
    this.#worker = worker;
    return worker;
  }

  /** A worker that has died answers nothing more; the next question starts another. */
  #stop(): void {
    this.#worker?.terminate();
    this.#worker = null;
    const failed = new EngineError("failed", "the engine stopped in this browser; ask again, or reload the page.");
    for (const open of [...this.#open.values()]) open.fail(failed);
    for (const controller of this.#fetching.values()) controller.abort();
  }

  #hear(message: FromWorker): void {
    if (message.kind === "broken") this.#stop();
    else if (message.kind === "store") void this.#fetch(message.id, message.asked);
    else if (message.kind === "computed") this.onComputed(message.model, message.said);
    else if (message.kind === "leave") this.#fetching.get(message.id)?.abort();
    else if (message.kind === "failed") this.#open.get(message.id)?.fail(fromPlain(message.failure));
    else this.#open.get(message.id)?.next(message);
  }

  async #fetch(id: number, asked: Stored): Promise<void> {
    const worker = this.#worker;
    if (!worker) return;
    const controller = new AbortController();
    this.#fetching.set(id, controller);
    try {
      const value = await this.#stored(asked, controller.signal, (done, total) =>
        worker.postMessage({ kind: "progress", id, done, total }),
      );
      worker.postMessage({ kind: "stored", id, value }, value instanceof ArrayBuffer ? [value] : []);
    } catch (error) {
      worker.postMessage({ kind: "lost", id, failure: toPlain(error) });
    } finally {
      this.#fetching.delete(id);
    }
  }

  #stored(asked: Stored, signal: AbortSignal, onProgress: (done: number, total: number) => void) {
    switch (asked.what) {
      case "site":
        return this.#store.site(signal);
      case "shapes":
        return this.#store.shapes(signal);
      case "graphics":
        return this.#store.graphics(signal);
      case "program":
        return this.#store.program(asked.which, signal);
      case "manifest":
        return this.#store.manifest(asked.model, signal);
      case "file":
        return this.#store.file(asked.model, asked.file, signal, onProgress);
    }
  }
}

function ownWorker(): WorkerLike {
  return new Worker(new URL("./worker.ts", import.meta.url), { type: "module" }) as unknown as WorkerLike;
}

/** What a message can carry: state of the page may be wrapped in what cannot be copied. */
function plain(given: readonly unknown[]): unknown[] {
  return JSON.parse(JSON.stringify(given)) as unknown[];
}

function withdrawn(): DOMException {
  return new DOMException("the question was withdrawn", "AbortError");
}
