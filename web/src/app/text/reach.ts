// How far back a model reads from a place: all of the text, or of a long one what its window holds.
//
// A trace of a long text was read in windows; what is asked about one of its places is asked with the same tokens before
// it, so that the answers are those of the trace. Knows no engine.

import type { Trace } from "../../trace";
import { grouped } from "../../view";

export interface Reach {
  /** What is read. */
  readonly ids: readonly number[];
  /** Tokens before them that are not. */
  readonly left: number;
}

/**
 * The tokens that the model read before a place, as the trace says.
 *
 * @param position of the token that is foretold; the number of tokens for what would come next.
 * @param given the trace was made of ids: of those, one is the prefix.
 */
export function reachOf(trace: Trace, position: number, given: boolean): Reach {
  const column = trace.column(position - 1);
  const seen = column >= 0 && trace.contextLengths.length ? trace.contextLengths[column]! : position;
  return cut(trace, position, seen, given);
}

/**
 * From where a text goes on: all of it while there is room for a token, else as much as leaves room for so many, and never
 * less than half of the window.
 */
export function roomFor(trace: Trace, position: number, given: boolean, window: number, tokens: number): Reach {
  if (!window || position < window) return { ids: Array.from(trace.ids.subarray(0, position)), left: 0 };
  return cut(trace, position, Math.max(window - tokens, Math.ceil(window / 2)), given);
}

function cut(trace: Trace, position: number, seen: number, given: boolean): Reach {
  const prefix = Math.min(prefixOf(trace, given), position);
  const start = position - Math.max(0, seen - prefix);
  if (start <= prefix) return { ids: Array.from(trace.ids.subarray(0, position)), left: 0 };
  return {
    ids: [...trace.ids.subarray(0, prefix), ...trace.ids.subarray(start, position)],
    left: start - prefix,
  };
}

/** Tokens that every window begins with, as Python's `scope/plan`. */
function prefixOf(trace: Trace, given: boolean): number {
  if (trace.provenance.bos === "none") return 0;
  if (given) return 1;
  const first = [...trace.tokens.special].findIndex((special) => !special);
  return first < 0 ? trace.ids.length : first;
}

/** What to say where not all was read. */
export function reachWords({ ids, left }: Reach, window: number): string {
  if (!left) return "";
  return `The ${grouped(ids.length)} tokens before it were read, of ${grouped(ids.length + left)}: the model reads ${grouped(window)} at once.`;
}
