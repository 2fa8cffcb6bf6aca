// The other side of a comparison: which text it reads with which model.

import type { ModelCard, TraceRequest } from "../../engine";
import type { Trace } from "../../trace";
import { align, grouped, InputError } from "../../view";
import type { Against, Place } from "../address";
import type { Status } from "../run.svelte";

/** What is known of the other side. */
export interface Other {
  readonly model: ModelCard;
  readonly trace: Trace | null;
  readonly request: TraceRequest;
  /** Its trace is still of an older text. */
  readonly stale: boolean;
  readonly status: Status;
}

/** The model of the other side; null where it is not loaded. */
export function otherModel(against: Against, own: ModelCard, models: readonly ModelCard[]): ModelCard | null {
  return against.model === "" ? own : (models.find((card) => card.name === against.model) ?? null);
}

/** What the other side reads: its own text, or the same one, to the last edited id if the model is the same. */
export function otherText(
  place: Pick<Place, "text" | "ids" | "settings">,
  against: Against,
  same: boolean,
): Pick<Place, "text" | "ids" | "settings"> {
  if (against.text !== null) return { text: against.text, ids: null, settings: place.settings };
  return { text: place.text, ids: same ? place.ids : null, settings: place.settings };
}

/** For each token of the one that the other has too, where it stands there; a message where that is too much to find out. */
export function shared(one: Trace, other: Trace): ReadonlyMap<number, number> | string {
  const own = FOUND.get(one) ?? new WeakMap<Trace, ReadonlyMap<number, number> | string>();
  FOUND.set(one, own);
  let found = own.get(other);
  if (found === undefined) {
    try {
      found = new Map(align(one.tokens, other.tokens));
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      found = troubleWords(error.message);
    }
    own.set(other, found);
  }
  return found;
}

/** Aligning takes a while, and a pointer that moves asks again and again. */
const FOUND = new WeakMap<Trace, WeakMap<Trace, ReadonlyMap<number, number> | string>>();

/** How many tokens the two have in common, in words. */
export function sharedWords(one: Trace, other: Trace): string {
  const found = shared(one, other);
  if (typeof found === "string") return found;
  const n = found.size;
  if (!n)
    return "The two have no token in common, so nothing can be held against anything; compare texts that share some, or models that cut a text alike.";
  if (n === one.ids.length && n === other.ids.length) return `All ${grouped(n)} tokens are in both.`;
  const of = `${grouped(one.ids.length)} and ${grouped(other.ids.length)}`;
  return `${grouped(n)} token${n === 1 ? " is" : "s are"} in both, of ${of}; only those can be compared.`;
}

/** The token of `to` that stands where this one of `from` does; null where there is none. */
export function partnerOf(from: Trace, to: Trace, position: number | null): number | null {
  if (position === null) return null;
  // What would come next is compared with what would come next.
  if (position === from.ids.length) return to.ids.length;
  const found = shared(from, to);
  return typeof found === "string" ? null : (found.get(position) ?? null);
}

/** Said of a message of the views, which speak of traces. */
export function troubleWords(message: string): string {
  return message.charAt(0).toUpperCase() + message.slice(1);
}
