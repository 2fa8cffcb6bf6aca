// The transformer: blocks below each other, the residual stream through all of them, and where the logit lens looks.

import type { Context } from "./context";
import { headLink, normName, stageOf, stations, streamLink } from "./naming";
import { cell, counted, part, whole } from "./shots";
import type { Chapter, Passage, Step } from "./timeline";
import { bit, count, link, list, many, say, term } from "./words";

export const transformer: Chapter = {
  id: "transformer",
  group: "The whole",
  title: () => "The transformer",
  passages: (context) => [stacked(context), stream(context), work(context), lens(context)],
};

function stacked(context: Context): Passage {
  const { layers } = context.parts;
  const legs: Step[] = layers.map(({ section }, i) => ({
    title: `${section}, ${i + 1} of ${layers.length}`,
    seconds: Math.max(0.6, Math.min(2.2, 12 / layers.length)),
    look: { look: [section], yaw: -22, pitch: 10, zoom: 0.9 },
    show: [section],
  }));
  return {
    id: "stacked",
    title: "Block after block",
    words: () => [
      say`An attention and an MLP together are a ${term("block")}, and this model is
        ${link(many(layers.length, "block"), ...layers.flatMap((one) => [one.attention.residual, one.mlp.residual]))} below
        each other. Each has the same parts with weights of its own. This pile is what is called a
        ${term("transformer")}; the name says little.`,
    ],
    steps: [
      ...legs,
      { title: "All blocks", seconds: 2, look: { look: [], yaw: -25, pitch: 12, zoom: 1 }, show: "all" },
    ],
  };
}

function stream(context: Context): Passage {
  const { parts, followed } = context;
  return {
    id: "stream",
    title: "The stream through all of them",
    words: () => [
      say`What holds them together is the ${streamLink(context)}: ${many(parts.stream.length, "table")} of one shape, each
        the one before it with something added. A column of it, followed from top to bottom, is one token being thought
        about: at the top only ${parts.positions ? "what it is and where it stands" : "what it is"}, further down more and more of what it means here and of
        what could follow.`,
    ],
    steps: [
      ...stations(context, 6).map((block) => ({
        title: `Our column: ${stageOf(context, block)}`,
        seconds: 2,
        look: { look: [block], yaw: -14, pitch: 8, zoom: 0.85 },
        show: [...parts.stream],
        lit: () => ({ ranges: [part(context, block, { position: followed.position })] }),
      })),
      {
        title: "One column, all the way down",
        seconds: Math.min(6, 2 + 0.3 * parts.stream.length),
        look: { look: [], yaw: -18, pitch: 10, zoom: 1 },
        lit: (t) => ({
          ranges: parts.stream
            .slice(0, counted(t, parts.stream.length) + 1)
            .map((id) => part(context, id, { position: followed.position })),
        }),
      },
    ],
  };
}

function work(context: Context): Passage {
  const { parts, graph, layout } = context;
  const size = (wanted: (section: readonly string[]) => boolean) =>
    graph.blocks
      .filter((block) => block.kind === "weight" && wanted(block.section))
      .reduce((sum, { id }) => sum + layout.byId.get(id)!.shape.reduce((total, n) => total * n, 1), 0);
  const inLayers = new Set(parts.layers.map(({ section }) => section));
  const name = (layerPart: string) => layerPart.split("/")[1]!;
  const [{ attention, mlp }] = parts.layers as [Context["parts"]["layers"][number]];
  const attentions = size(([first, second]) => inLayers.has(first!) && second === name(attention.section));
  const mlps = size(([first, second]) => inLayers.has(first!) && second === name(mlp.section));
  const rest = graph.sizes["n_parameters"]! - attentions - mlps;
  const tables = parts.positions ? "the tables of tokens and positions" : "the table of tokens";
  const outside = `${tables}${parts.tied ? "" : ", the output matrix"} and the last norm`;
  return {
    id: "work",
    title: "Who does what",
    words: () => [
      say`Counted over the whole model:`,
      list(
        bit`${link("attention", ...parts.layers.map((one) => one.attention.pattern))}, which moves things between columns,
          has ${attentions} weights;`,
        bit`${link("MLPs", ...parts.layers.map((one) => one.mlp.act))}, which work within a column, have ${mlps};`,
        bit`${link(outside, parts.tokens, parts.positions, parts.head, parts.norm.scale)} have the other ${rest}.`,
      ),
      say`Nobody told any of them what to do. Early blocks often end up with spelling and neighbours, later ones with
        meaning and with what comes next; but that is a habit and no rule.`,
    ],
    steps: [
      {
        title: "Attention in every block",
        seconds: 3,
        look: { look: [], yaw: -30, pitch: 10, zoom: 1 },
        show: parts.layers.map((one) => one.attention.section),
      },
      {
        title: "An MLP in every block",
        seconds: 3,
        look: { look: [], yaw: 30, pitch: 10, zoom: 1 },
        show: parts.layers.map((one) => one.mlp.section),
      },
    ],
  };
}

function lens(context: Context): Passage {
  const { parts, followed, ids } = context;
  const { position } = followed;
  return {
    id: "lens",
    title: "Where the logit lens looks",
    words: () => [
      say`At the very end, a ${link(`last ${normName(parts.norm)}`, parts.norm.id)} and the
        ${headLink(context)} turn the stream's last column into a prediction. But every stage of the stream
        has the same width. So the same two steps can be put to any of them, and give what the model would say if it had to
        stop there. That is the ${term("logit lens")}, which this whole program is named after: it can look at
        ${count(parts.stream.length)} stages for each of your ${many(ids.length, "token")}. The last chapter opens it.`,
    ],
    steps: [
      {
        title: "Every stage can be read by the output",
        seconds: 6,
        look: { look: [], yaw: -14, pitch: 10, zoom: 1 },
        show: [...parts.stream, "output"],
        lit: (t) => {
          const stage = parts.stream[counted(t, parts.stream.length)]!;
          return {
            ranges: [part(context, stage, { position }), whole(context, parts.probabilities, "target")],
            arrows: [
              {
                from: cell(context, stage, { position }),
                to: cell(context, parts.norm.id, { position }),
              },
            ],
          };
        },
      },
    ],
  };
}
