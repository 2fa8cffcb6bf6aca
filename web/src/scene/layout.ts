// A graph and the length of a text as boxes in space: plain data that a scene draws and a pointer finds cells in.
//
// The residual stream runs down the middle, attention is to its left and the MLP to its right, heads stand in depth, and
// a deep model goes on in columns. Derived from sections, kinds, axes and formulas; knows no models and draws nothing.

import type { Graph } from "../engine";
import type { BlockBox } from "./boxes";
import { around, end, moved, type Box, type Point } from "./geometry";
import { grouped, placePart, type Measures } from "./placing";
import { rolesOf, type Roles } from "./roles";
import { sectionBoxes, type SectionBox } from "./sections";

export interface Layout extends Box {
  readonly graph: Graph;
  readonly nPositions: number;
  readonly roles: Roles;
  /** In the graph's order. */
  readonly boxes: readonly BlockBox[];
  readonly byId: ReadonlyMap<string, BlockBox>;
  /** From the whole to the part. */
  readonly sections: readonly SectionBox[];
  /** The blocks of the residual stream, in order. */
  readonly stream: readonly string[];
  /** What a first look is at: all of it but the far ends of tables that are much wider than the layers. */
  readonly core: Box;
  /** Cells between neighbours: what margins and distances are measured by. */
  readonly gap: number;
}

/** How many times as high as wide a model may be before it goes on in another column. */
const TALLEST = 5;

/**
 * Where everything is.
 *
 * @param nPositions tokens of the text, at least 1.
 */
export function layoutOf(graph: Graph, nPositions: number): Layout {
  const roles = rolesOf(graph);
  const measures = measuresOf(roles, nPositions);
  const parts = grouped(graph.blocks, (block) => block.section[0] ?? "").map((blocks) => {
    const layer = blocks.some((block) => block.formula?.kind === "add" && roles.stream.includes(block.id));
    // What begins or ends the stream stands in the middle itself.
    return { layer, boxes: placePart(blocks, measures, !layer) };
  });
  const placed = stacked(parts, 2 * measures.gap);
  const byId = new Map(placed.map((box) => [box.block.id, box]));
  const boxes = graph.blocks.map((block) => byId.get(block.id)!);
  const sections = sectionBoxes(boxes, measures);
  const whole = around(sections);
  const layers = parts.flatMap((part) => (part.layer ? part.boxes.map(({ block }) => byId.get(block.id)!) : []));
  const core = clipped(whole, around(layers.length ? layers : boxes));
  return { graph, nPositions, roles, boxes, byId, sections, stream: roles.stream, gap: measures.gap, core, ...whole };
}

/** A box as far as it does not reach much further to the sides than another. */
function clipped(box: Box, other: Box): Box {
  const reach = other.size.x / 4;
  const from = Math.max(box.origin.x, other.origin.x - reach);
  const to = Math.min(end(box).x, end(other).x + reach);
  return { origin: { ...box.origin, x: from }, size: { ...box.size, x: to - from } };
}

function measuresOf(roles: Roles, nPositions: number): Measures {
  const strips = roles.graph.blocks.map(({ formula }) => {
    const over = new Set(formula?.over.map((axis) => axis.name));
    const thin = formula?.operands.filter((operand) => !operand.index.some((index) => over.has(index.axis)));
    return thin?.length ?? 0;
  });
  const gap = Math.max(4, Math.round(roles.width / 16));
  return {
    roles,
    nPositions,
    gap,
    room: 2 * Math.max(...strips) + 1,
    depth: { nHeads: roles.nHeads, pitch: Math.max(8, gap) },
  };
}

interface Part {
  readonly layer: boolean;
  readonly boxes: readonly BlockBox[];
}

/** Parts below each other; layers in as many columns as keep the whole from growing too tall. */
function stacked(parts: readonly Part[], gap: number): BlockBox[] {
  const sized = parts.map((part) => ({ ...part, box: around(part.boxes) }));
  const layers = sized.filter((part) => part.layer);
  const height = layers.reduce((sum, { box }) => sum + box.size.y + gap, 0);
  const least = Math.min(...layers.map(({ box }) => box.origin.x));
  const width = Math.max(...layers.map(({ box }) => end(box).x)) - least + 2 * gap;
  let columns = 1;
  while (height / columns > TALLEST * width * columns && columns < layers.length) columns += 1;
  const each = Math.ceil(layers.length / columns);

  const found: BlockBox[] = [];
  const put = (part: (typeof sized)[number], x: number, y: number): number => {
    found.push(...part.boxes.map((box) => moved(box, { x, y: y - part.box.origin.y })));
    return y + part.box.size.y + gap;
  };
  let [x, y, top, n] = [0, 0, 0, 0];
  for (const part of sized) {
    if (part.layer) {
      if (n === 0) top = y;
      else if (n % each === 0) [x, y] = [x + width, top];
      n += 1;
    }
    y = put(part, x, y);
  }
  return found;
}

/**
 * Where whole models stand beside each other: on one scale, their tops at one height, far enough apart to be told apart.
 *
 * @returns how far each is moved; the first stays where it is.
 */
export function besideEachOther(layouts: readonly Layout[]): Point[] {
  let right = 0;
  return layouts.map((layout, i) => {
    const x = i === 0 ? 0 : right + layout.size.x / 2 - layout.origin.x;
    const y = i === 0 ? 0 : layouts[0]!.origin.y - layout.origin.y;
    right = x + end(layout).x;
    return { x, y, z: 0 };
  });
}
