// Overview: a text goes in, numbers fill block after block, and a prediction comes out.

import { chanceWords } from "../view";
import { blocksIn, computed, layerOf, type Context } from "./context";
import { here, nameOf, sizeOf, tokenAt } from "./naming";
import { largest, number } from "./numbers";
import { cell, counted, entrance, explaining, foretold, part, whole as spread } from "./shots";
import type { Chapter, Passage, Step } from "./timeline";
import { key, link, many, say, term } from "./words";

export const overview: Chapter = {
  id: "overview",
  group: "Start",
  title: () => "Overview",
  passages: (context) => [whole(context), text(context), columns(context), through(context), out(context)],
};

function whole(context: Context): Passage {
  const { graph, parts, tokens } = context;
  return {
    id: "whole",
    title: "A model, all of it",
    words: () => [
      say`This is a language model, ${context.model}, with nothing left out. It holds ${graph.sizes["n_parameters"]!}
        learned numbers, called ${term("weights")}, and it does one thing: it reads a text and says what is likely to
        come next.`,
      say`Each box is a table of numbers and each small square in it is one number. Boxes with a pattern in them are
        weights. Empty ones will be filled while the model reads the ${many(tokens.length, "piece")} of your text, from
        the ${link("text", parts.ids)} at the top to the ${link("prediction", parts.probabilities)} at the end.`,
      say`Press ${key("Space")} to go on. Point at any square, at any time, to see its number and how that number came
        about.`,
    ],
    steps: [
      {
        title: "The whole model, before it has read anything",
        seconds: 3,
        look: { look: [], yaw: -25, pitch: 12, zoom: 1 },
        show: "all",
        lit: (t) => ({ ranges: t < 0.3 ? [] : [spread(context, t < 0.65 ? parts.ids : parts.probabilities)] }),
      },
    ],
  };
}

function text(context: Context): Passage {
  const { parts, tokens, ids } = context;
  return {
    id: "text",
    title: "Text becomes numbers",
    words: () => [
      say`A model cannot read letters; it can only compute. So the text is cut into pieces, ${term("tokens")}, and each
        token is replaced by its number in a fixed list. The first of yours is ${tokenAt(context, 0)}, and its number in
        the list, its ${link("id", parts.ids)}, is ${ids[0]!}.`,
    ],
    steps: [
      {
        title: "The tokens of the text, one by one",
        seconds: Math.min(6, 2 + 0.4 * tokens.length),
        look: { look: [parts.ids], yaw: -10, pitch: 8, zoom: 0.6 },
        show: entrance(context),
        lit: (t) => ({ cells: [{ ...cell(context, parts.ids, { position: counted(t, ids.length) }), tone: "focus" }] }),
      },
    ],
  };
}

function columns(context: Context): Passage {
  const { parts } = context;
  return {
    id: "columns",
    title: "Each token becomes a column",
    words: () => [
      say`Each id is exchanged for a column of ${sizeOf(context, "d_model", parts.embed)} numbers, its ${link("embedding", parts.embed)}.
        That is all the model knows of a token to begin with. From here on everything is arithmetic on such columns, one
        for each token.`,
    ],
    steps: [
      {
        title: "Every token's column is looked up",
        seconds: 4,
        look: { look: [parts.ids, parts.embed], yaw: -14, pitch: 10, zoom: 1 },
        computes: [{ block: parts.embed }],
      },
    ],
  };
}

function through(context: Context): Passage {
  const { parts } = context;
  const { layers } = parts;
  const layer = layers[0]!;
  const legs: Step[] = [];
  const inside = (sections: readonly string[]) =>
    computed(
      context,
      sections.flatMap((section) => blocksIn(context, section)),
    ).map((block) => ({ block }));
  const leg = (title: string, seconds: number, sections: readonly string[], look: readonly string[], zoom: number) =>
    legs.push({
      title,
      seconds,
      show: "all",
      look: { look, yaw: -24, pitch: 10, zoom },
      computes: inside(sections),
    });
  // The first block from near by: first what is left of the stream, then what is right of it.
  leg("Through attention", 6, [layer.attention.section], [layer.attention.section], 0.95);
  leg("Through the MLP", 4, [layer.mlp.section], [layer.mlp.section], 0.8);
  const rest = layers.slice(1).map(({ section }) => section);
  if (rest.length) leg(`Through ${rest.length === 1 ? rest[0]! : `the other ${rest.length} blocks`}`, 6, rest, rest, 1);
  leg(
    "Into the prediction",
    4,
    ["output"],
    [parts.stream.at(-1)!, parts.norm.id, parts.logits, parts.probabilities],
    0.9,
  );
  return {
    id: "through",
    title: "Through all blocks",
    words: () => [
      say`The columns go down through ${many(layers.length, "block")}, each made in the same way. First
        ${link("attention", layer.attention.pattern, layer.attention.mix)}: every column may collect something from the
        columns before it. Then an ${link("MLP", layer.mlp.up.id, layer.mlp.act, layer.mlp.out.id)}: every column is
        worked on by itself. Neither replaces the columns; each only adds to them.`,
      say`Watch the numbers fill in. At any moment one square is being computed, and the lines show what it is made of.`,
    ],
    steps: legs,
  };
}

function out(context: Context): Passage {
  const { parts, tokens } = context;
  const last = tokens.length - 1;
  const best = { position: last, vocab: context.likeliest };
  const { attention } = layerOf(context);
  return {
    id: "out",
    title: "A prediction comes out",
    words: (numbers) => {
      const id = largest(numbers.row(parts.probabilities, last));
      return [
        say`At the end there is one ${link("probability", parts.probabilities)} for every token that the model knows.
          After your last token, ${tokenAt(context, last)}, it holds ${nameOf(context, numbers, id)} likeliest, with
          ${number(numbers, parts.probabilities, [last, id], chanceWords)}.`,
        say`To write, a program picks a token by these probabilities, puts it after the text, and lets the model read
          again: that is all that happens when a language model talks. The next chapters take it slowly, mostly along
          your token ${here(context)}, from the first ${link("look-up", parts.embed)} through
          ${link("attention", attention.pattern)} to the last line.`,
      ];
    },
    steps: [
      {
        title: "The probabilities of what comes next",
        seconds: 3,
        look: { look: [parts.logits, parts.probabilities], yaw: -8, pitch: 6, zoom: 0.9 },
        show: ["output"],
        lit: (t) => ({ ranges: t > 0.2 ? [part(context, parts.probabilities, { position: last })] : [] }),
      },
      {
        title: "The largest of them, and what it is made of",
        seconds: 3.5,
        look: {
          cells: foretold(context, parts.expSum, parts.probabilities),
          yaw: -8,
          pitch: 6,
          zoom: 0.47,
        },
        lit: (t) => explaining(context, cell(context, parts.probabilities, best), t),
      },
    ],
  };
}
