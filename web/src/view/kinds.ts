// What kind of thing each token is: a word's start, punctuation, indentation, ... Judged by characters alone.
//
// The rules are those of Python's `trace/kinds.py`, in the same order.

import type { Tokens } from "../trace";
import { searchLeft } from "./numbers";
import { characterAt, inkOf } from "./spans";

export const KINDS = [
  "indentation and line breaks",
  "punctuation",
  "word starts",
  "word continuations",
  "digits",
  "other",
] as const;

const [INDENTATION, PUNCTUATION, START, CONTINUATION, DIGITS, OTHER] = [0, 1, 2, 3, 4, 5];

const LETTERS = "[\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\p{Join_Control}]";
const WORD = new RegExp(`${LETTERS}+(?:['’]${LETTERS}+)*`, "gu");
const LINE_START = /(?:^|(?<=[\r\n]))[\t\v\f\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+/gu;

/** The kind of each token, as an index into `KINDS`; the first rule that fits decides. */
export function tokenKinds(tokens: Tokens): Uint8Array {
  const characters = Array.from(tokens.text);
  const n = characters.length;
  const at = characterAt(tokens.text, tokens.units);
  const wordStart = new Int32Array(n + 1).fill(-1);
  const isLetter = new Uint8Array(n);
  for (const match of tokens.text.matchAll(WORD)) {
    const [start, end] = [at(match.index), at(match.index + match[0].length)];
    wordStart.fill(start, start, end);
    if (!/\p{L}/u.test(match[0])) continue;
    for (let i = start; i < end; i++) if (/[\p{L}\p{M}]/u.test(characters[i]!)) isLetter[i] = 1;
  }
  const indents = new Uint8Array(n);
  for (const match of tokens.text.matchAll(LINE_START))
    indents.fill(1, at(match.index), at(match.index + match[0].length));
  const letters: number[] = [];
  isLetter.forEach((is, i) => is && letters.push(i));
  const letter = counted(isLetter);
  const ink = counted(inkOf(tokens));
  const breaks = counted(characters.map((c) => c === "\r" || c === "\n"));
  const indent = counted(indents);
  const number = counted(characters.map((c) => /^\p{N}/u.test(c)));
  const symbol = counted(characters.map((c) => /^[\p{P}\p{Sm}\p{Sc}\p{Sk}]/u.test(c)));
  const kinds = new Uint8Array(tokens.length);
  let before = 0;
  for (let t = 0; t < tokens.length; t++) {
    const [start, end] = [tokens.spans[2 * t]!, tokens.spans[2 * t + 1]!];
    const any = (counts: Int32Array) => counts[end]! > counts[start]!;
    const touched = letters[searchLeft(letters, start)] ?? n;
    if (start === end) kinds[t] = OTHER!;
    else if (!any(ink)) kinds[t] = any(breaks) || any(indent) ? INDENTATION! : OTHER!;
    // A character cut between tokens begins in the first of them.
    else if (any(letter)) kinds[t] = wordStart[touched]! < Math.max(start, before) ? CONTINUATION! : START!;
    else if (any(number)) kinds[t] = DIGITS!;
    else kinds[t] = any(symbol) ? PUNCTUATION! : OTHER!;
    before = Math.max(before, end);
  }
  return kinds;
}

/** How many are marked before each place. */
function counted(marked: ArrayLike<number | boolean>): Int32Array {
  const counts = new Int32Array(marked.length + 1);
  for (let i = 0; i < marked.length; i++) counts[i + 1] = counts[i]! + (marked[i] ? 1 : 0);
  return counts;
}
