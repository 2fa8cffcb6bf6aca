// What is known of a trace that is still being read, whose pieces come one after the other: stages at all positions, or all
// stages at some of them. Two traces hold it without a gap; what neither holds was not read yet.

import { merge } from "./merge";
import { atPositions } from "./select";
import type { Trace } from "./trace";

export class Growing {
  #trace: Trace | null = null;
  #near: Trace | null = null;
  #columns: Trace | null = null;

  /** The stages that were read at every position; null before the first piece. */
  get trace(): Trace | null {
    return this.#trace;
  }

  /** All stages at the positions at which all were read; null where `trace` holds as much. */
  get near(): Trace | null {
    return this.#near;
  }

  /** The first piece is of all positions, and so is the last stage. */
  add(piece: Trace): void {
    if (!this.#trace || piece.positions.length === this.#trace.positions.length) {
      this.#trace = this.#trace ? merge([this.#trace, piece]) : piece;
      return;
    }
    const columns = this.#columns ? merge([this.#columns, piece]) : piece;
    const whole = columns.positions.length === this.#trace.positions.length;
    if (whole) this.#trace = merge([this.#trace, columns]);
    this.#columns = whole ? null : columns;
    this.#near = whole ? null : merge([atPositions(this.#trace, columns.positions), columns]);
  }
}

/** A cell, and which of the two traces holds it. */
export interface Place {
  readonly trace: Trace;
  readonly row: number;
  readonly column: number;
}

/** Where the cells of a stage are held, by their position: null where they were not read yet. */
export function finder(trace: Trace, near: Trace | null, stage: string): (position: number) => Place | null {
  const holders = [trace, ...(near ? [near] : [])].filter((one) => one.stages.includes(stage));
  const rows = holders.map((one) => one.stage(stage));
  return (position) => {
    for (let i = 0; i < holders.length; i++) {
      const column = holders[i]!.column(position);
      if (column >= 0) return { trace: holders[i]!, row: rows[i]!, column };
    }
    return null;
  };
}
