// Reading its mind half-way: the logit lens, opened at every stage of the reader's own text.

import type { Trace } from "../trace";
import { chanceWords, idLabel } from "../view";
import type { Context } from "./context";
import { headLink, here, normName, stageOf, stations, tokenAt } from "./naming";
import { worked, type Numbers } from "./numbers";
import { cell, counted, part } from "./shots";
import type { Chapter, Passage } from "./timeline";
import { bit, count, link, list, many, place, say, term, token, widget, type Piece } from "./words";

export const halfway: Chapter = {
  id: "half-way",
  group: "The whole",
  title: () => "Reading its mind half-way",
  passages: (context) => [idea(context), column(context), settled(context), care(context)],
};

/** A token that a stage holds likely. */
export interface Choice {
  readonly id: number;
  readonly label: string;
  readonly probability: number;
}

/** What a stage holds likeliest at a position. */
export interface Guess extends Choice {
  readonly stage: string;
  readonly block: string;
  /** The likeliest tokens, itself the first. */
  readonly choices: readonly Choice[];
}

/** The likeliest token of every stage after a position, from the embedding on; none where it was not read. */
export function guessesAt(context: Context, trace: Trace | null, position: number): Guess[] {
  const column = trace?.column(position) ?? -1;
  if (!trace || column < 0) return [];
  return context.parts.stream.flatMap((block) => {
    const stage = stageOf(context, block);
    const row = trace.stages.indexOf(stage);
    if (row < 0) return [];
    const kept = trace.array("top_ids").shape[2] ?? 1;
    const choices = Array.from({ length: kept }, (_, rank): Choice => {
      const id = trace.at("top_ids", row, column, rank);
      const probability = Math.exp(trace.at("top_logprobs", row, column, rank));
      return { id, label: idLabel(trace.vocabulary, id), probability };
    }).filter(({ id }) => id >= 0);
    return choices[0] ? [{ stage, block, ...choices[0], choices }] : [];
  });
}

/** From which stage on the final guess is held without a break. */
export function settledAt(guesses: readonly Guess[]): Guess | null {
  const final = guesses.at(-1)?.id;
  const before = guesses.findLastIndex((guess) => guess.id !== final);
  return guesses[before + 1] ?? null;
}

function saidBy(guess: Guess | undefined): Piece[] {
  return bit`${token(guess?.label ?? null)} with ${worked(guess ? guess.probability : null, chanceWords)}`;
}

function idea(context: Context): Passage {
  const { parts } = context;
  return {
    id: "idea",
    title: "Stop early, and ask",
    words: () => [
      say`Usually the ${link(normName(parts.norm), parts.norm.id)} and the ${headLink(context)} are used
        once, below the last block. But every stage of the ${link("stream", ...parts.stream)} has columns of the same
        width, and each is the one before it with something added. So nothing stops us from handing an unfinished column to
        the output: what would you say if you had to answer now?`,
      say`That is the ${term("logit lens")}. It computes nothing that the model does not have; it only looks early.`,
    ],
    steps: [
      {
        title: "Any stage, handed to the output",
        seconds: 5,
        look: { look: [], yaw: -12, pitch: 8, zoom: 1 },
        show: [...parts.stream, "output"],
        lit: (t) => reading(context, counted(t, parts.stream.length)),
      },
    ],
  };
}

/** One stage of the followed column being read. */
function reading(context: Context, stage: number) {
  const { parts, followed } = context;
  const { position } = followed;
  const block = parts.stream[stage]!;
  return {
    ranges: [part(context, block, { position }), part(context, parts.probabilities, { position }, "target" as const)],
    arrows: [
      { from: cell(context, block, { position }), to: cell(context, parts.norm.id, { position }) },
      { from: cell(context, parts.norm.id, { position }), to: cell(context, parts.probabilities, { position }) },
    ],
    caption: `The lens at ${stageOf(context, block)}`,
  };
}

function column(context: Context): Passage {
  const { parts, followed } = context;
  const { position } = followed;
  return {
    id: "column",
    title: "Your text, read at every depth",
    words: (numbers) => {
      const guesses = guessesAt(context, numbers.trace(), position);
      const next = context.ids[position + 1];
      const known = parts.positions ? "the token and its place" : "the token itself";
      return [
        say`This is what each stage would say after ${here(context)}, at position ${position}, as your model reads your
          text. At ${place("embed", { block: parts.embed, index: [position, 0] })}, knowing only ${known}, it would say
          ${saidBy(guesses[0])}. At the end it says ${saidBy(guesses.at(-1))}${next === undefined ? "" : bit`; what really came was ${tokenAt(context, position + 1)}`}.`,
        widget("lens"),
        say`Point at a line and its table lights up in the picture. Choose another token above and read again.`,
      ];
    },
    steps: stations(context, 9).map((block) => ({
      title: `The lens at ${stageOf(context, block)}`,
      seconds: 2,
      look: { look: [block], yaw: -10, pitch: 8, zoom: 0.85 },
      lit: () => ({ ranges: [part(context, block, { position })] }),
    })),
  };
}

function settled(context: Context): Passage {
  const { parts, ids } = context;
  const { position } = context.followed;
  return {
    id: "settled",
    title: "When it made up its mind",
    words: (numbers) => {
      const trace = numbers.trace();
      const own = settledAt(guessesAt(context, trace, position));
      return [
        say`A guess is often there before the end. After ${here(context)}, what the model finally says is its first choice
          from ${own ? place(own.stage, { block: own.block, index: [position, 0] }) : worked(null)} on, without a break.
          ${earlyWords(context, numbers)}`,
        list(
          bit`A jump at an “attn” stage usually means that something was fetched from another token.`,
          bit`A jump at an “mlp” stage usually means that it was worked out here, or known by heart.`,
        ),
        say`The Lens view shows this for all ${many(ids.length, "token")} at once, Evolution shows the ten likeliest tokens
          as curves.`,
      ];
    },
    steps: [
      {
        title: "The stages, one after the other",
        seconds: 4,
        look: { look: [...parts.stream], yaw: 12, pitch: 8, zoom: 1 },
        lit: (t) => ({
          // The newest first: it is the one that is spoken of.
          ranges: parts.stream
            .slice(0, counted(t, parts.stream.length) + 1)
            .reverse()
            .map((id) => part(context, id, { position: context.followed.position })),
        }),
      },
    ],
  };
}

/** At how many places of the text the last guess was there before the last block. */
function earlyWords(context: Context, numbers: Numbers): Piece[] {
  const trace = numbers.trace();
  const { stream, layers } = context.parts;
  const n = context.ids.length;
  if (!trace) return bit`In your whole text that was so before the last block at ${worked(null)} places.`;
  // Of a long text only the followed token is read.
  if (trace.positions.length < n) return [];
  const before = stream.slice(0, stream.indexOf(layers.at(-1)!.start) + 1);
  const early = context.ids.filter((_, at) => {
    const found = settledAt(guessesAt(context, trace, at));
    return found && before.includes(found.block);
  });
  return bit`In your whole text that was so before the last block at ${early.length} of ${count(n)} places.`;
}

function care(context: Context): Passage {
  const { parts } = context;
  return {
    id: "care",
    title: "What it is not",
    words: () => [
      say`Two cautions. The model never says these early words; they are our reading of columns that were not made to be
        read there. And the output matrix was trained for the ${link("last stage", parts.stream.at(-1)!)}: early stages may
        well know something in a form that it cannot see. A word in the lens shows that something is there; no word does not
        show that nothing is.`,
      say`That was the whole of it: ${many(context.layout.boxes.length, "table")}, all of them on the screen, every
        number with its reason. Change the text and go through it again, or fly about by yourself.`,
    ],
    steps: [
      {
        title: "The whole model, once more",
        seconds: 4,
        look: { look: [], yaw: -25, pitch: 12, zoom: 1 },
        show: "all",
      },
    ],
  };
}
