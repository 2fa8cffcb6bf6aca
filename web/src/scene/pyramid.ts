// A block's numbers at every level of detail, as pages of one size: where a cell's page is, and how fine a level the screen
// can show. Pure arithmetic; the shader does the same.
//
// At a level, a cell stands for the mean of 2^level × 2^level cells of the last two axes. Slabs lie below each other in one
// sheet, so that a block of many small heads takes few pages. Levels end where a slab is a few cells.

import type { BlockBox } from "./boxes";
import { coarsest, flat } from "./values";

/** Cells of a page along each side. */
export const PAGE = 64;
/** A slab of no more cells along each side needs no coarser level. */
const FEW = 8;

/** How the cells of a box lie in the order of its numbers: which of its sides are columns and rows of the sheet. */
export type Mapping = 0 | 1 | 2 | 3;
/** x is the row and y the column. */
export const ROW_BY_X = 0;
/** x is the column and y the row. */
export const ROW_BY_Y = 1;
/** One row: x, or y, is the column. */
export const ONLY_X = 2;
export const ONLY_Y = 3;

export interface Pyramid {
  readonly block: string;
  readonly shape: readonly number[];
  /** Slabs of the sheet, and the rows and columns of each. */
  readonly slabs: number;
  readonly rows: number;
  readonly columns: number;
  readonly mapping: Mapping;
  /** Levels, the finest first; at least one. */
  readonly levels: number;
  /** Coarser levels are made here of the finest, as it comes whole; else each is asked for. */
  readonly made: boolean;
  /** A row of numbers is a slab: the last two axes are a slab and its cells, and are not to be averaged with each other. */
  readonly rowIsSlab: boolean;
}

export function pyramidOf(box: BlockBox): Pyramid {
  const { shape, axes } = box;
  const { lead, rows, columns } = flat(shape);
  // Of two axes with slabs, the first is the slab.
  const rowIsSlab = axes.z !== null && shape.length === 2;
  const slabs = rowIsSlab ? rows : lead.reduce((n, m) => n * m, 1);
  const own = { slabs, rows: rowIsSlab ? 1 : rows, columns };
  const last = shape.length - 1;
  let mapping: Mapping = axes.x === last ? ROW_BY_Y : ROW_BY_X;
  if (shape.length < 2 || rowIsSlab) mapping = axes.x === last ? ONLY_X : ONLY_Y;
  let levels = 1;
  while (Math.max(own.rows, own.columns) > FEW * 2 ** (levels - 1)) levels += 1;
  const made = rowIsSlab || coarsest(shape) === 0;
  return { block: box.block.id, shape, ...own, mapping, levels, made, rowIsSlab };
}

/** Cells of the sheet at a level. */
export function sheetAt(pyramid: Pyramid, level: number): { across: number; down: number; rows: number } {
  const rows = Math.ceil(pyramid.rows / 2 ** level);
  return { across: Math.ceil(pyramid.columns / 2 ** level), down: rows * pyramid.slabs, rows };
}

/** Pages of the sheet at a level. */
export function pagesAt(pyramid: Pyramid, level: number): { across: number; down: number } {
  const { across, down } = sheetAt(pyramid, level);
  return { across: Math.ceil(across / PAGE), down: Math.ceil(down / PAGE) };
}

/** Where a level's pages begin among all of the block. */
export function firstPage(pyramid: Pyramid, level: number): number {
  let first = 0;
  for (let finer = 0; finer < level; finer++) {
    const { across, down } = pagesAt(pyramid, finer);
    first += across * down;
  }
  return first;
}

/** Pages of all levels. */
export function pageCount(pyramid: Pyramid): number {
  return firstPage(pyramid, pyramid.levels);
}

/** The level that shows what the screen can: the one whose cells are about a pixel, or the finest. */
export function levelOf(pyramid: Pyramid, cellsPerPixel: number): number {
  const level = Math.floor(Math.log2(Math.max(1, cellsPerPixel)) + 0.5);
  return Math.min(pyramid.levels - 1, level);
}

/** Row and column of the sheet's finest level at which a cell of a slab is, by its place along x and y. */
export function placeIn(pyramid: Pyramid, x: number, y: number): { row: number; column: number } {
  switch (pyramid.mapping) {
    case ROW_BY_X:
      return { row: x, column: y };
    case ROW_BY_Y:
      return { row: y, column: x };
    case ONLY_X:
      return { row: 0, column: x };
    case ONLY_Y:
      return { row: 0, column: y };
  }
}
