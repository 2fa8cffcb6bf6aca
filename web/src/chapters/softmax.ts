// Softmax: how scores that can be anything become shares that add up to one.

import { chanceWords } from "../view";
import { layerOf, type Context } from "./context";
import { nameOf, normName, sizeOf, tokenAt } from "./naming";
import { largest, number } from "./numbers";
import { about, beginning, cell, counted, explaining, foretold, part, takenApart } from "./shots";
import type { Chapter, Passage } from "./timeline";
import { bit, count, formula, link, list, say, short, term, widget } from "./words";

export const softmax: Chapter = {
  id: "softmax",
  group: "The whole",
  title: () => "Softmax",
  passages: (context) => [scores(context), exponentials(context), shares(context), properties(context)],
};

function scores(context: Context): Passage {
  const { parts, ids } = context;
  const last = ids.length - 1;
  const sum = cell(context, parts.logits, { position: last, vocab: context.likeliest });
  return {
    id: "scores",
    title: "A score for every token",
    words: (numbers) => {
      const best = largest(numbers.row(parts.logits, last));
      return [
        say`Below the last block the stream is ${link(`brought to size (${normName(parts.norm)})`, parts.norm.id)} once more. Then each
          column is multiplied with ${link(parts.tied ? "the table of tokens" : "the output matrix", parts.head)}, which has a line for each
          of the ${sizeOf(context, "vocab", parts.logits)} tokens of the vocabulary${
            parts.tied
              ? bit`: the very table in which tokens were looked up at the
          start, used backwards`
              : ""
          }. Each dot product says how well the column fits that token. They are called
          ${link("logits", parts.logits)}.`,
        say`After ${tokenAt(context, last)} the highest is ${number(numbers, parts.logits, [last, best])}, for
          ${nameOf(context, numbers, best)}. Logits can be any number, and only their differences count.`,
      ];
    },
    steps: [
      {
        title: "The last norm",
        seconds: 3,
        look: { look: [parts.stream.at(-1)!, parts.norm.id], yaw: -12, pitch: 8, zoom: 0.9 },
        show: [parts.stream.at(-1)!, "output"],
        computes: [parts.norm.mean, parts.norm.variance, parts.norm.meanSquare, parts.norm.id]
          .filter((id): id is string => id !== null)
          .map((block) => ({ block })),
      },
      {
        title: "The logits of every column",
        seconds: 4,
        look: {
          look: [parts.norm.id, ...(parts.tied ? [] : [parts.head]), parts.logits],
          yaw: -12,
          pitch: 8,
          zoom: 0.9,
        },
        computes: [{ block: parts.logits }],
      },
      {
        title: "The highest logit of the last column",
        seconds: 2.5,
        look: { cells: foretold(context, parts.logits), sums: [sum], yaw: -8, pitch: 6, zoom: 1.03 },
        lit: (t) => explaining(context, sum, t),
      },
      {
        title: "Pair by pair multiplied, then added up",
        seconds: 5,
        lit: (t) => takenApart(context, sum, t),
      },
    ],
  };
}

function exponentials(context: Context): Passage {
  const { parts, ids } = context;
  const last = ids.length - 1;
  const start = { position: about(last), vocab: about(0) };
  return {
    id: "exponentials",
    title: "Above zero, whatever they were",
    words: (numbers) => [
      say`Probabilities may not be negative. The number e = ${short(Math.E)} to the power of a logit never is, and it grows
        with it: one more in the logit is ${short(Math.E)} times as much. Large powers would be too large for a computer,
        so first the ${link("largest", parts.maximum)}, ${number(numbers, parts.maximum, [last])}, is taken away from
        all. Nothing else changes by it; the largest power is now exactly 1. Added up they are
        ${number(numbers, parts.expSum, [last])}, the ${link("sum", parts.expSum)}.`,
    ],
    steps: [
      {
        title: "The largest logit",
        seconds: 2.5,
        look: {
          // The sums stand where the vocabulary begins.
          cells: [parts.logits, parts.maximum, parts.expSum].map((id) => beginning(context, id, start)),
          yaw: -8,
          pitch: 6,
          zoom: 0.8,
        },
        show: [parts.logits, parts.maximum, parts.expSum, parts.probabilities],
        computes: [{ block: parts.maximum }],
        lit: (t) => explaining(context, cell(context, parts.maximum, { position: last }), t),
      },
      {
        title: "The sum of all powers",
        seconds: 2.5,
        computes: [{ block: parts.expSum }],
        lit: (t) => explaining(context, cell(context, parts.expSum, { position: last }), t),
      },
    ],
  };
}

function shares(context: Context): Passage {
  const { parts, ids } = context;
  const last = ids.length - 1;
  const top = { position: last, vocab: context.likeliest };
  return {
    id: "shares",
    title: "Shares of one",
    words: (numbers) => {
      const best = largest(numbers.row(parts.probabilities, last));
      return [
        say`Each power is divided by the sum. Now all ${sizeOf(context, "vocab", parts.probabilities)} numbers are above zero and add up to 1: they are
          ${link("probabilities", parts.probabilities)}. For ${nameOf(context, numbers, best)}:`,
        formula`exp(${number(numbers, parts.logits, [last, best])} − ${number(numbers, parts.maximum, [last])}) /
          ${number(numbers, parts.expSum, [last])} =
          ${number(numbers, parts.probabilities, [last, best], chanceWords)}`,
        widget("softmax"),
      ];
    },
    steps: [
      {
        title: "Every power, divided by the sum",
        seconds: 4,
        look: { look: [parts.logits, parts.probabilities], yaw: -8, pitch: 6, zoom: 0.85 },
        computes: [{ block: parts.probabilities }],
      },
      {
        title: "Those of the last column add up to one",
        seconds: 2,
        lit: () => ({ ranges: [part(context, parts.probabilities, { position: last })] }),
      },
      {
        title: "The largest of them",
        seconds: 3,
        look: {
          cells: foretold(context, parts.expSum, parts.probabilities),
          yaw: -8,
          pitch: 6,
          zoom: 0.47,
        },
        lit: (t) => explaining(context, cell(context, parts.probabilities, top), t),
      },
    ],
  };
}

function properties(context: Context): Passage {
  const { parts } = context;
  const { scores, pattern } = layerOf(context).attention;
  return {
    id: "properties",
    title: "Why it is called that",
    words: () => [
      say`A hard maximum would give everything to the highest score. ${term("Softmax")} is softer: it gives the highest
        most, the others something, and small changes of scores only small changes of shares, which is what training
        needs. Three things are good to know:`,
      list(
        bit`adding the same number to all scores changes nothing;`,
        bit`only differences count: a lead of 1 makes a token ${short(Math.E)} times as likely as another, a lead of 10
          makes it ${count(Math.round(Math.E ** 10))} times as likely;`,
        bit`dividing all scores by a number above 1 evens the shares out, below 1 sharpens them. That number is called
          temperature.`,
      ),
      say`It is used in two places: here, and for the shares of every row of
        ${link("attention", ...parts.layers.map((one) => one.attention.pattern))}.`,
    ],
    steps: [
      {
        title: "Softmax in every block's attention, too",
        seconds: 4,
        look: { look: [], yaw: -26, pitch: 10, zoom: 1 },
        show: [...parts.layers.map((one) => one.attention.pattern), parts.probabilities],
        lit: (t) => ({ ranges: [part(context, parts.layers[counted(t, parts.layers.length)]!.attention.pattern, {})] }),
      },
      {
        title: "One share after another, row by row",
        seconds: 3,
        look: { look: [scores, pattern], yaw: -26, pitch: 10, zoom: 0.75 },
        show: [scores, pattern],
        lit: (t) => {
          const row = counted(t, context.ids.length);
          return { ranges: [part(context, pattern, { head: context.followed.head, position: row })] };
        },
      },
    ],
  };
}
