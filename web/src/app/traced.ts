// The views of a trace alone: a page that lives in one file has them too.

import type { Component } from "svelte";

import { KEYS as LEGEND_KEYS } from "../marks/Legend.svelte";
import { KEYS as STRIP_KEYS } from "../marks/Strip.svelte";
import { KEYS as TEXT_KEYS } from "../marks/TextRuns.svelte";
import { KEYS as CURVE_KEYS, NAME_KEYS } from "../marks/Curves.svelte";
import { KEYS as GRID_KEYS } from "../marks/Grid.svelte";
import { KEYS as HISTOGRAM_KEYS } from "../marks/Histogram.svelte";
import EvolutionView, { KEYS as PLAY_KEYS } from "./evolution/EvolutionView.svelte";
import LensView, { KEYS as CELL_KEYS } from "./lens/LensView.svelte";
import { firstSeen } from "./lens/first";
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
    keys: [
      { title: "In the tokens", keys: TEXT_KEYS },
      { title: "In the bars along the text", keys: STRIP_KEYS },
      { title: "On the colours' axis", keys: LEGEND_KEYS },
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
      "The column that is kept and those in sight are read before the rest of the text; a dot is a cell that was not read yet.",
      "In the grid arrows walk from cell to cell, Enter keeps one, E shows how it came about. Compare, above, puts another text or another model beside this one.",
    ],
    keys: [
      { title: "In the grid", keys: GRID_KEYS },
      { title: "At a cell", keys: CELL_KEYS },
    ],
    needs: ({ stage }) => (stage?.endsWith(".attn") ? { subblocks: true } : {}),
    first: firstSeen,
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
    keys: [
      { title: "Anywhere", keys: PLAY_KEYS },
      { title: "On the stage of the curves", keys: CURVE_KEYS },
      { title: "On the name of a curve", keys: NAME_KEYS },
      { title: "In the bars along the text", keys: STRIP_KEYS },
      { title: "In the histogram", keys: HISTOGRAM_KEYS },
    ],
    // Which tokens are followed is the complete model's answer, whatever lens or norm its stages are then read through.
    needs: (_, model) => ({ stages: [model.last_stage], lens: "logit", norm: "final" }),
  },
];
