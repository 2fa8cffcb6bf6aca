// The views of one text, in the order of their tabs. A view is a component that takes a ViewProps, and what it needs read.

import type { Component } from "svelte";

import type { Engine, ModelCard, TraceRequest } from "../engine";
import type { KeyGroup } from "../marks/keys";
import type { Trace } from "../trace";
import type { Place } from "./address";
import type { Status } from "./run.svelte";
import type { Settings } from "./settings";
import type { Other } from "./compare/other";
import { EDIT_KEYS } from "./text/editing";
import { TRACED } from "./traced";
import WalkthroughView from "./walkthrough/WalkthroughView.svelte";

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
  /** All stages of that at the positions that were read before the others; null where `trace` holds as much. */
  readonly near: Trace | null;
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
  /** These positions are in sight: of what is still to be read they go first, where the view has a `first`. */
  see(positions: readonly number[]): void;
}

export interface View {
  readonly id: string;
  readonly title: string;
  readonly component: Component<ViewProps>;
  /** A short "how to read this", a paragraph each. */
  readonly help: readonly string[];
  /** What its keys do, by where the focus is. */
  readonly keys: readonly KeyGroup[];
  /** What has to be read for it, beside the text: stages, histogram, watched tokens. */
  readonly needs: (place: Place, model: ModelCard) => Partial<TraceRequest>;
  /** Which positions are read before the others, in this order; without it stage after stage is read at all of them. */
  readonly first?: (place: Place, seen: readonly number[]) => readonly number[];
  /** Whether two texts or models can be compared in it. */
  readonly compares?: boolean;
  /** Whether it asks for what it shows by itself and needs no trace. */
  readonly reads?: boolean;
  /** Whether it takes all the room that there is. */
  readonly wide?: boolean;
}

/** What only a model at hand can do with a text. */
const EDITING =
  "Choose another token for a kept one, or type one, and the text is read again with all others kept as they are: colours then say what each later token costs more or less. Continue lets the model go on from there; a blank, ____, lists what fits between what stands before and after it.";

const EDITING_KEYS: readonly KeyGroup[] = [
  {
    title: "While typing",
    keys: [{ keys: ["Escape"], what: "from the text to its tokens; stops a continuation" }],
  },
  { title: "Outside the text", keys: EDIT_KEYS },
];

const WALKTHROUGH_KEYS: readonly KeyGroup[] = [
  {
    title: "In the guide",
    keys: [
      { keys: [" "], what: "go on, or stop" },
      { keys: ["Backspace"], what: "play again from the beginning of the chapter" },
    ],
  },
  {
    title: "In the picture",
    keys: [
      { keys: ["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown"], what: "move; after Enter, from cell to cell" },
      { keys: ["Enter"], what: "walk from cell to cell, then keep one" },
      { keys: ["Escape"], what: "move again" },
      { keys: ["q", "e"], what: "turn" },
      { keys: ["+", "-"], what: "nearer, farther" },
      { keys: ["r"], what: "the whole model" },
      { keys: ["f"], what: "fly to the cell" },
    ],
  },
  {
    title: "In the table",
    keys: [
      { keys: ["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown"], what: "from cell to cell" },
      { keys: ["Enter", " "], what: "keep the cell" },
    ],
  },
];

export const VIEWS: readonly View[] = [
  ...TRACED.map((one) =>
    one.id === "text" ? { ...one, help: [...one.help, EDITING], keys: [...one.keys, ...EDITING_KEYS] } : one,
  ),
  {
    id: "walkthrough",
    title: "Walkthrough",
    component: WalkthroughView as Component<ViewProps>,
    help: [
      "The inside of the model while it reads the text: every tensor, learned or computed, and where each of its numbers comes from. Choose a tensor in the tree, walk through its cells with the arrow keys, or click one.",
      "The panel says how the chosen number came about, with the numbers that it was made of, the largest contributions first. Click one of them to see where that came from, and step back again. The same is worked out once more in double precision; the last line says how far the two are apart.",
      "Each tensor has a colour scale of its own, from blue below 0 to orange above it; its legend says how far it reaches. Hatched cells are left out by the causal mask.",
    ],
    keys: WALKTHROUGH_KEYS,
    needs: () => ({}),
    reads: true,
    wide: true,
  },
];
