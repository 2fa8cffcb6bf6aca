// A trace in pieces, useful ones first: the last stage at every position, then earlier ones, a few at a time; as Python's
// `scope/pieces.py` and `scope/reading.py`.

import { STATISTICS, Trace, type Provenance, type Values } from "../../trace";
import { breathe, type Model } from "./reader";
import { contextLengths, inside, NORMS, type Plan } from "./plan";
import { like, type Column, type Columns, type Remembered } from "./remembered";
import { rowOf } from "./windows";

/** Vectors of a text that are kept at once; stages that do not fit need a further sweep over its windows. */
const SWEEP_BYTES = 96 << 20;

/** How long a piece may take, in milliseconds, if that makes it larger. */
const PIECE_MS = 400;

const HISTOGRAM = "histogram";
const SAMPLES = "histogram_samples";

/** Called with (done, total) positions times stages. */
export type Tell = (done: number, total: number) => void;

/**
 * Pieces over all positions asked for, from the last stage asked for down to the first.
 *
 * @param memory what an earlier reading left behind.
 * @param versions of what computes here, for the trace's header.
 */
export async function* readPieces(
  model: Model,
  plan: Plan,
  memory: Remembered,
  versions: Readonly<Record<string, string>>,
  signal: AbortSignal,
  tell: Tell,
): AsyncGenerator<Trace> {
  const reading = new Reading(model, plan, memory, signal, provenanceOf(model, plan, versions));
  const total = plan.positions.length * plan.stages.length;
  let done = 0;
  let size = 1;
  for (const sweep of sweeps(model, plan)) {
    const captured = await reading.capture(sweep);
    for (let left = sweep; left.length;) {
      const some = left.slice(-size);
      left = left.slice(0, -size);
      const began = performance.now();
      const piece = reading.trace(some, await reading.complete(some, captured));
      const each = (performance.now() - began) / some.length;
      // A piece reads again what its stages are compared with, so each holds more than the one before.
      size = Math.max(size === 1 ? 4 : 2 * size, Math.floor(PIECE_MS / Math.max(each, 1e-3)));
      done += some.length * plan.positions.length;
      tell(done, total);
      yield piece;
    }
  }
}

/** Stages that one pass over all windows captures, the last ones first. */
function sweeps({ manifest }: Model, plan: Plan): (readonly string[])[] {
  const each = 4 * plan.positions.length * manifest.io.d_model;
  const size = Math.max(1, Math.floor(SWEEP_BYTES / each) - plan.references.length);
  const found: (readonly string[])[] = [];
  for (let stop = plan.stages.length; stop > 0; stop -= size)
    found.push(plan.stages.slice(Math.max(0, stop - size), stop));
  return found;
}

/** Which positions are known, and their statistics. */
interface Recalled {
  readonly known: readonly boolean[];
  readonly columns: Columns;
}

interface Captured {
  /** What is remembered of each stage: taken now, for what is read meanwhile may push it out. */
  readonly known: ReadonlyMap<string, Recalled>;
  /** The positions at which some of the stages have to be read, ascending. */
  readonly positions: Int32Array;
  /** What the stages are there, references included: `[position, d_model]`. */
  readonly vectors: ReadonlyMap<string, Float32Array>;
}

class Reading {
  readonly #norm: number;
  readonly #width: number;

  constructor(
    readonly model: Model,
    readonly plan: Plan,
    readonly memory: Remembered,
    readonly signal: AbortSignal,
    readonly provenance: Provenance,
  ) {
    this.#norm = NORMS[plan.norm];
    this.#width = model.manifest.io.d_model;
  }

  /** Runs the model where some of the stages are not known. */
  async capture(stages: readonly string[]): Promise<Captured> {
    const { plan } = this;
    const needed = [...new Set([...stages, ...plan.references])];
    const known = new Map(stages.map((stage) => [stage, this.#recall(stage)]));
    const lacking = plan.positions.filter((_, i) => [...known.values()].some((one) => !one.known[i]));
    const whole = new Map(needed.map((name) => [name, new Float32Array(lacking.length * this.#width)]));
    const ids = [...plan.tokens.ids];
    let done = 0;
    for (const window of plan.windows) {
      const here = inside(lacking, window);
      if (!here.length) continue;
      const fed = [...ids.slice(0, window.prefix), ...ids.slice(window.start, window.stop)];
      const rows = Array.from(here, (position) => rowOf(window, position));
      const part = await this.memory.vectors(this.model, fed, rows, needed, this.signal);
      for (const [name, vectors] of part) whole.get(name)!.set(vectors, done * this.#width);
      done += here.length;
    }
    return { known, positions: lacking, vectors: whole };
  }

  /** The statistics of some stages at every position: what is remembered as it was, the rest read. */
  async complete(stages: readonly string[], captured: Captured): Promise<Map<string, Values>> {
    const { positions } = this.plan;
    const { known } = captured;
    const groups = new Map<string, string[]>();
    for (const stage of stages) {
      const mask = known.get(stage)!.known.map(Number).join("");
      groups.set(mask, [...(groups.get(mask) ?? []), stage]);
    }
    const whole = new Map<string, Values>();
    for (const group of groups.values()) {
      const mask = known.get(group[0]!)!.known;
      const lacking = positions.filter((_, i) => !mask[i]);
      const found = lacking.length ? await this.#read(group, lacking, captured) : new Map<string, Values>();
      group.forEach((stage, i) => {
        const old = known.get(stage)!.columns;
        const columns = new Map<string, Column>();
        for (const name of lacking.length ? found.keys() : old.keys()) {
          const fresh = found.get(name);
          const inner = fresh ? fresh.shape.slice(2) : old.get(name)!.inner;
          const width = inner.reduce((a, b) => a * b, 1);
          const row = like(fresh?.data ?? old.get(name)!.data, positions.length * width);
          let [read, recalled] = [i * lacking.length, 0];
          mask.forEach((held, column) => {
            const from = held ? recalled++ : read++;
            const source = held ? old.get(name)!.data : fresh!.data;
            row.set(source.subarray(from * width, (from + 1) * width), column * width);
          });
          columns.set(name, { data: row, inner });
        }
        if (lacking.length) this.#keep(stage, columns);
        const at = stages.indexOf(stage);
        for (const [name, { data, inner }] of columns) {
          let values = whole.get(name);
          if (!values) {
            const shape = [stages.length, positions.length, ...inner];
            values = { data: like(data, stages.length * data.length), shape };
            whole.set(name, values);
          }
          (values.data as Float32Array).set(data, at * data.length);
        }
      });
    }
    return whole;
  }

  /** The Trace of some stages at every position that was asked for. */
  trace(stages: readonly string[], arrays: ReadonlyMap<string, Values>): Trace {
    const { plan, model } = this;
    const named = new Set<number>([...plan.tokens.ids, ...plan.watch]);
    for (const [name, { data }] of arrays)
      if (STATISTICS.get(name)!.unit === "id") for (const id of data) if (id >= 0) named.add(id);
    return new Trace({
      tokens: plan.tokens,
      stages,
      positions: plan.positions,
      arrays: new Map([...STATISTICS.keys()].flatMap((name) => (arrays.has(name) ? [[name, arrays.get(name)!]] : []))),
      vocabulary: model.tokeniser.vocabulary(named),
      provenance: this.provenance,
      watched: plan.watch,
      contextLengths: contextLengths(plan),
      seams: plan.windows.slice(1).flatMap(({ first }) => (plan.positions.includes(first) ? [first] : [])),
    });
  }

  /** All statistics of some stages at some of the captured positions, a few positions at a time. */
  async #read(stages: readonly string[], positions: Int32Array, captured: Captured): Promise<Map<string, Values>> {
    const { plan, model } = this;
    const rows = model.manifest.io.n_rows;
    const whole = new Map<string, Values>();
    const vocabulary = (stages.length + 2) * rows;
    const at = new Map<number, number>();
    captured.positions.forEach((position, i) => at.set(position, i));
    for (let from = 0; from < positions.length;) {
      await breathe(this.signal);
      const n = Math.max(1, Math.floor(model.pace.logits / vocabulary));
      const some = positions.subarray(from, from + n);
      const began = performance.now();
      const found = await this.#block(stages, some, at, captured.vectors);
      model.pace.tookLogits(some.length * vocabulary, performance.now() - began);
      for (const [name, { data, shape }] of found) {
        const inner = shape.slice(2);
        const width = inner.reduce((a, b) => a * b, 1);
        let values = whole.get(name);
        if (!values) {
          const size = [stages.length, positions.length, ...inner];
          values = { data: like(data, stages.length * positions.length * width), shape: size };
          whole.set(name, values);
        }
        stages.forEach((_, row) => {
          const part = data.subarray(row * some.length * width, (row + 1) * some.length * width);
          (values.data as Float32Array).set(part, (row * positions.length + from) * width);
        });
      }
      from += some.length;
    }
    if (plan.names.has("next_logprob") || plan.names.has("next_rank") || plan.names.has("next_logit"))
      this.#withoutNext(whole, positions);
    return whole;
  }

  async #block(
    stages: readonly string[],
    positions: Int32Array,
    at: ReadonlyMap<number, number>,
    vectors: ReadonlyMap<string, Float32Array>,
  ): Promise<Map<string, Values>> {
    const { plan, model } = this;
    const { ids } = plan.tokens;
    const n = positions.length;
    const width = this.#width;
    const gather = (name: string, into: Float32Array, offset = 0) => {
      const all = vectors.get(name)!;
      positions.forEach((position, i) => {
        const row = at.get(position)! * width;
        into.set(all.subarray(row, row + width), offset + i * width);
      });
      return into;
    };
    const read = new Float32Array(stages.length * n * width);
    stages.forEach((name, row) => gather(name, read, row * n * width));
    // Where nothing is compared with a reference, any vector stands in for it and what comes of it is left out.
    const reference = (name: string) =>
      plan.references.includes(name) ? gather(name, new Float32Array(n * width)) : read.subarray(0, n * width);
    const found = new Map<string, Values>();
    if ([...plan.names].some((name) => name !== HISTOGRAM && name !== SAMPLES)) {
      const all = await model.graphs.readout({
        nStages: stages.length,
        nPositions: n,
        vectors: read,
        last: reference(model.manifest.card.last_stage),
        embed: reference("embed"),
        nextIds: Array.from(positions, (position) => Math.max(0, ids[position + 1] ?? 0)),
        inputIds: Array.from(positions, (position) => ids[position]!),
        watch: plan.watch,
        k: plan.topK,
        norm: this.#norm,
      });
      for (const [name, values] of all) if (plan.names.has(name)) found.set(name, values);
    }
    if (plan.names.has(HISTOGRAM)) {
      const { counts, samples } = await model.graphs.histogram(read, stages.length * n, this.#norm);
      const bins = counts.length / (stages.length * n);
      found.set(HISTOGRAM, { data: counts, shape: [stages.length, n, bins] });
      found.set(SAMPLES, {
        data: samples,
        shape: [stages.length, n, bins, samples.length / counts.length],
      });
    }
    return found;
  }

  /** The last position of the text predicts what is not there: its numbers are missing, not those of some token. */
  #withoutNext(arrays: ReadonlyMap<string, Values>, positions: Int32Array): void {
    const column = positions.indexOf(this.plan.tokens.length - 1);
    if (column < 0) return;
    for (const name of ["next_logit", "next_logprob", "next_rank"]) {
      const values = arrays.get(name);
      for (let row = 0; values && row < values.shape[0]!; row++)
        values.data[row * positions.length + column] = name === "next_rank" ? 0 : NaN;
    }
  }

  #recall(stage: string): Recalled {
    const { plan } = this;
    const parts = plan.windows.flatMap((window) => {
      const here = inside(plan.positions, window);
      return here.length ? [this.memory.recall(this.#name(stage, window), plan.tokens.ids, here)] : [];
    });
    if (parts.length === 1) return parts[0]!;
    const known = parts.flatMap((part) => part.known);
    const held = parts.filter((part) => part.columns.size);
    const columns = new Map<string, Column>();
    for (const [name, { data, inner }] of held[0]?.columns ?? []) {
      const whole = like(
        data,
        held.reduce((length, part) => length + part.columns.get(name)!.data.length, 0),
      );
      let done = 0;
      for (const part of held) {
        whole.set(part.columns.get(name)!.data, done);
        done += part.columns.get(name)!.data.length;
      }
      columns.set(name, { data: whole, inner });
    }
    return { known, columns };
  }

  #keep(stage: string, columns: Columns): void {
    const { plan } = this;
    let from = 0;
    for (const window of plan.windows) {
      const here = inside(plan.positions, window);
      if (!here.length) continue;
      const part = new Map(
        [...columns].map(([name, { data, inner }]) => {
          const width = inner.reduce((a, b) => a * b, 1);
          return [name, { data: data.slice(from * width, (from + here.length) * width), inner }];
        }),
      );
      this.memory.keep(this.#name(stage, window), plan.tokens.ids, here, part);
      from += here.length;
    }
  }

  /** Everything but the tokens that a number of a stage depends on. */
  #name(stage: string, { prefix, start }: { prefix: number; start: number }): string {
    const { topK, watch, names, norm } = this.plan;
    return JSON.stringify([stage, norm, topK, watch, [...names].sort(), prefix, start]);
  }
}

function provenanceOf({ manifest }: Model, plan: Plan, versions: Readonly<Record<string, string>>): Provenance {
  return {
    ...manifest.header,
    lens: "logit",
    norm: plan.norm,
    context_window: plan.context,
    stride: plan.stride,
    bos: plan.bos,
    created: new Date().toISOString().replace(/\.\d+Z$/, "+00:00"),
    versions: { ...manifest.header.versions, ...versions },
  };
}
