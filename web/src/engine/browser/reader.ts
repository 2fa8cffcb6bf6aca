// A model that reads ids after ids: its keys and values are kept, so that a further token costs one token.
//
// A long text is fed in parts, so that a question can be withdrawn between them; how large they are follows from how long
// they take. Knows ids; knows no texts.

import { refused, requireWanted } from "./failures";
import { NOTHING, type Graphs, type KeyValues } from "./graphs";
import type { Manifest } from "./manifest";
import type { Tokeniser } from "./tokenise";

/** A model that was loaded. */
export interface Model {
  readonly manifest: Manifest;
  readonly tokeniser: Tokeniser;
  readonly graphs: Graphs;
  readonly pace: Pace;
}

/** What one run may take, in milliseconds: nothing can be withdrawn within it. */
const RUN_MS = 200;

/** Where beginning a run takes long, as where weights are unpacked for each: so many times that, and no longer than this. */
const TIMES = 4;
const LONGEST_MS = 1000;

/** How many tokens and how many logits a run takes, from how long the last ones took. */
export class Pace {
  readonly #tokens = new Rate(64, 8, 512);
  readonly #logits = new Rate(1 << 20, 1 << 16, 4 << 20);

  get tokens(): number {
    return this.#tokens.value;
  }

  get logits(): number {
    return this.#logits.value;
  }

  tookTokens(n: number, milliseconds: number): void {
    this.#tokens.took(n, milliseconds);
  }

  tookLogits(n: number, milliseconds: number): void {
    this.#logits.took(n, milliseconds);
  }
}

/** How long a run of some size took. */
interface Took {
  readonly n: number;
  readonly milliseconds: number;
}

class Rate {
  #began = false;
  /** The last run, and the last one of quite another size. */
  #last: Took | null = null;
  #other: Took | null = null;
  /** Milliseconds before a run gets to what it is to do. */
  #start = 0;

  constructor(
    public value: number,
    readonly least: number,
    readonly most: number,
  ) {}

  /** No more than four times what it was at once; a graph's first run makes itself ready, which says nothing. */
  took(n: number, milliseconds: number): void {
    if (this.#began) this.#learn({ n, milliseconds });
    const may = Math.max(RUN_MS, Math.min(LONGEST_MS, TIMES * this.#start));
    const wanted = (n * (may - this.#start)) / Math.max(1, milliseconds - this.#start);
    const near = Math.min(4 * this.value, Math.max(this.value / 4, wanted));
    // A small part of what a run may hold takes as long as it takes to begin one.
    if (this.#began && (2 * n > this.value || wanted > this.value))
      this.value = Math.round(Math.min(this.most, Math.max(this.least, near)));
    this.#began = true;
  }

  /** Two runs of different sizes tell apart what a run takes by itself and what each of its parts takes. */
  #learn(run: Took): void {
    if (this.#last && !alike(run.n, this.#last.n)) this.#other = this.#last;
    this.#last = run;
    if (!this.#other || alike(run.n, this.#other.n)) return;
    const [small, large] = run.n < this.#other.n ? [run, this.#other] : [this.#other, run];
    const each = Math.max(0, large.milliseconds - small.milliseconds) / (large.n - small.n);
    const start = Math.max(0, Math.min(small.milliseconds, large.milliseconds) - each * small.n);
    this.#start = Math.min((this.#start + start) / 2, LONGEST_MS / 2);
  }
}

/** Whether two sizes are too near each other to compare. */
function alike(a: number, b: number): boolean {
  return Math.max(a, b) < 1.5 * Math.min(a, b);
}

/** Lets other messages through; then ends if nobody waits any more. */
export async function breathe(signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(null);
  });
  requireWanted(signal);
}

/**
 * Reads ids after what was read, and gives all keys and values.
 *
 * @param take called with the stages `[stage, n, d_model]` of `n` of the ids, the first of them at `from`.
 */
export async function extend(
  { graphs, pace }: Pick<Model, "graphs" | "pace">,
  past: KeyValues,
  ids: readonly number[],
  take: (stages: Float32Array, from: number, n: number) => void,
  signal: AbortSignal,
): Promise<KeyValues> {
  const { n_blocks, n_key_heads, d_head } = graphs.io;
  const heads = n_blocks * n_key_heads;
  let held = past;
  for (let from = 0; from < ids.length;) {
    await breathe(signal);
    const some = ids.slice(from, from + pace.tokens);
    const began = performance.now();
    const { stages, keys, values } = await graphs.forward(some, held);
    pace.tookTokens(some.length, performance.now() - began);
    take(stages, from, some.length);
    held = {
      length: held.length + some.length,
      keys: appended(held.keys, keys, heads, held.length, some.length, d_head),
      values: appended(held.values, values, heads, held.length, some.length, d_head),
    };
    from += some.length;
  }
  return held;
}

/** The first of the positions alone. */
export function cropped(held: KeyValues, length: number, io: Manifest["io"]): KeyValues {
  if (length >= held.length) return held;
  if (!length) return NOTHING;
  const heads = io.n_blocks * io.n_key_heads;
  const crop = (all: Float32Array) => {
    const kept = new Float32Array(heads * length * io.d_head);
    for (let head = 0; head < heads; head++) {
      const from = head * held.length * io.d_head;
      kept.set(all.subarray(from, from + length * io.d_head), head * length * io.d_head);
    }
    return kept;
  };
  return { length, keys: crop(held.keys), values: crop(held.values) };
}

function appended(
  old: Float32Array,
  added: Float32Array,
  heads: number,
  nOld: number,
  nAdded: number,
  width: number,
): Float32Array {
  if (!nOld) return added;
  const whole = new Float32Array(heads * (nOld + nAdded) * width);
  for (let head = 0; head < heads; head++) {
    const at = head * (nOld + nAdded) * width;
    whole.set(old.subarray(head * nOld * width, (head + 1) * nOld * width), at);
    whole.set(added.subarray(head * nAdded * width, (head + 1) * nAdded * width), at + nOld * width);
  }
  return whole;
}

/** Reads on from where it stopped, for whoever asks what comes next. */
export class Reader {
  readonly model: Model;
  readonly signal: AbortSignal;
  readonly #ids: number[] = [];
  #held: KeyValues = NOTHING;

  constructor(model: Model, signal: AbortSignal) {
    this.model = model;
    this.signal = signal;
  }

  /** What has been read so far. */
  get ids(): readonly number[] {
    return this.#ids;
  }

  /** What the head reads at each of these ids, `[position, d_model]`, which stand after those that were read before. */
  async read(ids: readonly number[]): Promise<Float32Array> {
    this.#requireRoom(ids.length);
    const { vectors, held } = await this.#extended(ids);
    this.#held = held;
    this.#ids.push(...ids);
    return vectors;
  }

  /** The same for an ending that is not remembered. */
  async branch(ids: readonly number[]): Promise<Float32Array> {
    this.#requireRoom(ids.length);
    return (await this.#extended(ids)).vectors;
  }

  /** Logits `[row, vocab]` of what the head reads at some places. */
  logits(vectors: Float32Array, n: number): Promise<Float32Array> {
    return this.model.graphs.next(vectors, n);
  }

  async #extended(ids: readonly number[]): Promise<{ vectors: Float32Array; held: KeyValues }> {
    const { d_model: width, stages: names } = this.model.manifest.io;
    const last = names.indexOf(this.model.manifest.card.last_stage);
    const vectors = new Float32Array(ids.length * width);
    const take = (stages: Float32Array, from: number, n: number) =>
      vectors.set(stages.subarray(last * n * width, (last + 1) * n * width), from * width);
    const held = await extend(this.model, this.#held, ids, take, this.signal);
    return { vectors, held };
  }

  #requireRoom(n: number): void {
    const { context_window: limit, name } = this.model.manifest.card;
    if (limit && this.#ids.length + n > limit)
      throw refused(`the text has ${this.#ids.length + n} tokens, and ${name} reads ${limit} at once; shorten it.`);
  }
}
