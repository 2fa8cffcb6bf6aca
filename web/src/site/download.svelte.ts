// The download of one model: how much there is, how much has come, and why it stopped.

import { isAbort } from "../engine";
import { agreedBytes, agreeTo } from "./remembered";
import type { SiteStore } from "./store";

/** `looking` what is on this device, `waiting` for the reader, all of it `here`, and `done`: let it be used. */
export type Phase = "looking" | "waiting" | "here" | "running" | "failed" | "done";

export class Download {
  phase = $state.raw<Phase>("looking");
  /** Bytes in all, and how many of them are here. */
  total = $state.raw(0);
  done = $state.raw(0);
  /** What went wrong. */
  trouble = $state.raw("");

  readonly #store: SiteStore;
  readonly #base: string;
  #controller = new AbortController();

  constructor(
    readonly model: string,
    store: SiteStore,
    base: string,
  ) {
    this.#store = store;
    this.#base = base;
  }

  get missing(): number {
    return this.total - this.done;
  }

  /** Sees what is here, and goes on by itself where all of it is, or where the reader agreed to as much before. */
  async look(): Promise<void> {
    await this.see();
    if (this.phase === "here") this.phase = "done";
    else if (this.phase === "waiting" && this.missing <= agreedBytes(this.#base, this.model)) await this.run();
  }

  /** Sees what is here. */
  async see(): Promise<void> {
    try {
      const { total, missing } = await this.#store.amount(this.model);
      this.total = total;
      this.done = total - missing;
      this.phase = missing ? "waiting" : "here";
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Fetches what is missing; the reader agrees to that. */
  async run(): Promise<void> {
    this.#controller = new AbortController();
    this.phase = "running";
    this.trouble = "";
    const { signal } = this.#controller;
    try {
      const { total } = await this.#store.amount(this.model);
      agreeTo(this.#base, this.model, total);
      await this.#store.download(this.model, signal, (done, total) => {
        this.total = total;
        this.done = done;
      });
      this.phase = "done";
    } catch (error) {
      if (isAbort(error)) return;
      this.#fail(error);
    }
  }

  /** Stops; what has come whole is kept. */
  pause(): void {
    this.#controller.abort();
    this.phase = "looking";
    agreeTo(this.#base, this.model, 0);
    void this.see();
  }

  #fail(error: unknown): void {
    this.trouble = error instanceof Error ? error.message : String(error);
    this.phase = "failed";
  }
}
