// What is known of a model's inside: its graph, the run of the newest text, and the explanation of one cell.
//
// Only the newest question counts; what is known of an older text stays until the new one has been read.

import { EngineError, isAbort, pause, type Engine, type Explanation, type Graph, type Run } from "../../engine";
import { layoutOf, Values, type Layout } from "../../scene";
import type { CellPlace } from "../address";
import { contextOf, type Context } from "./words";

export type Reading =
  { readonly kind: "idle" | "working" | "done" } | { readonly kind: "refused" | "gone"; readonly message: string };

/** A text that is read, and where everything is. */
export interface Read {
  readonly run: Run;
  readonly graph: Graph;
  readonly layout: Layout;
  readonly context: Context;
  /** Numbers of whatever table is open. */
  readonly values: Values;
  /** Numbers of the scene, which wants others. */
  readonly drawn: Values;
}

/** Terms of a sum that are listed. */
const TERMS = 10;

/** Milliseconds from one of the cells that go by to the next that is explained. */
const PASSING = 150;

/** What a table keeps. */
const BYTES = 32 * 2 ** 20;

export class Inside {
  read = $state.raw<Read | null>(null);
  status = $state.raw<Reading>({ kind: "idle" });
  /** Of the cell that was asked about last, as soon as it is there. */
  explanation = $state.raw<Explanation | null>(null);
  explaining = $state.raw(false);
  /** Why the last cell could not be explained. */
  trouble = $state.raw("");

  readonly #engine: Engine;
  readonly #graphs = new Map<string, Promise<Graph>>();
  readonly #life = new AbortController();
  #asked = "";
  #reading = new AbortController();
  #asking = new AbortController();
  /** The newest of the cells that go by. */
  #passing: CellPlace | null = null;
  /** Which cell of which run the explanation is of, or will be. */
  #about = "";

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  /**
   * Reads a text, unless that is what is read already; null reads nothing.
   *
   * @param wait milliseconds, in which somebody who types may type on.
   */
  ask(
    model: string,
    text: { readonly text: string } | { readonly ids: readonly number[] } | null,
    bos: boolean,
    wait = 0,
  ): void {
    const key = JSON.stringify([model, text, bos]);
    if (key === this.#asked) return;
    this.#asked = key;
    this.#reading.abort();
    this.#reading = new AbortController();
    if (!text) {
      this.#forget();
      this.status = { kind: "idle" };
      return;
    }
    if (this.read && this.read.run.model !== model) this.#forget();
    void this.#follow(model, text, bos, wait, this.#reading.signal);
  }

  /** Asks for what does not depend on the text, before there is one. */
  prepare(model: string): void {
    // Whoever reads a text with it hears of what goes wrong.
    void this.#graphOf(model).catch(() => undefined);
  }

  /** Asks for the same again, after something went wrong. */
  again(): void {
    const [model, text, bos] = JSON.parse(this.#asked || "[]") as [string, { text: string }, boolean];
    this.#asked = "";
    if (model) this.ask(model, text, bos);
  }

  /**
   * Explains a cell of what is read; null explains none.
   *
   * @param wait milliseconds, in which a pointer may move on.
   */
  explain(cell: CellPlace | null, wait = 0): void {
    const { read } = this;
    const key = cell && read ? `${read.run.run} ${cell.block} ${cell.index.join()}` : "";
    this.#passing = null;
    if (key === this.#about) return;
    this.#about = key;
    this.#asking.abort();
    this.#asking = new AbortController();
    this.trouble = "";
    if (!cell || !read) {
      this.explanation = null;
      this.explaining = false;
      return;
    }
    void this.#tell(read.run, cell, wait, this.#asking.signal);
  }

  /** Explains one of many cells that go by: the newest of them, each time that the one before it has been explained. */
  glance(cell: CellPlace): void {
    if (this.explaining) this.#passing = cell;
    else this.explain(cell, PASSING);
  }

  close(): void {
    this.#life.abort();
    this.#reading.abort();
    this.#asking.abort();
    this.#forget();
  }

  async #follow(
    model: string,
    text: { readonly text: string } | { readonly ids: readonly number[] },
    bos: boolean,
    wait: number,
    signal: AbortSignal,
  ): Promise<void> {
    try {
      this.status = { kind: "working" };
      if (wait) await pause(wait, signal);
      const asked = "ids" in text ? { ids: [...text.ids] } : text;
      const [graph, run] = await Promise.all([
        this.#graphOf(model),
        this.#engine.run({ model, ...asked, bos }, signal),
      ]);
      if (signal.aborted) return;
      this.#show(graph, run);
      this.status = { kind: "done" };
    } catch (error) {
      if (isAbort(error) || signal.aborted) return;
      const gone = error instanceof EngineError && error.trouble === "gone";
      // Numbers of a text that is no longer there would be taken for those of the one that was refused.
      if (!gone) this.#forget();
      this.status = {
        kind: gone ? "gone" : "refused",
        message: error instanceof Error ? error.message : String(error),
      };
    }
  }

  #show(graph: Graph, run: Run): void {
    const layout = layoutOf(graph, run.n_positions);
    const shapes = new Map(layout.boxes.map((box) => [box.block.id, box.shape]));
    const old = this.read;
    const values = new Values(this.#engine, run, shapes, { bytes: BYTES });
    const drawn = new Values(this.#engine, run, shapes);
    this.read = { run, graph, layout, context: contextOf(graph, run.text.tokens), values, drawn };
    close(old);
  }

  #graphOf(model: string): Promise<Graph> {
    const known = this.#graphs.get(model);
    if (known) return known;
    const asked = this.#engine.graph(model, this.#life.signal);
    this.#graphs.set(model, asked);
    asked.catch(() => this.#graphs.delete(model));
    return asked;
  }

  async #tell(run: Run, { block, index }: CellPlace, wait: number, signal: AbortSignal): Promise<void> {
    this.explaining = true;
    try {
      if (wait) await pause(wait, signal);
      const told = await this.#engine.explain(run, block, index, signal, TERMS);
      if (!signal.aborted) this.explanation = told;
    } catch (error) {
      if (isAbort(error) || signal.aborted) return;
      this.explanation = null;
      this.trouble = error instanceof Error ? error.message : String(error);
    } finally {
      if (!signal.aborted) {
        this.explaining = false;
        if (this.#passing) this.glance(this.#passing);
      }
    }
  }

  #forget(): void {
    const old = this.read;
    this.read = null;
    close(old);
    this.explain(null);
  }
}

function close(read: Read | null): void {
  read?.values.close();
  read?.drawn.close();
}

/** A cell as far as a layout has it: a coordinate beyond the end becomes the last one; null where there is no such block. */
export function cellWithin(layout: Layout, cell: CellPlace | null): CellPlace | null {
  const shape = cell && layout.byId.get(cell.block)?.shape;
  if (!cell || !shape) return null;
  return { block: cell.block, index: shape.map((size, axis) => Math.min(size - 1, cell.index[axis] ?? 0)) };
}

/** The cells of the residual stream at a stage of the lens, such as `3.attn`, at a position; null where there are none. */
export function cellOfStage(layout: Layout, stage: string, position: number): CellPlace | null {
  const block = stage === "embed" ? layout.stream[0] : layout.stream.find((id) => id.startsWith(`${stage}.`));
  return block === undefined ? null : cellWithin(layout, { block, index: [Math.max(0, position), 0] });
}
