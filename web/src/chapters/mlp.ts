// The MLP: wider, bent, narrower again; with a gate where the model has one.

import { layerOf, type Context } from "./context";
import { ACTIVATIONS, here, normName, sizeOf } from "./naming";
import { number } from "./numbers";
import { beginning, cell, counted, explaining, NEAR, takenApart } from "./shots";
import type { Chapter, Passage } from "./timeline";
import { bit, formula, link, say, term, widget } from "./words";

export const mlp: Chapter = {
  id: "mlp",
  group: "Parts",
  title: () => "MLP",
  passages: (context) => [wider(context), bent(context), narrower(context), everywhere(context)],
};

function upTo(context: Context): number {
  return (context.followed.position + 1) / context.ids.length;
}

function wider(context: Context): Passage {
  const { norm, up, gate, section } = layerOf(context).mlp;
  const { position: p } = context.followed;
  const { d_mlp = 1 } = context.graph.sizes;
  const first = gate ?? up;
  const sums = [norm.mean, norm.variance, norm.meanSquare].filter((id): id is string => id !== null);
  return {
    id: "wider",
    title: "Wider",
    words: (numbers) => [
      say`After attention every column is worked on alone, by a small network of its own: an ${term("MLP")}, short for
        multi-layer perceptron. It begins with another ${normName(norm)}. Then the ${link("normed column", norm.id)} of
        ${sizeOf(context, "d_model", norm.id)} numbers becomes ${link("one of", first.id)} ${sizeOf(context, "d_mlp", first.id)},
        by dot products with ${sizeOf(context, "d_mlp", first.weight)} lines of
        ${link("weights", first.weight)}${first.bias ? bit` and a ${link("bias", first.bias)} each` : ""}.`,
      say`Each line of weights can be read as a question about the column: how much is there of this? The first answer for
        ${here(context)} is ${number(numbers, first.id, [p, 0])}.`,
      ...(gate
        ? [
            say`This model asks twice: the ${link("gate", gate.id)} will say how far each answer counts, and the
              ${link("expansion", up.id)} what it is.`,
          ]
        : []),
    ],
    steps: [
      {
        title: "The norm before the MLP",
        seconds: 3,
        look: { look: [norm.input, norm.id], yaw: 12, pitch: 8, zoom: 0.9 },
        show: [norm.input, section],
        computes: [...sums, norm.id].map((block) => ({ block })),
      },
      {
        title: "Our column, made wider",
        seconds: 4,
        look: { look: [norm.id, first.id], yaw: 14, pitch: 8, zoom: 0.9 },
        computes: [{ block: first.id, to: upTo(context) }],
      },
      {
        title: "The first of its numbers, one by one",
        seconds: 4,
        look: {
          cells: [beginning(context, first.id), beginning(context, first.weight)],
          yaw: 10,
          pitch: 8,
          zoom: 1,
        },
        lit: (t) =>
          explaining(context, cell(context, first.id, { position: p, d_mlp: counted(t, Math.min(d_mlp, NEAR)) }), 1),
      },
      {
        title: "All columns",
        seconds: 2.5,
        look: { look: [norm.id, first.id], yaw: 14, pitch: 8, zoom: 0.9 },
        computes: [{ block: first.id }],
      },
      ...(gate
        ? [
            {
              title: "The expansion beside the gate",
              seconds: 3,
              look: { look: [up.id, up.weight], yaw: 14, pitch: 8, zoom: 0.9 },
              computes: [{ block: up.id }],
            },
          ]
        : []),
    ],
  };
}

function bent(context: Context): Passage {
  const { up, gate, act, gated, function: name } = layerOf(context).mlp;
  const { position: p } = context.followed;
  const first = gate ?? up;
  const called = ACTIVATIONS[name] ?? name;
  const { d_mlp = 1 } = context.graph.sizes;
  return {
    id: "bent",
    title: gate ? "A gate for each number" : "A bend for each number",
    words: (numbers) => [
      say`Each of these numbers then goes, by itself, through a bent curve, ${term(called)}: what is well below zero
        becomes almost nothing, what is well above stays nearly as it is. ${number(numbers, first.id, [p, 0])} becomes
        ${number(numbers, act, [p, 0])}.`,
      widget("activation"),
      gate && gated
        ? say`Then the ${link("bent gate", act)} is multiplied with the ${link("expansion", up.id)}, number by number. Where
            the gate is shut, nothing ${link("comes through", gated)}.`
        : say`Without a bend somewhere, all these products in a row could be replaced by a single one, and ${d_mlp} questions
            would be worth no more than one table. The bend lets an answer count only when it is a yes.`,
      ...(gate && gated
        ? [
            formula`${number(numbers, act, [p, 0])} × ${number(numbers, up.id, [p, 0])} =
              ${number(numbers, gated, [p, 0])}`,
          ]
        : []),
    ],
    steps: [
      {
        title: `${called} of one number after the other`,
        seconds: 5,
        look: { cells: [beginning(context, first.id), beginning(context, act)], yaw: 10, pitch: 8, zoom: 1 },
        show: [first.id, up.id, act, ...(gated ? [gated] : [])],
        computes: [{ block: act, to: upTo(context) }],
        lit: (t) =>
          explaining(context, cell(context, act, { position: p, d_mlp: counted(t, Math.min(d_mlp, NEAR)) }), 1),
      },
      {
        title: gated ? "The gate, times the expansion" : "All columns, bent",
        seconds: 3,
        look: { look: [gated ?? first.id, act], yaw: 12, pitch: 8, zoom: 0.9 },
        computes: [act, ...(gated ? [gated] : [])].map((block) => ({ block })),
      },
    ],
  };
}

function narrower(context: Context): Passage {
  const { out, residual, act, gated } = layerOf(context).mlp;
  const inner = gated ?? act;
  const { position: p } = context.followed;
  const before = layerOf(context).attention.residual;
  const sum = cell(context, residual, { position: p, d_model: 0 });
  return {
    id: "narrower",
    title: "Narrower again, and added",
    words: (numbers) => [
      say`A second table of ${link("weights", out.weight)} brings the ${sizeOf(context, "d_mlp", inner)} numbers back
        to ${sizeOf(context, "d_model", out.id)}: every answer that counts adds its own line to the column. What comes out is added
        to the stream, as after attention:`,
      formula`${number(numbers, before, [p, 0])} + ${number(numbers, out.id, [p, 0])} =
        ${number(numbers, residual, [p, 0])}`,
    ],
    steps: [
      {
        title: "One number from all answers",
        seconds: 3.5,
        look: { look: [inner, out.id], yaw: 14, pitch: 8, zoom: 0.9 },
        show: [inner, out.weight, out.id, ...(out.bias ? [out.bias] : [])],
        computes: [{ block: out.id, to: upTo(context) }],
        lit: (t) => (t > 0.35 ? explaining(context, cell(context, out.id, { position: p, d_model: 0 }), t) : {}),
      },
      { title: "All columns", seconds: 2.5, computes: [{ block: out.id }] },
      {
        title: "Added to the stream, number by number",
        seconds: 5,
        look: {
          cells: [beginning(context, residual)],
          sums: [sum],
          yaw: 10,
          pitch: 8,
          zoom: 1.03,
        },
        show: [before, out.id, residual],
        computes: [{ block: residual, to: upTo(context) }],
        lit: (t) => takenApart(context, sum, t),
      },
      {
        title: "All columns of the stream",
        seconds: 3,
        look: { look: [out.id, residual], yaw: 10, pitch: 8, zoom: 0.85 },
        computes: [{ block: residual }],
      },
    ],
  };
}

function everywhere(context: Context): Passage {
  const { section, up, gate, out } = layerOf(context).mlp;
  const { layers } = context.parts;
  const size = (id: string | null) =>
    id === null ? 0 : context.layout.byId.get(id)!.shape.reduce((total, n) => total * n, 1);
  const share = [up.weight, up.bias, gate?.weight ?? null, gate?.bias ?? null, out.weight, out.bias]
    .map(size)
    .reduce((sum, n) => sum + n, 0);
  const whole = context.graph.sizes["n_parameters"]!;
  return {
    id: "everywhere",
    title: "Where most of the weights are",
    words: () => [
      say`The ${link("MLPs", ...layers.flatMap(({ mlp: one }) => [one.up.id, one.act, one.out.id]))} hold
        ${Math.round((100 * share * layers.length) / whole)} of every 100 weights of this model. Much of what a model knows
        by heart is thought to lie in them, while attention moves things about.`,
    ],
    steps: [
      {
        title: "The MLP, all of it",
        seconds: 3,
        look: { look: [section], yaw: 22, pitch: 10, zoom: 0.8 },
        show: [section],
      },
    ],
  };
}
