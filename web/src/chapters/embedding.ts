// Embedding: a token's line of the table, and, where the model has them, the line of its position.

import { layerOf, type Context } from "./context";
import { here, sizeOf, streamLink } from "./naming";
import { number } from "./numbers";
import { about, beginning, cell, counted, entrance, explaining, NEAR, part, takenApart } from "./shots";
import type { Chapter, Passage } from "./timeline";
import { along, count, formula, link, say, term } from "./words";

export const embedding: Chapter = {
  id: "embedding",
  group: "Parts",
  title: () => "Embedding",
  passages: (context) => [lookup(context), position(context), together(context), stream(context)],
};

function lookup(context: Context): Passage {
  const { parts, ids, followed, graph } = context;
  const id = ids[followed.position]!;
  const d = graph.sizes["d_model"]!;
  return {
    id: "lookup",
    title: "A token's own line",
    words: (numbers) => [
      say`Our token ${here(context)} has the id ${id}. The ${link("token table", parts.tokens)} has ${sizeOf(context, "d_model", parts.tokens)} numbers for it,
        learned in training. They begin with ${number(numbers, parts.tokens, [id, 0])},
        ${number(numbers, parts.tokens, [id, Math.min(1, d - 1)])} and
        ${number(numbers, parts.tokens, [id, Math.min(2, d - 1)])}. Looking them up is no arithmetic at all.`,
      say`None of the numbers means something by itself. Tokens that are used alike have similar lines: together, the
        numbers are a place in a space of ${sizeOf(context, "d_model", parts.tokens)} directions.`,
    ],
    steps: [
      {
        title: "The id chooses a line of the table",
        seconds: 3,
        look: { look: [parts.ids, parts.embed], yaw: -12, pitch: 8, zoom: 0.75 },
        show: [parts.ids, parts.tokens, parts.embed],
        lit: (t) => ({
          cells: [{ ...cell(context, parts.ids, { position: followed.position }), tone: "focus" }],
          arrows:
            t > 0.3
              ? [
                  {
                    from: cell(context, parts.ids, { position: followed.position }),
                    to: cell(context, parts.tokens, { vocab: id, d_model: 0 }),
                  },
                ]
              : [],
        }),
      },
      {
        title: "The line of our token",
        seconds: 3,
        look: { cells: [beginning(context, parts.tokens, { vocab: about(id) })], yaw: -8, pitch: 8, zoom: 1 },
        lit: () => ({ ranges: [part(context, parts.tokens, { vocab: id }, "source")] }),
      },
    ],
  };
}

function position(context: Context): Passage {
  const { parts, followed } = context;
  const { attention } = layerOf(context);
  if (parts.positions === null)
    return {
      id: "position",
      title: "Where it stands, later",
      words: () => [
        say`The same token has the same line wherever it stands. Some models add a second line here that says where; this
          one does not. It has no table of positions. Instead its ${link("queries", attention.q.last)} and
          ${link("keys", attention.k.last)} will be turned by an angle that depends on the position, with
          ${link("these cosines", parts.rotary?.cos ?? null)} and ${link("sines", parts.rotary?.sin ?? null)}:
          ${term("rotary positions")}. The chapter on attention shows it.`,
      ],
      steps: [
        {
          title: "Angles for each position, used later",
          seconds: 3,
          look: { look: parts.rotary ? [parts.rotary.cos, parts.rotary.sin] : [parts.embed], yaw: -10, pitch: 8 },
          show: ["embedding"],
          lit: () => ({
            ranges: parts.rotary
              ? [parts.rotary.cos, parts.rotary.sin].map((id) => part(context, id, { position: followed.position }))
              : [],
          }),
        },
      ],
    };
  const table = parts.positions;
  return {
    id: "position",
    title: "Where it stands",
    words: (numbers) => [
      say`The same token has the same line wherever it stands. So that order can matter, a second line is added: the one
        of its position in the ${link("position table", table)}, which was learned too. For position
        ${followed.position} it begins with ${number(numbers, table, [followed.position, 0])}. Positions are counted
        from 0.`,
    ],
    steps: [
      {
        title: "The position chooses a line of another table",
        seconds: 4,
        look: { look: [parts.embed, table], yaw: 10, pitch: 8, zoom: 0.8 },
        show: [parts.ids, parts.tokens, parts.embed, table],
        lit: () => ({ ranges: [part(context, table, { context: followed.position }, "source")] }),
      },
      {
        title: "The line of our position",
        seconds: 3,
        look: { cells: [beginning(context, table)], yaw: 8, pitch: 8, zoom: 1 },
        lit: () => ({ ranges: [part(context, table, { context: followed.position }, "source")] }),
      },
    ],
  };
}

function together(context: Context): Passage {
  const { parts, ids, followed, graph } = context;
  const d = graph.sizes["d_model"]!;
  const id = ids[followed.position]!;
  const p = followed.position;
  const upTo = (p + 1) / ids.length;
  const first = cell(context, parts.embed, { position: p, d_model: 0 });
  return {
    id: "together",
    title: parts.positions ? "Added up" : "Put in place",
    words: (numbers) => [
      parts.positions
        ? say`Number by number the two lines are added, and the sums become the column of our token in the
            ${link("input embedding", parts.embed)}. The first one:`
        : say`The line becomes the column of our token in the ${link("input embedding", parts.embed)}. Its first number:`,
      parts.positions
        ? formula`${number(numbers, parts.tokens, [id, 0])} + ${number(numbers, parts.positions, [p, 0])} =
            ${number(numbers, parts.embed, [p, 0])}`
        : formula`${number(numbers, parts.tokens, [id, 0])} → ${number(numbers, parts.embed, [p, 0])}`,
      say`Then the same is done for all other tokens. None of them knows anything of the others yet.`,
    ],
    steps: [
      {
        title: "The columns up to ours",
        seconds: 2.5,
        look: { look: [parts.ids, parts.embed], yaw: -8, pitch: 8, zoom: 0.8 },
        show: entrance(context),
        computes: [{ block: parts.embed, to: upTo }],
      },
      {
        title: parts.positions ? "Its first number, added up" : "Its first number",
        seconds: 5,
        look: { cells: [beginning(context, parts.embed)], sums: [first], yaw: -8, pitch: 8, zoom: 1.03 },
        lit: (t) => takenApart(context, first, t),
      },
      {
        title: "Number by number down our column",
        seconds: 4,
        lit: (t) =>
          explaining(context, cell(context, parts.embed, { position: p, d_model: counted(t, Math.min(d, NEAR)) }), 1),
      },
      {
        title: "All the other columns",
        seconds: 3,
        look: { look: [parts.ids, parts.embed], yaw: -8, pitch: 8, zoom: 0.8 },
        computes: [{ block: parts.embed }],
      },
    ],
  };
}

function stream(context: Context): Passage {
  const { parts } = context;
  return {
    id: "stream",
    title: "The stream begins",
    words: () => [
      say`This table of ${sizeOf(context, "position", parts.embed)} × ${sizeOf(context, "d_model", parts.embed)} numbers, ${along("positions", "position", parts.embed)}
        by ${along("width", "d_model", parts.embed)}, is the start of the ${streamLink(context)}. It keeps this shape all
        the way down; each part of the model reads it and adds to it. There are ${count(parts.stream.length)} tables of
        this shape below each other.`,
    ],
    steps: [
      {
        title: "What comes next in the stream",
        seconds: 3,
        look: { look: parts.stream.slice(0, 3), yaw: -14, pitch: 8, zoom: 1 },
        show: [...parts.stream],
        lit: (t) => {
          const block = parts.stream[counted(t, Math.min(3, parts.stream.length))]!;
          return { ranges: [part(context, block, {})], brackets: [{ block, axis: null }] };
        },
      },
      {
        title: "Down the residual stream",
        seconds: 3.5,
        look: { look: [], yaw: -18, pitch: 10, zoom: 1 },
        lit: (t) => ({
          ranges: [part(context, parts.stream[counted(t, parts.stream.length)]!, {}, "focus")],
        }),
      },
    ],
  };
}
