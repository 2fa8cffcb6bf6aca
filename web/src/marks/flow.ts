// A text's runs as lines, chunks and parts: what a page can lay out, with the way back to the source for copying.
//
// Lines find their own direction; chunks are coloured only once they come near the screen. Knows no DOM.

import { flowing, type Shown } from "../view";

/** What is drawn of one run on one line. */
export interface Part {
  /** Index of the run. */
  readonly run: number;
  /** What to draw; not always what the source says. */
  readonly shown: string;
  /** The characters of the source, in UTF-16 code units. */
  readonly start: number;
  readonly end: number;
  /** What is drawn is what the source says, character by character. */
  readonly exact: boolean;
  /** A line break ends it. */
  readonly breaks: boolean;
  /** It is the first part of its run. */
  readonly first: boolean;
}

export interface Chunk {
  readonly index: number;
  readonly parts: readonly Part[];
  readonly text: string;
}

export interface Line {
  readonly chunks: readonly Chunk[];
}

/** Parts in a chunk. */
const CHUNK = 60;

/** The lines of joined runs; a line break at the very end begins no further line. */
export function linesOf(runs: readonly Shown[]): Line[] {
  const lines: Part[][] = [[]];
  let at = 0;
  runs.forEach((run, index) => {
    let first = true;
    const add = (source: string, shown: string, breaks: boolean, length = source.length) => {
      const [start, end] = [at, at + length];
      lines.at(-1)!.push({ run: index, shown, start, end, exact: source === shown, breaks, first });
      at = end;
      first = false;
      if (breaks) lines.push([]);
    };
    if (run.partial || !run.text) {
      const rows = run.label.split("\n");
      // What is drawn instead of such a text has no places of its own in it; all belong to its last line.
      rows.forEach((row, i) => {
        const last = i === rows.length - 1;
        add(last ? run.text : "", row, !last);
      });
      return;
    }
    for (const [row] of run.text.matchAll(/(?:[^\r\n]|\r(?!\n))*(?:\r?\n)|(?:[^\r\n]|\r(?!\n))+/g)) {
      const source = row.replace(/\r?\n$/, "");
      add(source, flowing(source), source.length < row.length, row.length);
    }
  });
  if (!lines.at(-1)!.length && lines.length > 1) lines.pop();
  let chunk = 0;
  return lines.map((parts) => {
    const chunks: Chunk[] = [];
    for (let i = 0; i < Math.max(1, parts.length); i += CHUNK) {
      const own = parts.slice(i, i + CHUNK);
      chunks.push({ index: chunk++, parts: own, text: own.map((part) => part.shown).join("") });
    }
    return { chunks };
  });
}

/** A part's characters, each whitespace by itself where it is to be marked. */
export function marked(shown: string): { text: string; mark: "space" | "tab" | null }[] {
  return (shown.match(/[ \u00a0]|\t|[^ \u00a0\t]+/g) ?? []).map((text) => ({
    text,
    mark: text === "\t" ? "tab" : text === " " || text === "\u00a0" ? "space" : null,
  }));
}
