// Tokens: how a text is cut, the list of all of them, and how many fit.

import type { Context } from "./context";
import { here, sizeOf } from "./naming";
import { number } from "./numbers";
import { about, beginning, cell, counted, entrance, part } from "./shots";
import type { Chapter, Passage } from "./timeline";
import { count, link, many, say, term, widget } from "./words";

export const tokens: Chapter = {
  id: "tokens",
  group: "Parts",
  title: () => "Tokens",
  passages: (context) => [cut(context), vocabulary(context), room(context)],
};

function cut(context: Context): Passage {
  const { parts, ids, followed } = context;
  return {
    id: "cut",
    title: "The text, cut up",
    words: (numbers) => [
      say`A ${term("token")} is a piece of text: a letter, a word, a part of a word, often with the space before it. Your
        text was cut into ${many(ids.length, "token")}. Each has an ${link("id", parts.ids)}, its line in the list of all
        tokens.`,
      widget("tokens"),
      say`We follow ${here(context)}, at position ${followed.position}, with the id
        ${number(numbers, parts.ids, [followed.position], count)}. You can choose another above, or click one in the
        table.`,
    ],
    steps: [
      {
        title: "Token after token",
        seconds: 4,
        look: { look: [parts.ids], yaw: 0, pitch: 0, zoom: 0.7 },
        show: [parts.ids],
        lit: (t) => ({ cells: [{ ...cell(context, parts.ids, { position: counted(t, ids.length) }), tone: "focus" }] }),
      },
      {
        title: "The token that we follow",
        seconds: 1.5,
        lit: () => ({ cells: [{ ...cell(context, parts.ids, { position: followed.position }), tone: "target" }] }),
      },
    ],
  };
}

function vocabulary(context: Context): Passage {
  const { parts, ids, followed } = context;
  const id = ids[followed.position]!;
  return {
    id: "vocabulary",
    title: "The list of all tokens",
    words: () => [
      say`The list is called the ${term("vocabulary")}. This one has ${sizeOf(context, "vocab", parts.tokens)} tokens, and it was
        made once, before training. The model never sees letters: to it, ${here(context)} is line ${id} and nothing else.
        What the token means it had to learn, and what it learned about it stands in one line of the
        ${link("token table", parts.tokens)}.`,
    ],
    steps: [
      {
        title: "The table with a line for every token",
        seconds: 3,
        look: { look: [parts.ids, parts.tokens], yaw: -8, pitch: 8, zoom: 0.9 },
        show: [parts.ids, parts.tokens],
        lit: () => ({ cells: [{ ...cell(context, parts.ids, { position: followed.position }), tone: "source" }] }),
      },
      {
        title: "The line of our token",
        seconds: 3,
        look: { cells: [beginning(context, parts.tokens, { vocab: about(id) })], yaw: -8, pitch: 8, zoom: 1 },
        lit: () => ({ ranges: [part(context, parts.tokens, { vocab: id })] }),
      },
    ],
  };
}

function room(context: Context): Passage {
  const { parts, ids, graph } = context;
  const most = graph.sizes["context"]!;
  return {
    id: "room",
    title: "How much it can read",
    words: () => [
      say`At most ${most} tokens fit in at once; that is its ${term("context")}, and your text fills ${ids.length} of
        them. What was said further back the model cannot know.`,
    ],
    steps: [
      {
        title: "All tokens of the text",
        seconds: 2.5,
        look: { look: [parts.ids, parts.embed], yaw: -6, pitch: 6, zoom: 0.9 },
        show: entrance(context),
        lit: (t) => ({
          ranges: [
            {
              block: parts.ids,
              from: [0],
              to: [Math.max(1, Math.round(t * ids.length))],
              tone: "focus",
            },
          ],
        }),
      },
    ],
  };
}
