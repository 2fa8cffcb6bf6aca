// Which cells of a tensor are in sight of a table, and which cell a key leads to. Knows no page.

import type { GraphBlock } from "../../engine";

/** A tensor as a table: rows and columns of one slab. */
export interface Grid {
  /** Axes before the rows: which slab; empty where there is one only. */
  readonly lead: readonly number[];
  /** The axis of the rows, and of the columns; none where the tensor has fewer. */
  readonly row: number | null;
  readonly column: number | null;
  readonly rows: number;
  readonly columns: number;
}

/** A tensor of one axis is a column of numbers. */
export function gridOf(block: GraphBlock, shape: readonly number[]): Grid {
  const n = block.axes.length;
  if (n < 2) return { lead: [], row: n ? 0 : null, column: null, rows: shape[0] ?? 1, columns: 1 };
  const lead = Array.from({ length: n - 2 }, (_, axis) => axis);
  return { lead, row: n - 2, column: n - 1, rows: shape[n - 2]!, columns: shape[n - 1]! };
}

export interface Stretch {
  readonly from: number;
  readonly to: number;
}

/** What lies between two edges of a list of equal items, and a little around it. */
export function within(start: number, size: number, item: number, n: number, around = 2): Stretch {
  const from = Math.min(n, Math.max(0, Math.floor(start / item) - around));
  return { from, to: Math.min(n, Math.max(from, Math.ceil((start + size) / item) + around)) };
}

/** Where a key leads from a cell; null for keys that lead nowhere. */
export function stepTo(
  key: string,
  held: { readonly control: boolean },
  at: { readonly row: number; readonly column: number },
  size: { readonly rows: number; readonly columns: number; readonly page: number },
): { row: number; column: number } | null {
  const { row, column } = at;
  const to = {
    ArrowUp: [row - 1, column],
    ArrowDown: [row + 1, column],
    ArrowLeft: [row, column - 1],
    ArrowRight: [row, column + 1],
    PageUp: [row - size.page, column],
    PageDown: [row + size.page, column],
    Home: [held.control ? 0 : row, 0],
    End: [held.control ? size.rows - 1 : row, size.columns - 1],
  }[key];
  if (!to) return null;
  const inside = (n: number, count: number) => Math.min(count - 1, Math.max(0, n));
  return { row: inside(to[0]!, size.rows), column: inside(to[1]!, size.columns) };
}
