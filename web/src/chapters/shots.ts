// What recurs in chapters: a cell and what it is made of, a row, a line along an axis. Plain functions of context and time.

import type { CellArrow, CellRef, LitRange, Tone } from "../scene";
import { isMasked, sourcesOf } from "../scene/sources";
import type { Context } from "./context";
import type { Lit } from "./timeline";
import type { Target } from "./words";

/** Cells of a column that are pointed at one by one. */
const LONG = 48;
/** Cells in a row that can be read at once. */
export const NEAR = 9;

/** Where the text comes in: ids, the tables that are looked up, and the columns that they become. */
export function entrance({ parts }: Context): string[] {
  return [parts.ids, parts.tokens, parts.embed, ...(parts.positions ? [parts.positions] : [])];
}

/** All cells of a block. */
export function whole(context: Context, block: string, tone: Tone = "focus"): LitRange {
  const { shape } = context.layout.byId.get(block)!;
  return { block, from: shape.map(() => 0), to: [...shape], tone };
}

/**
 * Some cells of a block.
 *
 * @param at by the axis's name: one coordinate, or from one up to before another, as far as there are so many; all along
 *     axes that are not named. Names that the block has not are passed over.
 */
export function part(
  context: Context,
  block: string,
  at: Readonly<Record<string, number | readonly [number, number]>>,
  tone: Tone = "focus",
): LitRange {
  const box = context.layout.byId.get(block)!;
  const ends = box.block.axes.map(({ name }, axis): [number, number] => {
    const [size, said] = [box.shape[axis]!, at[name]];
    const [from, to] = typeof said === "number" ? [said, said + 1] : (said ?? [0, size]);
    const first = Math.min(size - 1, Math.max(0, from));
    return [first, Math.max(first + 1, Math.min(size, to))];
  });
  return { block, from: ends.map(([from]) => from), to: ends.map(([, to]) => to), tone };
}

/** Coordinates around one, as many as can be read at once; the first ones where it is one of them. */
export function about(at: number): [number, number] {
  return at < NEAR ? [0, NEAR] : [at - (NEAR >> 1), at + (NEAR >> 1) + 1];
}

/** The first numbers of columns around the followed one, or of its row of keys: near enough to be read. */
export function beginning(
  context: Context,
  block: string,
  at: Readonly<Record<string, number | readonly [number, number]>> = {},
): LitRange {
  const here = about(context.followed.position);
  const top = [0, NEAR] as const;
  const named = { position: here, key: top, context: here, d_model: top, d_head: top, d_mlp: top, ...at };
  return part(context, block, named);
}

/** What is said of the last token, around the likeliest that may follow it. */
export function foretold(context: Context, ...blocks: readonly string[]): LitRange[] {
  const at = { position: about(context.ids.length - 1), vocab: about(context.likeliest) };
  // Sums over a large vocabulary stand at its beginning, far off.
  const few = context.graph.sizes["vocab"]! <= NEAR;
  const named = (id: string) => context.layout.byId.get(id)!.block.axes.some(({ name }) => name === "vocab");
  return blocks.filter((id) => few || named(id)).map((id) => beginning(context, id, at));
}

/** The cell of a block at given coordinates; 0 along axes that are not named. */
export function cell(context: Context, block: string, at: Readonly<Record<string, number>>): CellRef {
  const box = context.layout.byId.get(block)!;
  return { block, index: box.block.axes.map((axis, i) => Math.min(box.shape[i]! - 1, at[axis.name] ?? 0)) };
}

/**
 * One cell being computed: what it reads, then arrows, then the cell.
 *
 * @param t from 0 to 1.
 */
export function explaining(context: Context, of: CellRef, t: number): Lit {
  const sources = sourcesOf(context.layout, context.ids, of);
  return {
    ranges: sources,
    arrows: t > 0.25 ? sources.map((source) => ({ from: middle(source), to: of })) : [],
    cells: [{ ...of, tone: t > 0.6 ? "focus" : "target" }],
  };
}

/** One cell's sum taken apart: its terms are marked where they lie, meet, and become the cell. */
export function takenApart(context: Context, of: CellRef, t: number): Lit {
  return { ...explaining(context, of, 0), apart: { ...of, progress: t } };
}

/** A block being computed, column by column: the cell of the column that is at hand, and what it reads. */
export function computing(context: Context, block: string, reveal: number, head: number): Lit {
  const { layout } = context;
  const box = layout.byId.get(block)!;
  const along = box.block.axes.findIndex((axis) => axis.size === null);
  const at = reveal * (along < 0 ? 1 : box.shape[along]!);
  const index = box.shape.map((size, axis) => {
    if (axis === along) return Math.min(size - 1, Math.floor(at));
    if (axis === box.axes.z) return Math.min(size - 1, head);
    // Down the column while it is being computed; of a very long one, as far as the picture reaches.
    return Math.min(size - 1, Math.floor((at % 1) * Math.min(size, LONG)));
  });
  const of = { block, index: withinMask(context, block, index) };
  const sources = sourcesOf(layout, context.ids, of);
  return {
    ranges: sources,
    arrows: sources.map((source): CellArrow => ({ from: middle(source), to: of })),
    cells: [{ ...of, tone: "target" }],
    caption: box.block.title,
  };
}

/** Keys no later than the position: others do not exist. */
function withinMask(context: Context, block: string, index: number[]): number[] {
  if (!isMasked(context.layout, { block, index })) return index;
  const names = context.layout.byId.get(block)!.block.axes.map((axis) => axis.name);
  return index.map((at, axis) => (names[axis] === "key" ? index[names.indexOf("position")]! : at));
}

/** Of a long line, a cell that is not far from its beginning: lines from out of the picture say little. */
function middle({ block, from, to }: LitRange): CellRef {
  return { block, index: from.map((first, axis) => first + Math.min(LONG >> 1, (to[axis]! - 1 - first) >> 1)) };
}

/** What a word lights up. */
export function lighting(context: Context, { blocks, axis, cell: one, position }: Target): Lit {
  if (one) return { cells: [{ ...one, tone: "focus" }] };
  if (position !== undefined) return { ranges: atPosition(context, position) };
  const known = blocks.filter((block) => context.layout.byId.has(block));
  if (axis === null) return { ranges: known.map((block) => whole(context, block)) };
  const brackets = known
    .filter((block) => context.layout.byId.get(block)!.block.axes.some(({ name }) => name === axis))
    .map((block) => ({ block, axis }));
  return {
    brackets,
    ranges: known.flatMap((block) => {
      const { axes } = context.layout.byId.get(block)!.block;
      if (!axes.some(({ name }) => name === axis)) return [];
      const others = axes.filter(({ name }) => name !== axis).map(({ name }) => [name, 0]);
      return [part(context, block, Object.fromEntries(others))];
    }),
  };
}

/** All that is computed at one position of the text. */
function atPosition(context: Context, position: number): LitRange[] {
  return context.layout.boxes.flatMap(({ block }) => {
    if (block.kind === "weight") return [];
    const names = block.axes.map((axis) => axis.name);
    // Keys and values stand along the tokens that are looked at.
    const axis = ["position", "key"].find((name) => names.includes(name));
    return axis ? [part(context, block.id, { [axis]: position })] : [];
  });
}

/** From 0 to `n` - 1 as time passes, the last of them at the end. */
export function counted(t: number, n: number): number {
  return Math.min(n - 1, Math.floor(t * n));
}

/** The part of `t` in which one of `n` things happens, from 0 to 1. */
export function turn(t: number, i: number, n: number): number {
  return Math.min(1, Math.max(0, t * n - i));
}
