// A text cut into lines, chunks and coloured parts, for a layer that lies exactly under an editable text.
//
// Lines are blocks of their own, so that each finds its own direction; chunks are what is coloured only near the screen,
// so that a text of a hundred thousand characters does not freeze the page. Knows no DOM.

import type { Trace } from "../../trace";
import type { Shown } from "../../view";
import { changed } from "./editing";

/** What is drawn in one colour: a stretch of the text that is known, in UTF-16 code units. */
export interface Stretch {
  readonly start: number;
  readonly end: number;
  /** Which run that is. */
  readonly run: number;
}

/** A part of a stretch on one line; `index` is its run, less its chunk's `first`, and -1 where nothing is known of the text. */
export interface Part {
  readonly text: string;
  readonly index: number;
}

/** The same object as long as it is drawn the same, wherever it has moved to. */
export interface Chunk {
  readonly text: string;
  readonly parts: readonly Part[];
}

export interface Line {
  /** The same as long as it is the same line, wherever it has moved to. */
  readonly key: number;
  readonly text: string;
  readonly chunks: readonly Chunk[];
  /** Of each chunk, the run that its indices count from. */
  readonly firsts: readonly number[];
  /** The run that holds the line break; -1 where there is none or nothing is known. */
  readonly broken: number;
}

/**
 * Where each run of what was read lies in what is shown now; of an older text, the runs of its unchanged beginning and end.
 *
 * @param text what is shown.
 */
export function stretchesOf(trace: Trace, runs: readonly Shown[], text: string): Stretch[] {
  const { units, text: read } = trace.tokens;
  const [head, tail] = read === text ? [text.length, 0] : changed(read, text);
  const moved = text.length - read.length;
  const found: Stretch[] = [];
  runs.forEach((one, run) => {
    const start = units[one.start]!;
    const end = start + one.text.length;
    // The tokens at the edges of what is typed may become others.
    if (end < head || (end === head && head === read.length)) found.push({ start, end, run });
    else if (tail && start > read.length - tail) found.push({ start: start + moved, end: end + moved, run });
  });
  return found;
}

/** Characters about which a chunk has: it ends within half and double of it. */
const CHUNK = 300;

let keys = 0;

/**
 * The lines of a text.
 *
 * @param stretches in order, without overlap; the text between and after them is plain. Two that touch are of runs that do.
 * @param before the lines of the last call: lines and chunks that have not changed are the same objects again, and are not
 *   drawn again.
 */
export function linesOf(text: string, stretches: readonly Stretch[], before: readonly Line[] = []): Line[] {
  const places = [...bounds(text)];
  const oldOf = matched(places, text, before);
  let next = 0;
  return places.map(([start, end, after], n) => {
    while (next < stretches.length && stretches[next]!.end <= start) next++;
    let index = next;
    const old = oldOf(n);
    const chunks: Chunk[] = [];
    const firsts: number[] = [];
    const again = keeper(old?.chunks ?? []);
    let parts: Part[] = [];
    let first = -1;
    let from = start;
    let at = start;
    const close = () => {
      if (parts.length) {
        chunks.push(again({ text: text.slice(from, at), parts }));
        firsts.push(first);
      }
      parts = [];
      first = -1;
      from = at;
    };
    while (at < end) {
      const stretch = stretches[index];
      const known = stretch !== undefined && stretch.start <= at;
      const stop = Math.min(end, stretch === undefined ? end : known ? stretch.end : stretch.start);
      // A long plain stretch is cut too: one chunk is drawn or not as a whole.
      for (const to of known ? [stop] : cuts(text, at, stop)) {
        if (known && first < 0) first = stretch.run;
        parts.push({ text: text.slice(at, to), index: known ? stretch.run - first : -1 });
        at = to;
        const long = at - from;
        if (!known || long >= 2 * CHUNK || (long >= CHUNK / 2 && isGood(text, at))) close();
      }
      if (known && stretch.end <= at) index++;
    }
    close();
    while (index < stretches.length && stretches[index]!.end <= end) index++;
    const holder = stretches[index];
    const broken = after > end && holder !== undefined && holder.start < after ? holder.run : -1;
    const same = old?.broken === broken && old.chunks.length === chunks.length;
    if (same && chunks.every((chunk, i) => chunk === old.chunks[i] && firsts[i] === old.firsts[i])) return old;
    return { key: old?.key ?? keys++, text: text.slice(start, end), chunks, firsts, broken };
  });
}

/** Which line of before each line is: the same ones at the beginning and at the end, and in order between them. */
function matched(
  places: readonly (readonly [start: number, end: number, after: number])[],
  text: string,
  before: readonly Line[],
): (n: number) => Line | undefined {
  const shift = before.length - places.length;
  const most = Math.min(before.length, places.length);
  const same = (n: number, old: number) => {
    const [start, end] = places[n]!;
    const line = before[old]!.text;
    return end - start === line.length && text.startsWith(line, start);
  };
  let head = 0;
  while (head < most && same(head, head)) head++;
  let tail = 0;
  while (tail < most - head && same(places.length - 1 - tail, before.length - 1 - tail)) tail++;
  return (n) => {
    if (n >= places.length - tail) return before[n + shift];
    return n < before.length - tail ? before[n] : undefined;
  };
}

/** Where each line begins, where its text ends, and where its line break ends; there is always a last line. */
function* bounds(text: string): Generator<[start: number, end: number, after: number]> {
  const breaks = /\r\n|\r|\n/g;
  let start = 0;
  for (let match = breaks.exec(text); match; match = breaks.exec(text)) {
    yield [start, match.index, breaks.lastIndex];
    start = breaks.lastIndex;
  }
  yield [start, text.length, text.length];
}

/** Whether a chunk may end here: that depends on the letters around alone, so that typing moves few of their ends. */
function isGood(text: string, at: number): boolean {
  return ((text.charCodeAt(at) + text.charCodeAt(at - 2)) & 3) === 0;
}

/** Where a plain stretch is cut: after spaces. */
function cuts(text: string, start: number, end: number): number[] {
  const found: number[] = [];
  let from = start;
  for (let at = start + CHUNK / 2; at < end; at++) {
    const good = text.charCodeAt(at - 1) === 0x20 && isGood(text, at);
    // A text without spaces is cut all the same, but not within a surrogate pair.
    const must = at - from >= 2 * CHUNK && (text.charCodeAt(at) & 0xfc00) !== 0xdc00;
    if (!good && !must) continue;
    found.push(at);
    from = at;
    at += CHUNK / 2;
  }
  return [...found, end];
}

/** Gives chunks that were there before as the same objects, each once, in their order. */
function keeper(before: readonly Chunk[]): (chunk: Chunk) => Chunk {
  let next = 0;
  return (chunk) => {
    // What was typed moves few chunks by few places.
    for (let i = next; i < Math.min(before.length, next + 4); i++) {
      const old = before[i]!;
      if (!alike(old, chunk)) continue;
      next = i + 1;
      return old;
    }
    return chunk;
  };
}

function alike(a: Chunk, b: Chunk): boolean {
  return (
    a.text === b.text &&
    a.parts.length === b.parts.length &&
    a.parts.every((part, i) => part.index === b.parts[i]!.index && part.text === b.parts[i]!.text)
  );
}
