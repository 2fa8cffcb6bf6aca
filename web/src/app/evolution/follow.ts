// Which tokens are followed at a place of the text, and what has to be read for that.

import type { TraceRequest } from "../../engine";
import type { Trace } from "../../trace";

/** Tokens that are followed because the complete model holds them likeliest, as in the article. */
export const LIKELIEST = 10;

/** As many as have a colour of their own beside them, and as every server takes. */
const MOST = 24;

/**
 * The ids that are followed at a position: what the model's output ranks highest there, then the named ones.
 *
 * @returns none where this trace does not hold the output at that position.
 */
export function followedAt(trace: Trace, position: number, named: readonly number[]): number[] {
  const column = trace.column(position);
  if (column < 0 || !trace.holdsOutput || !trace.has("top_ids")) return [];
  const k = Math.min(LIKELIEST, trace.array("top_ids").shape[2]!);
  const last = trace.stages.length - 1;
  const likeliest = Array.from({ length: k }, (_, i) => trace.at("top_ids", last, column, i));
  return [...new Set([...likeliest, ...named])].slice(0, MOST);
}

/** The question whose answer holds scores, ranks and histograms of one position at every stage. */
export function lookAt(
  request: TraceRequest,
  decoding: Pick<TraceRequest, "lens" | "norm">,
  position: number,
  watch: readonly number[],
  subblocks: boolean,
): TraceRequest {
  const { stages: _, statistics: __, ...read } = request;
  return { ...read, ...decoding, positions: [position], subblocks, watch: [...watch], histogram: true };
}

/** The position whose prediction is shown: the one that foretells the selected token, as far as the trace holds it. */
export function positionOf(trace: Trace, selected: number | null): number {
  const wanted = (selected ?? trace.ids.length) - 1;
  if (trace.column(wanted) >= 0) return wanted;
  let best = trace.positions[0] ?? 0;
  for (const position of trace.positions) if (Math.abs(position - wanted) < Math.abs(best - wanted)) best = position;
  return best;
}
