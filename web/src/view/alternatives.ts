// What the model held likely at one place of the text, beside what really stands there.

import type { Trace } from "../trace";
import { InputError } from "./errors";
import { idLabel, tokenLabel } from "./labels";
import { exactSum, real } from "./numbers";
import { rowOf } from "./readings";
import { sourceOf, type Source } from "./source";

/** A token that could have stood there. */
export interface Alternative {
  readonly id: number;
  readonly label: string;
  readonly probability: number;
  readonly bits: number;
  readonly actual: boolean;
}

/** A token and what one stage thinks of it; null is what was not computed. */
export interface Choice {
  readonly id: number;
  readonly label: string;
  readonly probability: number | null;
  readonly bits: number | null;
  /** How many tokens are likelier, plus one. */
  readonly rank: number | null;
  /** It is the token that stands there. */
  readonly actual: boolean;
  /** What the model's own output thinks of it; null where that is not among what was kept. */
  readonly output_probability: number | null;
}

export interface Alternatives {
  readonly view: "alternatives";
  readonly version: 1;
  /** In the text, from 0; its number of tokens stands for what would come next. */
  readonly position: number;
  readonly stage: string;
  /** The token that stands there; null at the end of the text. */
  readonly actual: Choice | null;
  /** Best first; none where nothing stood before, or this trace did not read there. */
  readonly choices: readonly Choice[];
  /** The probability of all others together, the actual token not among them; null without choices. */
  readonly rest: number | null;
  readonly expected_bits: number | null;
  /** How many tokens the model had seen. */
  readonly context: number | null;
  readonly source: Source;
}

/** The kept top-k of a cell of the trace, best first. */
export function likeliest(trace: Trace, row: number, column: number, actual: number | null): Alternative[] {
  const ids = trace.array("top_ids");
  const logprobs = trace.array("top_logprobs");
  const k = ids.shape[2]!;
  const begin = (row * ids.shape[1]! + column) * k;
  return Array.from({ length: k }, (_, i) => {
    const id = ids.data[begin + i]!;
    const logprob = logprobs.data[begin + i]!;
    return {
      id,
      label: idLabel(trace.vocabulary, id),
      probability: Math.exp(logprob),
      bits: -logprob / Math.LN2,
      actual: id === actual,
    };
  });
}

/**
 * What one stage held likely at a position of the text, and what it thought of the token that stands there.
 *
 * @param position of the token that is foretold; the number of tokens asks for what would come next.
 * @param stage a name or a row; the last one by default.
 */
export function alternatives(trace: Trace, position: number, stage: string | number = -1): Alternatives {
  const n = trace.ids.length;
  if (!(0 <= position && position <= n))
    throw new InputError(`position ${position} was asked for, but what can be foretold is 0 to ${n}.`);
  const row = rowOf(trace, stage);
  const column = position ? trace.column(position - 1) : -1;
  const token = position < n ? trace.ids[position]! : null;
  const guesses = column < 0 ? [] : likeliest(trace, row, column, token);
  const ranks = column < 0 ? [] : ranksOf(trace, row, column);
  const output = column < 0 ? new Map<number, number>() : outputOf(trace, column);
  const choices = guesses.map(({ id, label, probability, bits, actual }, i) => {
    return { id, label, probability, bits, rank: ranks[i]!, actual, output_probability: output.get(id) ?? null };
  });
  let actual = token === null ? null : actualOf(trace, row, column, position, output);
  // Of a stage that keeps no likelihood of the actual token, the kept guesses may still have it.
  if (actual?.probability === null) actual = choices.find((choice) => choice.actual) ?? actual;
  const known = guesses.map((guess) => guess.probability);
  if (actual && actual.probability !== null && !guesses.some((guess) => guess.actual)) known.push(actual.probability);
  return {
    view: "alternatives",
    version: 1,
    position,
    stage: trace.stages[row]!,
    actual,
    choices,
    rest: guesses.length ? Math.max(0, 1 - exactSum(known)) : null,
    expected_bits: column >= 0 && trace.has("entropy") ? real(trace.at("entropy_bits", row, column)) : null,
    context: column >= 0 && trace.contextLengths.length ? trace.contextLengths[column]! : null,
    source: sourceOf(trace, trace.stages[row]!),
  };
}

/** Of the kept guesses: one more than how many of them are likelier, so that equals share a rank. */
function ranksOf(trace: Trace, row: number, column: number): number[] {
  const { data, shape } = trace.array(trace.has("top_logits") ? "top_logits" : "top_logprobs");
  const begin = (row * shape[1]! + column) * shape[2]!;
  const scores = data.subarray(begin, begin + shape[2]!);
  return Array.from(scores, (score) => 1 + scores.filter((other) => other > score).length);
}

/** What the model's own output thinks of the tokens of which that is known. */
function outputOf(trace: Trace, column: number): Map<number, number> {
  if (!trace.holdsOutput) return new Map();
  const last = trace.stages.length - 1;
  const kept = new Map(likeliest(trace, last, column, null).map((guess) => [guess.id, guess.probability]));
  const following = trace.positions[column]! + 1;
  if (trace.has("next_logprob") && following < trace.ids.length)
    kept.set(trace.ids[following]!, Math.exp(trace.at("next_logprob", last, column)));
  return kept;
}

function actualOf(
  trace: Trace,
  row: number,
  column: number,
  position: number,
  output: ReadonlyMap<number, number>,
): Choice {
  const id = trace.ids[position]!;
  const logprob = column < 0 || !trace.has("next_logprob") ? null : real(trace.at("next_logprob", row, column));
  return {
    id,
    label: tokenLabel(trace.tokens, position),
    probability: logprob === null ? null : Math.exp(logprob),
    bits: logprob === null ? null : -logprob / Math.LN2,
    rank: column < 0 || !trace.has("next_rank") ? null : trace.at("next_rank", row, column) || null,
    actual: true,
    output_probability: output.get(id) ?? null,
  };
}
