import { describe, expect, it } from "vitest";

import { arrowsInto } from "./arrows";
import { cellAt, cellBox, cellCentre, slabOf, type BlockBox } from "./boxes";
import { centre, contains, end, overlap, SIDES, type Box, type Point } from "./geometry";
import { goldenGraph, GRAPHS } from "./goldens";
import { besideEachOther, layoutOf, type Layout } from "./layout";

const made = new Map<string, Layout>();

function layout(name: (typeof GRAPHS)[number], nPositions: number): Layout {
  const key = `${name} ${nPositions}`;
  if (!made.has(key)) made.set(key, layoutOf(goldenGraph(name), nPositions));
  return made.get(key)!;
}

/** Pairs of boxes that share more than a surface; sorted by y, so that deep models take no minutes. */
function overlapping(boxes: readonly BlockBox[]): string[] {
  const sorted = [...boxes].sort((a, b) => a.origin.y - b.origin.y);
  const found: string[] = [];
  sorted.forEach((box, i) => {
    for (const other of sorted.slice(i + 1)) {
      if (other.origin.y >= end(box).y) break;
      if (overlap(box, other)) found.push(`${box.block.id} and ${other.block.id}`);
    }
  });
  return found;
}

function isOnSurface(point: Point, box: Box): boolean {
  const within = SIDES.every((side) => point[side] >= box.origin[side] && point[side] <= end(box)[side]);
  return within && SIDES.some((side) => point[side] === box.origin[side] || point[side] === end(box)[side]);
}

const CASES = GRAPHS.flatMap((name) =>
  (name === "gpt2-xl" ? [1024] : [1, 6, 48]).map((nPositions) => ({ name, nPositions })),
);

describe.each(CASES)("$name with $nPositions tokens", ({ name, nPositions }) => {
  const one = layout(name, nPositions);

  it("has a box for every block, as large as the block", () => {
    expect(one.boxes.map((box) => box.block.id)).toEqual(one.graph.blocks.map((block) => block.id));
    for (const { block, shape, axes, size } of one.boxes) {
      expect(shape).toEqual(block.axes.map((axis) => axis.size ?? nPositions));
      expect([axes.x, axes.y, axes.z].filter((axis) => axis !== null).sort(), block.id).toEqual(shape.map((_, i) => i));
      expect([size.x, size.y], block.id).toEqual([axes.x, axes.y].map((axis) => (axis === null ? 1 : shape[axis])));
    }
  });

  it("has no two boxes in one place", () => {
    expect(overlapping(one.boxes)).toEqual([]);
  });

  it("has sections around their blocks, and nothing of others in them", () => {
    for (const section of one.sections) {
      if (section.head === null)
        for (const id of section.blocks) expect(contains(section, one.byId.get(id)!), section.label).toBe(true);
      const inner = one.sections.filter((other) => other.path.length > section.path.length);
      for (const other of inner)
        if (section.path.every((part, i) => other.path[i] === part)) expect(contains(section, other)).toBe(true);
      expect(contains(one, section)).toBe(true);
    }
    const tops = one.sections.filter((section) => section.path.length === 1);
    for (const section of tops)
      for (const box of one.boxes)
        if (box.block.section[0] !== section.path[0]) expect(overlap(box, section), box.block.id).toBe(false);
  });

  it("has arrows that begin and end on boxes", () => {
    let n = 0;
    for (const box of one.boxes) {
      const arrows = arrowsInto(one, box.block.id);
      const read = new Set(box.block.formula?.operands.map((operand) => operand.block));
      for (const id of read) expect(arrows.map((arrow) => arrow.from)).toContain(id);
      for (const arrow of arrows) {
        expect(isOnSurface(arrow.start, one.byId.get(arrow.from)!), `${arrow.from} to ${arrow.to}`).toBe(true);
        expect(isOnSurface(arrow.end, box), `${arrow.from} to ${arrow.to}`).toBe(true);
        n += 1;
      }
    }
    expect(n).toBeGreaterThan(one.boxes.length / 2);
  });

  it("finds every cell where it is drawn", () => {
    for (const box of one.boxes) {
      const last = box.shape.map((size) => size - 1);
      const middle = box.shape.map((size) => size >> 1);
      for (const index of [last, middle, box.shape.map(() => 0)]) {
        expect(cellAt(box, cellCentre(box, index)), box.block.id).toEqual(index);
        expect(contains(slabOf(box, box.axes.z === null ? 0 : index[box.axes.z]!), cellBox(box, index))).toBe(true);
        expect(contains(box, cellBox(box, index)), box.block.id).toBe(true);
      }
    }
  });

  it("runs down: the stream in the middle of its column, attention left of it, the MLP right", () => {
    for (const box of one.boxes) {
      const [, sublayer] = box.block.section;
      const stream = one.byId.get(one.stream.find((id) => id.startsWith(`${box.block.id.split(".")[0]}.`)) ?? "")!;
      if (!sublayer || one.stream.includes(box.block.id)) continue;
      if (sublayer === "attention") expect(end(box).x, box.block.id).toBeLessThan(stream.origin.x);
      else expect(box.origin.x, box.block.id).toBeGreaterThan(end(stream).x);
    }
    const [first, ...others] = one.stream.map((id) => one.byId.get(id)!);
    let above = first!;
    for (const box of others) {
      if (box.origin.x === above.origin.x) expect(box.origin.y).toBeGreaterThan(end(above).y);
      else expect(box.origin.x).toBeGreaterThan(above.origin.x);
      above = box;
    }
  });
});

it("stands sums beside what they sum, thin", () => {
  const one = layout("gpt2", 6);
  const [norm, mean, pattern, largest] = ["0.attn.norm", "0.attn.norm.mean", "0.attn.pattern", "0.attn.maximum"].map(
    (id) => one.byId.get(id)!,
  );
  expect([mean!.size.x, mean!.size.y, mean!.origin.x]).toEqual([6, 1, norm!.origin.x]);
  expect(norm!.origin.y - mean!.origin.y).toBeLessThanOrEqual(4);
  expect([largest!.size.x, largest!.size.y, largest!.origin.y]).toEqual([1, 6, pattern!.origin.y]);
  expect(pattern!.origin.x - largest!.origin.x).toBeLessThanOrEqual(4);
});

it("draws a product as one does on paper: its rows beside its weights' rows, its columns below its source's", () => {
  for (const name of ["gpt2", "llama"] as const) {
    const one = layout(name, 6);
    const [source, weight, product] = ["0.attn.norm", "0.attn.q.weight", "0.attn.q"].map((id) => one.byId.get(id)!);
    expect(weight!.origin.y).toBe(product!.origin.y);
    expect(weight!.size.y).toBe(product!.size.y);
    expect(source!.origin.x).toBe(product!.origin.x);
    expect(end(source!).y).toBeLessThan(product!.origin.y);
    const [norm, up, wide] = ["0.mlp.norm", "0.mlp.up.weight", "0.mlp.up"].map((id) => one.byId.get(id)!);
    expect([up!.origin.y, up!.size.y]).toEqual([norm!.origin.y, norm!.size.y]);
    expect([up!.origin.x, up!.size.x]).toEqual([wide!.origin.x, wide!.size.x]);
  }
});

it("stands shared keys amid the heads that share them", () => {
  const one = layout("llama", 6);
  const [queries, keys] = ["0.attn.q", "0.attn.k"].map((id) => one.byId.get(id)!);
  const group = queries!.shape[0]! / keys!.shape[0]!;
  expect(group).toBeGreaterThan(1);
  const heads = Array.from({ length: group }, (_, head) => centre(slabOf(queries!, head)).z);
  expect(centre(slabOf(keys!, 0)).z).toBeCloseTo(heads.reduce((sum, z) => sum + z, 0) / group);
});

it("is looked at without the far ends of its tables", () => {
  const sort = layout("sort", 6);
  expect(sort.core).toEqual({ origin: sort.origin, size: sort.size });
  const wide = layout("gpt2-xl", 1024);
  expect(wide.core.size.x).toBeLessThan(0.6 * wide.size.x);
  for (const box of wide.boxes)
    if (box.block.section[0]!.startsWith("block")) expect(contains(wide.core, box), box.block.id).toBe(true);
});

it("breaks deep models into columns", () => {
  const deep = layout("gpt2-xl", 1024);
  expect(new Set(deep.stream.map((id) => deep.byId.get(id)!.origin.x)).size).toBeGreaterThan(2);
  expect(deep.size.y).toBeLessThan(6 * deep.size.x);
  const shallow = layout("sort", 6);
  expect(new Set(shallow.stream.map((id) => shallow.byId.get(id)!.origin.x)).size).toBe(1);
});

it("stands giants far apart on one scale", () => {
  const [small, large] = [layout("sort", 6), layout("gpt2-xl", 1024)];
  const [first, second, third] = besideEachOther([small, large, large]);
  expect(first).toEqual({ x: 0, y: 0, z: 0 });
  const left = (by: Point, of: Layout) => by.x + of.origin.x;
  expect(left(second!, large) - end(small).x).toBeGreaterThanOrEqual(large.size.x / 2);
  expect(left(third!, large) - (second!.x + end(large).x)).toBeGreaterThanOrEqual(large.size.x / 2);
});
