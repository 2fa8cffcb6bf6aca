import { describe, expect, it } from "vitest";

import { cellCentre, slabOf } from "./boxes";
import { stepped } from "./cursor";
import { frameOf, WHOLE } from "./frame";
import { goldenGraph } from "./goldens";
import { end } from "./geometry";
import { FAINT, hides, soughtAt, soughtBy } from "./hiding";
import { layoutOf } from "./layout";
import { pick } from "./pick";

const layout = layoutOf(goldenGraph("sort"), 6);

/** A few cells of every block: the first, the last, and some between. */
const CELLS = layout.boxes.flatMap((box) =>
  [0, 0.37, 0.71, 0.999].map((t) => ({
    box,
    index: box.shape.map((size, i) => Math.floor(((t * (i + 1)) % 1) * size)),
  })),
);

describe("a ray", () => {
  it("finds every cell that it starts just before", () => {
    for (const { box, index } of CELLS) {
      const { x, y, z } = cellCentre(box, index);
      const hit = pick(layout, { x: x + 0.1, y: y - 0.1, z: z + 0.6 }, { x: 0, y: 0, z: -1 });
      expect(hit, box.block.id).toMatchObject({ block: box.block.id, index });
      expect(hit!.distance).toBeCloseTo(0.1);
      expect(hit!.point.z).toBeCloseTo(z + 0.5);
    }
  });

  it("meets the nearest head first, and the others where that is not there", () => {
    const box = layout.byId.get("0.attn.q")!;
    const { x, y, z } = cellCentre(box, [0, 2, 5]);
    const from = { x, y, z: z + 30 };
    const ahead = { x: 0, y: 0, z: -1 };
    expect(pick(layout, from, ahead)?.index).toEqual([0, 2, 5]);
    // Between two heads there is room: from there the next one is met.
    const gap = slabOf(box, 1);
    expect(pick(layout, { x, y, z: end(gap).z + 1 }, ahead)?.index).toEqual([1, 2, 5]);
    expect(pick(layout, from, ahead, (id) => (id === "0.attn.q" ? 0.1 : 1))?.block).not.toBe("0.attn.q");
  });

  it("finds cells from the side and from behind", () => {
    const box = layout.byId.get("0.mlp.up.weight")!;
    const last = box.shape.map((size) => size - 1);
    const { x, y, z } = cellCentre(box, last);
    expect(pick(layout, { x, y, z: z - 5 }, { x: 0, y: 0, z: 1 })).toMatchObject({ block: box.block.id, index: last });
    expect(pick(layout, { x: x + 50, y, z }, { x: -1, y: 0, z: 0 })?.block).toBe(box.block.id);
  });

  it("that meets nothing finds nothing", () => {
    expect(pick(layout, { x: 0, y: 0, z: 1e4 }, { x: 0, y: 0, z: 1 })).toBeNull();
  });
});

describe("what is come for in a head further back", () => {
  const sought = soughtAt(layout, { block: "0.attn.q", index: [1, 2, 5] })!;
  const solid = (block: string, slab: number) => (hides(sought, layout.byId.get(block)!, slab, false) ? FAINT : 1);

  it("is met through the heads before it, and those behind it are there", () => {
    const { x, y, z } = cellCentre(layout.byId.get("0.attn.q")!, [0, 2, 5]);
    const before = { x, y, z: z + 30 };
    expect(pick(layout, before, { x: 0, y: 0, z: -1 }, solid)?.index).toEqual([1, 2, 5]);
    expect(hides(sought, layout.byId.get("0.attn.q")!, 2, false)).toBe(false);
    expect(hides(sought, layout.byId.get("0.attn.q")!, 2, true)).toBe(true);
    expect(hides(sought, layout.byId.get("0.attn.q")!, 0, true)).toBe(false);
  });

  it("makes the whole front head of its layer give way, and nothing else", () => {
    const gone = layout.boxes.filter((box) => hides(sought, box, 0, false)).map(({ block }) => block);
    expect(gone.map(({ id }) => id)).toContain("0.attn.pattern");
    for (const block of gone) {
      expect(block.section[0]).toBe("block 0");
      expect(block.axes[0]!.name).toBe("head");
    }
    expect(soughtAt(layout, { block: "0.mlp.up", index: [3, 4] })).toBeNull();
  });

  it("is the one head that a frame is about, and none where it is about several", () => {
    const row = (head: number) => ({
      block: "0.attn.k",
      from: [head, 0, 0],
      to: [head + 1, 1, 16],
      tone: "source" as const,
    });
    const cell = (head: number) => ({ block: "0.attn.scores", index: [head, 3, 1], tone: "focus" as const });
    expect(soughtBy(layout, frameOf({ cells: [cell(1)], ranges: [row(1)] }))).toEqual(sought);
    expect(soughtBy(layout, frameOf({ ranges: [row(1)] }))).toEqual(sought);
    expect(soughtBy(layout, frameOf({ cells: [cell(0), cell(1)] }))).toBeNull();
    expect(soughtBy(layout, frameOf({ ranges: [{ ...row(0), to: [3, 1, 16] }] }))).toBeNull();
    expect(soughtBy(layout, WHOLE)).toBeNull();
  });
});

describe("a cursor", () => {
  it("walks within a block, and stays at its edges", () => {
    const at = (index: number[]) => ({ block: "0.attn.pattern", index });
    expect(stepped(layout, at([0, 3, 2]), "right")).toEqual(at([0, 3, 3]));
    expect(stepped(layout, at([0, 3, 2]), "down")).toEqual(at([0, 4, 2]));
    expect(stepped(layout, at([0, 3, 2]), "further")).toEqual(at([1, 3, 2]));
    expect(stepped(layout, at([0, 0, 0]), "left")).toEqual(at([0, 0, 0]));
    expect(stepped(layout, at([2, 5, 5]), "further")).toEqual(at([2, 5, 5]));
  });

  it("takes what axes of the same name say along to the next block", () => {
    const ids = layout.boxes.map((box) => box.block.id);
    const next = ids[ids.indexOf("0.attn.pattern") + 1]!;
    const there = stepped(layout, { block: "0.attn.pattern", index: [2, 3, 1] }, "next");
    expect(there.block).toBe(next);
    expect(there.index.slice(0, 2)).toEqual([2, 3]);
    expect(stepped(layout, { block: ids[0]!, index: [4] }, "previous")).toEqual({ block: ids[0]!, index: [4] });
  });
});
