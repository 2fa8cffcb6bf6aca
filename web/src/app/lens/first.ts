// What the lens reads before all else: the column that is kept, then those that are in sight.

import type { Place } from "../address";

/** Positions, each once. A token is foretold at the position before it; the first token is foretold nowhere. */
export function firstSeen({ position }: Pick<Place, "position">, seen: readonly number[]): number[] {
  return [...new Set([...(position ? [position - 1] : []), ...seen])];
}
