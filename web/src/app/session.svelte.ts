// Where the reader is: the one state of the page, kept in its address. Components get its values and call its methods.

import { addressOf, NOWHERE, placeAt, samePlace, type Place } from "./address";
import type { Settings } from "./settings";

/** How long after the last letter the address is written: browsers refuse a hundred changes within seconds. */
const QUIET = 400;

export class Session {
  place = $state.raw<Place>(NOWHERE);
  /** The token under the pointer; the address does not know it. */
  hover = $state.raw<number | null>(null);
  /** Whether the address has been read. */
  ready = $state.raw(false);

  readonly #start: string;
  readonly #silent: boolean;
  #writing: ReturnType<typeof setTimeout> | undefined;
  /** Steps are written one after the other: a long text is packed for a while, and going back follows their order. */
  #written: Promise<void> = Promise.resolve();
  #stop: (() => void) | undefined;

  /**
   * @param options.start where the reader is when the address says nothing, as its hash would say it.
   * @param options.silent the document has no address of its own: nothing is written there.
   */
  constructor({ start = "", silent = false } = {}) {
    this.#start = start;
    this.#silent = silent;
  }

  /** Reads the address, and again whenever the reader goes back or forward. */
  async open(): Promise<void> {
    const read = async () => {
      clearTimeout(this.#writing);
      this.place = await placeAt(location.href.includes("#") ? location.hash : this.#start);
      this.hover = null;
    };
    addEventListener("popstate", read);
    this.#stop = () => removeEventListener("popstate", read);
    await read();
    this.ready = true;
  }

  close(): void {
    clearTimeout(this.#writing);
    this.#stop?.();
  }

  /** Moves on: a step that going back undoes. */
  go(change: Partial<Place>): void {
    const before = this.place;
    const next = { ...before, ...change };
    if (samePlace(before, next)) return;
    this.place = next;
    // What the pointer was over is gone with its view, and no leaving of it is told.
    if (next.view !== before.view || next.file !== before.file) this.hover = null;
    clearTimeout(this.#writing);
    if (this.#silent) return;
    // What was typed since the address was last written belongs to the place that is left.
    this.#written = this.#written.then(() => this.#step(before, next));
  }

  /** Changes something in passing, such as a letter of the text: the address follows, going back does not stop here. */
  adjust(change: Partial<Place>): void {
    const next = { ...this.place, ...change };
    if (samePlace(this.place, next)) return;
    this.place = next;
    this.#later();
  }

  set(change: Partial<Settings>): void {
    this.go({ settings: { ...this.place.settings, ...change } });
  }

  /** The whole address of what is seen now. */
  async link(): Promise<string> {
    return `${location.href.split("#")[0]}#${await addressOf(this.place)}`;
  }

  async #step(before: Place, next: Place): Promise<void> {
    const left = await addressOf(before);
    history.replaceState(null, "", `#${left}`);
    const hash = await addressOf(next);
    history.pushState(null, "", `#${hash}`);
    if (this.place !== next) this.#later();
  }

  #later(): void {
    clearTimeout(this.#writing);
    if (this.#silent) return;
    this.#writing = setTimeout(async () => {
      const place = this.place;
      const hash = await addressOf(place);
      if (this.place === place) history.replaceState(null, "", `#${hash}`);
    }, QUIET);
  }
}
