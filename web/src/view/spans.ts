// Graphemes, words, lines and sentences of a text, each with the tokens that make it up; as Python's `trace/units.py`.
//
// Words, lines and sentences share out the tokens, each by its anchor: its last character that is not whitespace, or its
// last character where all of them are. Positions count characters (code points), as in Python.

import type { Tokens } from "../trace";
import { searchLeft, searchRight } from "./numbers";

/** Characters `start` to `end` of the text, and tokens `first` to `stop`. */
export interface Span {
  readonly start: number;
  readonly end: number;
  readonly first: number;
  readonly stop: number;
}

/** What Python's `str.isspace` says, for a class of a regular expression. JavaScript's `\s` differs. */
export const BLANK = "\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000";
// Of these, what does not end a line here.
const INLINE = "\\t\\v\\f\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000";

const WORD = new RegExp(`[^${BLANK}]+`, "gu");
const LINE = /([^\r\n]*)(?:\r\n|\r|\n)|[^\r\n]+/gu;
const SENTENCE_END = new RegExp(
  `[.!?…‽؟۔।॥]+["'”’»)\\]}]*(?=[${BLANK}])` + // a stop, what closes after it, and whitespace
    "|[。！？｡]+[」』”’）]*" + // the stops of scripts that put no space after them
    `|(?=(?:\\r\\n|\\r(?!\\n)|\\n)[${INLINE}]*[\\r\\n])`, // an empty line
  "gu",
);
const FOLLOWING = new RegExp(`[^${BLANK}]`, "gu");
const LETTERS_BEFORE = /\p{L}*$/u;
const ABBREVIATIONS = new Set(
  "Mr Mrs Ms Messrs Mme Mlle Dr Prof Rev Hon St Capt Col Gen Lt Sgt Jr Sr vs cf No Fig Eq".split(" "),
);

/** The extended grapheme clusters, each with all tokens that touch it. Source: Unicode Standard Annex 29. */
export function graphemes(tokens: Tokens): Span[] {
  const n = tokens.length;
  const reached = new Int32Array(n);
  const begun = new Int32Array(n);
  for (let t = 0; t < n; t++) reached[t] = Math.max(tokens.spans[2 * t + 1]!, t ? reached[t - 1]! : 0);
  for (let t = n - 1; t >= 0; t--) begun[t] = Math.min(tokens.spans[2 * t]!, t < n - 1 ? begun[t + 1]! : Infinity);
  return clusters(tokens).map(([start, end]) => {
    const first = searchRight(reached, start);
    return { start, end, first, stop: Math.max(searchLeft(begun, end), first) };
  });
}

const SIMPLE = /^[\n -~]*$/;

function clusters({ text, units }: Tokens): [number, number][] {
  if (SIMPLE.test(text)) return Array.from(text, (_, i) => [i, i + 1]);
  const at = characterAt(text, units);
  const segmenter = new Intl.Segmenter("und", { granularity: "grapheme" });
  return Array.from(segmenter.segment(text), ({ index, segment }) => [at(index), at(index + segment.length)]);
}

/** The maximal runs of characters that are not whitespace; a token counts for the word of its last letter. */
export function words(tokens: Tokens): Span[] {
  const bounds = matches(tokens, WORD);
  if (!bounds.length) return whole(tokens);
  const ends = bounds.map(([, end]) => end);
  return sharedOut(bounds, (anchor) => Math.min(searchRight(ends, anchor), bounds.length - 1), tokens);
}

/** The lines, ended by `\n`, `\r\n` or `\r`; the tokens that hold a line break belong to the line that it ends. */
export function lines(tokens: Tokens): Span[] {
  const at = characterAt(tokens.text, tokens.units);
  const bounds = Array.from(tokens.text.matchAll(LINE), (match): [number, number] => [
    at(match.index),
    at(match.index + (match[1] ?? match[0]).length),
  ]);
  if (!bounds.length) return tokens.length ? [{ start: 0, end: 0, first: 0, stop: tokens.length }] : [];
  const starts = bounds.map(([start]) => start);
  return sharedOut(bounds, (anchor) => searchRight(starts, anchor) - 1, tokens);
}

/** The sentences, as far as stops and empty lines tell; the rule is in Python's `trace/units.py`. */
export function sentences(tokens: Tokens): Span[] {
  const { text } = tokens;
  const at = characterAt(text, tokens.units);
  const cuts = Array.from(text.matchAll(SENTENCE_END))
    .filter((match) => ends(text, match))
    .map((match) => match.index + match[0].length);
  const bounds: [number, number][] = [];
  const edges = [0, ...cuts, text.length];
  for (let i = 0; i + 1 < edges.length; i++) {
    const part = text.slice(edges[i], edges[i + 1]);
    const inked = [...part.matchAll(WORD)];
    if (!inked.length) continue;
    const last = inked.at(-1)!;
    bounds.push([at(edges[i]! + inked[0]!.index), at(edges[i]! + last.index + last[0].length)]);
  }
  if (!bounds.length) return whole(tokens);
  const stops = bounds.map(([, end]) => end);
  return sharedOut(bounds, (anchor) => Math.min(searchRight(stops, anchor), bounds.length - 1), tokens);
}

/** Whether a sentence really ends where it looks like it. */
function ends(text: string, match: RegExpExecArray): boolean {
  const [found] = match;
  if (!found) return true;
  FOLLOWING.lastIndex = match.index + found.length;
  const following = FOLLOWING.exec(text)?.[0] ?? "";
  if (!"。！？｡".includes(found[0]!) && /^\p{Ll}$/u.test(following)) return false;
  if (found !== ".") return true;
  // Words are short; the search looks no further back than the longest abbreviation and one letter more.
  const word = LETTERS_BEFORE.exec(text.slice(Math.max(0, match.index - 20), match.index))![0];
  return !((/^\p{Lu}$/u.test(word) && word !== "I") || ABBREVIATIONS.has(word));
}

function whole({ units, length }: Tokens): Span[] {
  return length ? [{ start: 0, end: units.length - 1, first: 0, stop: length }] : [];
}

function matches({ text, units }: Tokens, pattern: RegExp): [number, number][] {
  const at = characterAt(text, units);
  return Array.from(text.matchAll(pattern), (match) => [at(match.index), at(match.index + match[0].length)]);
}

/** From a code unit to the character that it begins. */
export function characterAt(text: string, units: Int32Array): (unit: number) => number {
  if (units.length - 1 === text.length) return (unit) => unit;
  return (unit) => searchLeft(units, unit);
}

/** Which characters are no whitespace. */
export function inkOf(tokens: Tokens): Uint8Array {
  const inked = new Uint8Array(tokens.units.length - 1);
  for (const [start, end] of matches(tokens, WORD)) inked.fill(1, start, end);
  return inked;
}

/** Spans whose token ranges follow one another without gap or overlap. */
function sharedOut(bounds: readonly [number, number][], unitOf: (anchor: number) => number, tokens: Tokens): Span[] {
  const inked = inkOf(tokens);
  const lastInked = new Int32Array(inked.length);
  inked.forEach((ink, i) => (lastInked[i] = ink ? i : i ? lastInked[i - 1]! : -1));
  const first = new Int32Array(bounds.length).fill(-1);
  const stop = new Int32Array(bounds.length).fill(-1);
  let reached = -1;
  for (let t = 0; t < tokens.length; t++) {
    const [start, end] = [tokens.spans[2 * t]!, tokens.spans[2 * t + 1]!];
    const last = Math.max(end - 1, 0);
    const anchor =
      end <= start ? Math.min(start, inked.length - 1) : lastInked[last]! >= start ? lastInked[last]! : last;
    // A tokenizer that normalises may report offsets that step back; the ranges stay in order all the same.
    reached = Math.max(reached, unitOf(anchor), 0);
    if (first[reached] === -1) first[reached] = t;
    stop[reached] = t + 1;
  }
  let at = 0;
  return bounds.map(([start, end], i) => {
    if (first[i] === -1) return { start, end, first: at, stop: at };
    at = stop[i]!;
    return { start, end, first: first[i]!, stop: at };
  });
}
