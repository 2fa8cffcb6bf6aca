// Lenses and norms in words, and what of the lens can be set.

import type { Window } from "../../view";

const NORM_TITLES: Readonly<Record<string, string>> = {
  final: "the final norm",
  plain: "a norm without scale and shift",
  none: "no norm",
};

export function normWords(norm: string): string {
  return NORM_TITLES[norm] ?? norm;
}

/** What is done to a stage before it is decoded: `logit`, or the last blocks are run on it. */
export function lensWords(lens: string, nBlocks: number | undefined): string {
  const tail = /^tail:(\d+)(\.mlp)?$/.exec(lens);
  if (!tail) return lens === "logit" ? "nothing (logit lens)" : lens;
  const from = Number(tail[1]);
  if (nBlocks === undefined) return lens;
  const blocks = nBlocks - from;
  if (!tail[2]) return `the last ${blocks === 1 ? "block" : `${blocks} blocks`} (${lens})`;
  return blocks === 1
    ? `the last MLP (${lens})`
    : `the last ${blocks === 2 ? "block" : `${blocks - 1} blocks`} and an MLP (${lens})`;
}

/** A window as it stands in the address: `12:40`, `12:`, `:40`; anything else is none. */
export function windowFrom(said: string, n: number): Window | null {
  const ends = /^(\d*):(\d*)$/.exec(said);
  if (!ends || (!ends[1] && !ends[2])) return null;
  const from = ends[1] ? Number(ends[1]) : null;
  const to = ends[2] ? Number(ends[2]) : null;
  // The text may have become shorter since: what lies outside of it is not asked for.
  if ((from ?? 0) >= Math.min(n, to ?? n)) return null;
  return [from, to];
}

/** What of a window is written; nothing where it is the whole text of `n` tokens. */
export function windowSaid(from: number, to: number, n: number): string {
  const a = from > 0 ? String(from) : "";
  const b = to < n ? String(to) : "";
  return a || b ? `${a}:${b}` : "";
}

/** What a cell says, and how large it is for that, in CSS pixels. */
export const CELLS = {
  guess: { title: "guesses", write: "guess", cellWidth: 72, cellHeight: 26 },
  number: { title: "numbers", write: "number", cellWidth: 52, cellHeight: 24 },
  both: { title: "guesses and numbers", write: "both", cellWidth: 78, cellHeight: 36 },
  colour: { title: "colours alone", write: "guess", cellWidth: 12, cellHeight: 14 },
} as const;

export type CellStyle = keyof typeof CELLS;

export function cellStyle(said: string): CellStyle {
  return Object.hasOwn(CELLS, said) ? (said as CellStyle) : "guess";
}
