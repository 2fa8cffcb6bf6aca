// From a plan to numbers: the model is run where something is not known, its stages are read out, and the arrays become a
// Trace; as Python's `scope/reading.py`. In what order stages and positions are read is for its callers to say.

import { STATISTICS, Trace, type Provenance, type Values } from "../../trace";
import { contextLengths, inside, NORMS, type Plan } from "./plan";
import { breathe, type Model } from "./reader";
import { like, type Column, type Columns, type Remembered } from "./remembered";
import { rowOf } from "./windows";

const HISTOGRAM = "histogram";
const SAMPLES = "histogram_samples";

/** What is remembered of a stage. */
interface Recalled {
  /** Where each position stands that is known. */
  readonly rows: ReadonlyMap<number, number>;
  readonly columns: Columns;
}

/** What some stages are at some positions. */
export interface Captured {
  readonly positions: ReadonlySet<number>;
  /** What is remembered of each stage: taken now, for what is read meanwhile may push it out. */
  readonly known: ReadonlyMap<string, Recalled>;
  /** Where each position stands at which some of the stages have to be read. */
  readonly rows: ReadonlyMap<number, number>;
  /** What the stages are there, references included: `[row, d_model]`. */
  readonly vectors: ReadonlyMap<string, Float32Array>;
}

export class Reading {
  readonly #norm: number;
  readonly #width: number;
  readonly #provenance: Provenance;

  /**
   * @param memory what an earlier reading left behind.
   * @param versions of what computes here, for the trace's header.
   */
  constructor(
    readonly model: Model,
    readonly plan: Plan,
    readonly memory: Remembered,
    versions: Readonly<Record<string, string>>,
    readonly signal: AbortSignal,
  ) {
    this.#norm = NORMS[plan.norm];
    this.#width = model.manifest.io.d_model;
    this.#provenance = provenanceOf(model, plan, versions);
  }

  /** Runs the model at those of some positions, which ascend, where some of the stages are not known. */
  async capture(stages: readonly string[], positions: Int32Array): Promise<Captured> {
    const { plan } = this;
    const needed = [...new Set([...stages, ...plan.references])];
    const known = new Map(stages.map((stage) => [stage, this.#recall(stage, positions)]));
    const lacking = positions.filter((position) => [...known.values()].some(({ rows }) => !rows.has(position)));
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
    return { positions: new Set(positions), known, rows: rowsOf(lacking), vectors: whole };
  }

  /** How many positions one run reads some stages at. */
  positionsAtOnce(nStages: number): number {
    const { pace, manifest } = this.model;
    return Math.max(1, Math.floor(pace.logits / ((nStages + 2) * manifest.io.n_rows)));
  }

  /** The Trace of some stages at some of the captured positions: what is remembered as it was, the rest read and kept. */
  async trace(stages: readonly string[], positions: Int32Array, captured: Captured): Promise<Trace> {
    const groups = new Map<string, string[]>();
    for (const stage of stages) {
      const { rows } = captured.known.get(stage)!;
      const mask = Array.from(positions, (position) => Number(rows.has(position))).join("");
      groups.set(mask, [...(groups.get(mask) ?? []), stage]);
    }
    const whole = new Map<string, Values>();
    for (const group of groups.values()) {
      const known = captured.known.get(group[0]!)!.rows;
      const lacking = positions.filter((position) => !known.has(position));
      const found = lacking.length ? await this.#read(group, lacking, captured) : new Map<string, Values>();
      group.forEach((stage, i) => {
        const columns = completed(positions, captured.known.get(stage)!, found, i, lacking.length);
        if (lacking.length) this.#keep(stage, positions, columns);
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
    return this.#traceOf(stages, positions, whole);
  }

  #traceOf(stages: readonly string[], positions: Int32Array, arrays: ReadonlyMap<string, Values>): Trace {
    const { plan, model } = this;
    const named = new Set<number>([...plan.tokens.ids, ...plan.watch]);
    for (const [name, { data }] of arrays)
      if (STATISTICS.get(name)!.unit === "id") for (const id of data) if (id >= 0) named.add(id);
    return new Trace({
      tokens: plan.tokens,
      stages,
      positions,
      arrays: new Map([...STATISTICS.keys()].flatMap((name) => (arrays.has(name) ? [[name, arrays.get(name)!]] : []))),
      vocabulary: model.tokeniser.vocabulary(named),
      provenance: this.#provenance,
      watched: plan.watch,
      contextLengths: contextLengths(plan.windows, positions),
      seams: plan.windows.slice(1).flatMap(({ first }) => (positions.includes(first) ? [first] : [])),
    });
  }

  /** All statistics of some stages at some of the captured positions, a few positions at a time. */
  async #read(stages: readonly string[], positions: Int32Array, captured: Captured): Promise<Map<string, Values>> {
    const { plan, model } = this;
    const each = (stages.length + 2) * model.manifest.io.n_rows;
    const whole = new Map<string, Values>();
    for (let from = 0; from < positions.length;) {
      await breathe(this.signal);
      const some = positions.subarray(from, from + this.positionsAtOnce(stages.length));
      const began = performance.now();
      const found = await this.#block(stages, some, captured);
      model.pace.tookLogits(some.length * each, performance.now() - began);
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
    { rows, vectors }: Captured,
  ): Promise<Map<string, Values>> {
    const { plan, model } = this;
    const { ids } = plan.tokens;
    const n = positions.length;
    const width = this.#width;
    const gather = (name: string, into: Float32Array, offset = 0) => {
      const all = vectors.get(name)!;
      positions.forEach((position, i) => {
        const row = rows.get(position)! * width;
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

  #recall(stage: string, positions: Int32Array): Recalled {
    const { plan } = this;
    const parts = plan.windows.flatMap((window) => {
      const here = inside(positions, window);
      return here.length ? [this.memory.recall(this.#name(stage, window), plan.tokens.ids, here)] : [];
    });
    const known = parts.flatMap((part) => part.known);
    const rows = rowsOf(positions.filter((_, i) => known[i]));
    const held = parts.filter((part) => part.columns.size);
    if (held.length === 1) return { rows, columns: held[0]!.columns };
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
    return { rows, columns };
  }

  #keep(stage: string, positions: Int32Array, columns: Columns): void {
    const { plan } = this;
    let from = 0;
    for (const window of plan.windows) {
      const here = inside(positions, window);
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

/** The statistics of one stage at some positions: what was recalled, and what was found as the i-th of its group. */
function completed(
  positions: Int32Array,
  recalled: Recalled,
  found: ReadonlyMap<string, Values>,
  i: number,
  nLacking: number,
): Map<string, Column> {
  const columns = new Map<string, Column>();
  for (const name of nLacking ? found.keys() : recalled.columns.keys()) {
    const [fresh, old] = [found.get(name), recalled.columns.get(name)];
    const inner = fresh ? fresh.shape.slice(2) : old!.inner;
    const width = inner.reduce((a, b) => a * b, 1);
    const data = like(fresh?.data ?? old!.data, positions.length * width);
    let read = i * nLacking;
    positions.forEach((position, column) => {
      const held = recalled.rows.get(position);
      const from = held ?? read++;
      const source = held === undefined ? fresh!.data : old!.data;
      data.set(source.subarray(from * width, (from + 1) * width), column * width);
    });
    columns.set(name, { data, inner });
  }
  return columns;
}

function rowsOf(positions: Int32Array): Map<number, number> {
  return new Map(Array.from(positions, (position, row) => [position, row]));
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
