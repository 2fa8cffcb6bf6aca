// A text cut into lines, chunks and coloured parts, for a layer that lies exactly under an editable text.
//
// Lines are blocks of their own, so that each finds its own direction; chunks are what is coloured only near the screen,
// so that a text of a hundred thousand characters does not freeze the page. Knows no DOM.

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
  readonly start: number;
  readonly text: string;
  readonly parts: readonly Part[];
}

export interface Line {
  readonly start: number;
  readonly chunks: readonly Chunk[];
  /** The stretch that holds the line break; -1 where there is none or nothing is known. */
  readonly broken: number;
}

/** Characters after which a chunk ends with the next stretch. */
const CHUNK = 300;

/**
 * The lines of a text.
 *
 * @param stretches in order, without overlap; the text between and after them is plain.
 * @param before the lines of the last call: those that have not changed are the same objects again, and are not redrawn.
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
    const close = () => {
      if (parts.length) chunks.push({ start: from, text: text.slice(from, at), parts });
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
        if (at - from >= CHUNK) close();
      }
      if (known && stretch.end <= at) index++;
    }
    close();
    while (index < stretches.length && stretches[index]!.end <= end) index++;
    const holder = stretches[index];
    const broken = after > end && holder !== undefined && holder.start < after ? index : -1;
    const line: Line = { start, chunks, broken };
    const old = before[lines.length];
    lines.push(old && sameLine(old, line) ? old : line);
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

function cuts(text: string, start: number, end: number): number[] {
  const found: number[] = [];
  for (let at = start + CHUNK; at < end; at += CHUNK) {
    // Not within a surrogate pair.
    if ((text.charCodeAt(at) & 0xfc00) === 0xdc00) at++;
    if (at < end) found.push(at);
  }
  return [...found, end];
}

function sameLine(a: Line, b: Line): boolean {
  return (
    a.start === b.start &&
    a.broken === b.broken &&
    a.chunks.length === b.chunks.length &&
    a.chunks.every((chunk, i) => {
      const other = b.chunks[i]!;
      return (
        chunk.text === other.text &&
        chunk.parts.length === other.parts.length &&
        chunk.parts.every((part, j) => part.index === other.parts[j]!.index && part.text === other.parts[j]!.text)
      );
    })
  );
}
