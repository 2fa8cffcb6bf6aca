// One position of a text and the tokens that are followed there through the stages.

import type { Trace } from "../trace";
import { InputError } from "./errors";
import { tokenLabel } from "./labels";

/** Characters of the text that are shown before the prediction. */
const CONTEXT = 40;

/** Where in the text a prediction is made. */
export interface Place {
  readonly position: number;
  readonly n_tokens: number;
  /** The end of the text up to and with this token, as it is. */
  readonly before: string;
  /** More of the text stands before that. */
  readonly cut: boolean;
  readonly input: string;
  /** The label of the token that came next; null at the end of the text. */
  readonly next: string | null;
}

/** Where a trace holds a position of the text; negative ones count from the text's end. */
export function columnAt(trace: Trace, position: number): number {
  const n = trace.ids.length;
  if (!(-n <= position && position < n))
    throw new InputError(`position ${position} was asked for, but the text's positions are 0 to ${n - 1}.`);
  const wanted = position < 0 ? position + n : position;
  const column = trace.column(wanted);
  if (column < 0) {
    const some = [...trace.positions.subarray(0, 6)].join(", ") + (trace.positions.length > 6 ? ", …" : "");
    throw new InputError(`position ${wanted} was asked for, but this trace holds ${some}.`);
  }
  return column;
}

/** What stands around the position of a column. */
export function placeAt(trace: Trace, column: number): Place {
  const position = trace.positions[column]!;
  const { tokens } = trace;
  const end = tokens.spans[2 * position + 1]!;
  return {
    position,
    n_tokens: tokens.length,
    before: tokens.slice(Math.max(0, end - CONTEXT), end),
    cut: end > CONTEXT,
    input: tokenLabel(tokens, position),
    next: position + 1 >= tokens.length ? null : tokenLabel(tokens, position + 1),
  };
}

/** The ids of the first `top_k` followed tokens; all of them by default. */
export function followedAt(trace: Trace, topK: number | null): number[] {
  const { watched } = trace;
  if (!watched.length)
    throw new InputError(
      "this trace follows no tokens; make it with watch=[...], such as the top_ids of the last stage.",
    );
  if (topK !== null && !(1 <= topK && topK <= watched.length))
    throw new InputError(`${topK} tokens were asked for, but this trace follows ${watched.length}; give 1 to that.`);
  return watched.slice(0, topK ?? watched.length);
}
