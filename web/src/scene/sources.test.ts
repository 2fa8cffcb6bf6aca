import { describe, expect, it } from "vitest";

import { apartCells } from "./apart";
import { cellBox } from "./boxes";
import { goldenGraph } from "./goldens";
import { layoutOf } from "./layout";
import { isMasked, sourcesOf } from "./sources";

const IDS = [2, 1, 0, 1, 1, 2];
const sort = layoutOf(goldenGraph("sort"), 6);

function read(block: string, index: number[], layout = sort, ids = IDS) {
  return Object.fromEntries(
    sourcesOf(layout, ids, { block, index }).map(({ role, block, from, to }) => [
      role,
      `${block} ${from.map((n, axis) => (to[axis] === n + 1 ? n : `${n}:${to[axis]}`)).join(" ")}`,
    ]),
  );
}

describe("what a cell is computed from", () => {
  it("is a row and a column of a product, and its bias", () => {
    expect(read("0.attn.q", [2, 3, 7])).toEqual({
      left: "0.attn.norm 3 0:48",
      right: "0.attn.q.weight 2 0:48 7",
      bias: "0.attn.q.bias 2 7",
    });
  });

  it("is what the text says where it is looked up", () => {
    expect(read("embed", [0, 5])).toEqual({
      token: "embed.tokens 2 5",
      ids: "ids 0",
      position: "embed.positions 0 5",
    });
  });

  it("is nothing that comes later", () => {
    expect(read("0.attn.mix", [1, 2, 4])).toEqual({ left: "0.attn.pattern 1 2 0:3", right: "0.attn.v 1 0:3 4" });
    expect(read("0.attn.scores", [0, 2, 4])).toEqual({});
    expect(isMasked(sort, { block: "0.attn.scores", index: [0, 2, 4] })).toBe(true);
    expect(isMasked(sort, { block: "0.attn.scores", index: [0, 4, 4] })).toBe(false);
  });

  it("is every head where they are put together", () => {
    expect(read("0.attn.out", [4, 9])["right"]).toBe("0.attn.out.weight 0:3 0:16 9");
  });

  it("is nothing of what was learned", () => {
    expect(read("0.attn.q.weight", [0, 1, 2])).toEqual({});
  });

  it("is the shared head of keys where several heads of queries have one", () => {
    const llama = layoutOf(goldenGraph("llama"), 5);
    const scores = llama.boxes.find(({ block }) => block.id.endsWith("0.attn.scores"))!;
    const { n_heads, n_key_heads } = llama.graph.sizes as { n_heads: number; n_key_heads: number };
    expect(n_heads).toBeGreaterThan(n_key_heads);
    const right = sourcesOf(llama, [0, 0, 0, 0, 0], { block: scores.block.id, index: [n_heads - 1, 4, 1] })[1]!;
    expect([right.from[0], right.to[0]]).toEqual([n_key_heads - 1, n_key_heads]);
  });

  it("lies within its blocks, for every block of every family", () => {
    for (const name of ["sort", "gpt2", "llama", "qwen3"] as const) {
      const layout = layoutOf(goldenGraph(name), 5);
      for (const box of layout.boxes)
        for (const share of [0, 0.999]) {
          const index = box.shape.map((size) => Math.floor(share * size));
          for (const { block, from, to } of sourcesOf(layout, [0, 1, 2, 0, 1], { block: box.block.id, index })) {
            const { shape } = layout.byId.get(block)!;
            expect(from).toHaveLength(shape.length);
            from.forEach((n, axis) => {
              expect(n).toBeGreaterThanOrEqual(0);
              expect(to[axis]).toBeGreaterThan(n);
              expect(to[axis], `${box.block.id} reads ${block}`).toBeLessThanOrEqual(shape[axis]!);
            });
          }
        }
    }
  });
});

describe("a sum taken apart", () => {
  const apart = (progress: number) =>
    apartCells(sort, IDS, { block: "0.attn.q", index: [0, 2, 3], progress }, (_, index) => index.at(-1));

  it("is its 48 pairs and its bias, with the stored numbers, from where they are to the cell", () => {
    const cells = apart(1e-6);
    expect(cells).toHaveLength(2 * 48 + 1);
    expect(cells.map(({ value }) => value).slice(0, 48)).toEqual(Array.from({ length: 48 }, (_, i) => i));
    const home = cellBox(sort.byId.get("0.attn.norm")!, [2, 5]).origin;
    expect(cells[5]!.x).toBeCloseTo(home.x, 2);
    expect(cells[5]!.y).toBeCloseTo(home.y, 2);
    const goal = cellBox(sort.byId.get("0.attn.q")!, [0, 2, 3]).origin;
    for (const cell of apart(1 - 1e-6)) {
      expect(cell.x).toBeCloseTo(goal.x, 2);
      expect(cell.y).toBeCloseTo(goal.y, 2);
    }
  });

  it("meets in places of its own, is not there at either end, and the same again at the same moment", () => {
    const places = apart(0.55).map(({ x, y }) => `${x.toFixed(2)} ${y.toFixed(2)}`);
    expect(new Set(places).size).toBe(places.length);
    expect(apart(0)).toEqual([]);
    expect(apart(1)).toEqual([]);
    expect(apart(0.3)).toEqual(apart(0.3));
  });
});
