// The text cut into the stretches that are drawn as one: tokens, words, lines or sentences; no grapheme cluster is cut.
//
// The stretches share out the text's characters and its tokens, each exactly once and in order.

import type { Tokens } from "../trace";
import { InputError } from "./errors";
import { graphemes, lines, sentences, words, type Span } from "./spans";

export const UNITS = ["token", "word", "line", "sentence"] as const;
export type By = (typeof UNITS)[number];

/** Characters `start` to `end` of the text and tokens `first` to `stop`. */
export type Stretch = Span;

/** The text as stretches. A word or sentence has the whitespace before it, a line its line break. */
export function stretches(tokens: Tokens, by: By = "token"): Stretch[] {
  if (!UNITS.includes(by))
    throw new InputError(`likelihoods by "${by}" were asked for; there are ${UNITS.join(", ")}.`);
  if (!tokens.length) return [];
  if (by === "token") {
    const groups = wholeClusters(tokens);
    return cut(
      tokens,
      groups.map(([first]) => tokens.spans[2 * first]!),
      groups,
    );
  }
  const spans = { word: words, line: lines, sentence: sentences }[by](tokens);
  const held = spans.filter((span) => span.stop > span.first);
  const groups = held.map((span): [number, number] => [span.first, span.stop]);
  // The whitespace before it is drawn with it; the end of the last one is the text's end.
  if (by !== "line") return cut(tokens, [0, ...held.slice(0, -1).map((span) => span.end)], groups);
  const begun = new Set<number>();
  spans.forEach((before, i) => {
    if (i + 1 < spans.length && before.stop > before.first) begun.add(spans[i + 1]!.start);
  });
  return cut(tokens, [0, ...[...begun].sort((a, b) => a - b)].slice(0, held.length), groups);
}

/** Ranges of tokens: one each, or as many as it takes to keep a grapheme cluster whole. */
function wholeClusters(tokens: Tokens): [number, number][] {
  const joined = new Uint8Array(tokens.length + 1);
  for (const { first, stop } of graphemes(tokens)) for (let t = first + 1; t < stop; t++) joined[t] = 1;
  const begins: number[] = [];
  for (let t = 0; t < tokens.length; t++) if (!joined[t]) begins.push(t);
  return begins.map((first, i) => [first, begins[i + 1] ?? tokens.length]);
}

/** Stretches that follow one another without gap, also where a lossy tokenizer's offsets step back. */
function cut(tokens: Tokens, starts: readonly number[], groups: readonly [number, number][]): Stretch[] {
  const length = tokens.units.length - 1;
  const cuts: number[] = [];
  for (const start of starts) cuts.push(Math.min(length, Math.max(start, cuts.at(-1) ?? 0)));
  cuts[0] = 0;
  return groups.map(([first, stop], i) => ({ start: cuts[i]!, end: cuts[i + 1] ?? length, first, stop }));
}
