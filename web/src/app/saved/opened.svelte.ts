// A saved trace that the reader opened from a file: read and checked by the engine, and kept in this browser until it is
// closed.

import { isAbort, SnapshotEngine, type Engine, type ModelCard } from "../../engine";
import { merge, type Trace } from "../../trace";
import { sameFile, type FilePlace } from "../address";
import { Shelf } from "./shelf";

/** What is shown of an opened file. */
export interface OpenedTrace extends FilePlace {
  readonly trace: Trace;
  /** Answers from the trace alone. */
  readonly engine: SnapshotEngine;
  readonly card: ModelCard;
  /** It is there again when the page is loaded again. */
  readonly kept: boolean;
}

/** Characters of a file's name that are kept. */
const LONGEST = 120;

export class Opened {
  found = $state.raw<OpenedTrace | null>(null);
  /** The file that is being read. */
  reading = $state("");
  trouble = $state("");
  /** A file that an address names and that is not here. */
  missing = $state.raw<FilePlace | null>(null);

  readonly #engine: Engine;
  readonly #shelf: Shelf;
  #controller = new AbortController();

  constructor(engine: Engine, shelf = new Shelf()) {
    this.#engine = engine;
    this.#shelf = shelf;
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
      const hash = await this.#shelf.nameOf(file);
      const kept = await this.#shelf.put(hash, file);
      if (signal.aborted) return false;
      const trace = merge(pieces);
      const engine = new SnapshotEngine([trace]);
      const [card] = await engine.models();
      this.found = { name, hash, trace, engine, card: card!, kept };
      return true;
    } catch (error) {
      if (!signal.aborted && !isAbort(error))
        this.trouble = `could not open ${name}: ${error instanceof Error ? error.message : String(error)}`;
      return false;
    } finally {
      if (!signal.aborted) this.reading = "";
    }
  }

  /** Opens a file that an address names, if it is kept here: it is read and checked like one from a disk. */
  async recall(place: FilePlace, most: number | null): Promise<void> {
    this.close();
    const { signal } = this.#controller;
    const file = await this.#shelf.take(place.hash);
    if (signal.aborted) return;
    const named = file && new File([file], place.name);
    if (!named || !(await this.read(named, most))) this.missing = place;
    // It was changed since, or is another one: then it is not what the address names.
    else if (!sameFile(this.found, place)) this.missing = place;
  }

  /** Keeps what is open no longer than the page is. */
  async forget(): Promise<void> {
    if (!this.found) return;
    const { hash } = this.found;
    this.found = { ...this.found, kept: false };
    await this.#shelf.forget(hash);
  }

  /** Stops reading, and takes back what was said. */
  close(): void {
    this.#controller.abort();
    this.#controller = new AbortController();
    this.reading = this.trouble = "";
    this.missing = null;
  }
}

function mebibytes(bytes: number): string {
  return `${(bytes / 2 ** 20).toLocaleString("en", { maximumSignificantDigits: 3 })} MiB`;
}
