// Numbers of the run for words: rows of tensors and what the lens read, there or not yet. Asked for as they are spoken of.

import { isAbort, type Engine, type Range, type Run } from "../engine";
import { shapeOf, type CellRef } from "../scene";
import type { Trace } from "../trace";
import { visible } from "../view";
import type { Context } from "./context";
import { short, type Piece } from "./words";

/** What words may ask; null is not here yet. */
export interface Numbers {
  /** The last axis of a block, at coordinates of the axes before it. */
  row(block: string, ...lead: readonly number[]): Float32Array | null;
  /** What to call a token of the vocabulary. */
  name(id: number): string | null;
  /** What the lens reads at every stage, at the followed position at least; asked for as soon as words need it. */
  trace(): Trace | null;
}

/** No numbers are here: words are written all the same. */
export const NOTHING: Numbers = { row: () => null, name: () => null, trace: () => null };

export function cellOf(numbers: Numbers, { block, index }: CellRef): number | null {
  return numbers.row(block, ...index.slice(0, -1))?.[index.at(-1) ?? 0] ?? null;
}

/** The number of a cell as a piece of text that leads to the cell; a coordinate that is not known yet is null. */
export function number(
  numbers: Numbers,
  block: string,
  index: readonly (number | null)[],
  written: (n: number) => string = short,
): Piece {
  if (index.includes(null)) return { kind: "number", text: null, cell: null };
  const cell = { block, index: index as readonly number[] };
  const value = cellOf(numbers, cell);
  return { kind: "number", text: value === null ? null : written(value), cell };
}

/** A number that is worked out from others; null where one of those is not here yet. */
export function worked(value: number | null, written: (n: number) => string = short): Piece {
  return { kind: "number", text: value === null ? null : written(value), cell: null };
}

/** Where the largest number of a row is; what the mask leaves out does not count. */
export function largest(row: Float32Array | null): number | null {
  if (!row) return null;
  let best = -1;
  row.forEach((value, i) => {
    if (!Number.isNaN(value) && (best < 0 || value > row[best]!)) best = i;
  });
  return best < 0 ? null : best;
}

/** Rows as they are asked for, each fetched once. */
export class RunNumbers implements Numbers {
  readonly #engine: Engine;
  readonly #run: Run;
  readonly #context: Pick<Context, "graph" | "layout">;
  readonly #rows = new Map<string, Float32Array | "asked" | "refused">();
  readonly #names = new Map<number, string | null>();
  readonly #controller = new AbortController();
  readonly #onnews: () => void;
  readonly #ontrouble: (error: unknown) => void;
  #trace: Trace | null = null;
  /** Whether words have asked what the lens reads. */
  wantsTrace = false;

  /** @param onnews told when something came that was asked for. */
  constructor(
    engine: Engine,
    run: Run,
    context: Pick<Context, "graph" | "layout">,
    onnews: () => void,
    ontrouble: (error: unknown) => void = () => undefined,
  ) {
    this.#engine = engine;
    this.#run = run;
    this.#context = context;
    this.#onnews = onnews;
    this.#ontrouble = ontrouble;
  }

  row(block: string, ...lead: readonly number[]): Float32Array | null {
    const name = [block, ...lead].join(" ");
    const found = this.#rows.get(name);
    if (found instanceof Float32Array) return found;
    if (!found) {
      this.#rows.set(name, "asked");
      void this.#fetch(name, block, lead);
    }
    return null;
  }

  name(id: number): string | null {
    const known = this.#names.get(id);
    if (known === undefined) {
      this.#names.set(id, null);
      void this.#call(id);
    }
    return known ?? null;
  }

  trace(): Trace | null {
    if (!this.wantsTrace) {
      this.wantsTrace = true;
      // Words are being written: whoever listens may not change what they are written from.
      queueMicrotask(this.#onnews);
    }
    return this.#trace;
  }

  set readings(trace: Trace | null) {
    this.#trace = trace;
  }

  close(): void {
    this.#controller.abort();
  }

  async #call(id: number): Promise<void> {
    const { signal } = this.#controller;
    try {
      // A lane for each: questions of one lane take each other's place.
      const said = await this.#engine.tokenise({ model: this.#run.model, ids: [id] }, signal, `guide.${id}`);
      if (signal.aborted) return;
      this.#names.set(id, visible(said.tokens[0] ?? `#${id}`));
      this.#onnews();
    } catch (error) {
      if (!signal.aborted && !isAbort(error)) this.#ontrouble(error);
    }
  }

  async #fetch(name: string, block: string, lead: readonly number[]): Promise<void> {
    const { signal } = this.#controller;
    try {
      const found = this.#context.layout.byId.get(block)!.block;
      const shape = shapeOf(found, this.#context.layout.nPositions);
      const ranges = shape.map((size, axis): Range => {
        const at = lead[axis];
        return axis < shape.length - 1 && at !== undefined ? [at, at + 1] : [0, size];
      });
      const { data } = await this.#engine.tile(this.#run, block, ranges, 0, signal);
      if (signal.aborted) return;
      this.#rows.set(name, data);
      this.#onnews();
    } catch (error) {
      if (signal.aborted || isAbort(error)) return;
      this.#rows.set(name, "refused");
      this.#ontrouble(error);
    }
  }
}
