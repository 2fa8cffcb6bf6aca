// What is being computed: the newest question only. A question that is withdrawn is aborted, and what is known of an
// older text stays until the first piece of the new one is there.

import { EngineError, isAbort, pause, whenBack, type TraceRequest } from "../engine";
import { Growing, type Trace } from "../trace";
import type { Tracing } from "./kept";

/** What the page says that it is doing. */
export type Status =
  | { readonly kind: "idle" }
  /** Numbers of stages times positions, so far and in all; unknown before the model began. */
  | { readonly kind: "working"; readonly done: number; readonly total: number; readonly what: string }
  | { readonly kind: "busy"; readonly seconds: number }
  | { readonly kind: "done"; readonly seconds: number }
  | { readonly kind: "refused"; readonly message: string }
  | { readonly kind: "gone"; readonly message: string };

/** Milliseconds after which a question is asked again that another one took the place of, and how often. */
const AGAIN = 150;
const TIMES = 5;

/** Milliseconds between two messages of where the reader looks while they scroll. */
const GLANCE = 80;

export class Run {
  /** What is known at all positions, of `asked` or still of an older question; pieces are merged as they come. */
  trace = $state.raw<Trace | null>(null);
  /** All stages of the same, at the positions at which they were read so far; null where `trace` holds as much. */
  near = $state.raw<Trace | null>(null);
  status = $state.raw<Status>({ kind: "idle" });
  /** The question that `trace` is about. */
  answered = $state.raw<TraceRequest | null>(null);

  readonly #engine: Tracing;
  readonly #lane: string | undefined;
  #asked = "";
  #controller = new AbortController();
  /** Seconds that the last trace took: a slow model is asked less often while somebody types. */
  #pace = 0;
  #superseded = 0;
  #first: readonly number[] | null = null;
  /** What the engine knows of `#first`; null while it reads nothing. */
  #told: string | null = null;
  #telling = false;

  constructor(engine: Tracing, lane?: string) {
    this.#engine = engine;
    this.#lane = lane;
  }

  /**
   * Asks for a trace, unless it was asked for already; null asks for nothing.
   *
   * @param typing somebody is typing: wait a moment whether there is more.
   */
  ask(request: TraceRequest | null, typing = false): void {
    const key = JSON.stringify(request);
    if (key === this.#asked) return;
    this.#asked = key;
    this.#superseded = 0;
    this.withdraw();
    if (request === null) {
      this.trace = this.near = null;
      this.answered = null;
      this.status = { kind: "idle" };
      return;
    }
    const wait = typing ? Math.min(400, 60 + 300 * this.#pace) : 0;
    void this.#follow(request, wait, this.#controller.signal);
  }

  /**
   * Says which positions are wanted before all others, in this order, now and when something is asked; null where stages
   * are wanted at all of them, one after the other.
   */
  look(first: readonly number[] | null): void {
    this.#first = first;
    if (first && this.#told !== null && !this.#telling) void this.#glance();
  }

  /** Whether `trace` is about this question. */
  isAbout(request: TraceRequest | null): boolean {
    return request !== null && JSON.stringify(this.answered) === JSON.stringify(request);
  }

  /** Asks the same again, such as after a server came back. */
  again(): void {
    const request = JSON.parse(this.#asked || "null") as TraceRequest | null;
    this.#asked = "";
    this.ask(request);
  }

  /** Stops whatever is being computed. */
  withdraw(): void {
    this.#told = null;
    this.#controller.abort();
    this.#controller = new AbortController();
  }

  async #follow(request: TraceRequest, wait: number, signal: AbortSignal): Promise<void> {
    try {
      if (wait) await pause(wait, signal);
      await this.#trace(request, signal);
    } catch (error) {
      if (signal.aborted || isAbort(error)) return;
      const trouble = error instanceof EngineError ? error.trouble : "failed";
      const message = error instanceof Error ? error.message : String(error);
      // A question that was withdrawn can reach the engine after this one, which then gives way to it.
      if (trouble === "superseded" && this.#superseded++ < TIMES) return void this.#follow(request, AGAIN, signal);
      this.status = { kind: trouble === "gone" || trouble === "cut" ? "gone" : "refused", message };
      if (this.status.kind === "gone") await this.#recover(signal);
    }
  }

  async #trace(request: TraceRequest, signal: AbortSignal): Promise<void> {
    const began = performance.now();
    const known = new Growing();
    this.#told = null;
    const asked = this.#first ? { ...request, first: [...this.#first] } : request;
    this.status = { kind: "working", done: 0, total: 0, what: "reading the text" };
    for await (const said of this.#engine.trace(asked, signal, this.#lane)) {
      if (signal.aborted) return;
      // Before the engine has begun there is nothing of which the order could change.
      if (asked.first && this.#told === null) {
        this.#told = JSON.stringify(asked.first);
        this.look(this.#first);
      }
      if (said.kind === "busy") this.status = { kind: "busy", seconds: said.seconds };
      else if (said.kind === "progress")
        this.status = { kind: "working", done: said.done, total: said.total, what: words(known) };
      else {
        known.add(said.piece);
        this.trace = known.trace;
        this.near = known.near;
        this.answered = request;
      }
    }
    this.#told = null;
    this.#pace = (performance.now() - began) / 1000;
    this.status = { kind: "done", seconds: this.#pace };
  }

  /** Tells the engine what changed, not more often than is seen. */
  async #glance(): Promise<void> {
    this.#telling = true;
    for (;;) {
      const now = JSON.stringify(this.#first);
      if (this.#told === null || !this.#first || now === this.#told) break;
      this.#told = now;
      this.#engine.prefer(this.#first, this.#lane);
      await new Promise((resolve) => setTimeout(resolve, GLANCE));
    }
    this.#telling = false;
  }

  async #recover(signal: AbortSignal): Promise<void> {
    try {
      await whenBack(this.#engine, signal);
      this.again();
    } catch (error) {
      if (!isAbort(error))
        this.status = { kind: "refused", message: error instanceof Error ? error.message : String(error) };
    }
  }
}

function words({ trace, near }: Growing): string {
  if (near) return `every stage at ${near.positions.length} of ${trace!.positions.length} tokens`;
  const earliest = trace?.stages[0];
  return earliest === undefined ? "reading the text" : `read down to ${earliest}`;
}
