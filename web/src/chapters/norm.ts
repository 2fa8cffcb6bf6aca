// The norm before a sublayer: layer norm with its mean and variance, or RMS norm with its mean square.

import { layerOf, type Context } from "./context";
import { blockLink, here, normName, sizeOf } from "./naming";
import { cellOf, number, worked } from "./numbers";
import { beginning, cell, counted, explaining, NEAR, part, takenApart } from "./shots";
import type { Chapter, Passage } from "./timeline";
import { bit, formula, link, many, say, short, term } from "./words";

export const norm: Chapter = {
  id: "norm",
  group: "Parts",
  title: (context) => (layerOf(context).attention.norm.mean === null ? "RMS norm" : "Layer norm"),
  passages: (context) => [why(context), measured(context), scaled(context), all(context)],
};

function why(context: Context): Passage {
  const { norm: parts } = layerOf(context).attention;
  const name = normName(parts);
  return {
    id: "why",
    title: "Keeping numbers in bounds",
    words: () => [
      say`Before a part of the model reads the columns they are brought to a common size, each column by itself. Without
        it, numbers that are added to again and again would grow, and what reads them would have to cope with any size.
        The step is called ${term(name)}. This is the one at the entry of ${blockLink(context)}, before attention:
        ${link("columns in", parts.input)}, ${link("columns out", parts.id)}.`,
    ],
    steps: [
      {
        title: "Columns in, columns out",
        seconds: 3,
        look: { look: [parts.input, parts.id], yaw: -10, pitch: 8, zoom: 0.85 },
        show: shown(context),
        lit: (t) => ({
          ranges: [part(context, t < 0.5 ? parts.input : parts.id, {}, t < 0.5 ? "source" : "target")],
        }),
      },
    ],
  };
}

function shown(context: Context): string[] {
  const { norm: parts } = layerOf(context).attention;
  return [parts.input, parts.mean, parts.variance, parts.meanSquare, parts.scale, parts.shift, parts.id].filter(
    (id): id is string => id !== null,
  );
}

function measured(context: Context): Passage {
  const { norm: parts } = layerOf(context).attention;
  const { position: p } = context.followed;
  const upTo = (p + 1) / context.ids.length;
  const sums = [parts.mean, parts.variance, parts.meanSquare].filter((id): id is string => id !== null);
  return {
    id: "measured",
    title: parts.mean === null ? "How large a column is" : "How a column lies",
    words: (numbers) =>
      parts.mean !== null && parts.variance !== null
        ? [
            say`Take the column of ${here(context)}. The ${link("mean", parts.mean)} of its ${sizeOf(context, "d_model", parts.input)} numbers is
              ${number(numbers, parts.mean, [p])}. The mean of their squared distances from it, the
              ${link("variance", parts.variance)}, is ${number(numbers, parts.variance, [p])}; the square root of that,
              ${worked(root(cellOf(numbers, { block: parts.variance, index: [p] })))}, says how far the
              numbers lie apart.`,
          ]
        : [
            say`Take the column of ${here(context)}. The ${link("mean of the squares", parts.meanSquare)} of its
              ${sizeOf(context, "d_model", parts.input)} numbers is ${number(numbers, parts.meanSquare!, [p])}. The square root of that,
              ${worked(root(cellOf(numbers, { block: parts.meanSquare!, index: [p] })))}, says how large
              the numbers are. Unlike a layer norm, this RMS norm (root mean square) subtracts no mean.`,
          ],
    steps: [
      {
        title: "Our column",
        seconds: 2.5,
        look: { look: [parts.input], yaw: -10, pitch: 8, zoom: 0.85 },
        lit: () => ({ ranges: [part(context, parts.input, { position: p })] }),
      },
      ...sums.map((block) => {
        const of = cell(context, block, { position: p });
        return {
          title: context.layout.byId.get(block)!.block.title,
          seconds: 5,
          look: { cells: [beginning(context, block)], sums: [of], yaw: -10, pitch: 8, zoom: 1.03 },
          computes: [{ block, to: upTo }],
          lit: (t: number) => (t > 0.25 ? takenApart(context, of, (t - 0.25) / 0.75) : {}),
        };
      }),
    ],
  };
}

function root(value: number | null): number | null {
  return value === null ? null : Math.sqrt(value);
}

function scaled(context: Context): Passage {
  const { norm: parts } = layerOf(context).attention;
  const { position: p } = context.followed;
  const d = context.graph.sizes["d_model"]!;
  const upTo = (p + 1) / context.ids.length;
  const strips = [parts.mean, parts.variance, parts.meanSquare, parts.scale, parts.shift].filter((id) => id !== null);
  return {
    id: "scaled",
    title: "Brought to size",
    words: (numbers) => {
      const x = number(numbers, parts.input, [p, 0]);
      const y = number(numbers, parts.id, [p, 0]);
      const gain = number(numbers, parts.scale, [0]);
      const rest = say`The tiny ${short(parts.epsilon)} keeps the root from being zero.`;
      if (parts.mean === null)
        return [
          say`Each number is divided by that root, then multiplied by a learned ${link("scale", parts.scale)} of its row.
            For the first one:`,
          formula`${x} / √(${number(numbers, parts.meanSquare!, [p])} + ${short(parts.epsilon)}) × ${gain} = ${y}`,
          rest,
        ];
      const shift = parts.shift ? bit` + ${number(numbers, parts.shift, [0])}` : [];
      return [
        say`From each number the mean is taken away, and what is left is divided by that root: the column now has mean 0
          and spread 1. Then a learned ${link("scale", parts.scale)} multiplies each row and a learned
          ${link("shift", parts.shift)} is added to it, so that training could undo whatever should not be lost. For the
          first number:`,
        formula`(${x} − ${number(numbers, parts.mean, [p])}) / √(${number(numbers, parts.variance!, [p])} +
          ${short(parts.epsilon)}) × ${gain}${shift} = ${y}`,
        rest,
      ];
    },
    steps: [
      {
        title: "Our column, brought to size",
        seconds: 2,
        look: { look: [parts.id, parts.scale], yaw: -8, pitch: 6, zoom: 0.8 },
        computes: [{ block: parts.id, to: upTo }],
      },
      {
        title: "Number by number",
        seconds: 4,
        look: { cells: [parts.id, ...strips].map((id) => beginning(context, id)), yaw: -8, pitch: 6, zoom: 1 },
        lit: (t) =>
          explaining(context, cell(context, parts.id, { position: p, d_model: counted(t, Math.min(d, NEAR)) }), 1),
      },
    ],
  };
}

function all(context: Context): Passage {
  const { norm: parts } = layerOf(context).attention;
  const { layers } = context.parts;
  const sums = [parts.mean, parts.variance, parts.meanSquare].filter((id): id is string => id !== null);
  return {
    id: "all",
    title: "All columns",
    words: () => [
      say`The same for every column. The ${link("result", parts.id)} is only read; the ${link("stream", parts.input)} itself
        stays as it was. There is such a norm before each attention and each MLP, and one at the very end:
        ${many(2 * layers.length + 1, "norm")} in this model.`,
    ],
    steps: [
      {
        title: "The norm of all columns",
        seconds: 4,
        look: { look: [parts.input, parts.id], yaw: -10, pitch: 8, zoom: 0.85 },
        computes: [...sums, parts.id].map((block) => ({ block })),
      },
    ],
  };
}
