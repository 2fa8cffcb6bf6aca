// The whole engine in one thread: it answers every question from a store's files. The page talks to it through a worker;
// tests ask it directly.

import { merge, type Trace } from "../../trace";
import { equal } from "../../trace/tokens";
import type * as Said from "../contract";
import { EngineError, type Engine, type Range, type Tile, type TracePiece } from "../engine";
import { Activations, Inside } from "./activations";
import { ask } from "./ask";
import { explain } from "./explain";
import { plainly, refused, requireWanted } from "./failures";
import { fill } from "./fill";
import { GraphicsLost } from "./graphs";
import { Line, Newest, until } from "./line";
import { loadModel, loadTokeniser, ModelFiles, type Loaded, type OnStep, type Runtime, whyNot } from "./loading";
import type { Manifest, Site, Store, WalkthroughGraph } from "./manifest";
import { piecesOf } from "./opened";
import { readPieces } from "./pieces";
import { planTrace, requireIds } from "./plan";
import { Remembered } from "./remembered";
import { replace } from "./replace";
import { sample } from "./sample";
import { hexOf, type Tokeniser } from "./tokenise";
import { withoutWasm } from "./wasm";
import { cardOf, type Computed, type Program } from "./ways";
import { textOf } from "./words";
import { traceBytes, traceCsv, traceJson } from "./write";

/** What may be remembered of one text, and of how many. */
const MEMORY_BYTES = 96 << 20;
const MEMORIES = 4;

/** Texts of the walkthrough that are held at once, over all models. */
const RUNS = 2;

/** Weights of the models that are loaded at once; those used longest ago make room. */
const LOADED_BYTES = 1200 << 20;

/** How long a model goes on being loaded when nobody waits for it any more, in milliseconds. */
const PATIENCE_MS = 1500;

interface Loading {
  readonly model: Promise<Loaded>;
  readonly controller: AbortController;
  readonly steps: Set<OnStep>;
  waiting: number;
  finished: boolean;
}

/** What is known of one model. */
interface Known {
  readonly manifest: Manifest;
  readonly files: ModelFiles;
  readonly line: Line;
  tokeniser: Promise<Tokeniser> | null;
  loading: Loading | null;
  inside: Promise<Inside> | null;
  /** By what it is computed, once it was loaded. */
  computed: Computed | null;
  /** Why a graphics processor computes it no more; empty where it may. */
  lost: string;
  /** How many questions are using it. */
  users: number;
}

export class LocalEngine implements Engine {
  /** Told by what a model is computed, when it is loaded. */
  onComputed: (model: string, said: string) => void = () => undefined;

  readonly #store: Store;
  readonly #runtime: (program: Program) => Promise<Runtime>;
  readonly #known = new Map<string, Promise<Known>>();
  /** The models that are loaded, the one that was used longest ago first. */
  readonly #loaded = new Map<string, Known>();
  readonly #newest = new Newest();
  readonly #memories = new Map<string, Remembered>();
  /** Of each lane's trace, the positions that are wanted first now. */
  readonly #first = new Map<string, { first: readonly number[] | null }>();
  readonly #runs = new Map<string, Activations>();
  #site: Promise<Site> | null = null;

  /** @param runtime asked for when a model is loaded that it computes. */
  constructor(store: Store, runtime: (program: Program) => Promise<Runtime>) {
    this.#store = store;
    this.#runtime = runtime;
  }

  async models(signal: AbortSignal): Promise<readonly Said.ModelCard[]> {
    const { models, default_model: first } = await this.#index(signal);
    const names = models.map(({ name }) => name).sort((a, b) => Number(b === first) - Number(a === first));
    return Promise.all(names.map(async (name) => cardOf(await this.#find(name, signal))));
  }

  async texts(signal: AbortSignal): Promise<readonly Said.StartingText[]> {
    return (await this.#index(signal)).texts;
  }

  async shapes(signal: AbortSignal): Promise<readonly Said.Shape[]> {
    return this.#store.shapes(signal);
  }

  /** Makes a model ready: its files are fetched, its sessions made, its numbers checked. */
  async prepare(model: string, signal: AbortSignal, onStep: OnStep = () => undefined): Promise<void> {
    const known = await this.#find(model, signal);
    await this.#ready(known, signal, onStep);
  }

  async tokenise(request: Said.TokeniseRequest, signal: AbortSignal): Promise<Said.Tokenised> {
    const known = await this.#find(request.model, signal);
    return tokenised(known.manifest, await this.#tokeniser(known, signal), request);
  }

  async *trace(request: Said.TraceRequest, signal: AbortSignal, lane = ""): AsyncGenerator<TracePiece> {
    const now = { first: request.first ?? null };
    this.#first.set(lane, now);
    try {
      yield* this.#asking(
        "trace",
        request.model,
        lane,
        signal,
        async function* (this: LocalEngine, model, wanted, pass) {
          const plan = planTrace(model.manifest, model.tokeniser, request);
          const progress: TracePiece[] = [];
          const tell = (done: number, total: number) => progress.push({ kind: "progress", done, total });
          tell(0, plan.positions.length * plan.stages.length);
          yield* progress.splice(0);
          const memory = this.#memory(request.model, lane);
          const { versions } = model.computed;
          const live = { pass, get first() { return now.first; } }; // prettier-ignore
          for await (const piece of readPieces(model, plan, memory, versions, wanted, tell, live)) {
            yield { kind: "piece", piece };
            yield* progress.splice(0);
          }
        },
      );
    } finally {
      if (this.#first.get(lane) === now) this.#first.delete(lane);
    }
  }

  prefer(first: readonly number[], lane = ""): void {
    const now = this.#first.get(lane);
    // What is read stage after stage goes on so.
    if (now?.first) now.first = [...first];
  }

  async *sample(request: Said.SampleRequest, signal: AbortSignal, lane = ""): AsyncGenerator<Said.Step> {
    yield* this.#asking("sample", request.model, lane, signal, (model, wanted) => sample(model, request, wanted));
  }

  replace(request: Said.ReplaceRequest, signal: AbortSignal, lane = ""): Promise<Said.Change> {
    return this.#asked("replace", request.model, lane, signal, async (model, wanted) => {
      const memory = this.#memory(request.model, lane);
      const trace = async (ids: readonly number[]): Promise<Trace> => {
        const asked = { model: request.model, ids: [...ids], stages: [model.manifest.card.last_stage] };
        const plan = planTrace(model.manifest, model.tokeniser, asked);
        return whole(readPieces(model, plan, memory, {}, wanted, () => undefined));
      };
      return replace(model.manifest, model.tokeniser, request, trace);
    });
  }

  fill(request: Said.FillRequest, signal: AbortSignal, lane = ""): Promise<Said.Fill> {
    return this.#asked("fill", request.model, lane, signal, (model, wanted) => fill(model, request, wanted));
  }

  ask(request: Said.AskRequest, signal: AbortSignal, lane = ""): Promise<readonly Said.Answer[]> {
    return this.#asked("ask", request.model, lane, signal, (model, wanted) => ask(model, request, wanted));
  }

  save(request: Said.SaveRequest, signal: AbortSignal): Promise<Blob> {
    const { format = "safetensors" } = request;
    return this.#asked("save", request.model, "", signal, async (model, wanted) => {
      const reason = model.manifest.card.cannot[`save.${format}`];
      if (reason) throw new EngineError("cannot", reason);
      const { format: _, ...asked } = request;
      const plan = planTrace(model.manifest, model.tokeniser, asked);
      const { versions } = model.computed;
      const memory = new Remembered(MEMORY_BYTES);
      const trace = await whole(readPieces(model, plan, memory, versions, wanted, () => undefined));
      if (format === "json") return new Blob([traceJson(trace)], { type: "application/json" });
      if (format === "csv") return new Blob([traceCsv(trace)], { type: "text/csv" });
      return new Blob([traceBytes(trace)], { type: "application/octet-stream" });
    });
  }

  open(file: Blob, signal: AbortSignal): AsyncGenerator<TracePiece> {
    return piecesOf(file, signal);
  }

  async graph(model: string, signal: AbortSignal): Promise<Said.Graph> {
    const known = await this.#find(model, signal);
    this.#requireAble(known.manifest, "graph");
    return (await this.#walkthrough(known, signal)).graph;
  }

  run(request: Said.RunRequest, signal: AbortSignal): Promise<Said.Run> {
    return this.#asked("run", request.model, "", signal, async (model, wanted) => {
      this.#requireAble(model.manifest, "tile");
      const text = tokenised(model.manifest, model.tokeniser, request);
      await this.#activations(request.model, text.ids, wanted);
      return { run: nameOf(request.model, text.ids), model: request.model, n_positions: text.ids.length, text };
    });
  }

  tile(run: Said.Run, block: string, ranges: readonly Range[], level: number, signal: AbortSignal): Promise<Tile> {
    return this.#asked(null, run.model, "", signal, async (_, wanted) => {
      const activations = await this.#activations(run.model, run.text.ids, wanted);
      return activations.tile(block, ranges, level, wanted);
    });
  }

  explain(
    run: Said.Run,
    block: string,
    index: readonly number[],
    signal: AbortSignal,
    nTerms = 12,
  ): Promise<Said.Explanation> {
    return this.#asked(null, run.model, "", signal, async (_, wanted) => {
      const activations = await this.#activations(run.model, run.text.ids, wanted);
      return explain(activations, block, index, nTerms, wanted);
    });
  }

  /** What is held, in bytes: of unchanged texts, and of the walkthrough's runs. For tests. */
  get held(): { readonly remembered: number; readonly runs: number; readonly models: number } {
    const sum = (all: Iterable<{ bytes: number }>) => [...all].reduce((bytes, one) => bytes + one.bytes, 0);
    return {
      remembered: sum(this.#memories.values()),
      runs: sum(this.#runs.values()),
      models: this.#loaded.size,
    };
  }

  // ------------------------------------------------------------------------------------------------------ one question

  async *#asking<Answer>(
    kind: Said.Ability,
    name: string,
    lane: string,
    signal: AbortSignal,
    answer: (model: Loaded, signal: AbortSignal, pass: () => Promise<void>) => AsyncIterable<Answer>,
  ): AsyncGenerator<Answer> {
    const question = this.#newest.begin(JSON.stringify([kind, lane]), signal);
    let end: (() => void) | null = null;
    let known: Known | null = null;
    try {
      known = await this.#find(name, question.signal);
      this.#requireAble(known.manifest, kind);
      known.users++;
      const model = await this.#ready(known, question.signal);
      const { line } = known;
      end = await line.turn(question.signal);
      const pass = async () => {
        if (!line.crowded) return;
        end?.();
        end = null;
        end = await line.turn(question.signal);
      };
      yield* answer.call(this, model, question.signal, pass);
    } catch (error) {
      if (known && error instanceof GraphicsLost) await this.#leave(known, error);
      throw plainly(error);
    } finally {
      if (known) known.users = Math.max(0, known.users - 1);
      end?.();
      question.end();
    }
  }

  async #asked<Answer>(
    kind: Said.Ability | "run" | null,
    name: string,
    lane: string,
    signal: AbortSignal,
    answer: (model: Loaded, signal: AbortSignal) => Promise<Answer>,
  ): Promise<Answer> {
    const question = this.#newest.begin(kind && JSON.stringify([kind, lane]), signal);
    let end: (() => void) | null = null;
    let known: Known | null = null;
    try {
      known = await this.#find(name, question.signal);
      if (kind && kind !== "run") this.#requireAble(known.manifest, kind);
      known.users++;
      const model = await this.#ready(known, question.signal);
      end = await known.line.turn(question.signal);
      return await answer(model, question.signal);
    } catch (error) {
      if (known && error instanceof GraphicsLost) await this.#leave(known, error);
      throw plainly(error);
    } finally {
      if (known) known.users = Math.max(0, known.users - 1);
      end?.();
      question.end();
    }
  }

  #requireAble({ card }: Manifest, ability: Said.Ability): void {
    if (!card.can.includes(ability))
      throw new EngineError("cannot", card.cannot[ability] ?? `${card.name} cannot do that in the browser.`);
  }

  // ------------------------------------------------------------------------------------------------- what is known here

  #index(signal: AbortSignal): Promise<Site> {
    this.#site ??= this.#store.site(new AbortController().signal).catch((error: unknown) => {
      this.#site = null;
      throw error;
    });
    return until(this.#site, signal);
  }

  #find(name: string, signal: AbortSignal): Promise<Known> {
    let known = this.#known.get(name);
    if (!known) {
      known = this.#opened(name);
      this.#known.set(name, known);
      known.catch(() => this.#known.delete(name));
    }
    return until(known, signal);
  }

  async #opened(name: string): Promise<Known> {
    const signal = new AbortController().signal;
    const { models } = await this.#index(signal);
    if (!models.some((model) => model.name === name))
      throw refused(`no model here is called "${name}"; there is ${models.map((model) => model.name).join(", ")}.`);
    const manifest = await this.#store.manifest(name, signal);
    const files = new ModelFiles(this.#store, manifest);
    return {
      manifest,
      files,
      line: new Line(),
      tokeniser: null,
      loading: null,
      inside: null,
      computed: null,
      lost: "",
      users: 0,
    };
  }

  #tokeniser(known: Known, signal: AbortSignal): Promise<Tokeniser> {
    known.tokeniser ??= loadTokeniser(this.#store, known.manifest, new AbortController().signal).catch(
      (error: unknown) => {
        known.tokeniser = null;
        throw error;
      },
    );
    return until(known.tokeniser, signal);
  }

  /** The model, loaded once however many ask for it; where nobody waits any more, loading stops after a while. */
  async #ready(known: Known, signal: AbortSignal, onStep: OnStep = () => undefined): Promise<Loaded> {
    const loading = (known.loading ??= this.#load(known));
    loading.steps.add(onStep);
    loading.waiting++;
    try {
      const model = await until(loading.model, signal);
      this.#loaded.delete(known.manifest.card.name);
      this.#loaded.set(known.manifest.card.name, known);
      return model;
    } finally {
      loading.waiting--;
      loading.steps.delete(onStep);
      if (!loading.waiting && !loading.finished)
        setTimeout(() => {
          if (!loading.waiting && !loading.finished) loading.controller.abort();
        }, PATIENCE_MS);
    }
  }

  #load(known: Known): Loading {
    const controller = new AbortController();
    const steps = new Set<OnStep>();
    const tell: OnStep = (said, done, total) => steps.forEach((step) => step(said, done, total));
    const work = async (): Promise<Loaded> => {
      const missing = withoutWasm();
      if (missing) throw refused(missing);
      const { signal } = controller;
      await this.#makeRoom(known);
      const tokeniser = await this.#tokeniser(known, signal);
      const { lost } = known;
      const graphics = lost ? null : await this.#store.graphics(signal);
      requireWanted(signal);
      const device = { graphics, lost, runtime: (program: Program) => this.#runtime(program) };
      const model = await loadModel(device, known.manifest, tokeniser, known.files, signal, tell);
      known.computed = model.computed;
      this.onComputed(known.manifest.card.name, model.computed.said);
      return model;
    };
    const loading: Loading = { model: work(), controller, steps, waiting: 0, finished: false };
    loading.model.then(
      () => (loading.finished = true),
      () => {
        loading.finished = true;
        known.loading = null;
      },
    );
    return loading;
  }

  /** Gives back models that nobody uses, the one that was used longest ago first, until this one fits. */
  async #makeRoom(wanted: Known): Promise<void> {
    const size = ({ manifest }: Known) => 4 * manifest.card.n_parameters;
    let used = size(wanted) + [...this.#loaded.values()].reduce((bytes, one) => bytes + size(one), 0);
    for (const [name, other] of this.#loaded) {
      if (used <= LOADED_BYTES) return;
      if (other === wanted || other.users || !other.loading) continue;
      const model = await other.loading.model.catch(() => null);
      other.loading = null;
      other.inside = null;
      this.#loaded.delete(name);
      for (const run of [...this.#runs.keys()]) if (run.startsWith(`${JSON.stringify(name)} `)) this.#runs.delete(run);
      await model?.graphs.release();
      used -= size(other);
    }
  }

  /** Has a model computed by WebAssembly from now on. */
  async #leave(known: Known, error: GraphicsLost): Promise<void> {
    const { loading } = known;
    known.lost = whyNot(error);
    known.loading = null;
    known.inside = null;
    this.#loaded.delete(known.manifest.card.name);
    await (await loading?.model.catch(() => null))?.graphs.release();
  }

  /** What is remembered of the text that a lane reads again and again. */
  #memory(model: string, lane: string): Remembered {
    const key = JSON.stringify([model, lane]);
    const others = () => [...this.#memories].flatMap(([name, one]) => (JSON.parse(name)[0] === model ? [one] : []));
    const memory = this.#memories.get(key) ?? new Remembered(MEMORY_BYTES, others);
    this.#memories.delete(key);
    this.#memories.set(key, memory);
    for (const oldest of this.#memories.keys()) {
      if (this.#memories.size <= MEMORIES) break;
      this.#memories.delete(oldest);
    }
    return memory;
  }

  async #walkthrough(known: Known, signal: AbortSignal): Promise<Pick<WalkthroughGraph, "graph" | "weights">> {
    const { graph, card } = known.manifest;
    if (!graph) throw new EngineError("cannot", card.cannot["graph"] ?? `${card.name} has no graph here.`);
    const bytes = await this.#store.file(card.name, graph, signal);
    return JSON.parse(new TextDecoder().decode(bytes)) as WalkthroughGraph;
  }

  /** A text's numbers, read again where they were forgotten. */
  async #activations(name: string, ids: readonly number[], signal: AbortSignal): Promise<Activations> {
    const key = `${JSON.stringify(name)} ${ids.join(" ")}`;
    let run = this.#runs.get(key);
    if (!run) {
      const known = await this.#find(name, signal);
      const model = await this.#ready(known, signal);
      known.inside ??= this.#walkthrough(known, new AbortController().signal).then(
        (graph) => new Inside(graph, (file, wanted) => known.files.weights(file, wanted), model.graphs),
      );
      known.inside.catch(() => (known.inside = null));
      run = new Activations(await until(known.inside, signal), ids);
    }
    this.#runs.delete(key);
    this.#runs.set(key, run);
    for (const oldest of this.#runs.keys()) {
      if (this.#runs.size <= RUNS) break;
      this.#runs.delete(oldest);
    }
    return run;
  }
}

/** A text cut into tokens, or the tokens of ids; as Python's tokenise route. */
export function tokenised(
  { card }: Manifest,
  tokeniser: Tokeniser,
  { text, ids, bos = false }: Pick<Said.TokeniseRequest, "text" | "ids" | "bos">,
): Said.Tokenised {
  const source = { text: text ?? null, ids: ids ?? null, bos };
  const { tokens, bos: prefix } = textOf(tokeniser, source);
  requireIds(card.n_vocab, [...tokens.ids]);
  let again = true;
  if (source.ids !== null) {
    try {
      again = equal(tokeniser.encode(tokens.text, tokens.special[0] ?? false).tokens.ids, tokens.ids);
    } catch (error) {
      if (!(error instanceof EngineError)) throw error;
      again = false; // no text, or no BOS token to put before it
    }
  }
  return {
    ids: [...tokens.ids],
    tokens: [...tokens.texts],
    bytes: tokens.pieces.map(hexOf),
    spans: tokens.pieces.map((_, i) => [tokens.spans[2 * i]!, tokens.spans[2 * i + 1]!]),
    special: [...tokens.special],
    text: tokens.text,
    bos: prefix,
    lossy: tokens.lossy,
    retokenises: again,
  };
}

async function whole(pieces: AsyncIterable<Trace>): Promise<Trace> {
  const all: Trace[] = [];
  for await (const piece of pieces) all.push(piece);
  return merge(all);
}

/** The same for the same text and model, and short; what a run is of, it says itself. */
function nameOf(model: string, ids: readonly number[]): string {
  let [high, low] = [0xdeadbeef, 0x41c6ce57];
  for (const unit of `${model} ${ids.join(" ")}`) {
    const code = unit.charCodeAt(0);
    high = Math.imul(high ^ code, 2654435761);
    low = Math.imul(low ^ code, 1597334677);
  }
  return [high, low].map((half) => (half >>> 0).toString(16).padStart(8, "0")).join("");
}
