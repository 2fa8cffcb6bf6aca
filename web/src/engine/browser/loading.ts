// From a store's files to a model that can be asked: its tokenizer, its graphs, and the check that its numbers are Python's.

import { Tokenizer } from "@huggingface/tokenizers";

import { merge, type Trace } from "../../trace";
import { EngineError } from "../engine";
import { refused } from "./failures";
import { Graphs, type GraphFiles, type Ort } from "./graphs";
import type { Check, GraphName, Manifest, Rows, Store, StoredFile, TokenTable } from "./manifest";
import { readPieces } from "./pieces";
import { planTrace } from "./plan";
import { Pace, type Model } from "./reader";
import { Remembered } from "./remembered";
import { Tokeniser } from "./tokenise";

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

/** A model with its sessions made and its numbers checked. */
export async function loadModel(
  ort: Ort,
  manifest: Manifest,
  tokeniser: Tokeniser,
  files: ModelFiles,
  signal: AbortSignal,
  onStep: OnStep,
): Promise<Model> {
  if (manifest.card.length_dependent)
    throw new EngineError(
      "cannot",
      `${manifest.card.name} turns its positions by the text's length, which the browser does not.`,
    );
  files.onStep = onStep;
  // Further graphs are opened by questions that come and go: what they need is fetched in any case.
  let wanted = signal;
  const graphs = new Graphs(ort, manifest, async (name) => {
    const found = await files.graph(name, wanted);
    onStep("starting the model", 0, 0);
    return found;
  });
  const model: Model = { manifest, tokeniser, graphs, pace: new Pace() };
  try {
    await files.holding(async () => {
      await graphs.open("forward");
      await graphs.open("readout");
    });
    wanted = new AbortController().signal;
    onStep("checking its numbers against Python's", 0, 0);
    await check(model, signal);
    return model;
  } catch (error) {
    await graphs.release();
    throw error;
  }
}

/** Reads the text that Python read at export, and refuses the model where its numbers are others. */
async function check(model: Model, signal: AbortSignal): Promise<void> {
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
  if (!(figure <= expected.tolerance))
    throw refused(
      `${card.name} cannot be used here: the numbers that this browser computes differ from Python's by ` +
        `${figure.toPrecision(2)} (at most ${expected.tolerance} is allowed). Another browser may do better.`,
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
