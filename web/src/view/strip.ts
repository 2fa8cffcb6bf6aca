// Surprisal along the text, with what the model expected to pay: one bar per token.

import { tokenBits, type Trace } from "../trace";
import { tokenLabel } from "./labels";
import { real } from "./numbers";
import { rowOf } from "./readings";
import { colourOf, placeOf, surprisal, type Scale } from "./scale";
import { sourceOf, type Source } from "./source";

export interface Bar {
  readonly position: number;
  readonly label: string;
  /** What it cost; null where nothing stood before it, or this trace did not read there. */
  readonly bits: number | null;
  /** The entropy of the prediction it was scored by; null likewise, or where it was not computed. */
  readonly expected_bits: number | null;
  /** On the absolute scale. */
  readonly colour: string;
  readonly seam: boolean;
}

export interface Strip {
  readonly view: "strip";
  readonly version: 1;
  readonly bars: readonly Bar[];
  readonly legend: Scale;
  readonly source: Source;
}

/** What each token cost and was expected to cost, in bits, read at one stage; the last one by default. */
export function strip(trace: Trace, stage: string | number = -1): Strip {
  const row = rowOf(trace, stage);
  const bits = tokenBits(trace, row);
  const legend = surprisal("bits per token");
  const seams = new Set(trace.seams);
  return {
    view: "strip",
    version: 1,
    bars: Array.from(bits, (cost, t) => {
      const column = t ? trace.column(t - 1) : -1;
      return {
        position: t,
        label: tokenLabel(trace.tokens, t),
        bits: real(cost),
        expected_bits: column >= 0 && trace.has("entropy_bits") ? real(trace.at("entropy_bits", row, column)) : null,
        colour: colourOf(legend, placeOf(legend, real(cost))),
        seam: seams.has(t - 1),
      };
    }),
    legend,
    source: sourceOf(trace, trace.stages[row]!),
  };
}
