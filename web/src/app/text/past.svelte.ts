// What an edited text is held against: the text before its edits is read too, and every token's bits are compared.

import { onDestroy, untrack } from "svelte";

import type { TraceRequest } from "../../engine";
import { difference, type Difference } from "../../view";
import { earlier, NO_EDITS, type Earlier, type Edits } from "../edits";
import { keeping } from "../kept";
import { Run } from "../run.svelte";
import type { ViewProps } from "../views";
import type { Drawn } from "./drawn.svelte";

/** What a token cost, and by how much it costs more. */
export interface Cost {
  readonly bits: number;
  readonly change: number;
}

export class Past {
  /** All edits of the text, where it has any. */
  readonly edits: Edits = $derived.by(() => (this.#ids ? this.#props().place.edits : NO_EDITS));
  /** Since which edit it is compared. */
  readonly since = $derived.by(() => (this.#props().place.settings.since === "all" ? "all" : "last"));
  readonly before: Earlier | null = $derived.by(() => (this.#ids ? earlier(this.#ids, this.edits, this.since) : null));
  /** What became of each token; null where nothing was edited, or that is not known yet. */
  readonly change: Difference | null = $derived.by(() => this.#compared());
  /** A later token was read with more or less before it than the edit explains. */
  readonly windowed: boolean = $derived.by(() => this.#moved());

  readonly #props: () => ViewProps;
  readonly #drawn: Pick<Drawn, "by" | "stage">;
  readonly #run: Run;
  readonly #ids = $derived.by(() => this.#props().place.ids);
  readonly #question = $derived.by(() => this.#asked());

  /** Only while a component is made: what is asked stops with it. */
  constructor(props: () => ViewProps, drawn: Pick<Drawn, "by" | "stage">) {
    this.#props = props;
    this.#drawn = drawn;
    this.#run = new Run(
      untrack(() => keeping(props().engine, 4)),
      "before",
    );
    onDestroy(() => this.#run.withdraw());
    $effect(() => {
      const wanted = this.#question;
      untrack(() => this.#run.ask(wanted));
    });
  }

  /** Of a token that was there and came after an edit; null of any other. */
  costOf(position: number): Cost | null {
    const pieces = this.change?.runs.flatMap((run) => run.pieces);
    const piece = pieces?.find((one) => one.position === position);
    if (!this.before || !piece || position < this.before.from) return null;
    if (piece.bits_before === null || piece.change === null) return null;
    return { bits: piece.bits_before, change: piece.change };
  }

  #asked(): TraceRequest | null {
    const { before } = this;
    const { request } = this.#props();
    if (!before || !request || before.partners.every((partner, t) => partner === null || t < before.from)) return null;
    const { text: _text, ids: _ids, ...how } = request;
    return { ...how, ids: [...before.ids] };
  }

  #compared(): Difference | null {
    const { before } = this;
    const { trace, stale } = this.#props();
    const then = this.#run.trace;
    if (!before || !trace || !then || stale || !this.#run.isAbout(this.#question)) return null;
    // Another prefix than that of the edits moves every place.
    if (trace.ids.length !== before.partners.length || then.ids.length !== before.ids.length) return null;
    const { by, stage } = this.#drawn;
    const at = typeof stage === "string" && then.stages.includes(stage) ? stage : -1;
    return difference(then, trace, { by, stage: at, partners: before.partners });
  }

  #moved(): boolean {
    const { before } = this;
    const { trace } = this.#props();
    const then = this.#run.trace;
    if (!this.change || !before || !trace || !then || !trace.contextLengths.length || !then.contextLengths.length)
      return false;
    return before.partners.some((was, t) => {
      if (was === null || t < before.from || !was || !t) return false;
      const moved = trace.contextLengths[t - 1]! - then.contextLengths[was - 1]!;
      return moved !== t - was;
    });
  }
}
