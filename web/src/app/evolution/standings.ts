// The followed tokens at one stage: where they stand there, and what the step before it did to them.

import type { Evolution } from "../../view";

/** One token at one stage; null is missing. */
export interface Standing {
  readonly id: number;
  readonly label: string;
  readonly came_next: boolean;
  readonly probability: number | null;
  readonly logit: number | null;
  readonly rank: number | null;
  /** At the stage before; null at the first one. */
  readonly rank_before: number | null;
  /** Less that of the stage before. */
  readonly logit_change: number | null;
}

/** The tokens at the stage of this index, the likeliest there first. */
export function standingsAt(evolution: Evolution, at: number): Standing[] {
  const less = (now: number | null, before: number | null) => (now === null || before === null ? null : now - before);
  return evolution.curves
    .map((curve): Standing => {
      const logprob = curve.logprobs[at] ?? null;
      const logit = curve.logits[at] ?? null;
      return {
        id: curve.id,
        label: curve.label,
        came_next: curve.came_next,
        probability: logprob === null ? null : Math.exp(logprob),
        logit,
        rank: curve.ranks[at] ?? null,
        rank_before: at ? (curve.ranks[at - 1] ?? null) : null,
        logit_change: at ? less(logit, curve.logits[at - 1] ?? null) : null,
      };
    })
    .sort((a, b) => (a.rank ?? Infinity) - (b.rank ?? Infinity));
}

/** What moved the tokens to this stage, in words; nothing for the first one. */
export function stepWords(evolution: Evolution, at: number): string {
  const moment = evolution.moments[at];
  if (!moment) return "";
  if (moment.by === "attention") return `attention of block ${moment.block}`;
  if (moment.by === "mlp") return `the MLP of block ${moment.block}`;
  return moment.by === "block" ? `block ${moment.block}` : "";
}
