// One cell of the lens: what a stage held likely there, what became of it in the end, and every number that is known.

import { DERIVED, STATISTICS, type Trace } from "../../trace";
import { fixed, grouped, idLabel } from "../../view";
import { TARGETS, valueWords } from "./values";

/** A token that this stage or the last one held likely; null is what is not known. */
export interface Guess {
  readonly id: number;
  readonly label: string;
  /** Its text, to name it by; null where its bytes are no whole characters. */
  readonly text: string | null;
  readonly probability: number | null;
  /** How many tokens are likelier, plus one. */
  readonly rank: number | null;
  readonly final_probability: number | null;
  readonly final_rank: number | null;
  /** In the end, less here. */
  readonly change: number | null;
  /** It is among those that this stage holds likeliest, and not only the last one. */
  readonly here: boolean;
  readonly came_next: boolean;
}

interface Known {
  probability: number;
  rank: number | null;
}

/**
 * The likeliest tokens of a cell, best first, and after them those of the last stage that are not among them.
 *
 * @param more a trace of the same text that watched further tokens at this cell's position, where there is one.
 */
export function guesses(trace: Trace, row: number, column: number, more: Trace | null = null): Guess[] {
  const output = trace.holdsOutput ? trace.stages.length - 1 : -1;
  const here = knownAt(trace, row, column);
  const final = output < 0 ? new Map<number, Known>() : knownAt(trace, output, column);
  const position = trace.positions[column]!;
  for (const [name, known] of [
    [trace.stages[row]!, here],
    [trace.stages.at(-1)!, final],
  ] as const)
    if (more && (known === here || output >= 0))
      for (const [id, one] of watchedAt(more, name, position)) if (!known.has(id)) known.set(id, one);
  const own = topIds(trace, row, column);
  const ids = [...own, ...(output < 0 ? [] : topIds(trace, output, column)).filter((id) => !own.includes(id))];
  const next = position + 1 < trace.ids.length ? trace.ids[position + 1]! : null;
  return ids.map((id): Guess => {
    const [now, then] = [here.get(id), final.get(id)];
    return {
      id,
      label: idLabel(trace.vocabulary, id),
      text: textOf(trace, id),
      probability: now?.probability ?? null,
      rank: now?.rank ?? null,
      final_probability: then?.probability ?? null,
      final_rank: then?.rank ?? null,
      change: now && then ? then.probability - now.probability : null,
      here: own.includes(id),
      came_next: id === next,
    };
  });
}

/** Tokens whose probability or rank a cell of this trace does not know, here or in the end. */
export function unknown(found: readonly Guess[]): number[] {
  return found
    .filter((guess) => [guess.probability, guess.rank, guess.final_probability, guess.final_rank].includes(null))
    .map((guess) => guess.id);
}

function topIds(trace: Trace, row: number, column: number): number[] {
  if (!trace.has("top_ids")) return [];
  const k = trace.array("top_ids").shape[2]!;
  return Array.from({ length: k }, (_, i) => trace.at("top_ids", row, column, i));
}

/** What a trace says of tokens at one of its cells: of the likeliest, and of those that it follows everywhere. */
function knownAt(trace: Trace, row: number, column: number): Map<number, Known> {
  const known = new Map<number, Known>();
  const ids = topIds(trace, row, column);
  const scores = ids.map((_, i) => trace.at("top_logits", row, column, i));
  ids.forEach((id, i) => {
    const probability = Math.exp(trace.at("top_logprobs", row, column, i));
    known.set(id, { probability, rank: 1 + scores.filter((score) => score > scores[i]!).length });
  });
  const position = trace.positions[column]!;
  const last = trace.stages.length - 1;
  const add = (name: string, id: number | undefined) => {
    if (id === undefined || !trace.has(`${name}_logprob`)) return;
    const logprob = trace.at(`${name}_logprob`, row, column);
    const rank = trace.has(`${name}_rank`) ? trace.at(`${name}_rank`, row, column) || null : null;
    if (!Number.isNaN(logprob) && !known.has(id)) known.set(id, { probability: Math.exp(logprob), rank });
  };
  add("next", trace.ids[position + 1]);
  add("input", trace.ids[position]);
  if (trace.holdsOutput) add("final", topIds(trace, last, column)[0]);
  return known;
}

function watchedAt(trace: Trace, stage: string, position: number): Map<number, Known> {
  const known = new Map<number, Known>();
  const [row, column] = [trace.stages.indexOf(stage), trace.column(position)];
  if (row < 0 || column < 0 || !trace.has("watch_logprob")) return known;
  trace.watched.forEach((id, i) => {
    const probability = Math.exp(trace.at("watch_logprob", row, column, i));
    known.set(id, { probability, rank: trace.at("watch_rank", row, column, i) || null });
  });
  return known;
}

function textOf(trace: Trace, id: number): string | null {
  const bytes = trace.vocabulary.pieces.get(id);
  if (!bytes?.length) return null;
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return null;
  }
}

/** The numbers of a cell as they are written, by the target that they are of. */
export interface Numbers {
  readonly id: string;
  readonly title: string;
  /** What token this is of; null where it is of all together, or there is none. */
  readonly label: string | null;
  readonly figures: readonly { readonly name: string; readonly words: string; readonly shown: string }[];
}

const OWN: Readonly<Record<string, string>> = {
  own: "own guess",
  final: "final guess",
  next: "came next",
  input: "read",
};

/** Everything that is known of a cell, named by the numeric contract, each with as many digits as float32 vouches for. */
export function numbers(trace: Trace, row: number, column: number): Numbers[] {
  const position = trace.positions[column]!;
  const label = (id: number | undefined) => (id === undefined ? null : idLabel(trace.vocabulary, id));
  const labels: Readonly<Record<string, string | null>> = {
    own: label(topIds(trace, row, column)[0]),
    final: trace.holdsOutput ? label(topIds(trace, trace.stages.length - 1, column)[0]) : null,
    next: label(trace.ids[position + 1]),
    input: label(trace.ids[position]),
  };
  return TARGETS.filter((target) => target.id !== "watch").flatMap((target): Numbers[] => {
    const figures = target.values
      .filter((name) => trace.has(name))
      .map((name) => ({ name, words: valueWords(name), shown: written(name, trace.at(name, row, column)) }));
    if (!figures.length || figures.every((figure) => figure.shown === "–")) return [];
    return [{ id: target.id, title: OWN[target.id] ?? target.title, label: labels[target.id] ?? null, figures }];
  });
}

/** A number of a statistic in full; a dash where it is missing. */
export function written(name: string, number: number): string {
  const unit = (STATISTICS.get(name) ?? DERIVED.get(name))?.unit ?? "";
  if (Number.isNaN(number) || (unit === "rank" && number < 1)) return "–";
  if (unit === "rank") return grouped(number);
  if (!Number.isFinite(number)) return number > 0 ? "∞" : "−∞";
  if (unit !== "probability") return fixed(number, 3).replace("-", "−");
  // Small ones keep their digits; 1e-7 says more than 0.0000.
  return number === 0 || number >= 1e-3 ? fixed(number, 4) : number.toExponential(2).replace("-", "−");
}

/** A probability in percent, without its sign, with a digit that says something. */
export function percentWords(probability: number): string {
  const share = 100 * probability;
  if (share >= 9.95) return fixed(share, 1);
  if (share >= 0.01 || share === 0) return fixed(share, 2);
  return share.toExponential(0).replace("-", "−");
}
