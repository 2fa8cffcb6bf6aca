import { expect, it } from "vitest";

import { goldenGraph } from "../../scene/goldens";
import { shapeOf } from "../../scene";
import { gridOf, stepTo, within } from "./table";

const block = (id: string) => goldenGraph("sort").blocks.find((one) => one.id === id)!;
const gridFor = (id: string) => gridOf(block(id), shapeOf(block(id), 6));

it("lays every tensor out as rows and columns of a slab", () => {
  expect(gridFor("embed")).toEqual({ lead: [], row: 0, column: 1, rows: 6, columns: 48 });
  expect(gridFor("0.attn.q.weight")).toEqual({ lead: [0], row: 1, column: 2, rows: 48, columns: 16 });
  expect(gridFor("ids")).toEqual({ lead: [], row: 0, column: null, rows: 6, columns: 1 });
});

it("draws what is in sight and a little around it", () => {
  expect(within(0, 240, 24, 1000)).toEqual({ from: 0, to: 12 });
  expect(within(2400, 240, 24, 1000)).toEqual({ from: 98, to: 112 });
  expect(within(23_800, 240, 24, 1000)).toEqual({ from: 989, to: 1000 });
  expect(within(0, 240, 24, 3)).toEqual({ from: 0, to: 3 });
  // Scrolled further than a shorter table is long.
  expect(within(99_999, 240, 24, 3)).toEqual({ from: 3, to: 3 });
});

it("follows the keys, and stops at the edges", () => {
  const size = { rows: 6, columns: 48, page: 4 };
  const from = (key: string, row: number, column: number, control = false) => {
    const to = stepTo(key, { control }, { row, column }, size);
    return to && [to.row, to.column];
  };
  expect(from("ArrowDown", 2, 3)).toEqual([3, 3]);
  expect(from("ArrowUp", 0, 3)).toEqual([0, 3]);
  expect(from("ArrowRight", 2, 47)).toEqual([2, 47]);
  expect(from("PageDown", 4, 3)).toEqual([5, 3]);
  expect(from("PageUp", 5, 3)).toEqual([1, 3]);
  expect(from("End", 2, 3)).toEqual([2, 47]);
  expect(from("Home", 2, 3, true)).toEqual([0, 0]);
  expect(from("x", 2, 3)).toBeNull();
});
