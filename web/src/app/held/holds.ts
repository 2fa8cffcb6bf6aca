// What a trace has to hold for each view, as Python's `render/page`; and what to say where it does not.

import type { Trace } from "../../trace";

const NEEDS: Readonly<Record<string, readonly string[]>> = {
  text: ["next_logprob"],
  lens: ["top_ids", "top_logprobs"],
  evolution: ["watch_logit", "watch_logprob", "watch_rank"],
};

/** Why a view cannot be drawn from a saved trace; null where it can. */
export function lackWords(view: string, trace: Trace): string | null {
  const needs = NEEDS[view];
  if (!needs)
    return "The walkthrough asks the model itself for its weights and states. A saved trace holds what was read out of them, and no model.";
  const lacks = needs.filter((name) => !trace.has(name));
  if (!trace.stages.length || !trace.positions.length) return "This trace holds no numbers.";
  if (view === "evolution" && lacks.length)
    return "This trace follows no tokens, which the evolution is made of. Saved by this page it follows the likeliest ones of the selected place; in Python, scope.follow does that, or watch=.";
  if (lacks.length) return `This trace does not hold ${lacks.join(" and ")}, which this view draws.`;
  if (view !== "text" && trace.stages.length < 2)
    return `This trace holds one stage, ${trace.stages[0]}; this view is made of several. Save it of every stage.`;
  return null;
}
