// How the model decides: the followed tokens' scores at one position, stage by stage.
//
// Source: R. Claus, "Logit Evolution: How the model decides", figures 1 and 2.

import { stageKey, type Trace } from "../trace";
import { InputError } from "./errors";
import { columnAt, followedAt, placeAt, type Place } from "./followed";
import { idLabel } from "./labels";
import { real } from "./numbers";
import { pair } from "./palette";
import { sourceOf, type Source } from "./source";

export const SCORES = ["logit", "rank", "logprob"] as const;
export type Score = (typeof SCORES)[number];

/** A stage, and what the model did between the one before and it; `block` is both sublayers at once. */
export interface Moment {
  readonly stage: string;
  /** From 0; -1 for `embed`. */
  readonly block: number;
  readonly by: "start" | "attention" | "mlp" | "block";
}

/** One token through the stages; null is missing. */
export interface Curve {
  readonly id: number;
  readonly label: string;
  /** The text goes on with it. */
  readonly came_next: boolean;
  readonly logits: readonly (number | null)[];
  /** In nats. */
  readonly logprobs: readonly (number | null)[];
  readonly ranks: readonly (number | null)[];
  /** Of what attention did. */
  readonly light: string;
  /** Of what the MLP did. */
  readonly dark: string;
}

export interface Evolution {
  readonly view: "evolution";
  readonly version: 1;
  readonly value: Score;
  readonly unit: string;
  readonly place: Place;
  readonly moments: readonly Moment[];
  /** In the order in which the tokens were named. */
  readonly curves: readonly Curve[];
  readonly source: Source;
}

export interface EvolutionOptions {
  /** Of the text; negative ones count from its end. */
  readonly position?: number | undefined;
  readonly value?: Score | undefined;
  /** Only the first so many followed tokens. */
  readonly top_k?: number | null | undefined;
}

/** The scores of the followed tokens at one position, at every stage. */
export function evolution(trace: Trace, options: EvolutionOptions = {}): Evolution {
  const { position = -1, value = "logit", top_k = null } = options;
  if (!SCORES.includes(value))
    throw new InputError(`the value "${value}" was asked for; there are ${SCORES.join(", ")}.`);
  const column = columnAt(trace, position);
  const ids = followedAt(trace, top_k);
  const place = placeAt(trace, column);
  const following = place.next === null ? null : trace.ids[place.position + 1]!;
  const row = (name: string, i: number) => trace.stages.map((_, stage) => trace.at(name, stage, column, i));
  return {
    view: "evolution",
    version: 1,
    value,
    unit: { logit: "logit", rank: "rank", logprob: "nats" }[value],
    place,
    moments: moments(trace.stages),
    curves: ids.map((id, i) => {
      const [light, dark] = pair(i);
      return {
        id,
        label: idLabel(trace.vocabulary, id),
        came_next: id === following,
        logits: row("watch_logit", i).map(real),
        logprobs: row("watch_logprob", i).map(real),
        ranks: row("watch_rank", i).map((rank) => rank || null),
        light,
        dark,
      };
    }),
    source: sourceOf(trace),
  };
}

/** The row of a curve that `value` names. */
export function scores(curve: Curve, value: Score): readonly (number | null)[] {
  return { logit: curve.logits, rank: curve.ranks, logprob: curve.logprobs }[value];
}

/** What moved the residual stream to each of these stages from the one before. */
export function moments(stages: readonly string[]): Moment[] {
  const out: Moment[] = [];
  stages.forEach((stage, i) => {
    const key = stageKey(stage);
    const block = Math.floor(key / 2);
    const attention = key >= 0 && key % 2 === 0;
    const before = i ? stageKey(stages[i - 1]!) : 0;
    let by: Moment["by"] = "block";
    if (i === 0) by = "start";
    else if (attention && (before === key - 1 || before === -1) && (block === 0 || block === out.at(-1)!.block + 1))
      by = "attention";
    else if (key >= 0 && !attention && stages[i - 1] === `${block}.attn`) by = "mlp";
    out.push({ stage, block, by });
  });
  return out;
}
