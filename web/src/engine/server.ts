// The engine that asks a Logitscope server over HTTP.

import { readTrace } from "../trace";
import type {
  Answer,
  AskRequest,
  Change,
  Explanation,
  Failure,
  Fill,
  FillRequest,
  Graph,
  ModelCard,
  Progress,
  ReplaceRequest,
  Run,
  RunRequest,
  SampleRequest,
  SaveRequest,
  Shape,
  StartingText,
  Step,
  Tokenised,
  TokeniseRequest,
  TraceRequest,
} from "./contract";
import { EngineError, isAbort, pause, type Engine, type Range, type Tile, type TracePiece } from "./engine";
import { END, FAILED, frames, PIECE, SAID, type Frame } from "./frames";
import { Gathered, type Part } from "./gathered";

const GONE = "the server does not answer. Is it still running? Start it again with: logitscope serve";

type Question = RequestInit & { signal: AbortSignal };

/** How often a question that has one answer is asked again while the model is busy; a trace asks until it is aborted. */
const PATIENCE = 5;

export class ServerEngine implements Engine {
  readonly #base: string;
  readonly #page: string;
  readonly #fetch: typeof fetch;
  readonly #reading = new Map<string, Promise<Run>>();
  readonly #tiles = new Gathered<Run>((run, parts, signal) => this.#parts(run, parts, signal));

  /**
   * @param base where the API is, without a slash at its end.
   * @param page the name of this open page: the server remembers what it computed of an unchanged beginning for it.
   */
  constructor(base = "/api", page: string = pageName(), fetcher: typeof fetch = (...a) => fetch(...a)) {
    this.#base = base;
    this.#page = page;
    this.#fetch = fetcher;
  }

  models(signal: AbortSignal): Promise<readonly ModelCard[]> {
    return this.#json("/models", { signal });
  }

  texts(signal: AbortSignal): Promise<readonly StartingText[]> {
    return this.#json("/texts", { signal });
  }

  tokenise(request: TokeniseRequest, signal: AbortSignal, lane?: string): Promise<Tokenised> {
    return this.#json("/tokenise", this.#post(request, signal, lane));
  }

  replace(request: ReplaceRequest, signal: AbortSignal, lane?: string): Promise<Change> {
    return this.#json("/replace", this.#post(request, signal, lane));
  }

  fill(request: FillRequest, signal: AbortSignal, lane?: string): Promise<Fill> {
    return this.#json("/fill", this.#post(request, signal, lane));
  }

  ask(request: AskRequest, signal: AbortSignal, lane?: string): Promise<readonly Answer[]> {
    return this.#json("/ask", this.#post(request, signal, lane));
  }

  graph(model: string, signal: AbortSignal): Promise<Graph> {
    return this.#json("/graph", this.#post({ model }, signal));
  }

  shapes(signal: AbortSignal): Promise<readonly Shape[]> {
    return this.#json("/shapes", { signal });
  }

  run(request: RunRequest, signal: AbortSignal): Promise<Run> {
    return this.#json("/runs", this.#post(request, signal));
  }

  tile(run: Run, block: string, ranges: readonly Range[], level: number, signal: AbortSignal): Promise<Tile> {
    return this.#remembering(run, signal, () => this.#tiles.tile(run, { block, ranges, level }, signal));
  }

  explain(run: Run, block: string, index: readonly number[], signal: AbortSignal, nTerms = 12): Promise<Explanation> {
    const asked = { model: run.model, run: run.run, block, index, n_terms: nTerms };
    return this.#remembering(run, signal, async () =>
      (await this.#answer("/explain", this.#post(asked, signal))).json(),
    );
  }

  /** Asks about a run; one that the server has forgotten meanwhile is read again, which gives the same numbers. */
  #remembering<Answered>(run: Run, signal: AbortSignal, ask: () => Promise<Answered>): Promise<Answered> {
    return this.#patiently(async () => {
      try {
        return await ask();
      } catch (error) {
        if (!(error instanceof EngineError) || error.trouble !== "forgotten") throw error;
        await this.#readAgain(run);
        return ask();
      }
    }, signal);
  }

  /** Once for all who miss it: a newer question for a run would take the place of an older one. */
  #readAgain(run: Run): Promise<Run> {
    const name = `${run.model} ${run.run}`;
    const asked =
      this.#reading.get(name) ??
      this.run({ model: run.model, ids: run.text.ids }, new AbortController().signal).finally(() =>
        this.#reading.delete(name),
      );
    this.#reading.set(name, asked);
    return asked;
  }

  async save(request: SaveRequest, signal: AbortSignal): Promise<Blob> {
    return this.#patiently(async () => (await this.#answer("/save", this.#post(request, signal))).blob(), signal);
  }

  async *trace(request: TraceRequest, signal: AbortSignal, lane?: string): AsyncGenerator<TracePiece> {
    for (;;) {
      try {
        yield* this.#pieces("/trace", this.#post(request, signal, lane));
        return;
      } catch (error) {
        if (!(error instanceof EngineError) || error.trouble !== "busy" || error.retryAfter === null) throw error;
        yield { kind: "busy", seconds: error.retryAfter };
        await pause(1000 * error.retryAfter, signal);
      }
    }
  }

  prefer(first: readonly number[], lane?: string): void {
    // Nobody waits for it: where it does not arrive, everything is read all the same.
    void this.#answer("/first", this.#post({ first: [...first] }, new AbortController().signal, lane)).catch(
      () => undefined,
    );
  }

  open(file: Blob, signal: AbortSignal): AsyncIterable<TracePiece> {
    const headers = { "Content-Type": "application/octet-stream", "X-Logitscope-Page": this.#page };
    return this.#pieces("/saved", { method: "POST", body: file, headers, signal });
  }

  async *sample(request: SampleRequest, signal: AbortSignal, lane?: string): AsyncGenerator<Step> {
    for await (const { kind, payload } of this.#frames("/sample", this.#post(request, signal, lane)))
      if (kind === SAID) yield parsed<Step>(payload);
  }

  async *#parts({ model, run }: Run, parts: readonly Part[], signal: AbortSignal): AsyncGenerator<Uint8Array> {
    for await (const { kind, payload } of this.#frames("/tiles", this.#post({ model, run, parts }, signal)))
      if (kind === PIECE) yield payload;
  }

  async *#pieces(path: string, options: Question): AsyncGenerator<TracePiece> {
    for await (const { kind, payload } of this.#frames(path, options)) {
      if (kind === PIECE) yield { kind: "piece", piece: readTrace(payload) };
      else if (kind === SAID) yield { kind: "progress", ...parsed<Progress>(payload) };
    }
  }

  async *#frames(path: string, options: Question): AsyncGenerator<Frame> {
    const { body } = await this.#answer(path, options);
    if (!body) throw new EngineError("cut", "the server answered with nothing.");
    try {
      for await (const frame of frames(body)) {
        if (frame.kind === FAILED) throw failure(parsed<Failure>(frame.payload));
        if (frame.kind !== END) yield frame;
      }
    } catch (error) {
      // What a browser throws where a connection breaks differs; our own errors and aborts pass.
      if (error instanceof TypeError) throw new EngineError("gone", GONE);
      throw error;
    }
  }

  #post(request: object, signal: AbortSignal, lane?: string): Question {
    const page = lane === undefined ? this.#page : `${this.#page}.${lane}`;
    const headers = { "Content-Type": "application/json", "X-Logitscope-Page": page };
    return { method: "POST", body: JSON.stringify(request), headers, signal };
  }

  async #json<Answered>(path: string, options: Question): Promise<Answered> {
    return this.#patiently(async () => (await this.#answer(path, options)).json() as Promise<Answered>, options.signal);
  }

  async #patiently<Answered>(ask: () => Promise<Answered>, signal: AbortSignal): Promise<Answered> {
    for (let tried = 1; ; tried++) {
      try {
        return await ask();
      } catch (error) {
        const again = error instanceof EngineError && error.trouble === "busy" && tried < PATIENCE;
        if (!again) throw error;
        await pause(1000 * (error.retryAfter ?? 1), signal);
      }
    }
  }

  async #answer(path: string, options: Question): Promise<Response> {
    let response: Response;
    try {
      response = await this.#fetch(this.#base + path, options);
    } catch (error) {
      if (isAbort(error)) throw error;
      throw new EngineError("gone", GONE);
    }
    if (response.ok) return response;
    throw failure(await said(response));
  }
}

/** A name that no other open page has. */
function pageName(): string {
  // `crypto.randomUUID` is not there on pages that came over plain HTTP from another machine.
  return [...crypto.getRandomValues(new Uint32Array(4))].map((n) => n.toString(36)).join("-");
}

/** What a refusing server says, or what its status does where it says nothing that we know. */
async function said(response: Response): Promise<Failure> {
  const after = Number(response.headers.get("Retry-After") ?? NaN);
  const retry = Number.isFinite(after) ? after : null;
  try {
    const body: unknown = await response.json();
    if (typeof body === "object" && body !== null && typeof (body as Failure).error === "string")
      return { retry_after: retry, ...(body as Failure) };
  } catch (error) {
    if (isAbort(error)) throw error;
  }
  return { error: `the server answered with status ${response.status}.`, status: response.status, retry_after: retry };
}

function failure({ error, status, retry_after: after = null }: Failure): EngineError {
  if (status === 503) return new EngineError(after === null ? "gone" : "busy", error, after);
  if (status === 410) return new EngineError("forgotten", error);
  if (status === 409) return new EngineError("superseded", error);
  // A proxy in front of a server that is not there.
  if (status === 502 || status === 504) return new EngineError("gone", GONE);
  return new EngineError(status >= 500 ? "failed" : "refused", error, after);
}

function parsed<Said>(payload: Uint8Array): Said {
  try {
    return JSON.parse(new TextDecoder().decode(payload)) as Said;
  } catch {
    throw new EngineError("cut", "the answer of the server could not be understood; reload the page.");
  }
}
