// One cell's sum taken apart: its terms leave their places, meet in rows before the cell, and become it. Where each of them
// is at a moment; its number is the one that is stored. Draws nothing.

import { cellBox } from "./boxes";
import { clamped, eased, type Apart, type CellRef } from "./frame";
import type { Box, Point } from "./geometry";
import type { Layout } from "./layout";
import { sourcesOf, type Source } from "./sources";

export interface FlyingCell {
  readonly x: number;
  readonly y: number;
  readonly z: number;
  readonly size: number;
  /** The block whose colours it has. */
  readonly block: string;
  /** Undefined where it is not known yet. */
  readonly value: number | undefined;
}

/** Terms that are shown at most; of longer sums the first. */
const MOST = 50;
const COLUMNS = 10;
/** From a term to the next to its side, from a factor to the one below it, and from row to row: room for signs between. */
const ACROSS = 1.45;
const LINE = 1.3;
const ROW = 2.8;
/** How far below their cell, and how much nearer than it, terms meet. */
const BELOW = 2;
const NEARER = 4;

/** When terms are in their rows, and when they set out for the cell. */
const MET = 0.4;
const PARTED = 0.6;

/**
 * @param valueOf the stored number of a cell.
 * @param most cells in all.
 */
export function apartCells(
  layout: Layout,
  ids: readonly number[],
  { block, index, progress }: Apart,
  valueOf: (block: string, index: readonly number[]) => number | undefined,
  most = 400,
): FlyingCell[] {
  const sum = sumOf(layout, ids, { block, index });
  if (!sum || progress <= 0 || progress >= 1) return [];
  const { target, sources, counts, nTerms, wide, first: begins } = sum;
  const found: FlyingCell[] = [];
  sources.forEach(({ block: from, from: first, to }, n) => {
    const there = layout.byId.get(from)!;
    const [begin, line] = begins[n]!;
    for (let i = 0; i < Math.min(counts[n]!, MOST) && found.length < most; i++) {
      const cell = nth(first, to, i);
      const start = cellBox(there, cell).origin;
      const place = begin + i;
      const [column, row] = [place % wide, Math.floor(place / wide)];
      const meeting: Point = {
        x: target.x + (column - (wide - 1) / 2) * ACROSS,
        y: target.y + BELOW + row * ROW + line * LINE,
        z: target.z + NEARER,
      };
      found.push({
        ...position(start, meeting, target, progress, i / nTerms),
        block: from,
        value: valueOf(from, cell),
      });
    }
  });
  return found;
}

/** The cells of all terms that are shown. */
export function apartTerms(layout: Layout, ids: readonly number[], of: CellRef): CellRef[] {
  const { sources = [], counts = [] } = sumOf(layout, ids, of) ?? {};
  return sources.flatMap(({ block, from, to }, n) =>
    Array.from({ length: Math.min(counts[n]!, MOST) }, (_, i) => ({ block, index: nth(from, to, i) })),
  );
}

/** A sign between terms, around a point. */
export interface TermSign extends Point {
  readonly text: string;
  readonly solid: number;
}

/** What is done with terms, by the kind of their formula: side by side, and below each other. */
const BESIDE: Readonly<Record<string, string>> = { dot: "+", mean: "+", rotary: "+" };
const UNDER: Readonly<Record<string, string>> = { dot: "×", product: "×", add: "+", lookup: "+", rotary: "×" };

/** The signs between terms while they stand in their rows. */
export function apartSigns(layout: Layout, ids: readonly number[], { block, index, progress }: Apart): TermSign[] {
  const solid = Math.min(clamped((progress - MET) / 0.05 + 1), clamped((PARTED - progress) / 0.05));
  const sum = sumOf(layout, ids, { block, index });
  if (!sum || solid <= 0) return [];
  const { target, counts, nTerms, wide, kind, lines, nPlaces } = sum;
  const paired = lines > 1;
  const high = 1 + (paired ? LINE : 0);
  const at = (place: number, right: number, text: string, down: number): TermSign => ({
    text,
    x: target.x + 0.5 + ((place % wide) + right - (wide - 1) / 2) * ACROSS,
    y: target.y + BELOW + Math.floor(place / wide) * ROW + down,
    z: target.z + NEARER + 1,
    solid,
  });
  const found: TermSign[] = [];
  const [beside, under] = [BESIDE[kind], UNDER[kind]];
  for (let i = 0; i < nTerms; i++) {
    if (under && paired) found.push(at(i, 0, under, (1 + LINE) / 2));
    if (beside && i + 1 < nPlaces) found.push(at(i, 0.5, beside, i + 1 < nTerms ? high / 2 : 0.5));
  }
  if (beside && Math.max(...counts) > nTerms) found.push(at(nPlaces, 0, "…", 0.5));
  return found;
}

/** The cell and where its terms meet. */
export function meetingBox(layout: Layout, ids: readonly number[], of: CellRef): Box | null {
  const sum = sumOf(layout, ids, of);
  if (!sum) return null;
  const { target, wide, lines, nPlaces } = sum;
  const left = ((wide - 1) / 2) * ACROSS;
  const rows = Math.ceil(nPlaces / wide);
  return {
    origin: { x: target.x - left, y: target.y, z: target.z },
    size: {
      x: 2 * left + 1,
      y: BELOW + (rows - 1) * ROW + (lines - 1) * LINE + 1,
      z: NEARER + 1,
    },
  };
}

interface Sum {
  /** The least corner of the cell. */
  readonly target: Point;
  readonly sources: readonly Source[];
  /** Cells of each source. */
  readonly counts: readonly number[];
  /** Terms that are shown. */
  readonly nTerms: number;
  /** Of them, in a row. */
  readonly wide: number;
  /** Factors of a term below each other. */
  readonly lines: number;
  /** Places of terms, and of what is added to them. */
  readonly nPlaces: number;
  /** Of each source: the place of its first cell, and in which line. */
  readonly first: readonly (readonly [place: number, line: number])[];
  /** Of the formula. */
  readonly kind: string;
}

function sumOf(layout: Layout, ids: readonly number[], of: CellRef): Sum | null {
  const box = layout.byId.get(of.block);
  if (!box) return null;
  // Ids say which cells are read; they are no terms.
  const sources = sourcesOf(layout, ids, of).filter(({ role }) => role !== "ids");
  const counts = sources.map(({ from, to }) => from.reduce((n, first, axis) => n * (to[axis]! - first), 1));
  const kind = box.block.formula?.kind ?? "";
  const target = cellBox(box, of.index).origin;
  // A rotation is a sum of two products, whose factors are named one after the other.
  if (kind === "rotary") {
    const first = sources.map((_, n) => [n >> 1, n & 1] as const);
    const nTerms = Math.ceil(sources.length / 2);
    return { target, sources, counts, nTerms, wide: nTerms, kind, lines: 2, nPlaces: nTerms, first };
  }
  // Factors of one term stand below each other, terms in rows; what is no pair comes last.
  const most = Math.max(1, ...counts);
  const nTerms = Math.min(MOST, most);
  let [lines, nPlaces] = [0, nTerms];
  const first = counts.map((count) => (count === most ? ([0, lines++] as const) : ([nPlaces++, 0] as const)));
  return {
    target,
    sources,
    counts,
    nTerms,
    wide: Math.min(COLUMNS, nTerms),
    kind,
    lines: Math.max(1, lines),
    nPlaces,
    first,
  };
}

/** Where a cell is: at home, then in its row, then at the goal; later terms set out a little later. */
function position(home: Point, meeting: Point, goal: Point, progress: number, late: number): Point & { size: number } {
  const delay = 0.12 * late;
  const out = eased(clamped((progress - delay) / (MET - 0.12)));
  const back = eased(clamped((progress - PARTED - delay) / (1 - PARTED - 0.12)));
  const mixed = (a: number, b: number, t: number) => a + (b - a) * t;
  const at = (side: "x" | "y" | "z") => mixed(mixed(home[side], meeting[side], out), goal[side], back);
  return { x: at("x"), y: at("y"), z: at("z") + (out > 0 ? 0.1 : 0), size: mixed(1, 0.6, back) };
}

/** The `i`th cell of a range, the last axis the fastest. */
function nth(from: readonly number[], to: readonly number[], i: number): number[] {
  const found = [...from];
  for (let axis = from.length - 1; axis >= 0; axis--) {
    const size = to[axis]! - from[axis]!;
    found[axis] = from[axis]! + (i % size);
    i = Math.floor(i / size);
  }
  return found;
}
