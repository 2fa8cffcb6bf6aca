// What is asked of an engine for a place of the page: which text, through which lens, and what its view needs beside.

import type { ModelCard, TraceRequest } from "../engine";
import type { Place } from "./address";
import type { Settings } from "./settings";

/** Lens and norm as far as this model has them. */
export function decodingOf(
  { lens, norm }: Pick<Settings, "lens" | "norm">,
  model: ModelCard,
): Required<Pick<TraceRequest, "lens" | "norm">> {
  return {
    lens: model.lenses.includes(lens) ? lens : (model.lenses[0] ?? "logit"),
    norm: (model.norms.includes(norm) ? norm : (model.norms[0] ?? "final")) as NonNullable<TraceRequest["norm"]>,
  };
}

/** The question that a place asks of a model; null where there is nothing to read. */
export function requestOf(
  { text, ids, settings }: Pick<Place, "text" | "ids" | "settings">,
  model: ModelCard,
  needs: Partial<TraceRequest>,
): TraceRequest | null {
  if (!text && !ids) return null;
  return {
    model: model.name,
    ...(ids ? { ids: [...ids] } : { text }),
    ...decodingOf(settings, model),
    bos: settings.bos && Boolean(model.bos_token),
    subblocks: settings.subblocks && Boolean(model.has_subblocks),
    top_k: Math.min(Math.max(1, Math.round(settings.top_k)), model.limits?.top_k ?? 100, model.n_vocab ?? Infinity),
    ...needs,
  };
}
