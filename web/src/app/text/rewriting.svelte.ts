// What a reader does to the tokens of a text: another one in the place of one, what was written kept, a blank filled, and
// all of it taken back. The ids are the truth: what they say as a text is known when they have been read.

import { untrack } from "svelte";

import { isAbort } from "../../engine";
import { tokenLabel, visible } from "../../view";
import { applied, between, doneAgain, NO_EDITS, sameIds, takenBack, withEdit, type Edit } from "../edits";
import type { ViewProps } from "../views";
import type { Draft } from "./draft.svelte";
import { keptIds } from "./steps";

export class Rewriting {
  /** What a screen reader is told of what was done. */
  told = $state("");
  /** A model is asked how a text is cut that comes in the place of a token. */
  replacing = $state(false);
  trouble = $state("");
  /** The ids that were typed would be others; false where it is not known. */
  otherwise = $state(false);

  readonly #props: () => ViewProps;
  readonly #draft: Draft;
  readonly #onmade: () => void;
  readonly #ids = $derived.by(() => this.#props().place.ids);

  /**
   * Only while a component is made.
   *
   * @param draft what is being written after the text.
   * @param onmade an edit was made, and is being read.
   */
  constructor(props: () => ViewProps, draft: Draft, onmade: () => void) {
    this.#props = props;
    this.#draft = draft;
    this.#onmade = onmade;
    $effect(() => this.#name());
    $effect(() => this.#cut());
  }

  /** Another token, or text, in the place of one. */
  async replace(position: number, token: string | number): Promise<void> {
    const { engine, model, trace, stale } = this.#props();
    if (!trace || stale || this.replacing) return;
    const ids = Array.from(trace.ids);
    const was = tokenLabel(trace.tokens, position);
    this.trouble = "";
    if (typeof token === "number") {
      const edit = { position, removed: [ids[position]!], inserted: [token] };
      this.#make(edit, { position, pinned: true }, `Replaced ${was}.`);
      return;
    }
    this.replacing = true;
    try {
      const made = await engine.replace({ model: model.name, ids, position, token }, new AbortController().signal);
      const now = this.#props().trace;
      if (!now || !sameIds(ids, now.ids)) return;
      const inserted = made.ids.slice(made.position, made.position + made.inserted);
      const removed = ids.slice(made.position, made.position + made.removed);
      this.#make({ position: made.position, removed, inserted }, { position, pinned: true }, `Replaced ${was}.`);
    } catch (error) {
      if (!isAbort(error)) this.trouble = error instanceof Error ? error.message : String(error);
    } finally {
      this.replacing = false;
    }
  }

  /** What was written becomes a part of the text. */
  keep(): void {
    const { of } = this.#draft;
    if (!of) return;
    const inserted = keptIds(this.#draft.steps);
    this.#draft.discard();
    const removed = of.ids.slice(of.from);
    const edit = { position: of.from, removed, inserted };
    this.#make(edit, { position: null, pinned: false }, `Kept ${inserted.length} tokens.`);
  }

  /** A text whose blank was filled by a word. */
  async insert(filled: string, word: string): Promise<void> {
    const { engine, model, trace, place } = this.#props();
    if (!trace) return;
    const found = await engine.tokenise(
      { model: model.name, text: filled, bos: place.settings.bos },
      new AbortController().signal,
    );
    const now = this.#props().trace;
    const edit = now && between(Array.from(now.ids), found.ids);
    if (edit) this.#make(edit, { position: edit.position, pinned: true }, `Inserted ${visible(word)}.`);
  }

  undo(): void {
    const { ids, edits } = this.#props().place;
    const back = ids && takenBack(ids, edits);
    if (back) this.#follow(back, -1, edits.list[edits.done - 1]!, "Undone.");
  }

  redo(): void {
    const { ids, edits } = this.#props().place;
    const again = ids && doneAgain(ids, edits);
    if (again) this.#follow(again, 1, edits.list[edits.done]!, "Done again.");
  }

  #make(edit: Edit, at: { position: number | null; pinned: boolean }, words: string): void {
    const { trace, place, go } = this.#props();
    const ids = Array.from(trace!.ids);
    const own = place.ids && sameIds(place.ids, ids) ? place.edits : NO_EDITS;
    go({ ids: applied(ids, edit), edits: withEdit(own, edit), ...at });
    this.told = words;
    this.#onmade();
  }

  #follow(ids: number[], by: 1 | -1, { position }: Edit, words: string): void {
    const { place, go } = this.#props();
    this.#draft.discard();
    const at = place.position === null ? null : Math.min(position, ids.length - 1);
    go({ ids, edits: { list: place.edits.list, done: place.edits.done + by }, position: at });
    this.told = words;
  }

  /** Ids that were read have a text. */
  #name(): void {
    const { trace, stale, place, adjust } = this.#props();
    const { ids } = place;
    if (!ids || !trace || stale || !sameIds(ids, trace.ids)) return;
    const said = trace.tokens.text;
    if (said !== untrack(() => place.text)) untrack(() => adjust({ text: said }));
  }

  /** Whether a text that was typed would be cut into these ids. */
  #cut(): (() => void) | void {
    const ids = this.#ids;
    const { engine, model } = this.#props();
    const { name } = model;
    this.otherwise = false;
    if (!ids || !model.can.includes("tokenise")) return;
    const controller = new AbortController();
    engine
      .tokenise({ model: name, ids: [...ids] }, controller.signal)
      .then((found) => (this.otherwise = !found.retokenises))
      .catch(() => undefined);
    return () => controller.abort();
  }
}
