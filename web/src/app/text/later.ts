// What an edit did to the tokens after it: of a difference, those that are in both texts.

import { fixed, type Difference } from "../../view";

export interface Later {
  readonly position: number;
  readonly label: string;
  readonly before: number | null;
  readonly after: number | null;
  readonly change: number | null;
}

export interface LaterTokens {
  readonly tokens: readonly Later[];
  /** Sums over the tokens that are scored in both. */
  readonly before: number;
  readonly after: number;
  readonly change: number;
}

/** @param from where the edit begins in the later text. */
export function laterOf(difference: Difference, from: number): LaterTokens {
  const tokens: Later[] = [];
  let [before, after] = [0, 0];
  for (const run of difference.runs)
    for (const piece of run.pieces) {
      if (piece.position < from || piece.before === null) continue;
      const { position, label, bits, bits_before, change } = piece;
      tokens.push({ position, label, before: bits_before, after: bits, change });
      if (bits === null || bits_before === null) continue;
      before += bits_before;
      after += bits;
    }
  return { tokens, before, after, change: after - before };
}

/** A change with its sign, to two digits. */
export function signed(change: number | null): string {
  if (change === null) return "–";
  if (!Number.isFinite(change)) return change > 0 ? "+∞" : "−∞";
  const digits = fixed(Math.abs(change), 2);
  return Number(digits) === 0 ? "±0.00" : `${change > 0 ? "+" : "−"}${digits}`;
}
