// Projection: heads side by side, one more product, and the addition to the residual stream.

import { layerOf, type Context } from "./context";
import { here, sizeOf, streamLink } from "./naming";
import { number } from "./numbers";
import { beginning, cell, counted, explaining, NEAR, part, takenApart } from "./shots";
import type { Chapter, Passage } from "./timeline";
import { bit, formula, link, say, term } from "./words";

export const projection: Chapter = {
  id: "projection",
  group: "Parts",
  title: () => "Projection",
  passages: (context) => [stacked(context), projected(context), added(context)],
};

function stacked(context: Context): Passage {
  const { mix } = layerOf(context).attention;
  const { n_heads = 1, d_head = 1 } = context.graph.sizes;
  const { position } = context.followed;
  return {
    id: "stacked",
    title: "Heads side by side",
    words: () => [
      say`Each of the ${sizeOf(context, "head", mix)} heads has made a ${link("mixture", mix)} of
        ${sizeOf(context, "d_head", mix)} numbers for each token. Put
        end to end they are ${n_heads * d_head} numbers: what attention found for the token, by all heads.`,
    ],
    steps: [
      {
        title: "Head after head, one long list",
        seconds: Math.min(5, 2 + 0.4 * n_heads),
        look: { look: [mix], yaw: -42, pitch: 12, zoom: 0.8 },
        show: [mix],
        lit: (t) => ({
          ranges: Array.from({ length: counted(t, n_heads) + 1 }, (_, head) => part(context, mix, { head, position })),
        }),
      },
    ],
  };
}

function projected(context: Context): Passage {
  const { mix, out } = layerOf(context).attention;
  const { position: p } = context.followed;
  const { n_heads = 1, d_head = 1 } = context.graph.sizes;
  const of = cell(context, out.id, { position: p, d_model: 0 });
  return {
    id: "projected",
    title: "Back to the stream's width",
    words: (numbers) => [
      say`The heads do not speak the language of the stream. One more table of ${link("weights", out.weight)} translates:
        each of the ${sizeOf(context, "d_model", out.id)} numbers of the ${link("result", out.id)} is a dot product over all ${n_heads * d_head}
        numbers of ${link("all heads", mix)}${out.bias ? bit`, plus a ${link("bias", out.bias)}` : ""}. For
        ${here(context)} the first is ${number(numbers, out.id, [p, 0])}. This is the ${term("projection")}.`,
    ],
    steps: [
      {
        title: "One number from all heads",
        seconds: 3,
        look: { look: [mix, out.id], yaw: -24, pitch: 10, zoom: 0.9 },
        show: [mix, out.weight, out.id, ...(out.bias ? [out.bias] : [])],
        computes: [{ block: out.id, to: (p + 1) / context.ids.length }],
        lit: (t) => (t > 0.35 ? explaining(context, of, t) : {}),
      },
      {
        title: "Pair by pair multiplied, then added up",
        seconds: 6,
        look: { cells: [beginning(context, out.id)], sums: [of], yaw: -10, pitch: 6, zoom: 1.03 },
        lit: (t) => takenApart(context, of, t),
      },
      {
        title: "The projection of all columns",
        seconds: 3,
        look: { look: [mix, out.id], yaw: -24, pitch: 10, zoom: 0.9 },
        computes: [{ block: out.id }],
      },
    ],
  };
}

function added(context: Context): Passage {
  const { start, attention: parts } = layerOf(context);
  const { position: p } = context.followed;
  const d = context.graph.sizes["d_model"]!;
  const upTo = (p + 1) / context.ids.length;
  const first = cell(context, parts.residual, { position: p, d_model: 0 });
  return {
    id: "added",
    title: "Added, not replaced",
    words: (numbers) => [
      say`Now the result is added, number by number, to the column that ${link("came in", start)} before the norm:`,
      formula`${number(numbers, start, [p, 0])} + ${number(numbers, parts.out.id, [p, 0])} =
        ${number(numbers, parts.residual, [p, 0])}`,
      say`Because everything is only ever added, what was known stays in the ${streamLink(context)} unless something is
        added that cancels it, and each part needs to learn only what is still missing. What the token collected from the
        others is now part of its ${link("own column", parts.residual)}.`,
    ],
    steps: [
      {
        title: "The first number, added up",
        seconds: 4,
        look: { cells: [beginning(context, parts.residual)], sums: [first], yaw: -12, pitch: 8, zoom: 1.03 },
        show: [start, parts.out.id, parts.residual],
        computes: [{ block: parts.residual, to: upTo }],
        lit: (t) => takenApart(context, first, t),
      },
      {
        title: "Number by number down our column",
        seconds: 4,
        lit: (t) =>
          t > 0.3
            ? explaining(
                context,
                cell(context, parts.residual, { position: p, d_model: counted(t, Math.min(d, NEAR)) }),
                1,
              )
            : {},
      },
      {
        title: "All columns",
        seconds: 2.5,
        look: { look: [parts.out.id, parts.residual], yaw: -14, pitch: 8, zoom: 0.85 },
        computes: [{ block: parts.residual }],
      },
    ],
  };
}
