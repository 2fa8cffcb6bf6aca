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
}

/** A part of a stretch on one line; `index` counts stretches, -1 where nothing is known of the text. */
export interface Part {
  readonly text: string;
  readonly index: number;
}

export interface Chunk {
  readonly text: string;
  readonly parts: readonly Part[];
}

export interface Line {
  readonly chunks: readonly Chunk[];
  /** The stretch that holds the line break; -1 where there is none or nothing is known. */
  readonly broken: number;
}

/**
 * Where each run of what was read lies in what is shown now; of an older text, only the runs of the unchanged beginning.
 *
 * @param text what is shown.
 */
export function stretchesOf(trace: Trace, runs: readonly Shown[], text: string): Stretch[] {
  const { units, text: read } = trace.tokens;
  const same = read === text ? text.length : changed(read, text)[0];
  const found: Stretch[] = [];
  for (const run of runs) {
    const start = units[run.start]!;
    const end = start + run.text.length;
    // The token at the edge of what is typed may become another one.
    if (end > same || (end === same && same < read.length)) break;
    found.push({ start, end });
  }
  return found;
}

/** Characters after which a chunk ends with the next stretch, or with the next good place of a plain text. */
const CHUNK = 300;

/**
 * The lines of a text.
 *
 * @param stretches in order, without overlap; the text between and after them is plain.
 * @param before the lines of the last call: lines and chunks that have not changed are the same objects again, and are not
 *   drawn again.
 */
export function linesOf(text: string, stretches: readonly Stretch[], before: readonly Line[] = []): Line[] {
  const lines: Line[] = [];
  let next = 0;
  for (const [start, end, after] of bounds(text)) {
    while (next < stretches.length && stretches[next]!.end <= start) next++;
    let index = next;
    const chunks: Chunk[] = [];
    let parts: Part[] = [];
    let from = start;
    let at = start;
    const old = before[lines.length];
    const again = keeper(old?.chunks ?? []);
    const close = () => {
      if (parts.length) chunks.push(again({ text: text.slice(from, at), parts }));
      parts = [];
      from = at;
    };
    while (at < end) {
      const stretch = stretches[index];
      const known = stretch !== undefined && stretch.start <= at;
      const stop = Math.min(end, stretch === undefined ? end : known ? stretch.end : stretch.start);
      // A long plain stretch is cut too: one chunk is drawn or not as a whole.
      for (const to of known ? [stop] : cuts(text, at, stop)) {
        parts.push({ text: text.slice(at, to), index: known ? index : -1 });
        at = to;
        if (at - from >= CHUNK || !known) close();
      }
      if (known && stretch.end <= at) index++;
    }
    close();
    while (index < stretches.length && stretches[index]!.end <= end) index++;
    const holder = stretches[index];
    const broken = after > end && holder !== undefined && holder.start < after ? index : -1;
    const same = old?.broken === broken && old.chunks.length === chunks.length;
    lines.push(same && chunks.every((chunk, i) => chunk === old.chunks[i]) ? old : { chunks, broken });
  }
  return lines;
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

/** Where a plain stretch is cut: after spaces that depend on the letters beside them only, so that typing moves few of them. */
function cuts(text: string, start: number, end: number): number[] {
  const found: number[] = [];
  let from = start;
  for (let at = start + CHUNK / 2; at < end; at++) {
    const good = text.charCodeAt(at - 1) === 0x20 && ((text.charCodeAt(at) + text.charCodeAt(at - 2)) & 3) === 0;
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
