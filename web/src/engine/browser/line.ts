// Who may compute: one question at a time per model, and of each lane only the newest.

import { EngineError } from "../engine";
import { requireWanted } from "./failures";

/** One after the other, in the order in which they came. */
export class Line {
  #last: Promise<void> = Promise.resolve();
  #waiting = 0;

  /** Whether somebody waits for a turn. */
  get crowded(): boolean {
    return this.#waiting > 0;
  }

  /** Waits for its turn; what is returned ends it. Who is withdrawn while waiting has no turn. */
  async turn(signal: AbortSignal): Promise<() => void> {
    let end!: () => void;
    const mine = new Promise<void>((resolve) => {
      end = resolve;
    });
    const before = this.#last;
    this.#last = before.then(() => mine);
    this.#waiting++;
    try {
      await until(before, signal);
    } catch (error) {
      end();
      throw error;
    } finally {
      this.#waiting--;
    }
    return end;
  }
}

/** A promise, or an error as soon as nobody waits for it any more. */
export function until<Value>(promise: Promise<Value>, signal: AbortSignal): Promise<Value> {
  return new Promise((resolve, reject) => {
    const stop = () => {
      try {
        requireWanted(signal);
      } catch (error) {
        reject(error as Error);
      }
    };
    if (signal.aborted) return stop();
    signal.addEventListener("abort", stop, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", stop));
  });
}

/** The newest question of each lane; an older one is withdrawn when it comes. */
export class Newest {
  readonly #open = new Map<string, AbortController>();

  /** A signal that is aborted with the question's own, or when a newer one takes its place. */
  begin(strand: string | null, signal: AbortSignal): { signal: AbortSignal; end: () => void } {
    const controller = new AbortController();
    const withdraw = () => controller.abort(signal.reason);
    if (signal.aborted) withdraw();
    else signal.addEventListener("abort", withdraw, { once: true });
    if (strand !== null) {
      this.#open
        .get(strand)
        ?.abort(new EngineError("superseded", "a newer question of the same page took the place of this one."));
      this.#open.set(strand, controller);
    }
    const end = () => {
      signal.removeEventListener("abort", withdraw);
      if (strand !== null && this.#open.get(strand) === controller) this.#open.delete(strand);
    };
    return { signal: controller.signal, end };
  }
}
