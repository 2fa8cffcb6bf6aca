// The Trace: every readout of one run, as arrays with named axes. Knows no model, no transport, no drawing.
//
// Position `t` predicts token `t + 1`; the last position predicts what is not there yet.

import { TraceError } from "./errors";
import { DERIVE, DERIVED, STATISTICS } from "./statistics";
import type { Tokens, Vocabulary } from "./tokens";

/** Where the numbers come from; the fields of Python's `Provenance`. */
export interface Provenance {
  readonly model: string;
  readonly model_class: string;
  readonly dtype: string;
  readonly lens: string;
  readonly norm: string;
  readonly revision: string | null;
  readonly content_hash: string | null;
  readonly self_check: number | null;
  readonly context_window: number;
  readonly stride: number;
  readonly bos: string;
  readonly created: string;
  readonly versions: Readonly<Record<string, string>>;
  readonly last_stage: string;
  readonly length_dependent: boolean;
}

/** One statistic: `[stage, position]` and any further axes, row after row. */
export interface Values {
  readonly data: Float32Array | Int32Array;
  readonly shape: readonly number[];
}

export interface TraceFields {
  readonly tokens: Tokens;
  /** In the model's order. */
  readonly stages: readonly string[];
  /** Ascending positions of the text that the arrays hold; all of them unless this is a piece. */
  readonly positions: Int32Array;
  readonly arrays: ReadonlyMap<string, Values>;
  readonly vocabulary: Vocabulary;
  readonly provenance: Provenance;
  /** Ids of the `watch` axis. */
  readonly watched: readonly number[];
  /** How many tokens the model saw, per position of the piece; empty where that was not recorded. */
  readonly contextLengths: Int32Array;
  /** Positions at which a further window begins to be read out. */
  readonly seams: readonly number[];
}

export class Trace implements TraceFields {
  readonly tokens: Tokens;
  readonly stages: readonly string[];
  readonly positions: Int32Array;
  readonly arrays: ReadonlyMap<string, Values>;
  readonly vocabulary: Vocabulary;
  readonly provenance: Provenance;
  readonly watched: readonly number[];
  readonly contextLengths: Int32Array;
  readonly seams: readonly number[];
  readonly #derived = new Map<string, Values>();

  constructor(fields: TraceFields) {
    this.tokens = fields.tokens.named(fields.vocabulary);
    this.stages = fields.stages;
    this.positions = fields.positions;
    this.arrays = fields.arrays;
    this.vocabulary = fields.vocabulary;
    this.provenance = fields.provenance;
    this.watched = fields.watched;
    this.contextLengths = fields.contextLengths;
    this.seams = fields.seams;
  }

  get ids(): Int32Array {
    return this.tokens.ids;
  }

  /** Whether the model's last stage was read out; where that is not known, it is assumed. */
  get holdsOutput(): boolean {
    return this.provenance.last_stage === "" || this.stages.includes(this.provenance.last_stage);
  }

  /** The names of all stored and derived statistics that are here. */
  get names(): string[] {
    return [
      ...this.arrays.keys(),
      ...[...DERIVED.values()].filter((d) => this.arrays.has(d.source)).map((d) => d.name),
    ];
  }

  has(name: string): boolean {
    return this.arrays.has(name) || this.arrays.has(DERIVED.get(name)?.source ?? "");
  }

  /**
   * The array of a stored or derived statistic, by its name in the numeric contract.
   *
   * @throws TraceError where this trace does not hold it, or there is no such statistic.
   */
  array(name: string): Values {
    const held = this.arrays.get(name) ?? this.#derived.get(name);
    if (held) return held;
    const source = this.arrays.get(DERIVED.get(name)?.source ?? "");
    if (source) {
      const values = derive(name, source);
      this.#derived.set(name, values);
      return values;
    }
    throw new TraceError(
      STATISTICS.has(name) || DERIVED.has(name)
        ? `this trace does not hold "${name}"; it was not asked for. It holds ${this.names.join(", ")}.`
        : `"${name}" is no statistic. There are ${[...STATISTICS.keys(), ...DERIVED.keys()].join(", ")}.`,
    );
  }

  /** The row of a stage in every array. */
  stage(name: string): number {
    const row = this.stages.indexOf(name);
    if (row < 0) throw new TraceError(`stage "${name}" was asked for, but this trace holds ${this.stages.join(", ")}.`);
    return row;
  }

  /** The column of a position of the text in every array; -1 where this piece does not hold it. */
  column(position: number): number {
    let low = 0;
    let high = this.positions.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.positions[middle]! < position) low = middle + 1;
      else high = middle;
    }
    return this.positions[low] === position ? low : -1;
  }

  /** One number of a statistic; `axis` counts along its third axis. NaN, rank 0 and id -1 are missing, as stored. */
  at(name: string, row: number, column: number, axis = 0): number {
    const { data, shape } = this.array(name);
    const inner = shape[2] ?? 1;
    return data[(row * shape[1]! + column) * inner + axis]!;
  }
}

function derive(name: string, source: Values): Values {
  const compute = DERIVE[name];
  if (!compute) throw new TraceError(`"${name}" is derived in Python and not here; generate the contract again.`);
  // Of the top-k only the stage's own guess has a derived name; the watched tokens keep their axis.
  const every = name === "top_prob" ? (source.shape[2] ?? 1) : 1;
  const data = new Float32Array(source.data.length / every);
  for (let i = 0; i < data.length; i++) data[i] = compute(source.data[i * every]!);
  return { data, shape: every === 1 && name !== "top_prob" ? source.shape : source.shape.slice(0, 2) };
}
