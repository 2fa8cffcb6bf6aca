// From a store's files to a model that can be asked: its tokenizer, its graphs, and the check that its numbers are Python's.

import { Tokenizer } from "@huggingface/tokenizers";

import { merge, type Trace } from "../../trace";
import { EngineError, isAbort } from "../engine";
import { plainly, refused } from "./failures";
import { Graphs, GraphicsLost, type GraphFiles, type Ort } from "./graphs";
import type { Check, GraphName, Manifest, Rows, Store, StoredFile, TokenTable } from "./manifest";
import { readPieces } from "./pieces";
import { planTrace } from "./plan";
import { Pace, type Model } from "./reader";
import { Remembered } from "./remembered";
import { Tokeniser } from "./tokenise";
import { HALVED, said, toleranceOf, waysOf, type Computed, type Graphics, type Program, type Way } from "./ways";

/** Weights that stay in memory once they were read: sessions of further graphs need them again. */
const KEPT_BYTES = 48 << 20;

/** What is done, and how many of the bytes that it takes. */
export type OnStep = (said: string, done: number, total: number) => void;

export async function loadTokeniser(store: Store, manifest: Manifest, signal: AbortSignal): Promise<Tokeniser> {
  const { card, io } = manifest;
  const json = async (file: StoredFile): Promise<unknown> =>
    JSON.parse(new TextDecoder().decode(await store.file(card.name, file, signal)));
  const table = (await json(manifest.token_bytes)) as TokenTable;
  const library = new Tokenizer(
    (await json(manifest.tokenizer)) as object,
    (await json(manifest.tokenizer_config)) as object,
  );
  // Where a tokenizer has no token for a character and none for "unknown", it leaves it out.
  const encode = (text: string) =>
    library
      .encode(text, { add_special_tokens: false })
      .ids.filter((id) => typeof id === "number" && table.bytes[id] !== undefined);
  return new Tokeniser(encode, table, io.bos_id);
}

/** The files of a model's graphs, fetched as they are needed. */
export class ModelFiles {
  readonly #store: Store;
  readonly #manifest: Manifest;
  readonly #kept = new Map<string, Promise<Uint8Array>>();
  #done = 0;
  #holding = false;
  onStep: OnStep = () => undefined;

  constructor(store: Store, manifest: Manifest) {
    this.#store = store;
    this.#manifest = manifest;
  }

  async graph(name: GraphName, signal: AbortSignal): Promise<GraphFiles> {
    const file = this.#manifest.graphs[name];
    if (!file) throw new EngineError("cannot", `${this.#manifest.card.name} was exported without its ${name} graph.`);
    const graph = new Uint8Array(await this.#file(file, signal));
    const weights: { path: string; data: Uint8Array }[] = [];
    for (const one of this.#manifest.weights.files)
      weights.push({ path: one.name, data: await this.weights(one.name, signal) });
    return { graph, weights };
  }

  /** Keeps weights however large they are, while several graphs are opened one after the other. */
  async holding(open: () => Promise<void>): Promise<void> {
    this.#holding = true;
    try {
      await open();
    } finally {
      this.#holding = false;
      if (!this.#small) this.#kept.clear();
    }
  }

  get #small(): boolean {
    return this.#manifest.weights.files.reduce((bytes, file) => bytes + file.bytes, 0) <= KEPT_BYTES;
  }

  /** One file of weights, its parts joined. */
  weights(name: string, signal: AbortSignal): Promise<Uint8Array> {
    const held = this.#kept.get(name);
    if (held) return held;
    const joined = this.#joined(name, signal);
    if (this.#small || this.#holding) {
      this.#kept.set(name, joined);
      joined.catch(() => this.#kept.delete(name));
    }
    return joined;
  }

  async #joined(name: string, signal: AbortSignal): Promise<Uint8Array> {
    const file = this.#manifest.weights.files.find((one) => one.name === name);
    if (!file) throw new EngineError("failed", `the model's files do not name "${name}"; export it again.`);
    const whole = new Uint8Array(file.bytes);
    let at = 0;
    for (const part of file.parts) {
      whole.set(new Uint8Array(await this.#file(part, signal)), at);
      at += part.bytes;
    }
    return whole;
  }

  async #file(file: StoredFile, signal: AbortSignal): Promise<ArrayBuffer> {
    const { card, graphs, weights } = this.#manifest;
    const counted = [graphs.forward, graphs.readout, ...weights.files.flatMap(({ parts }) => parts)];
    const total = counted.reduce((bytes, one) => bytes + (one?.bytes ?? 0), 0);
    const before = this.#done;
    const tell = (done: number) => this.onStep("reading the model", Math.min(total, before + done), total);
    const bytes = await this.#store.file(card.name, file, signal, tell);
    this.#done = before + file.bytes;
    tell(file.bytes);
    return bytes;
  }
}

/** What computes, started. */
export interface Runtime {
  readonly ort: Ort;
  /** By name, for the header of traces. */
  readonly versions: Readonly<Record<string, string>>;
}

/** A model that was loaded, and by what it is computed. */
export interface Loaded extends Model {
  readonly computed: Computed;
}

/** Where models are computed. */
export interface Device {
  readonly graphics: Graphics | null;
  /** Why a graphics processor is not among them that was there; empty where it is, or never was. */
  readonly lost: string;
  runtime(program: Program): Promise<Runtime>;
}

/** A model with its sessions made and its numbers checked, computed in the first way that can be trusted. */
export async function loadModel(
  device: Device,
  manifest: Manifest,
  tokeniser: Tokeniser,
  files: ModelFiles,
  signal: AbortSignal,
  onStep: OnStep,
): Promise<Loaded> {
  if (manifest.card.length_dependent)
    throw new EngineError(
      "cannot",
      `${manifest.card.name} turns its positions by the text's length, which the browser does not.`,
    );
  files.onStep = onStep;
  const ways = waysOf(manifest, device.graphics);
  const refusals = device.lost ? [device.lost] : [];
  /** What could not be had has nothing to do with what computes. */
  const missing = new WeakSet<object>();
  const found: Found = (name, wanted) =>
    files.graph(name, wanted).catch((error: unknown) => {
      if (error instanceof Error) missing.add(error);
      throw error;
    });
  const opening: Opening = { manifest, tokeniser, found, holding: (open) => files.holding(open), signal, onStep };
  for (const way of ways) {
    try {
      const { ort, versions } = await device.runtime(way.program);
      const { model, figure } = await loaded(ort, way, opening);
      const names = way.program === "webgpu" ? { ...versions, webgpu: device.graphics?.name ?? "" } : versions;
      return {
        ...model,
        computed: { way, versions: names, said: said(manifest, way, device.graphics, figure, refusals) },
      };
    } catch (error) {
      const here = error instanceof Error && !missing.has(error);
      if (way === ways.at(-1) || isAbort(error) || signal.aborted || !here) throw error;
      refusals.push(whyNot(error, way.halved));
    }
  }
  throw new EngineError("failed", `${manifest.card.name} could not be loaded.`);
}

/** Why a graphics processor is left, as a sentence. */
export function whyNot(error: unknown, halved = false): string {
  const reason = error instanceof GraphicsLost ? error.reason : plainly(error, false).message;
  return `The graphics processor was ${halved ? "left in half precision" : "left"}: ${reason.replace(/\.$/, "")}.`;
}

type Found = (name: GraphName, signal: AbortSignal) => Promise<GraphFiles>;

/** What every way of a model begins with. */
interface Opening {
  readonly manifest: Manifest;
  readonly tokeniser: Tokeniser;
  readonly found: Found;
  readonly holding: (open: () => Promise<void>) => Promise<void>;
  readonly signal: AbortSignal;
  readonly onStep: OnStep;
}

async function loaded(
  ort: Ort,
  way: Way,
  { manifest, tokeniser, found, holding, signal, onStep }: Opening,
): Promise<{ model: Model; figure: number }> {
  // Further graphs are opened by questions that come and go: what they need is fetched in any case.
  let wanted = signal;
  const find = async (name: GraphName) => {
    const files = await found(name, wanted);
    onStep("starting the model", 0, 0);
    return files;
  };
  const graphs = new Graphs(ort, manifest, find, way);
  // What the numbers are computed in, traces say in their header.
  const { header } = manifest;
  const told = way.halved ? { ...manifest, header: { ...header, dtype: HALVED } } : manifest;
  const model: Model = { manifest: told, tokeniser, graphs, pace: new Pace() };
  try {
    await holding(() => graphs.open());
    wanted = new AbortController().signal;
    onStep("checking its numbers against Python's", 0, 0);
    return { model, figure: await check(model, way, signal) };
  } catch (error) {
    await graphs.release();
    throw error;
  }
}

/** Reads the text that Python read at export, and refuses the model where its numbers are others. */
async function check(model: Model, way: Way, signal: AbortSignal): Promise<number> {
  const { check: expected, card } = model.manifest;
  const ids = [...model.tokeniser.encode(expected.text, expected.ids[0] === model.tokeniser.bosId).tokens.ids];
  if (ids.join(" ") !== expected.ids.join(" "))
    throw refused(
      `${card.name} cannot be used here: this browser reads its check text as other tokens than Python does.`,
    );
  const statistics = ["next_logprob", "entropy", "kl_from_final", "final_rank"];
  const asked = { model: card.name, ids: [...expected.ids], stages: [...expected.stages], statistics };
  const plan = planTrace(model.manifest, model.tokeniser, asked);
  const pieces: Trace[] = [];
  for await (const piece of readPieces(model, plan, new Remembered(1 << 26), {}, signal, () => undefined))
    pieces.push(piece);
  const figure = disagreement(expected, merge(pieces));
  const tolerance = toleranceOf(model.manifest, way);
  if (figure <= tolerance) return figure;
  const beyond = `differ from Python's by ${figure.toPrecision(2)} (at most ${Number(tolerance.toPrecision(2))} is allowed)`;
  if (way.program === "webgpu") throw refused(`its numbers ${beyond}`);
  throw refused(
    `${card.name} cannot be used here: the numbers that this browser computes ${beyond}. Another browser may do better.`,
  );
}

/** The largest difference of a log-probability, an entropy or a KL; NaN where one is missing on one side alone. */
export function disagreement(expected: Check, trace: Trace): number {
  let largest = 0;
  for (const name of ["next_logprob", "entropy", "kl_from_final"] as const) {
    const rows: Rows = expected.arrays[name];
    rows.forEach((row, i) =>
      row.forEach((one, column) => {
        const found = trace.at(name, trace.stage(expected.stages[i]!), column);
        if (one === null && Number.isNaN(found)) return;
        const difference = Math.abs(found - (one ?? NaN));
        largest = Number.isNaN(difference) || Number.isNaN(largest) ? NaN : Math.max(largest, difference);
      }),
    );
  }
  return largest;
}
