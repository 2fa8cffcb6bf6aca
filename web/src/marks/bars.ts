// The axis that bars of probabilities share: from nothing to the likeliest, or by powers of ten where one has nearly all.

import { raised } from "../view";

export type BarScale = "linear" | "log";

export interface BarAxis {
  /** How long the bar of a probability is, 0..1; what is above nothing is never invisible. */
  readonly share: (probability: number | null) => number;
  /** The probability of the whole length; what is above it does not fit. */
  readonly end: number;
  /** Where the axis is labelled, 0..1. */
  readonly ticks: readonly { readonly place: number; readonly label: string }[];
}

const ENDS = [0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1];

/** Of a bar that stands for anything at all. */
const LEAST = 0.012;

/** Below this everything has the shortest bar. */
const LOWEST = 1e-9;

export function barAxis(probabilities: readonly (number | null)[], scale: BarScale): BarAxis {
  const known = probabilities.filter((one): one is number => one !== null && one > 0);
  return scale === "log" ? logAxis(known) : linearAxis(known);
}

function linearAxis(known: readonly number[]): BarAxis {
  const most = Math.max(0, ...known);
  const end = ENDS.find((one) => one >= most - 1e-9) ?? 1;
  return {
    end,
    share: (probability) => visibly((probability ?? 0) / end, probability),
    ticks: [0, 1].map((place) => ({ place, label: percent(place * end) })),
  };
}

function logAxis(known: readonly number[]): BarAxis {
  const least = Math.max(LOWEST, Math.min(0.01, ...known));
  // A power below the least, so that its bar has a length.
  const low = Math.floor(Math.log10(least) - 1e-9);
  const place = (probability: number) => 1 - Math.log10(Math.max(10 ** low, probability)) / low;
  const powers = [...new Set([low, Math.ceil(low / 2), 0])];
  return {
    end: 1,
    share: (probability) => visibly(probability ? place(probability) : 0, probability),
    ticks: powers.map((power) => ({ place: place(10 ** power), label: percent(10 ** power) })),
  };
}

function visibly(share: number, probability: number | null): number {
  return probability ? Math.min(1, Math.max(LEAST, share)) : 0;
}

/** A tick of the axis: all that it says is exact. */
function percent(probability: number): string {
  const hundredth = 100 * probability;
  if (hundredth === 0) return "0";
  return hundredth >= 1e-4
    ? `${Number(hundredth.toPrecision(2))}%`
    : `10${raised(Math.round(Math.log10(probability)))}`;
}
