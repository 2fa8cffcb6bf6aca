// What is asked for to save what is seen, and what the file is called. Knows no page.

import type { ModelCard, SaveRequest, TraceRequest } from "../../engine";
import type { Trace } from "../../trace";
import { LIKELIEST, followedAt, positionOf } from "../evolution/follow";
import { idIn, namedIn } from "../watch/named";

export type Format = NonNullable<SaveRequest["format"]>;

export interface Kind {
  readonly format: Format;
  readonly suffix: string;
  readonly title: string;
  readonly what: string;
}

export const KINDS: readonly Kind[] = [
  {
    format: "safetensors",
    suffix: "trace.safetensors",
    title: "Trace file",
    what: "every number as it is; opens again here, in Python and on the command line",
  },
  { format: "html", suffix: "html", title: "Web page", what: "one file that shows the views in any browser, offline" },
  { format: "csv", suffix: "csv", title: "CSV table", what: "a row for each token at each stage" },
  { format: "parquet", suffix: "parquet", title: "Parquet table", what: "the same, for pandas, Polars, DuckDB" },
  { format: "json", suffix: "json", title: "JSON", what: "everything by its name, for other programs" },
];

/** Cells (tokens times stages) up to which histograms are saved too: each takes a kilobyte. */
const FEW = 6000;

/**
 * The question for a file. What the page's own views need is in it where the format opens again: the likeliest tokens of
 * the selected place are followed, and those that were named.
 *
 * @param request what the open view asks, whatever stages it needs.
 * @param stages `all`, or the `output` alone.
 */
export function savingOf(
  request: TraceRequest,
  model: ModelCard,
  trace: Trace,
  place: { readonly position: number | null; readonly watch: string },
  format: Format,
  stages: "all" | "output",
): SaveRequest {
  const { stages: _, statistics: __, positions: ___, watch: ____, histogram: _____, ...read } = request;
  const named = namedIn(place.watch).map((name) => idIn(name) ?? name);
  const cells = trace.ids.length * stagesOf(request, model).length;
  const shown = format === "safetensors" || format === "html";
  const followed = shown && trace.ids.length ? followedAt(trace, positionOf(trace, place.position), []) : [];
  return {
    ...read,
    format,
    watch: [...followed.slice(0, LIKELIEST), ...named],
    ...(stages === "output" ? { stages: [model.last_stage] } : {}),
    histogram: shown && stages === "all" && cells <= FEW,
  };
}

/** How many stages are read where all are. */
export function stagesOf(request: TraceRequest, model: ModelCard): readonly string[] {
  return model.stages.filter((name) => request.subblocks || !name.endsWith(".attn"));
}

/** A name that every file system takes: the beginning of the text, or where that has no letters, the model. */
export function fileName(text: string, model: string, kind: Pick<Kind, "suffix">): string {
  const plain = (said: string) =>
    said
      .normalize("NFKD")
      .toLowerCase()
      .replace(/[^\p{L}\p{N}]+/gu, " ")
      .trim()
      .split(" ")
      .slice(0, 6)
      .join("-")
      .slice(0, 48);
  return `${plain(text.slice(0, 400)) || plain(model) || "logitscope"}.${kind.suffix}`;
}
