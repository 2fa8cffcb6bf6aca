// Which token of which model a name stands for. Asked of the engine, once each; a text that is no token says so.

import { SvelteMap } from "svelte/reactivity";

import { EngineError, isAbort, type Engine, type ModelCard } from "../../engine";
import { idLabel } from "../../view";
import { idIn, otherwise } from "./named";

/** What is known of a name; `id` is null while it is asked for, and where `trouble` says why there is none. */
export interface Named {
  readonly name: string;
  readonly id: number | null;
  readonly label: string;
  readonly trouble: string | null;
  /** A name that is a token where this one is none: with the space before it, or without. */
  readonly instead: string | null;
}

const LANE = "names";

export class Names {
  readonly #engine: Engine;
  readonly #known = new SvelteMap<string, Named>();
  /** One after the other: a newer question of a lane takes the place of an older one. */
  #line: Promise<unknown> = Promise.resolve();
  #controller = new AbortController();

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  /** What is known of these names by now, in their order. */
  of(model: ModelCard, names: readonly string[]): Named[] {
    return names.map(
      (name) => this.#known.get(key(model, name)) ?? { name, id: null, label: name, trouble: null, instead: null },
    );
  }

  /** Asks for those that are not known yet. */
  async ask(model: ModelCard, names: readonly string[]): Promise<void> {
    const signal = this.#controller.signal;
    for (const name of names) {
      const asked = this.#line.then(() => this.#look(model, name, signal));
      this.#line = asked.catch(() => undefined);
    }
    await this.#line;
  }

  close(): void {
    this.#controller.abort();
  }

  async #look(model: ModelCard, name: string, signal: AbortSignal): Promise<void> {
    if (signal.aborted || this.#known.has(key(model, name))) return;
    const found = await this.#token(model, name, signal);
    if (found === null) return;
    let instead: string | null = null;
    const other = otherwise(name);
    if (found.trouble !== null && other !== null && (await this.#token(model, other, signal))?.id != null)
      instead = other;
    this.#known.set(key(model, name), { name, ...found, instead });
  }

  /** Null where nobody could say. */
  async #token(
    model: ModelCard,
    name: string,
    signal: AbortSignal,
  ): Promise<Pick<Named, "id" | "label" | "trouble"> | null> {
    const watch = [idIn(name) ?? name];
    // The trace of one token says which id a text is; that is exact for every tokenizer, which tokenising it is not.
    const request = { model: model.name, ids: [0], stages: [model.last_stage], statistics: ["watch_rank"], watch };
    try {
      for await (const said of this.#engine.trace(request, signal, LANE)) {
        if (said.kind !== "piece") continue;
        const id = said.piece.watched[0];
        if (id !== undefined) return { id, label: idLabel(said.piece.vocabulary, id), trouble: null };
      }
    } catch (error) {
      if (isAbort(error)) return null;
      const refused = error instanceof EngineError && (error.trouble === "refused" || error.trouble === "cannot");
      if (refused) return { id: null, label: name, trouble: error.message };
    }
    return null;
  }
}

function key(model: ModelCard, name: string): string {
  return `${model.name}\n${model.content_hash ?? ""}\n${name}`;
}
