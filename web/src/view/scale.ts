// From a number to a place on a ramp: limits, direction and ticks, as plain data that a legend can print.
//
// The limits are those of the numeric contract's "Colours"; the same as Python's `view/scale.py`. Knows nothing of traces.

import { DERIVED, STATISTICS, type Derived, type Statistic } from "../trace";
import { NOT_SCORED, colourAt, inkOn, type RampName } from "./colour";
import { InputError } from "./errors";
import { deviation, fixed, general, mean, percentile, trimmed } from "./numbers";

/** Where the axis of absolute bits ends: 2^-16 is about a vocabulary's worth of surprise. */
export const BITS_END = 16;
/** The same for a line's mean bits per token, which varies half as much. */
export const LINE_BITS_END = 8;
/** Where the axis of differences of bits ends, on either side. */
export const DIFFERENCE_END = 8;
/** Where the axis of KL divergences ends, in nats. */
const KL_END = 30;

const RANK_ENDS: Readonly<Record<string, number>> = {
  final_rank: 100,
  input_rank: 1000,
  next_rank: 1000,
  watch_rank: 1000,
};

const TITLES: Readonly<Record<string, string>> = {
  top_logits: "logit of the stage's own guess",
  top_logprobs: "natural-log probability of the stage's own guess",
  top_prob: "probability of the stage's own guess",
};

/** A marked place of a legend: 0..1 along the ramp, and the number there as a person reads it. */
export interface Tick {
  readonly place: number;
  readonly label: string;
}

/** How numbers become colours, and what the legend says about it. */
export interface Scale {
  /** The statistic, as the numeric contract calls it. */
  readonly name: string;
  readonly title: string;
  readonly unit: string;
  readonly ramp: RampName;
  /** The number at the pale end (of `pastel`: at hue 0; of `balance`: at the blue end). */
  readonly low: number;
  /** The number at the other end; less than `low` where small numbers are the deep ones. */
  readonly high: number;
  readonly log: boolean;
  readonly ticks: readonly Tick[];
  /** How the limits were chosen. */
  readonly note: string;
}

type Axis = Pick<Scale, "name" | "title" | "unit" | "ramp" | "low" | "high"> & Partial<Scale>;

export function scale(axis: Axis): Scale {
  const { name, title, unit, ramp, low, high, log = false, ticks = [], note = "" } = axis;
  return { name, title, unit, ramp, low, high, log, ticks, note };
}

/** Where `number` stands, 0..1; numbers beyond an end take that end, missing ones have no place. */
export function placeOf(axis: Scale, number: number | null): number | null {
  if (number === null || Number.isNaN(number) || (axis.unit === "rank" && number < 1)) return null;
  let { low, high } = axis;
  let at = number;
  if (axis.log) [low, high, at] = [Math.log(low), Math.log(high), Math.log(Math.max(at, 1e-300))];
  if (low === high) return 0.5;
  return Math.min(1, Math.max(0, (at - low) / (high - low)));
}

/** The number at a place: what brushing a legend needs. */
export function numberAt(axis: Scale, place: number): number {
  if (!axis.log) return axis.low + place * (axis.high - axis.low);
  return Math.exp(Math.log(axis.low) + place * (Math.log(axis.high) - Math.log(axis.low)));
}

/** The colour at a place, as `#rrggbb`; grey where there is none. */
export function colourOf(axis: Scale, place: number | null): string {
  return place === null ? NOT_SCORED : colourAt(axis.ramp, place);
}

/** The text colour that reads well there. */
export function inkOf(axis: Scale, place: number | null): string {
  return inkOn(colourOf(axis, place));
}

/** The absolute axis of bits, 0 to `end`, the same for every text and every model. */
export function surprisal(title: string, end = BITS_END): Scale {
  const ticks = [0, 1, 2, 3, 4].map((i) => ({
    place: i / 4,
    label: general((end * i) / 4) + (i === 4 ? "+" : ""),
  }));
  return scale({ name: "surprisal_bits", title, unit: "bits", ramp: "ember", low: 0, high: end, ticks });
}

/** The axis of a difference: nothing in the middle, `end` more at the one end and `end` less at the other. */
export function balance(name: string, title: string, unit: string, end: number, note = ""): Scale {
  const [whole, half] = [1, 0.5].map((share) =>
    fixed(end * share, 2)
      .replace(/0+$/, "")
      .replace(/\.$/, ""),
  );
  const labels = [`≤ −${whole}`, `−${half}`, "0", `+${half}`, `≥ +${whole}`];
  const ticks = labels.map((label, i) => ({ place: i / 4, label }));
  return scale({ name, title, unit, ramp: "balance", low: -end, high: end, ticks, note });
}

/** The axis that a grid of differences uses for a statistic; of ranks it is the ratio that is drawn. */
export function differenceOf(name: string, differences: readonly number[]): Scale {
  const statistic = drawable(name);
  const title = `change of ${TITLES[name] ?? titleOf(statistic)}`;
  if (statistic.unit === "rank") {
    const labels = ["≤ ÷100", "÷10", "same", "×10", "≥ ×100"];
    const ticks = labels.map((label, i) => ({ place: i / 4, label }));
    const note = "ratio of ranks, log scale";
    return scale({ name, title, unit: "ratio", ramp: "balance", low: 0.01, high: 100, log: true, ticks, note });
  }
  if (statistic.unit === "probability") return balance(name, title, statistic.unit, 1);
  if (statistic.unit === "bits") return balance(name, title, statistic.unit, DIFFERENCE_END);
  if (statistic.unit === "nats" && !name.startsWith("kl_"))
    return balance(name, title, statistic.unit, Number((DIFFERENCE_END * Math.LN2).toFixed(2)));
  const known = differences.filter(Number.isFinite).map(Math.abs);
  const end = known.length ? percentile(known, 95) : 0;
  return balance(name, title, statistic.unit, end || 1, "up to the 95th percentile of what is shown");
}

/**
 * The seed's axis: natural-log probabilities between mean ∓ 2.5 standard deviations of this text's own.
 *
 * @param logprobs nats, one per scored unit; missing ones are left out.
 */
export function relative(logprobs: readonly (number | null)[], title: string): Scale {
  const known = logprobs.filter((x): x is number => x !== null && Number.isFinite(x));
  const centre = known.length ? mean(known) : 0;
  const spread = known.length ? deviation(known) : 0;
  const low = centre - 2.5 * spread;
  const high = centre + 2.5 * spread;
  const bits = (logprob: number) => fixed(Math.abs(logprob) / Math.LN2, 1);
  let ticks: Tick[] = [{ place: 0.5, label: bits(centre) }];
  if (spread) {
    // Where the axis reaches beyond certainty, which no token can, its last number is that of certainty.
    const end = Math.min(high, 0);
    ticks = [{ place: 0, label: bits(low) }, ...ticks, { place: (end - low) / (high - low), label: bits(end) }];
  }
  const note = "relative to this text: mean ∓ 2.5 standard deviations; two texts cannot be compared by it";
  return scale({ name: "next_logprob", title, unit: "nats", ramp: "pastel", low, high, ticks, note });
}

/** The names of all statistics that are one number per cell, in the order in which they are offered. */
export function drawables(): readonly string[] {
  const stored = [...STATISTICS.values()].filter((s) => s.unit !== "id" && s.axes[2] !== "bin");
  return [...DERIVED.keys(), ...stored.map((s) => s.name)];
}

/** The statistic of that name, if it is one number per cell. */
export function drawable(name: string): Statistic | Derived {
  const statistic = STATISTICS.get(name) ?? DERIVED.get(name);
  if (statistic && drawables().includes(name)) return statistic;
  const what = statistic ? "is no number per cell" : "is no statistic";
  throw new InputError(`"${name}" ${what}. There are ${drawables().join(", ")}.`);
}

/**
 * The axis that the lens grid uses for a statistic.
 *
 * @param numbers the ones that will be drawn; only logits take their limits from them.
 */
export function scaleOf(name: string, numbers: readonly number[]): Scale {
  const statistic = drawable(name);
  const { unit } = statistic;
  const title = TITLES[name] ?? titleOf(statistic);
  const axis = (low: number, high: number, rest: Partial<Scale> = {}) =>
    scale({ name, title, unit, ramp: "tide", low, high, ...rest });
  if (unit === "rank") {
    const end = RANK_ENDS[name]!;
    const ticks = [1000, 100, 10, 1]
      .filter((n) => n <= end)
      .map((n) => ({ place: 1 - Math.log(n) / Math.log(end), label: `${n}${n === end ? "+" : ""}` }));
    return axis(end, 1, { log: true, ticks, note: "log scale" });
  }
  if (unit === "probability") return axis(0, 1, { ticks: fiveTicks(0, 1) });
  if (name === "surprisal_bits") return surprisal(title);
  if (unit === "bits") return axis(BITS_END, 0, { ticks: fiveTicks(BITS_END, 0, 0) });
  const nats = Number((BITS_END * Math.LN2).toFixed(2));
  if (name === "entropy") return axis(nats, 0, { ticks: fiveTicks(nats, 0, 0) });
  if (name.startsWith("kl_")) return axis(KL_END, 0, { ticks: fiveTicks(KL_END, 0, 0) });
  if (unit === "nats") return axis(-nats, 0, { ticks: fiveTicks(-nats, 0) });
  const known = numbers.filter(Number.isFinite);
  const [low, high] = known.length ? [percentile(known, 5), percentile(known, 95)] : [0, 1];
  const note = "between the 5th and 95th percentile of what is shown";
  return axis(low, high, { ticks: fiveTicks(low, high), note });
}

function titleOf(statistic: Statistic | Derived): string {
  if ("source" in statistic && statistic.unit === "probability") return `probability ${statistic.help}`;
  return statistic.help.split(",")[0]!;
}

/** Five ticks, evenly spaced; `beyond` is the one whose number stands for everything further out too. */
function fiveTicks(low: number, high: number, beyond?: number): Tick[] {
  const digits = Math.abs(high - low) <= 2 ? 2 : 1;
  return [0, 1, 2, 3, 4].map((i) => ({
    place: i / 4,
    label: trimmed(fixed(low + ((high - low) * i) / 4, digits)) + (i === beyond ? "+" : ""),
  }));
}
