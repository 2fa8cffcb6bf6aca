// Self-attention: queries, keys and values, the dot product, scaling, the mask, softmax and the weighted sum.

import { blockOf, keyHeadOf, layerOf, type Context } from "./context";
import { attentionSums } from "./attentionSums";
import { blockLink, here, sizeOf, tokenAt } from "./naming";
import { cellOf, largest, number, worked, type Numbers } from "./numbers";
import type { HeadParts } from "./parts";
import { beginning, cell, counted, explaining, NEAR, part, takenApart } from "./shots";
import type { Chapter, Passage, Step } from "./timeline";
import { bit, count, formula, link, list, many, say, short, term, widget, type Piece } from "./words";

export const attention: Chapter = {
  id: "attention",
  group: "Parts",
  title: () => "Self-attention",
  passages: (context) => [
    heads(context),
    three(context),
    oneSum(context),
    ...turned(context),
    compared(context),
    mask(context),
    ...attentionSums(context),
  ],
};

function heads(context: Context): Passage {
  const { attention: parts } = layerOf(context);
  const { n_heads = 1, n_key_heads = 1 } = context.graph.sizes;
  return {
    id: "heads",
    title: "Columns look at each other",
    words: () => [
      say`So far every token was by itself. ${term("Self-attention")} is the one place where columns meet: each column
        looks back at all columns up to itself and collects from them what is useful to it. It happens in
        ${blockLink(context)} on the ${link("normed columns", parts.norm.id)}.`,
      n_heads > 1
        ? say`This is done ${n_heads} times side by side, in so-called ${term("heads")}. All are made alike but have
            weights of their own, so that each can look for something else. They stand
            ${link("behind each other", parts.pattern)}; we follow head ${context.followed.head}.`
        : say`This model does it once; larger ones do it several times side by side, in so-called ${term("heads")}.`,
      ...(n_key_heads < n_heads
        ? [
            say`Here ${n_heads} heads that ask share ${many(n_key_heads, "head")} that answer: ${n_heads / n_key_heads}
              to each. Fewer answers have to be kept that way. Head ${context.followed.head} uses number
              ${keyHeadOf(context)}.`,
          ]
        : []),
    ],
    steps: [
      {
        title: "Attention, all of it",
        seconds: 3,
        look: { look: [parts.section], yaw: -24, pitch: 10, zoom: 1 },
        show: [parts.norm.input, parts.section],
      },
      {
        title: "Head after head",
        seconds: Math.min(6, 1.5 + 0.6 * n_heads),
        lit: (t) => ({ ranges: headLines(context, counted(t, n_heads)) }),
      },
      {
        title: "The head that we follow",
        seconds: 1.5,
        lit: () => ({ ranges: headLines(context, context.followed.head) }),
      },
    ],
  };
}

function headLines(context: Context, head: number) {
  const { q, k, v, pattern, mix } = layerOf(context).attention;
  const { n_heads = 1, n_key_heads = 1 } = context.graph.sizes;
  const at = { head, key_head: Math.floor(head / (n_heads / n_key_heads)) };
  return [q.last, k.last, v.last, pattern, mix].map((id) => part(context, id, at));
}

function three(context: Context): Passage {
  const { attention: parts } = layerOf(context);
  const first = (head: HeadParts, title: string): Step => ({
    title,
    seconds: 3,
    look: { look: [parts.norm.id, head.section], yaw: -18, pitch: 8, zoom: 0.95 },
    show: [parts.norm.id, head.section],
    computes: [{ block: head.id }],
    lit: () => ({ brackets: [{ block: head.weight, axis: null }] }),
  });
  return {
    id: "three",
    title: "Query, key and value",
    words: () => [
      say`From each column, ${sizeOf(context, "d_model", parts.norm.id)} numbers long, a head makes three short ones, each
        ${sizeOf(context, "d_head", parts.q.id, parts.k.id, parts.v.id)} long, by multiplying
        with three tables of weights:`,
      list(
        bit`the ${link("query", parts.q.id)}: what this token is looking for;`,
        bit`the ${link("key", parts.k.id)}: what this token can be found by;`,
        bit`the ${link("value", parts.v.id)}: what it hands over when it is found.`,
      ),
      say`It helps to think of a shelf: a query is held against the key on every box, and the boxes that fit give up what
        is in them. Only that here every box is opened a little, as far as it fits. These are names that people gave;
        what the weights make of them was learned.`,
      widget("lookup"),
    ],
    steps: [first(parts.q, "Queries"), first(parts.k, "Keys"), first(parts.v, "Values")],
  };
}

function oneSum(context: Context): Passage {
  const { q, norm } = layerOf(context).attention;
  const { head, position: p } = context.followed;
  const d = context.graph.sizes["d_model"]!;
  const of = cell(context, q.id, { head, position: p, d_head: 0 });
  return {
    id: "sum",
    title: "One number, taken apart",
    words: (numbers) => [
      say`How is a query made? Take its first number for ${here(context)}. The token's
        ${link("normed column", norm.id)} and one line of the ${link("query weights", q.weight)} are both
        ${sizeOf(context, "d_model", norm.id, q.weight)} numbers long. They are multiplied pair by pair, and the ${d} products are added up${
          q.bias
            ? bit`, together with a learned
        ${link("bias", q.bias)}`
            : ""
        }. That is a ${term("dot product")}; nearly everything in this model is made of
        them.`,
      formula`${number(numbers, norm.id, [p, 0])} × ${number(numbers, q.weight, [head, 0, 0])} +
        ${number(numbers, norm.id, [p, Math.min(1, d - 1)])} ×
        ${number(numbers, q.weight, [head, Math.min(1, d - 1), 0])} + …${biasTerm(numbers, q.bias, head)} =
        ${number(numbers, q.id, of.index)}`,
      say`A dot product is large where two lists agree: large where the other is large, negative where it is negative.`,
    ],
    steps: [
      {
        title: "What the number is made of",
        seconds: 3,
        look: { look: [norm.id, q.section], yaw: -14, pitch: 8, zoom: 1 },
        show: [norm.id, q.section],
        lit: (t) => explaining(context, of, t),
      },
      {
        title: "Pair by pair multiplied, then added up",
        seconds: 7,
        look: { cells: [beginning(context, q.id, { head })], sums: [of], yaw: -10, pitch: 6, zoom: 1.03 },
        lit: (t) => takenApart(context, of, t),
      },
    ],
  };
}

function biasTerm(numbers: Numbers, bias: string | null, head: number): Piece[] {
  return bias ? [" + ", number(numbers, bias, [head, 0])] : [];
}

/** Norms and rotations of queries and keys, where the model has them. */
function turned(context: Context): Passage[] {
  const { q, k } = layerOf(context).attention;
  const { rotary } = context.parts;
  const { head, position: p } = context.followed;
  const found: Passage[] = [];
  if (q.norm && k.norm)
    found.push({
      id: "normed",
      title: "Queries and keys at one size",
      words: (numbers) => [
        say`This model divides each ${link("query", q.norm!.id)} and each ${link("key", k.norm!.id)} by its own size
          before they are compared: an RMS norm for every head. The query's mean square was
          ${number(numbers, q.norm!.meanSquare!, [head, p])}.`,
      ],
      steps: [
        {
          title: "Normed queries and keys",
          seconds: 4,
          look: { look: [q.section, k.section], yaw: -18, pitch: 8, zoom: 1 },
          show: [q.section, k.section],
          computes: [q.norm.meanSquare, q.norm.id, k.norm.meanSquare, k.norm.id].map((id) => ({ block: id! })),
        },
      ],
    });
  if (q.rotated && k.rotated && rotary) {
    const of = cell(context, q.rotated, { head, position: p, d_head: 0 });
    const other = blockOf(context, q.rotated).formula!.operands.find(({ role }) => role === "other");
    const half = other?.index.at(-1)?.offset ?? 0;
    found.push({
      id: "turned",
      title: "Turned by position",
      words: (numbers) => [
        say`A query must be able to tell a near key from a far one. So the numbers of each ${link("query", q.rotated)} and
          ${link("key", k.rotated)} are taken two by two, as points on a plane, and turned by an angle that grows with the
          position: ${link("cosines", rotary.cos)} and ${link("sines", rotary.sin)} of it stand in two tables. When a turned
          query meets a turned key, only the difference of their angles counts: how far apart they stand.`,
        say`A number's partner stands half a head further on. For ${here(context)}, the first number is turned together with
          number ${half}, counted from 0; their cosine and their sine, with its sign, stand in the tables:`,
        formula`${number(numbers, source(q), [head, p, 0])} × ${number(numbers, rotary.cos, [p, 0])} +
          ${number(numbers, source(q), [head, p, half])} × ${number(numbers, rotary.sin, [p, 0])} =
          ${number(numbers, q.rotated!, [head, p, 0])}`,
        say`At position 0 the cosine is 1 and the sine is 0: nothing turns. The first pair turns fastest, the last so slowly
          that it hardly moves within a few words.`,
      ],
      steps: [
        {
          title: "Two numbers turned together",
          seconds: 3,
          look: { look: [q.section, rotary.cos, rotary.sin], yaw: -14, pitch: 8, zoom: 1 },
          show: [q.section, rotary.cos, rotary.sin],
          lit: (t) => explaining(context, of, t),
        },
        {
          title: "A number and its partner, by cosine and sine",
          seconds: 6,
          look: { cells: [beginning(context, q.rotated, { head })], sums: [of], yaw: -10, pitch: 6, zoom: 1.03 },
          computes: [{ block: q.rotated, to: (p + 1) / context.ids.length }],
          lit: (t) => takenApart(context, of, t),
        },
        {
          title: "All queries and keys, turned",
          seconds: 4,
          look: { look: [q.section, k.section], yaw: -18, pitch: 8, zoom: 1 },
          show: [q.section, k.section],
          computes: [{ block: q.rotated }, { block: k.rotated }],
        },
      ],
    });
  }
  return found;
}

/** What a rotation reads. */
function source(head: HeadParts): string {
  return head.norm?.id ?? head.id;
}

function compared(context: Context): Passage {
  const { q, k, scores, scale } = layerOf(context).attention;
  const { head, position: p } = context.followed;
  const kHead = keyHeadOf(context);
  const { d_head = 1 } = context.graph.sizes;
  const usual = Math.abs(scale * Math.sqrt(d_head) - 1) < 1e-6;
  const grid = beginning(context, scores, { head });
  const first = cell(context, scores, { head, position: p, key: 0 });
  return {
    id: "compared",
    title: "Queries meet keys",
    words: (numbers) => {
      const row = numbers.row(scores, head, p);
      const best = largest(row);
      return [
        say`Now the ${link("query", q.last)} of ${here(context)} is multiplied, again as a dot product, with the
          ${link("key", k.last)} of every token up to it. The results are its ${link("scores", scores)}, one for each.
          A high score says: this is what I am looking for.`,
        say`Long lists give large sums, so every score is multiplied by ${short(scale)}${
          usual
            ? bit`, which is 1 / √${count(d_head)} for
          a head ${count(d_head)} numbers wide`
            : ""
        }. With the first token the score is
          ${number(numbers, scores, [head, p, 0])}. The highest, ${worked(best === null ? null : row![best]!)}, is with
          ${tokenAt(context, best ?? 0)} at position ${worked(best, count)}.`,
      ];
    },
    steps: [
      {
        title: "One query and all keys",
        seconds: 3,
        look: { look: [q.last, k.last, scores], yaw: -20, pitch: 8, zoom: 0.95 },
        show: [q.last, k.last, scores],
        lit: (t) => ({
          ranges: [
            part(context, q.last, { head, position: p }),
            part(context, k.last, { key_head: kHead, head: kHead, key: counted(t, p + 1) }, "source"),
          ],
        }),
      },
      {
        title: "One score, taken apart",
        seconds: 6,
        look: { cells: [grid], sums: [first], yaw: -10, pitch: 6, zoom: 1.03 },
        computes: [{ block: scores, to: p / context.ids.length }],
        lit: (t) => takenApart(context, first, t),
      },
      {
        title: "One query, key after key",
        seconds: 4,
        look: { cells: [grid], yaw: -10, pitch: 6, zoom: 1 },
        computes: [{ block: scores, to: (p + 1) / context.ids.length }],
        lit: (t) =>
          explaining(context, cell(context, scores, { head, position: p, key: counted(t, Math.min(p + 1, NEAR)) }), 1),
      },
      {
        title: "All queries, in all heads",
        seconds: 3.5,
        // Of all heads: the one that is followed may stand behind the others.
        look: { look: [scores], yaw: -24, pitch: 8, zoom: 0.8 },
        computes: [{ block: scores }],
      },
    ],
  };
}

function mask(context: Context): Passage {
  const { scores } = layerOf(context).attention;
  const { head, position: p } = context.followed;
  const n = context.ids.length;
  return {
    id: "mask",
    title: "No looking ahead",
    words: (numbers) => [
      say`The corner to the upper right of the ${link("scores", scores)} holds no numbers. A token may look at itself and at what
        came before, never at what comes after: the ${term("causal mask")}. ${here(context)} sees
        ${many(p + 1, "token")} of ${n}.`,
      say`Without it, a model that learns to foretell the next token could simply look it up. It also means that nothing
        that is added at the end changes any number before it, so what was computed once can be kept. The first token
        sees only itself, with a score of ${worked(cellOf(numbers, { block: scores, index: [head, 0, 0] }))}.`,
    ],
    steps: [
      {
        title: "Row by row, one more token is seen",
        seconds: Math.min(6, 2 + 0.3 * n),
        look: { cells: [part(context, scores, { head })], yaw: -10, pitch: 6, zoom: 0.75 },
        show: [scores],
        lit: (t) => {
          const row = counted(t, n);
          return {
            ranges: [{ block: scores, from: [head, row, 0], to: [head + 1, row + 1, row + 1], tone: "focus" }],
            caption: `Position ${row} sees ${many(row + 1, "token")}`,
          };
        },
      },
      {
        title: "What the token that we follow sees",
        seconds: 1.5,
        lit: () => ({
          ranges: [{ block: scores, from: [head, p, 0], to: [head + 1, p + 1, p + 1], tone: "target" }],
        }),
      },
    ],
  };
}
