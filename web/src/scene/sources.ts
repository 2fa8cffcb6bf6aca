// What one cell is computed from, as ranges of cells: read from the index expressions of its block's formula.

import type { GraphOperand } from "../engine";
import type { CellRef, LitRange } from "./frame";
import type { Layout } from "./layout";

type Index = GraphOperand["index"][number];

export interface Source extends LitRange {
  /** What it is to the formula: `left`, `bias`, ... */
  readonly role: string;
}

/** A cell that the mask leaves out: it is computed from nothing. */
export function isMasked(layout: Layout, { block, index }: CellRef): boolean {
  const found = layout.byId.get(block);
  if (!found?.block.causal) return false;
  const names = found.block.axes.map((axis) => axis.name);
  return index[names.indexOf("key")]! > index[names.indexOf("position")]!;
}

/**
 * The cells that a cell reads.
 *
 * @param ids the text, in which coordinates are looked up.
 */
export function sourcesOf(layout: Layout, ids: readonly number[], cell: CellRef): Source[] {
  const box = layout.byId.get(cell.block);
  const formula = box?.block.formula;
  if (!box || !formula || isMasked(layout, cell)) return [];
  const here = new Map(box.block.axes.map((axis, i) => [axis.name, cell.index[i] ?? 0]));
  const over = new Map(formula.over.map((axis) => [axis.name, axis.size ?? layout.nPositions]));
  const position = here.get("position");
  // What comes after a position is no part of its sums.
  if (position !== undefined && over.has("key")) over.set("key", Math.min(over.get("key")!, position + 1));
  const found: Source[] = [];
  for (const operand of formula.operands) {
    const shape = layout.byId.get(operand.block)?.shape;
    if (!shape) continue;
    const ranges = operand.index.map((index, axis) => rangeOf(index, here, over, ids, shape[axis]!));
    found.push({
      role: operand.role,
      block: operand.block,
      from: ranges.map(([from]) => from),
      to: ranges.map(([, to]) => to),
      tone: "source",
    });
    for (const index of operand.index) {
      if (!index.lookup || found.some((one) => one.block === index.lookup)) continue;
      const at = resolved(index, here.get(index.axis) ?? 0);
      found.push({ role: "ids", block: index.lookup, from: [at], to: [at + 1], tone: "source" });
    }
  }
  return found;
}

function rangeOf(
  index: Index,
  here: ReadonlyMap<string, number>,
  over: ReadonlyMap<string, number>,
  ids: readonly number[],
  size: number,
): [number, number] {
  const n = over.get(index.axis);
  if (n !== undefined) {
    // A sum that goes round covers everything.
    if (index.modulus) return [0, size];
    return [resolved(index, 0), resolved(index, n - 1) + 1];
  }
  const at = resolved(index, here.get(index.axis) ?? 0);
  const cell = index.lookup ? (ids[at] ?? 0) : at;
  return [cell, cell + 1];
}

function resolved({ divisor, offset, modulus }: Index, coordinate: number): number {
  const moved = Math.floor(coordinate / divisor) + offset;
  return modulus ? moved % modulus : moved;
}
