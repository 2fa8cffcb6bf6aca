// The views of one text, in the order of their tabs. A view is a component that takes a ViewProps, and what it needs read.

import type { Component } from "svelte";

import type { Engine, ModelCard, TraceRequest } from "../engine";
import type { Trace } from "../trace";
import type { Place } from "./address";
import type { Status } from "./run.svelte";
import type { Settings } from "./settings";
import type { Other } from "./compare/other";
import EvolutionView from "./evolution/EvolutionView.svelte";
import LensView from "./lens/LensView.svelte";
import TextView from "./text/TextView.svelte";

/**
 * What every view is given; it changes nothing but through the callbacks.
 *
 * A selected position is that of the token which is foretold, as in `view/alternatives`: what is read at position `t` of
 * the trace is about token `t + 1`, and the number of tokens stands for what would come next.
 */
export interface ViewProps {
  readonly engine: Engine;
  readonly model: ModelCard;
  /** Where the reader is: text, ids, selected position and stage, pin, settings. */
  readonly place: Place;
  /**
   * What is known: of the text as it is or, while that is being read, still of an older one (`stale`). Stages come in
   * from the last down, so earlier ones may be missing while `status` is `working`. Null before anything was read.
   */
  readonly trace: Trace | null;
  readonly stale: boolean;
  readonly status: Status;
  /** What was asked for `trace`, or is being asked; null where there is nothing to read. */
  readonly request: TraceRequest | null;
  /** What this is compared with, in views that compare. */
  readonly other: Other | null;
  /** The ids of all views of this page. */
  readonly views: readonly string[];
  /** The token under the pointer in any view. */
  readonly hover: number | null;
  /** A step that going back undoes. */
  go(change: Partial<Place>): void;
  /** A change in passing. */
  adjust(change: Partial<Place>): void;
  set(change: Partial<Settings>): void;
  point(position: number | null): void;
}

export interface View {
  readonly id: string;
  readonly title: string;
  readonly component: Component<ViewProps>;
  /** A short "how to read this", a paragraph each. */
  readonly help: readonly string[];
  /** What has to be read for it, beside the text: stages, histogram, watched tokens. */
  readonly needs: (place: Place, model: ModelCard) => Partial<TraceRequest>;
  /** Whether two texts or models can be compared in it. */
  readonly compares?: boolean;
}

export const VIEWS: readonly View[] = [
  {
    id: "text",
    title: "Text",
    component: TextView as Component<ViewProps>,
    help: [
      "Every token is coloured by its surprisal: how many bits the model would need to be told it, after reading everything before it. One bit more is half the probability. Pale tokens were expected, deep ones were not.",
      "Point at a token to see what the model held likelier; click to keep it. The first token has nothing before it and is hatched, unless a prefix token is put there.",
      "The axis is absolute, so colours of two texts can be compared.",
    ],
    needs: ({ stage, settings }, model) => {
      if (settings.value !== "settled_stage" && (stage === null || stage === model.last_stage))
        return { stages: [model.last_stage] };
      return stage?.endsWith(".attn") ? { subblocks: true } : {};
    },
    compares: true,
  },
  {
    id: "lens",
    title: "Lens",
    component: LensView as Component<ViewProps>,
    help: [
      "Every column is a place of the text, every row a stage of the model, the last one on top. A cell shows the token that the model would say if it had to answer there: its half-finished work, read with its own output layer.",
      "Outlined cells already guess what the model says in the end; a star marks a final guess that was right. Click a cell to see what else was likely there, and what rose and fell from there to the end; click one of those tokens, or name one, and all cells are coloured by it.",
      "Read a column upwards to see a guess being made. Ranks and KL(final ‖ stage) say how near a stage is to the end, the input's rank how long a token is kept. Earlier rows are readings of unfinished vectors, and not something that the model ever says.",
    ],
    needs: ({ stage }) => (stage?.endsWith(".attn") ? { subblocks: true } : {}),
    compares: true,
  },
  {
    id: "evolution",
    title: "Evolution",
    component: EvolutionView as Component<ViewProps>,
    help: [
      "One prediction, followed through the model: the ten tokens that the complete model holds likeliest after the chosen token, and those that you name. Light segments are what attention did to their scores, dark ones what the MLP did.",
      "A score says something only beside all others: if it rises while they rise as much, nothing was decided. Ranks say when a token overtook the rest, 1 at the top; the histogram shows where the ten stand among all tokens of the vocabulary, at the stage of the slider. Point at a bar to see some of its tokens.",
      "▶ or Space plays through the stages.",
    ],
    // Which tokens are followed is the complete model's answer, whatever lens or norm its stages are then read through.
    needs: (_, model) => ({ stages: [model.last_stage], lens: "logit", norm: "final" }),
  },
];
