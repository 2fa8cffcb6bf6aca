// Where a picture's numbers come from, as its caption says it. Every text is made visible here, once.

import type { Trace } from "../trace";
import { visible } from "./labels";

const PREFIX: Readonly<Record<string, string>> = {
  none: "nothing stood before the text",
  tokenizer: "the tokenizer's own prefix stood before the text",
  added: "a prefix was added before the text",
};

/** What a caption names. */
export interface Source {
  readonly model: string;
  readonly revision: string | null;
  readonly dtype: string;
  readonly lens: string;
  readonly norm: string;
  /** The stage whose predictions are shown; null where several are. */
  readonly stage: string | null;
  /** In words, what stood before the text. */
  readonly prefix: string;
  /** Of the text, a prefix included. */
  readonly n_tokens: number;
  /** The tokenizer changed or dropped something. */
  readonly lossy: boolean;
  /** `stage` is the model's own output, as far as is known; where several are shown, the last of them is. */
  readonly output: boolean;
  /** Rotary scaling depends on the text's length, so that other lengths give other numbers. */
  readonly length_dependent: boolean;
}

/** The caption of a trace, or of one of its stages. */
export function sourceOf(trace: Trace, stage: string | null = null): Source {
  const made = trace.provenance;
  return {
    model: shown(made.model),
    revision: made.revision === null ? null : shown(made.revision),
    dtype: shown(made.dtype),
    lens: shown(made.lens),
    norm: shown(made.norm),
    stage: stage === null ? null : shown(stage),
    prefix: PREFIX[made.bos] ?? shown(made.bos),
    n_tokens: trace.ids.length,
    lossy: trace.tokens.lossy,
    output: stage === null ? trace.holdsOutput : ["", stage].includes(made.last_stage),
    length_dependent: made.length_dependent,
  };
}

function shown(text: string): string {
  return visible(text, true);
}
