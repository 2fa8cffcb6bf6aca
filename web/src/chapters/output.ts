// Output and sampling: a token is chosen, joins the text, and most of the work need not be done again.

import { chanceWords } from "../view";
import { layerOf, type Context } from "./context";
import { nameOf, sizeOf, tokenAt } from "./naming";
import { largest, number } from "./numbers";
import { cell, counted, entrance, foretold, part, whole } from "./shots";
import type { Chapter, Passage } from "./timeline";
import { bit, count, link, list, many, say, term, widget } from "./words";

export const output: Chapter = {
  id: "output",
  group: "The whole",
  title: () => "Output and sampling",
  passages: (context) => [every(context), chosen(context), again(context), kept(context)],
};

function every(context: Context): Passage {
  const { parts, ids, tokens, graph } = context;
  const n = ids.length;
  return {
    id: "every",
    title: "A prediction at every place",
    words: (numbers) => {
      // Of a long text, or a large vocabulary, that would be too many numbers to fetch for one sentence.
      const few = n > 1 && n * graph.sizes["vocab"]! <= 500_000;
      const hits = few
        ? ids.slice(0, -1).map((_, at) => {
            const row = numbers.row(parts.probabilities, at);
            return row && largest(row) === ids[at + 1];
          })
        : [];
      const known = few && !hits.includes(null);
      return [
        say`There is a column of ${link("probabilities", parts.probabilities)} below every token, each a prediction of the
          token after it, made without seeing it. Below all but the last we know what really came.
          ${
            known
              ? bit`Here the likeliest token was the right one ${many(hits.filter(Boolean).length, "time")} out of ${count(n - 1)}; often nobody could
            have known.`
              : ""
          }`,
        say`The Text view colours a whole text by how surprised the model was at each token: that is these columns, read
          off at what came next. For writing only the last one is needed, below ${tokenAt(context, tokens.length - 1)}.`,
      ];
    },
    steps: [
      {
        title: "A prediction below every token",
        seconds: Math.min(6, 2 + 0.3 * n),
        look: { look: [parts.probabilities], yaw: -6, pitch: 4, zoom: 0.65 },
        show: [parts.logits, parts.maximum, parts.expSum, parts.probabilities],
        lit: (t) => ({ ranges: [part(context, parts.probabilities, { position: counted(t, n) })] }),
      },
    ],
  };
}

function chosen(context: Context): Passage {
  const { parts, ids } = context;
  const last = ids.length - 1;
  const top = { position: last, vocab: context.likeliest };
  return {
    id: "chosen",
    title: "One token is chosen",
    words: (numbers) => {
      const best = largest(numbers.row(parts.probabilities, last));
      return [
        say`The model ends here. Choosing is up to the program that uses it. Always taking the likeliest,
          ${nameOf(context, numbers, best)} with ${number(numbers, parts.probabilities, [last, best], chanceWords)}, is called ${term("greedy")}: safe, and often
          dull. The other way is to draw by lot, a token with 10% one time in ten. Three settings shape the lot:`,
        list(
          bit`${term("temperature")} divides all logits first: below 1 the likely become likelier still, above 1 the
            unlikely get their chance;`,
          bit`${term("top-k")} leaves only so many of the likeliest in the pot;`,
          bit`${term("top-p")} leaves only the fewest that together have so much of the probability.`,
        ),
        say`All ${sizeOf(context, "vocab", parts.probabilities)} tokens of the vocabulary take part below, not only those that are shown.`,
        widget("sampling"),
      ];
    },
    steps: [
      {
        title: "Below the last token: what comes next",
        seconds: 3,
        look: { look: [parts.probabilities], yaw: -4, pitch: 2, zoom: 0.65 },
        lit: () => ({ ranges: [part(context, parts.probabilities, { position: last })] }),
      },
      {
        title: "The likeliest token",
        seconds: 2.5,
        look: { cells: foretold(context, parts.probabilities), yaw: -4, pitch: 2, zoom: 0.55 },
        lit: () => ({ cells: [{ ...cell(context, parts.probabilities, top), tone: "focus" }] }),
      },
    ],
  };
}

function again(context: Context): Passage {
  const { parts, ids } = context;
  return {
    id: "again",
    title: "And again from the top",
    words: () => [
      say`The chosen token is put after the text, the text is read again with it, and the next one is chosen. Letter by
        letter, word by word: a model has no other way of writing, and it cannot take anything back. Take a
        ${link("step", parts.ids)} in the box above and watch a column appear.`,
    ],
    steps: [
      {
        title: "From the last probabilities back to the text",
        seconds: 4,
        look: { look: [], yaw: -20, pitch: 10, zoom: 1 },
        show: "all",
        lit: (t) => ({
          ranges: [part(context, parts.probabilities, { position: ids.length - 1 }, "source")],
          cells: [{ ...cell(context, parts.ids, { position: ids.length - 1 }), tone: "target" }],
          arrows:
            t > 0.4
              ? [
                  {
                    from: cell(context, parts.probabilities, { position: ids.length - 1, vocab: context.likeliest }),
                    to: cell(context, parts.ids, { position: ids.length - 1 }),
                  },
                ]
              : [],
        }),
      },
      {
        title: "After the last token, the next",
        seconds: 3,
        look: { look: [parts.ids, parts.embed], yaw: -10, pitch: 8, zoom: 0.85 },
        show: entrance(context),
        lit: (t) => ({
          ranges: [t < 0.5 ? whole(context, parts.ids) : part(context, parts.embed, { position: ids.length - 1 })],
        }),
      },
    ],
  };
}

function kept(context: Context): Passage {
  const { parts, ids, graph } = context;
  const { attention } = layerOf(context);
  const heads = parts.layers.flatMap((one) => [one.attention.k.last, one.attention.v.last]);
  const { n_key_heads = 1, d_head = 1, context: most = 1 } = graph.sizes;
  const each = 2 * parts.layers.length * n_key_heads * d_head;
  return {
    id: "kept",
    title: "What need not be done again",
    words: () => [
      say`Reading the whole text again for every token sounds wasteful, and it would be. Remember the mask: no number of an
        earlier column depends on a later token. All of them are the same as before. And what does the new column read of
        the old ones? Only their ${link("keys and values", attention.k.last, attention.v.last)}. So these are kept in a
        ${term("key-value cache")}, and only one new column is computed.`,
      say`It costs room: ${each} numbers for every token, ${each * ids.length} for the ${many(ids.length, "token")} of your
        text, ${each * most} when all ${most} places are filled. What it saves stands in the box above, in
        multiplications.`,
    ],
    steps: [
      {
        title: "Keys and values of all columns but the newest are kept",
        seconds: 5,
        look: { look: [attention.k.last, attention.v.last], yaw: -22, pitch: 10, zoom: 0.8 },
        show: heads,
        lit: (t) => ({
          ranges: [attention.k.last, attention.v.last].flatMap((id) => {
            const all = part(context, id, {});
            const axis = context.layout.byId.get(id)!.block.axes.findIndex((one) => one.name === "key");
            const cut = (from: number, to: number, tone: "source" | "focus") => ({
              ...all,
              from: all.from.map((n, i) => (i === axis ? from : n)),
              to: all.to.map((n, i) => (i === axis ? to : n)),
              tone,
            });
            const last = ids.length - 1;
            return [...(last > 0 ? [cut(0, last, "source")] : []), ...(t > 0.5 ? [cut(last, last + 1, "focus")] : [])];
          }),
        }),
      },
    ],
  };
}
