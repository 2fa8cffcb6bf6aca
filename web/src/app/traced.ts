// The views of a trace alone: a page that lives in one file has them too.

import type { Component } from "svelte";

import EvolutionView from "./evolution/EvolutionView.svelte";
import LensView from "./lens/LensView.svelte";
import TextView from "./text/TextView.svelte";
import type { View, ViewProps } from "./views";

export const TRACED: readonly View[] = [
  {
    id: "text",
    title: "Text",
    component: TextView as Component<ViewProps>,
    help: [
      "Every token is coloured by its surprisal: how many bits the model would need to be told it, after reading everything before it. One bit more is half the probability. Pale tokens were expected, deep ones were not.",
      "Point at a token to see what the model held likelier; click to keep it. The first token has nothing before it and is hatched, unless a prefix token is put there.",
      "The axis is absolute, so colours of two texts can be compared. Drag over it to see only tokens of so many bits.",
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
      "In the grid arrows walk from cell to cell, Enter keeps one, E shows how it came about. Compare, above, puts another text or another model beside this one.",
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
