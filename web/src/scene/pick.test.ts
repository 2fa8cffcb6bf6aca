import { describe, expect, it } from "vitest";

import { cellCentre, slabOf } from "./boxes";
import { stepped } from "./cursor";
import { goldenGraph } from "./goldens";
import { end } from "./geometry";
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
