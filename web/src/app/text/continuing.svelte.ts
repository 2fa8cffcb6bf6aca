// How the text goes on: from where, by what rule, and until another text comes under what was written.

import { onDestroy, untrack } from "svelte";

import type { SampleRequest } from "../../engine";
import { sameIds } from "../edits";
import type { ViewProps } from "../views";
import { Draft } from "./draft.svelte";
import { reachWords, roomFor } from "./reach";

export class Continuing {
  readonly draft: Draft;
  /** Where "Continue" goes on: after the kept token, or at the end. */
  readonly at: number = $derived.by(() => {
    const { trace, place } = this.#props();
    if (!trace) return 0;
    return place.pinned && place.position !== null ? Math.min(place.position + 1, trace.ids.length) : trace.ids.length;
  });
  /** What to say where not all of the text is read. */
  readonly reach: string = $derived.by(() => {
    const { trace, model, place } = this.#props();
    const window = model.context_window ?? 0;
    if (!trace) return "";
    const { of } = this.draft;
    if (of) return reachWords({ ids: of.read, left: of.from - of.read.length }, window);
    return reachWords(roomFor(trace, this.at, place.ids !== null, window, place.settings.new_tokens), window);
  });

  readonly #props: () => ViewProps;
  #last: { from: number; first: number | undefined } = { from: 0, first: undefined };

  /** Only while a component is made: what is written stops with it. */
  constructor(props: () => ViewProps) {
    this.#props = props;
    this.draft = new Draft(untrack(() => props().engine));
    onDestroy(() => this.draft.discard());
    $effect(() => {
      const { of } = this.draft;
      const { trace } = this.#props();
      // Another text came under it.
      if (of && trace && !sameIds(of.ids, trace.ids)) untrack(() => this.draft.discard());
    });
  }

  /** What is written is written again; where there is nothing, the text goes on. */
  begin(): void {
    if (this.draft.of) this.write(this.#last.from, this.#last.first);
    else this.write(this.at);
  }

  /** Goes on with the text up to a place, with a chosen token there or without. */
  write(from: number, first?: number): void {
    const { trace, stale, model, place } = this.#props();
    if (!trace || stale) return;
    this.#last = { from, first };
    const { method, temperature, from_k, from_p, seed, new_tokens } = place.settings;
    const drawn = { temperature, top_k: from_k || null, top_p: from_p < 1 ? from_p : null, seed };
    const how: Omit<SampleRequest, "ids" | "text"> = {
      model: model.name,
      n: Math.min(new_tokens, model.limits?.new_tokens ?? new_tokens),
      ...(method === "sample" ? { method: "sample" as const, ...drawn } : {}),
      ...(first === undefined ? {} : { first }),
    };
    const { ids: read } = roomFor(trace, from, place.ids !== null, model.context_window ?? 0, how.n ?? 0);
    void this.draft.begin({ ids: Array.from(trace.ids), from, read }, how);
  }
}
