// Two texts, or two readings of one: what each token that is in both costs more or less than before.

import { tokenBits, type Trace } from "../trace";
import { align } from "./align";
import { tokenLabel } from "./labels";
import { coloured, shown, type Shown } from "./likelihood";
import { exactSum, real } from "./numbers";
import { hasMean, rowOf } from "./readings";
import { DIFFERENCE_END, balance, type Scale } from "./scale";
import { sourceOf, type Source } from "./source";
import { stretches, type By } from "./units";

/** One token of the later text. */
export interface ChangedPiece {
  readonly position: number;
  readonly id: number;
  readonly label: string;
  /** Its position in the earlier text; null where it is new. */
  readonly before: number | null;
  readonly bits: number | null;
  readonly bits_before: number | null;
  /** The one less the other; null where either is missing. */
  readonly change: number | null;
}

/** A stretch of the later text that is drawn in one colour; its number is the change in bits. */
export interface ChangedRun extends Shown {
  readonly pieces: readonly ChangedPiece[];
  /** It holds a token that the earlier text lacks. */
  readonly new: boolean;
}

/** A token of the earlier text that the later one lacks. */
export interface Removed {
  /** The position in the later text before which it would stand. */
  readonly at: number;
  readonly position: number;
  readonly label: string;
  readonly bits: number | null;
}

/** The tokens that are in both texts and scored in both. */
export interface Kept {
  readonly tokens: number;
  readonly bits_before: number;
  readonly bits: number;
  readonly change: number;
}

export interface Difference {
  readonly view: "difference";
  readonly version: 1;
  readonly by: By;
  readonly legend: Scale;
  /** Joined, they are the later text. */
  readonly runs: readonly ChangedRun[];
  readonly removed: readonly Removed[];
  readonly kept: Kept;
  /** Bits of the earlier text, all of it; null where nothing was scored. */
  readonly total_before: number | null;
  readonly total: number | null;
  readonly source: Source;
  readonly source_before: Source;
}

export interface DifferenceOptions {
  readonly by?: By | undefined;
  /** The stage that both are read at; each one's last by default. */
  readonly stage?: string | number | undefined;
  /** For each token of the later text its position in the earlier one, where that is known and not to be found out. */
  readonly partners?: readonly (number | null)[] | undefined;
}

/** What each token costs in one trace, less what it cost in another; tokens are aligned by their bytes. */
export function difference(before: Trace, after: Trace, options: DifferenceOptions = {}): Difference {
  const { by = "token", stage = -1 } = options;
  const [oldRow, newRow] = [rowOf(before, stage), rowOf(after, stage)];
  const [old, now] = [tokenBits(before, oldRow), tokenBits(after, newRow)];
  const partner = new Map<number, number>();
  if (options.partners) options.partners.forEach((i, j) => i !== null && partner.set(j, i));
  else for (const [i, j] of align(before.tokens, after.tokens)) partner.set(j, i);
  const pieces = Array.from(after.ids, (id, t): ChangedPiece => {
    const was = partner.get(t) ?? null;
    const bits = real(now[t]!);
    const bits_before = was === null ? null : real(old[was]!);
    const change = bits === null || bits_before === null ? null : real(bits - bits_before);
    return { position: t, id, label: tokenLabel(after.tokens, t), before: was, bits, bits_before, change };
  });
  const mean = hasMean(by);
  const title = mean ? `mean change in bits per token of a ${by}` : `change in bits per ${by}`;
  const legend = balance("surprisal_bits", title, "bits", mean ? DIFFERENCE_END / 2 : DIFFERENCE_END);
  return {
    view: "difference",
    version: 1,
    by,
    legend,
    runs: stretches(after.tokens, by).map((stretch) => {
      const own = pieces.slice(stretch.first, stretch.stop);
      const known = own.flatMap((piece) => (piece.change === null ? [] : [piece.change]));
      const lacks = own.some((piece) => piece.change === null && after.tokens.pieces[piece.position]!.length > 0);
      let number = null;
      if (known.length && (mean || !lacks)) number = real(exactSum(known) / (mean ? known.length : 1));
      return {
        ...shown(after.tokens, stretch),
        pieces: own,
        new: own.some((piece) => piece.before === null),
        ...coloured(legend, number),
      };
    }),
    removed: removedOf(before, partner, old, after.tokens.length),
    kept: keptOf(pieces),
    total_before: totalOf(old),
    total: totalOf(now),
    source: sourceOf(after, after.stages[newRow]!),
    source_before: sourceOf(before, before.stages[oldRow]!),
  };
}

function removedOf(before: Trace, partner: ReadonlyMap<number, number>, old: Float32Array, n: number): Removed[] {
  const now = new Map([...partner].map(([j, i]) => [i, j]));
  const gone: Removed[] = [];
  let at = n;
  for (let t = before.tokens.length - 1; t >= 0; t--) {
    const kept = now.get(t);
    if (kept !== undefined) at = kept;
    else gone.push({ at, position: t, label: tokenLabel(before.tokens, t), bits: real(old[t]!) });
  }
  return gone.reverse();
}

function keptOf(pieces: readonly ChangedPiece[]): Kept {
  const both = pieces.filter((piece) => piece.bits !== null && piece.bits_before !== null);
  const bits_before = exactSum(both.map((piece) => piece.bits_before!));
  const bits = exactSum(both.map((piece) => piece.bits!));
  return { tokens: both.length, bits_before, bits, change: bits - bits_before };
}

function totalOf(bits: Float32Array): number | null {
  const scored = [...bits].filter((b) => !Number.isNaN(b));
  return scored.length ? exactSum(scored) : null;
}
