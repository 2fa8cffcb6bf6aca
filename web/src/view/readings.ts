// What a text can be coloured by: one number per token, its axis, and how the numbers of several tokens become one.
//
// Position `t` of a trace predicts token `t + 1`, so token `t`'s numbers are read at position `t - 1`.

import { tokenBits, type Trace } from "../trace";
import { InputError } from "./errors";
import { exactSum } from "./numbers";
import { BITS_END, LINE_BITS_END, balance, scale, surprisal, type Scale } from "./scale";
import type { By } from "./units";

export const READINGS = ["surprisal_bits", "next_rank", "entropy_bits", "excess_bits", "settled_stage"] as const;
export type ReadingName = (typeof READINGS)[number];

const RANK_END = 1000;
const EXCESS_END = 8;

const TITLES: Readonly<Record<string, string>> = {
  surprisal_bits: "bits",
  entropy_bits: "expected bits (entropy)",
  excess_bits: "bits beyond the expected (surprisal − entropy)",
  settled_stage: "stage from which on the token stayed the top guess",
};

const NEEDS: Readonly<Record<ReadingName, readonly string[]>> = {
  surprisal_bits: ["next_logprob"],
  next_rank: ["next_rank"],
  entropy_bits: ["entropy"],
  excess_bits: ["next_logprob", "entropy"],
  settled_stage: ["next_rank"],
};

/** Whether a trace holds what a reading is made of; a token is settled by one of several stages. */
export function readable(trace: Trace, value: ReadingName): boolean {
  return NEEDS[value].every((name) => trace.has(name)) && (value !== "settled_stage" || trace.stages.length > 1);
}

/** The row of a stage in the arrays of a trace; negative rows count from the last. */
export function rowOf(trace: Trace, stage: string | number): number {
  if (typeof stage === "string") return trace.stage(stage);
  const row = stage < 0 ? stage + trace.stages.length : stage;
  if (row < 0 || row >= trace.stages.length)
    throw new InputError(`stage ${stage} was asked for, but this trace holds ${trace.stages.length} stages.`);
  return row;
}

/**
 * One number per token of the text; NaN where nothing stood before it, or this trace did not read there.
 *
 * `settled_stage` is the row of the first stage from which on the token stayed the top guess, infinite where it was not
 * in the end; `excess_bits` is surprisal minus the entropy of the prediction that scored the token.
 */
export function readings(trace: Trace, value: ReadingName, row: number): Float64Array {
  if (value === "surprisal_bits") return Float64Array.from(tokenBits(trace, row));
  if (value === "next_rank") return ofTokens(trace, (column) => trace.at("next_rank", row, column) || NaN);
  if (value === "settled_stage") return ofTokens(trace, (column) => settled(trace, column));
  const expected = ofTokens(trace, (column) => trace.at("entropy_bits", row, column));
  if (value === "entropy_bits") return expected;
  const bits = tokenBits(trace, row);
  return expected.map((expectation, t) => bits[t]! - expectation);
}

/**
 * The number of a run of tokens; null where it has none.
 *
 * Tokens drawn as one, and words, have the sum of bits and the worst of ranks and stages, and nothing where a part of
 * them has nothing; lines and sentences have the mean of bits and the lower median of ranks and stages.
 */
export function combine(
  numbers: ArrayLike<number>,
  texty: readonly boolean[],
  by: By,
  value: ReadingName,
): number | null {
  const known = Array.from(numbers).filter((x) => !Number.isNaN(x));
  if (!known.length) return null;
  if (!hasMean(by) && known.length < numbers.length && texty.some((is, i) => is && Number.isNaN(numbers[i])))
    return null;
  if (value === "next_rank" || value === "settled_stage") {
    known.sort((a, b) => a - b);
    return hasMean(by) ? known[(known.length - 1) >> 1]! : known.at(-1)!;
  }
  const total = exactSum(known);
  return hasMean(by) ? total / known.length : total;
}

/** Whether runs differ so much in length that they are compared by their tokens' mean. */
export function hasMean(by: By): boolean {
  return by === "line" || by === "sentence";
}

/** The axis of a reading, the same for every text; of stages, for every text of the model. */
export function axisOf(value: ReadingName, by: By, stages: readonly string[]): Scale {
  const title = titleOf(value, by);
  const axis = surprisal(title, hasMean(by) ? LINE_BITS_END : BITS_END);
  if (value === "next_rank") {
    const ticks = [0, 1, 2, 3].map((i) => ({ place: i / 3, label: `${10 ** i}${i === 3 ? "+" : ""}` }));
    const [low, high, note] = [1, RANK_END, "log scale"];
    return scale({ name: value, title, unit: "rank", ramp: "ember", low, high, log: true, ticks, note });
  }
  // The same axis, so that what was expected can be held against what came.
  if (value === "entropy_bits") return { ...axis, name: value };
  if (value === "excess_bits") return balance(value, title, "bits", hasMean(by) ? EXCESS_END / 2 : EXCESS_END);
  if (value === "settled_stage") {
    const n = stages.length;
    // Most tokens of a text were never the top guess: they are paper, and the last stage is well apart from them.
    const low = 1.25 * n;
    const shown = n > 2 ? [...new Set([n - 1, (n - 1) >> 1, 0])] : [...stages.keys()].reverse();
    const ticks = [{ place: 0, label: "never" }, ...shown.map((i) => ({ place: 1 - i / low, label: stages[i]! }))];
    return scale({ name: value, title, unit: "stage", ramp: "tide", low, high: 0, ticks });
  }
  return axis;
}

function titleOf(value: ReadingName, by: By): string {
  const what = TITLES[value] ?? "";
  if (value === "surprisal_bits" || value === "entropy_bits") {
    const [head, tail] = what.split("bits") as [string, string];
    return hasMean(by) ? `mean ${head}bits per token of a ${by}${tail}` : `${head}bits per ${by}${tail}`;
  }
  if (value === "excess_bits") return hasMean(by) ? `mean ${what} per token of a ${by}` : `${what} per ${by}`;
  if (value === "next_rank")
    return by === "token" ? "rank of the token" : `${hasMean(by) ? "median" : "worst"} rank in a ${by}`;
  if (by === "token") return what;
  return `stage by which ${hasMean(by) ? "half" : "all"} the tokens of a ${by} had become the top guesses`;
}

/** What is read at positions, at the tokens that it is about. */
function ofTokens(trace: Trace, read: (column: number) => number): Float64Array {
  const numbers = new Float64Array(trace.tokens.length).fill(NaN);
  trace.positions.forEach((position, column) => {
    if (position + 1 < numbers.length) numbers[position + 1] = read(column);
  });
  return numbers;
}

function settled(trace: Trace, column: number): number {
  let first = Infinity;
  let stays = true;
  for (let row = trace.stages.length - 1; row >= 0; row--) {
    const rank = trace.at("next_rank", row, column);
    if (rank < 1) return NaN;
    stays &&= rank === 1;
    if (stays) first = row;
  }
  return first;
}
