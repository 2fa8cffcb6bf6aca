// Names, axes and units of everything a trace holds, as the Python side generated them; and what is derived from it.

import contract from "../contract/statistics.json";

export interface Statistic {
  readonly name: string;
  readonly unit: string;
  readonly dtype: string;
  readonly axes: readonly string[];
  readonly help: string;
}

/** A name for pictures that is computed from one stored statistic and never stored. */
export interface Derived {
  readonly name: string;
  readonly unit: string;
  readonly source: string;
  readonly help: string;
}

/** Equal histogram bins from -8 to 8 standard deviations; the outer two are open. */
export const BINS: number = contract.bins;

export const SAMPLES_PER_BIN: number = contract.samples_per_bin;

/** By name, in the order of the numeric contract. */
export const STATISTICS: ReadonlyMap<string, Statistic> = new Map(contract.statistics.map((s) => [s.name, s]));

export const DERIVED: ReadonlyMap<string, Derived> = new Map(contract.derived.map((d) => [d.name, d]));

const LN2 = Math.fround(Math.LN2);

/** What each derived statistic makes of one number of its source; in float32, as in Python. */
export const DERIVE: Readonly<Record<string, (value: number) => number>> = {
  top_prob: Math.exp,
  final_prob: Math.exp,
  next_prob: Math.exp,
  input_prob: Math.exp,
  watch_prob: Math.exp,
  surprisal_bits: (nats) => -Math.fround(nats / LN2),
  entropy_bits: (nats) => Math.fround(nats / LN2),
};

/** The unit of a stored or derived statistic. */
export function unitOf(name: string): string {
  return STATISTICS.get(name)?.unit ?? DERIVED.get(name)?.unit ?? "";
}
