// The second half of self-attention: scores become shares, and shares mix values.

import { chanceWords } from "../view";
import { keyHeadOf, layerOf, type Context } from "./context";
import { here, sizeOf, tokenAt } from "./naming";
import { largest, number, worked } from "./numbers";
import { beginning, cell, counted, explaining, NEAR, part, takenApart } from "./shots";
import type { Passage } from "./timeline";
import { formula, link, many, say, term, widget } from "./words";

export function attentionSums(context: Context): Passage[] {
  return [shares(context), mixed(context), everyone(context)];
}

function shares(context: Context): Passage {
  const { scores, maximum, expSum, pattern } = layerOf(context).attention;
  const { head, position: p } = context.followed;
  const near = (block: string) => beginning(context, block, { head });
  return {
    id: "shares",
    title: "Scores become shares",
    words: (numbers) => {
      const row = numbers.row(pattern, head, p);
      const best = largest(row);
      return [
        say`Scores can be any number. To say how much of each token to take, they are made into shares that are all above
          zero and add up to 1. That is ${term("softmax")}, which has a chapter of its own: the
          ${link("largest score", maximum)} is taken away from all of them, the number e is raised to what is left of
          each, and each of these powers is divided by their ${link("sum", expSum)}. For the first token:`,
        formula`exp(${number(numbers, scores, [head, p, 0])} − ${number(numbers, maximum, [head, p])}) /
          ${number(numbers, expSum, [head, p])} = ${number(numbers, pattern, [head, p, 0])}`,
        say`The shares of a row are its ${link("attention pattern", pattern)}. ${here(context)} looks most at
          ${tokenAt(context, best ?? 0)}, position ${worked(best, String)}, with
          ${worked(best === null ? null : row![best]!, chanceWords)}:`,
        widget("attention"),
      ];
    },
    steps: [
      {
        title: "The largest score of the row",
        seconds: 2,
        look: { cells: [scores, pattern].map(near), yaw: -12, pitch: 6, zoom: 1 },
        show: [scores, maximum, expSum, pattern],
        computes: [{ block: maximum }],
        lit: (t) => explaining(context, cell(context, maximum, { head, position: p }), t),
      },
      {
        title: "The sum of the exponentials",
        seconds: 2,
        computes: [{ block: expSum }],
        lit: (t) => explaining(context, cell(context, expSum, { head, position: p }), t),
      },
      {
        title: "Each exponential by the sum",
        seconds: 4,
        look: { cells: [maximum, expSum, pattern].map(near), yaw: -10, pitch: 6, zoom: 1 },
        computes: [{ block: pattern, to: (p + 1) / context.ids.length }],
        lit: (t) =>
          explaining(context, cell(context, pattern, { head, position: p, key: counted(t, Math.min(p + 1, NEAR)) }), 1),
      },
      {
        title: "The patterns of the whole text, in all heads",
        seconds: 3,
        look: { look: [pattern], yaw: -24, pitch: 8, zoom: 0.8 },
        computes: [{ block: pattern }],
      },
    ],
  };
}

function mixed(context: Context): Passage {
  const { pattern, v, mix } = layerOf(context).attention;
  const { head, position: p } = context.followed;
  const kHead = keyHeadOf(context);
  const { d_head = 1 } = context.graph.sizes;
  const near = (block: string) => beginning(context, block, { head });
  const first = cell(context, mix, { head, position: p, d_head: 0 });
  return {
    id: "mixed",
    title: "Values are mixed",
    words: (numbers) => [
      say`At last something is collected. The ${link("values", v.last)} of all tokens that ${here(context)} sees are
        multiplied with their ${link("shares", pattern)} and added up: much of a token with a large share, next to nothing
        of the others. The sum is a ${link("mixture", mix)}, ${sizeOf(context, "d_head", mix)} numbers long. Its first number:`,
      formula`${number(numbers, pattern, [head, p, 0])} × ${number(numbers, v.last, [kHead, 0, 0])}${p > 0 ? " + … " : " "}=
        ${number(numbers, mix, [head, p, 0])}`,
      say`The shares decided where to look; the values decide what comes from there.`,
    ],
    steps: [
      {
        title: "Share times value, token by token",
        seconds: 4,
        look: { look: [pattern, v.last, mix], yaw: -18, pitch: 8, zoom: 0.95 },
        show: [pattern, v.last, mix],
        lit: (t) => ({
          cells: [{ ...cell(context, pattern, { head, position: p, key: counted(t, p + 1) }), tone: "focus" }],
          ranges: [part(context, v.last, { key_head: kHead, head: kHead, key: counted(t, p + 1) }, "source")],
        }),
      },
      {
        title: "Added up to one mixture",
        seconds: 3,
        look: { cells: [pattern, mix].map(near), yaw: -14, pitch: 8, zoom: 1 },
        computes: [{ block: mix, to: (p + 1) / context.ids.length }],
        lit: (t) =>
          t > 0.4
            ? explaining(
                context,
                cell(context, mix, { head, position: p, d_head: counted(t, Math.min(d_head, NEAR)) }),
                1,
              )
            : {},
      },
      {
        title: "Its first number, taken apart",
        seconds: 5,
        look: { cells: [near(mix)], sums: [first], yaw: -10, pitch: 6, zoom: 1.03 },
        lit: (t) => takenApart(context, first, t),
      },
    ],
  };
}

function everyone(context: Context): Passage {
  const { section, mix, pattern } = layerOf(context).attention;
  const { n_heads = 1 } = context.graph.sizes;
  return {
    id: "everyone",
    title: "All tokens, all heads",
    words: () => [
      say`All ${many(context.ids.length, "token")} do this at once, in ${many(n_heads, "head")}, each with a
        ${link("pattern", pattern)} of its own: one may look at the token just before, another at the same letter further
        back. Step through the heads above and compare.`,
    ],
    steps: [
      {
        title: "The mixtures of all tokens",
        seconds: 3,
        look: { look: [section], yaw: -26, pitch: 10, zoom: 1 },
        show: [section],
        computes: [{ block: mix }],
      },
      {
        title: "Head after head",
        seconds: 3,
        lit: (t) => ({ ranges: [pattern, mix].map((id) => part(context, id, { head: counted(t, n_heads) })) }),
      },
    ],
  };
}
