// A saved trace that the reader opened from a file: read and checked by the engine, kept as long as the page is open.

import { isAbort, SnapshotEngine, type Engine, type ModelCard } from "../../engine";
import { merge, type Trace } from "../../trace";

/** What is shown of an opened file. */
export interface OpenedTrace {
  readonly name: string;
  readonly trace: Trace;
  /** Answers from the trace alone. */
  readonly engine: SnapshotEngine;
  readonly card: ModelCard;
}

/** Characters of a file's name that are kept. */
const LONGEST = 120;

export class Opened {
  found = $state.raw<OpenedTrace | null>(null);
  /** The file that is being read. */
  reading = $state("");
  trouble = $state("");

  readonly #engine: Engine;
  #controller = new AbortController();

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  /**
   * Reads a file; what was open stays where that fails.
   *
   * @param most bytes that may be sent, where that is known.
   * @returns whether it is open now.
   */
  async read(file: File, most: number | null): Promise<boolean> {
    this.close();
    const { signal } = this.#controller;
    const name = file.name.slice(0, LONGEST);
    if (most !== null && file.size > most) {
      this.trouble = `could not open ${name}: it has ${mebibytes(file.size)}; at most ${mebibytes(most)} are read here. Cut it with trace.select, or open it in Python.`;
      return false;
    }
    this.reading = name;
    try {
      const pieces: Trace[] = [];
      for await (const said of this.#engine.open(file, signal)) if (said.kind === "piece") pieces.push(said.piece);
      if (signal.aborted) return false;
      const trace = merge(pieces);
      const engine = new SnapshotEngine([trace]);
      this.found = { name, trace, engine, card: (await engine.models())[0]! };
      return true;
    } catch (error) {
      if (!signal.aborted && !isAbort(error))
        this.trouble = `could not open ${name}: ${error instanceof Error ? error.message : String(error)}`;
      return false;
    } finally {
      if (!signal.aborted) this.reading = "";
    }
  }

  /** Stops reading, and takes back what was said. */
  close(): void {
    this.#controller.abort();
    this.#controller = new AbortController();
    this.reading = this.trouble = "";
  }
}

function mebibytes(bytes: number): string {
  return `${(bytes / 2 ** 20).toLocaleString("en", { maximumSignificantDigits: 3 })} MiB`;
}
