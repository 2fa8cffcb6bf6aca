// Where the followed tokens stand among all others: the standardised logits of one position, at several stages.
//
// Source: R. Claus, "Logit Evolution: How the model decides", figure 3.

import { BINS, type Trace } from "../trace";
import { InputError } from "./errors";
import { moments } from "./evolution";
import { columnAt, followedAt, placeAt, type Place } from "./followed";
import { idLabel } from "./labels";
import { pair } from "./palette";
import { sourceOf, type Source } from "./source";

/** Standard deviations from the mean to the outermost edges. */
export const SPAN = 8;
/** Stages that are shown unless told otherwise. */
const PANELS = 6;

/** Tokens whose standardised logit lies between `low` and `high`; the outermost bins are open. */
export interface Bin {
  readonly low: number;
  readonly high: number;
  readonly count: number;
  /** Labels of a few of them. */
  readonly samples: readonly string[];
}

/** A followed token within the distribution. */
export interface Standing {
  readonly id: number;
  readonly label: string;
  readonly came_next: boolean;
  /** Its standardised logit; null where all logits are equal, or it is missing. */
  readonly deviations: number | null;
  readonly rank: number | null;
  readonly light: string;
  readonly dark: string;
}

/** One stage. */
export interface Panel {
  readonly stage: string;
  readonly mean: number | null;
  readonly deviation: number | null;
  /** Those that hold tokens, ascending. */
  readonly bins: readonly Bin[];
  readonly standings: readonly Standing[];
}

export interface Histogram {
  readonly view: "histogram";
  readonly version: 1;
  readonly place: Place;
  readonly panels: readonly Panel[];
  /** The largest count of any bin, for one axis for all panels. */
  readonly highest: number;
  readonly skipped: readonly string[];
  readonly source: Source;
}

export interface HistogramOptions {
  /** Of the text; negative ones count from its end. */
  readonly position?: number | undefined;
  /** One or several; six evenly spaced ones by default. */
  readonly stage?: string | readonly string[] | null | undefined;
  readonly top_k?: number | null | undefined;
}

/** The standardised logits at one position, and where the followed tokens lie among them. */
export function histogram(trace: Trace, options: HistogramOptions = {}): Histogram {
  const { position = -1, stage = null, top_k = null } = options;
  if (!trace.has("histogram")) throw new InputError("this trace holds no histograms; make it with histogram=True.");
  const column = columnAt(trace, position);
  // Where there are stages between blocks, whole blocks say enough.
  const outputs = moments(trace.stages).filter((moment) => moment.by !== "attention");
  const chosen =
    stage === null
      ? spaced(
          outputs.map((m) => m.stage),
          PANELS,
        )
      : typeof stage === "string"
        ? [stage]
        : stage;
  const rows = [...new Set(chosen)].map((name) => trace.stage(name)).sort((a, b) => a - b);
  const ids = trace.watched.length || top_k !== null ? followedAt(trace, top_k) : [];
  const place = placeAt(trace, column);
  const panels = rows.map((row) => panelOf(trace, row, column, ids, place));
  return {
    view: "histogram",
    version: 1,
    place,
    panels,
    highest: Math.max(0, ...panels.flatMap((panel) => panel.bins.map((bin) => bin.count))),
    skipped: trace.stages.filter((_, i) => !rows.includes(i)),
    source: sourceOf(trace),
  };
}

/** At most `most` of the names, evenly spaced, the first and the last among them. */
export function spaced(names: readonly string[], most: number): string[] {
  if (names.length <= most) return [...names];
  const step = (names.length - 1) / (most - 1);
  return Array.from({ length: most }, (_, i) => names[Math.floor(i * step + 0.5)]!);
}

function panelOf(trace: Trace, row: number, column: number, ids: readonly number[], place: Place): Panel {
  const width = (2 * SPAN) / BINS;
  const mean = numberAt(trace, "logit_mean", row, column);
  const deviation = numberAt(trace, "logit_std", row, column);
  const following = place.next === null ? null : trace.ids[place.position + 1]!;
  const samples = trace.has("histogram_samples") ? trace.array("histogram_samples") : null;
  const each = samples?.shape[3] ?? 0;
  const named = (bin: number) => {
    if (!samples) return [];
    const begin = ((row * samples.shape[1]! + column) * BINS + bin) * each;
    return [...samples.data.subarray(begin, begin + each)]
      .filter((id) => id >= 0)
      .map((id) => idLabel(trace.vocabulary, id));
  };
  const bins: Bin[] = [];
  for (let b = 0; b < BINS; b++) {
    const count = trace.at("histogram", row, column, b);
    if (count) bins.push({ low: b * width - SPAN, high: (b + 1) * width - SPAN, count, samples: named(b) });
  }
  const standings = ids.map((id, i): Standing => {
    const [light, dark] = pair(i);
    const logit = trace.at("watch_logit", row, column, i);
    const flat =
      mean === null || deviation === null || deviation <= 1e-6 * Math.max(1, Math.abs(mean)) || Number.isNaN(logit);
    return {
      id,
      label: idLabel(trace.vocabulary, id),
      came_next: id === following,
      deviations: flat ? null : (logit - mean) / deviation,
      rank: trace.at("watch_rank", row, column, i) || null,
      light,
      dark,
    };
  });
  return { stage: trace.stages[row]!, mean, deviation, bins, standings };
}

function numberAt(trace: Trace, name: string, row: number, column: number): number | null {
  if (!trace.has(name)) return null;
  const number = trace.at(name, row, column);
  return Number.isFinite(number) ? number : null;
}
