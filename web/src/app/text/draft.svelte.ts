// A continuation that is being written: the newest one only, until it is kept or discarded.

import { EngineError, isAbort, pause, type Engine, type SampleRequest, type Step } from "../../engine";

/** Where a continuation begins: these ids stand before it, of all those that the text has. */
export interface Beginning {
  readonly ids: readonly number[];
  readonly from: number;
  /** What the model reads of them: the last of those that stand before it, where not all fit. */
  readonly read: readonly number[];
}

export class Draft {
  /** Null where there is none. */
  of = $state.raw<Beginning | null>(null);
  steps = $state.raw<readonly Step[]>([]);
  running = $state(false);
  stopped = $state(false);
  trouble = $state("");

  readonly #engine: Engine;
  #controller = new AbortController();

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  /** Writes; what was there is discarded. */
  async begin(of: Beginning, how: Omit<SampleRequest, "ids" | "text">): Promise<void> {
    this.discard();
    this.of = of;
    this.running = true;
    const { signal } = this.#controller;
    try {
      await this.#follow({ ...how, ids: [...of.read] }, of.from - of.read.length, signal);
    } catch (error) {
      if (signal.aborted || isAbort(error)) return;
      this.trouble = error instanceof Error ? error.message : String(error);
    }
    if (!signal.aborted) this.running = false;
  }

  /** Ends it here; what there is stays. */
  stop(): void {
    this.#controller.abort();
    this.stopped = this.running;
    this.running = false;
    if (!this.steps.length) this.of = null;
  }

  discard(): void {
    this.#controller.abort();
    this.#controller = new AbortController();
    this.of = null;
    this.steps = [];
    this.running = this.stopped = false;
    this.trouble = "";
  }

  /** @param left tokens of the text before those that are read. */
  async #follow(request: SampleRequest, left: number, signal: AbortSignal): Promise<void> {
    for (;;) {
      try {
        for await (const step of this.#engine.sample(request, signal)) {
          if (signal.aborted) return;
          this.steps = [...this.steps, { ...step, position: step.position + left }];
        }
        return;
      } catch (error) {
        const busy = error instanceof EngineError && error.trouble === "busy" && error.retryAfter !== null;
        if (!busy || this.steps.length) throw error;
        await pause(1000 * error.retryAfter!, signal);
      }
    }
  }
}
