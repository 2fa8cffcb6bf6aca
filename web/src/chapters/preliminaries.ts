// Preliminaries: what a model is, that it is watched being used and not trained, and how to read the picture.

import { around, placeOf, rolesOf, underCards } from "../scene";
import { layerOf, type Context } from "./context";
import { sizeOf, streamLink } from "./naming";
import { entrance, part, turn, whole } from "./shots";
import type { Chapter, Passage } from "./timeline";
import { along, bit, count, link, list, many, say, term, widget } from "./words";

export const preliminaries: Chapter = {
  id: "preliminaries",
  group: "Start",
  title: () => "Preliminaries",
  passages: (context) => [recipe(context), used(context), reading(context), size(context), giants(context)],
};

function recipe(context: Context): Passage {
  const { graph, parts } = context;
  const weights = graph.blocks.filter((block) => block.kind === "weight").map((block) => block.id);
  return {
    id: "recipe",
    title: "A recipe with many numbers in it",
    words: () => [
      say`A model is a fixed recipe of additions and multiplications. What is special about it is the
        ${graph.sizes["n_parameters"]!} ${link("weights", ...weights)} that the recipe multiplies with. Nobody chose them.
        They were found by ${term("training")}: the model was shown very many texts, and each time its guess of the next
        token was off, every weight was moved a tiny bit in the direction that would have made the guess better.`,
      say`Only the weights are lit now. They lie in ${many(weights.length, "table")}, from the
        ${link("table of tokens", parts.tokens)} to the ${link("last one", weights.at(-1)!)}.`,
    ],
    steps: [
      {
        title: "Only the weights: what was learned",
        seconds: 4,
        look: { look: [], yaw: -25, pitch: 12, zoom: 1 },
        show: weights,
      },
    ],
  };
}

function used(context: Context): Passage {
  const { graph } = context;
  const values = graph.blocks.filter((block) => block.kind === "value").map((block) => block.id);
  return {
    id: "used",
    title: "We watch it being used",
    words: () => [
      say`Here the training is over. The weights stay as they are, whatever text you give; what changes with the text are
        the ${link("values", ...values)} that are computed from it. Using a trained model is called
        ${term("inference")}, and it is all that this guide shows.`,
      say`Every number here was computed by this model while it read your text; none is a drawing of what it might be.
        Where a number is not known, its place says so.`,
    ],
    steps: [
      {
        title: "Only the values: what is computed from the text",
        seconds: 4,
        look: { look: [], yaw: 25, pitch: 12, zoom: 1 },
        show: values,
      },
    ],
  };
}

function reading(context: Context): Passage {
  const { graph, parts, tokens } = context;
  const [first] = parts.stream;
  const { attention } = layerOf(context);
  const heads = context.layout.roles.nHeads;
  return {
    id: "reading",
    title: "How to read the picture",
    words: () => [
      say`Take the ${link("embedding", first!)}. It has ${sizeOf(context, "position", first!)} columns, one for each
        ${along("position", "position", first!)} of the text, and each column has ${sizeOf(context, "d_model", first!)} numbers,
        along ${along("d_model", "d_model", first!)}, the width of the model. A direction has the same colour wherever it is
        spoken of, and brackets in the picture say how long it is. Positions are counted from 0.`,
      list(
        bit`Colour is value: orange above zero, blue below, pale near zero. Each table has its own scale, which the legend
          names.`,
        bit`The ${streamLink(context)} runs down the middle; attention stands to its left, the MLP to its right.`,
        bit`Attention has ${sizeOf(context, "head", attention.pattern)} ${heads === 1 ? "head" : "heads"}, which stand behind each other:
          ${link("here are their patterns", attention.pattern)}.`,
        bit`Hatched squares are left out by a mask and have no number; grey ones are still on their way.`,
      ),
    ],
    steps: [
      {
        title: "One column for each position",
        seconds: 3,
        look: { look: [first!], yaw: -6, pitch: 4, zoom: 0.8 },
        show: entrance(context),
        lit: (t) => ({
          ranges: [part(context, first!, { position: Math.floor(Math.min(0.999, t) * tokens.length) })],
          brackets: [{ block: first!, axis: "position" }],
        }),
      },
      {
        title: "One row for each of its numbers",
        seconds: 3,
        lit: (t) => ({
          ranges: [part(context, first!, { d_model: Math.floor(Math.min(0.999, t) * graph.sizes["d_model"]!) })],
          brackets: [{ block: first!, axis: null }],
        }),
      },
      {
        title: "Heads stand behind each other",
        seconds: 3,
        look: { look: [attention.maximum, attention.expSum, attention.pattern], yaw: -50, pitch: 14, zoom: 0.85 },
        show: [attention.maximum, attention.expSum, attention.pattern],
        lit: () => ({
          ranges: [whole(context, attention.pattern)],
          brackets: [{ block: attention.pattern, axis: "head" }],
        }),
      },
    ],
  };
}

function size(context: Context): Passage {
  const { graph, parts } = context;
  const { layers } = parts;
  return {
    id: "size",
    title: "Small and large are alike",
    words: () => [
      say`The models that people talk to are built like this one: the same kinds of parts, more of them, and wider. This
        one has ${many(layers.length, "block")} and columns of ${count(graph.sizes["d_model"]!)} numbers. Beside it, for
        the sense of size:`,
      widget("sizes"),
    ],
    steps: [
      {
        title: "Block after block, all made alike",
        seconds: 4,
        look: { look: [], yaw: -25, pitch: 12, zoom: 0.7 },
        show: "all",
        lit: (t) => {
          const i = layers.findIndex((_, n) => turn(t, n, layers.length) < 1);
          const layer = layers[i < 0 ? layers.length - 1 : i]!;
          return { ranges: [layer.attention.residual, layer.mlp.residual].map((block) => whole(context, block)) };
        },
      },
    ],
  };
}

/** How many known models the picture has room for; and how small this one is beside each, while they have not come. */
const KNOWN = ["the first", "the second", "the third"];
const SMALL = [0.4, 0.2, 0.1];

function giants(context: Context): Passage {
  const { graph, layout } = context;
  const told = context.giants.slice(0, KNOWN.length);
  const own = graph.sizes["n_parameters"]!;
  return {
    id: "giants",
    title: "As large as they come",
    words: () => [
      say`Now known models stand beside yours, on the same scale: a square is a square everywhere. They are shapes only.
        Nothing was computed in them, and so no number stands in them.`,
      told.length
        ? list(
            ...told.map(({ shape }) => {
              const { n_parameters, n_positions } = shape;
              const { d_model = 0 } = shape.graph.sizes;
              const times = Math.max(1, Math.round(n_parameters / own));
              return bit`${term(shape.name)}: ${many(blocksOf(shape.graph), "block")}, columns ${d_model} numbers long and
                ${n_positions} of them, ${n_parameters} weights: ${times} times yours.`;
            }),
          )
        : say`Their shapes have not come.`,
      say`Each was made by the recipe of the next chapters. What was learned with so many more weights no picture can say.`,
    ],
    steps: KNOWN.map((which, i) => {
      const beside = told.slice(0, i + 1);
      const box = underCards(around([layout, ...beside.map(placeOf)]), beside.length + 1);
      return {
        title: `Beside it, ${told[i]?.shape.name ?? which}`,
        seconds: 3.5,
        look: { box, yaw: -18, pitch: 14, zoom: told.length ? 0.9 : SMALL[i]! },
        show: "all" as const,
        beside: true,
      };
    }),
  };
}

/** How many blocks a model has: sections of the stream that have an attention. */
function blocksOf(graph: Context["graph"]): number {
  return rolesOf(graph).stream.length >> 1;
}
