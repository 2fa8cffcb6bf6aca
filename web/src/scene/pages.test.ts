import { describe, expect, it } from "vitest";

import type { Range, Tile } from "../engine";
import { goldenGraph } from "./goldens";
import { layoutOf } from "./layout";
import { MISSING, Pages, SIDE } from "./pages";
import { firstPage, levelOf, PAGE, pageCount, pagesAt, placeIn, pyramidOf, sheetAt, type Pyramid } from "./pyramid";
import { poseOf, WHOLE } from "./frame";
import { atFirst, survey, View } from "./survey";
import { nameOf, rangesOf, type TileKey } from "./values";

const sort = layoutOf(goldenGraph("sort"), 6);
const gpt2 = layoutOf(goldenGraph("gpt2"), 260);
const xl = layoutOf(goldenGraph("gpt2-xl"), 20);
const of = (id: string, layout = sort) => pyramidOf(layout.byId.get(id)!);

/** A number for every cell: none where the mask leaves it out. */
function number(index: readonly number[], causal: boolean): number {
  if (causal && index.at(-1)! > index.at(-2)!) return NaN;
  let sum = 0;
  for (let axis = 0; axis < index.length; axis++) sum += index[axis]! * (7 + 6 * axis);
  return Math.fround((sum % 101) / 10 - 5);
}

/** Means over squares of the last two axes, cell by cell. */
function mean(index: readonly number[], step: number, shape: readonly number[], causal: boolean, flatRows: boolean) {
  const numbers: number[] = [];
  const rows = flatRows || shape.length < 2 ? 1 : step;
  const row = index.length > 1 ? index.at(-2)! : 0;
  for (let r = row * rows; r < Math.min(shape.at(-2) ?? 1, (row + 1) * rows); r++)
    for (let c = index.at(-1)! * step; c < Math.min(shape.at(-1)!, (index.at(-1)! + 1) * step); c++) {
      const value = number(shape.length < 2 ? [c] : [...index.slice(0, -2), r, c], causal);
      if (!Number.isNaN(value)) numbers.push(value);
    }
  return numbers.reduce((sum, n) => sum + n, 0) / numbers.length;
}

/** Answers from the numbers themselves, as a server does. */
function tiles(shape: readonly number[], causal: boolean) {
  const known = new Map<string, Tile>();
  return {
    tile(key: TileKey): Tile {
      const told = known.get(nameOf(key));
      if (told) return told;
      const ranges: Range[] = rangesOf(key, shape);
      const step = 2 ** key.level;
      const averaged = ranges.map((_, axis) => axis >= ranges.length - 2);
      const sizes = ranges.map(([from, to], axis) => Math.ceil((to - from) / (averaged[axis] ? step : 1)));
      const data = new Float32Array(sizes.reduce((n, m) => n * m, 1));
      for (let i = 0; i < data.length; i++) {
        let rest = i;
        const index = new Array<number>(sizes.length);
        for (let axis = sizes.length - 1; axis >= 0; axis--) {
          index[axis] = (rest % sizes[axis]!) + ranges[axis]![0] / (averaged[axis] ? step : 1);
          rest = Math.floor(rest / sizes[axis]!);
        }
        data[i] = mean(index, step, shape, causal, false);
      }
      const made = { data, shape: sizes, rms: 1, largest: 2 };
      known.set(nameOf(key), made);
      return made;
    },
  };
}

/** The number that the shader finds: the same steps. */
function drawn(
  pages: Pages,
  pyramid: Pyramid,
  level: number,
  slab: number,
  row: number,
  column: number,
): number | null {
  const { across } = pagesAt(pyramid, level);
  const v = slab * sheetAt(pyramid, level).rows + row;
  const entry = pages.first.get(pyramid.block)! + firstPage(pyramid, level);
  const place = pages.table[entry + Math.floor(v / PAGE) * across + Math.floor(column / PAGE)]! - 1;
  if (place < 0) return null;
  return pages.cells[place * PAGE * PAGE + (v % PAGE) * PAGE + (column % PAGE)]!;
}

describe("pages", () => {
  it.each([
    ["0.attn.q.weight", sort],
    ["0.attn.scores", sort],
    ["0.attn.q.bias", sort],
    ["0.attn.maximum", sort],
    ["0.attn.norm.scale", sort],
    ["0.mlp.up.weight", sort],
    ["ids", sort],
    ["0.attn.scores", gpt2],
    ["0.attn.maximum", gpt2],
    ["0.attn.norm", gpt2],
  ] as const)("of %s have at every level the means of its numbers", (id, layout) => {
    const box = layout.byId.get(id)!;
    const pyramid = of(id, layout);
    const { causal } = box.block;
    const source = tiles(box.shape, causal);
    const pages = new Pages([pyramid]);
    for (let level = 0; level < pyramid.levels; level++) {
      pages.look();
      const { across, down } = pagesAt(pyramid, level);
      for (let v = 0; v < down; v++)
        for (let u = 0; u < across; u++) expect(pages.need(id, level, u, v, source)).toEqual([]);
      const sheet = sheetAt(pyramid, level);
      for (let n = 0; n < 60; n++) {
        const slab = (7 * n) % pyramid.slabs;
        const row = (13 * n) % sheet.rows;
        const column = (29 * n) % sheet.across;
        const lead = pyramid.rowIsSlab || box.shape.length < 3 ? [] : [slab];
        const index = box.shape.length < 2 ? [column] : [...lead, pyramid.rowIsSlab ? slab : row, column];
        const expected = mean(index, 2 ** level, box.shape, causal, pyramid.rowIsSlab);
        const found = drawn(pages, pyramid, level, slab, row, column)!;
        if (Number.isNaN(expected)) expect(found).toBeNaN();
        else expect(found).toBeCloseTo(expected, 5);
      }
    }
  });

  it("say which tiles they still need, and are missing until then", () => {
    const pyramid = of("0.mlp.up.weight");
    const pages = new Pages([pyramid]);
    pages.look();
    const missing = pages.need(pyramid.block, 0, 0, 0, { tile: () => null });
    expect(missing).toEqual([{ block: pyramid.block, level: 0, lead: [], row: 0, column: 0 }]);
    expect(drawn(pages, pyramid, 0, 0, 0, 0)).toBe(MISSING);
    expect(pages.need(pyramid.block, 0, 0, 0, tiles([48, 192], false))).toEqual([]);
    expect(drawn(pages, pyramid, 0, 0, 3, 5)).toBe(number([3, 5], false));
  });

  it("give the longest unused away, and never what is needed now", () => {
    const pyramid = of("embed.tokens", xl);
    const pages = new Pages([pyramid]);
    const nothing = { tile: () => null };
    const { across, down } = pagesAt(pyramid, 0);
    expect(across * down).toBeGreaterThan(SIDE * SIDE);
    pages.look();
    for (let n = 0; n < SIDE * SIDE; n++) pages.need(pyramid.block, 0, n % across, Math.floor(n / across), nothing);
    const base = firstPage(pyramid, 0);
    const beyond = SIDE * SIDE;
    expect(pages.need(pyramid.block, 0, beyond % across, Math.floor(beyond / across), nothing)).toBeNull();
    expect(pages.table[base + beyond]).toBe(0);
    expect(pages.used).toBe(SIDE * SIDE);
    pages.look();
    for (let n = 1; n < SIDE * SIDE; n++) pages.need(pyramid.block, 0, n % across, Math.floor(n / across), nothing);
    pages.need(pyramid.block, 0, beyond % across, Math.floor(beyond / across), nothing);
    expect(pages.table[base + beyond]).toBeGreaterThan(0);
    expect(pages.table[base]).toBe(0);
    pages.forget();
    expect(pages.table.every((n) => n === 0)).toBe(true);
  });
});

describe("levels", () => {
  it("are as fine as the screen shows", () => {
    const pyramid = of("embed.tokens", xl);
    expect([0.1, 1, 1.9, 4, 1000, 1e9].map((n) => levelOf(pyramid, n))).toEqual([0, 0, 1, 2, 10, pyramid.levels - 1]);
  });

  it("end where a slab is a few cells, and take their share of the table", () => {
    for (const layout of [sort, gpt2, xl])
      for (const box of layout.boxes) {
        const pyramid = pyramidOf(box);
        const { rows, across } = sheetAt(pyramid, pyramid.levels - 1);
        expect(Math.max(rows, across)).toBeLessThanOrEqual(8);
        expect(pyramid.slabs * pyramid.rows * pyramid.columns).toBe(box.shape.reduce((n, m) => n * m, 1));
        expect(pageCount(pyramid)).toBeGreaterThanOrEqual(pyramid.levels);
      }
    const all = xl.boxes.reduce((n, box) => n + pageCount(pyramidOf(box)), 0);
    // The table is a texture of 1,024 entries a row.
    expect(all).toBeLessThan(1024 * 2048);
  });

  it("know which side of a box is a row of numbers", () => {
    const box = sort.byId.get("0.attn.norm")!;
    expect(box.axes).toMatchObject({ x: 0, y: 1 });
    expect(placeIn(of("0.attn.norm"), 2, 30)).toEqual({ row: 2, column: 30 });
    expect(placeIn(of("0.attn.pattern"), 1, 4)).toEqual({ row: 4, column: 1 });
    expect(of("0.attn.q.bias")).toMatchObject({ slabs: 3, rows: 1, columns: 16, rowIsSlab: true });
  });
});

describe("a look", () => {
  const picture = { width: 1200, height: 800 };
  const pages = () => new Pages(xl.boxes.map(pyramidOf));
  const nothing = { tile: () => null };
  const whole = { centre: { x: 0, y: 5000, z: 0 }, yaw: -20, pitch: 10, span: 30000 };

  it("from afar asks for averages, and no more than it needs", () => {
    const wanted = survey(new View(whole, picture), xl.boxes, () => 1, pages(), nothing, 1);
    expect(wanted.length).toBeGreaterThan(10);
    for (const key of wanted)
      if (key.block === "embed.tokens" || key.block.endsWith("mlp.up.weight"))
        expect(key.level, key.block).toBeGreaterThan(2);
  });

  it("of a small model needs nothing that was not asked for at first", () => {
    const early = new Set(atFirst(sort.boxes).map(nameOf));
    const pose = poseOf(WHOLE.camera, sort, picture.width / picture.height);
    const small = new Pages(sort.boxes.map(pyramidOf));
    const wanted = survey(new View(pose, picture), sort.boxes, () => 1, small, nothing, 1);
    expect(wanted.length).toBe(sort.boxes.length);
    expect(wanted.map(nameOf).filter((name) => !early.has(name))).toEqual([]);
    expect(atFirst(xl.boxes).some(({ block }) => block === "embed.tokens")).toBe(false);
  });

  it("from near asks for the numbers themselves of what is in the picture", () => {
    const box = xl.byId.get("3.mlp.up.weight")!;
    const { x, y, z } = box.origin;
    const near = { centre: { x: x + 100, y: y + 100, z: z + 1 }, yaw: 0, pitch: 0, span: 40 };
    const wanted = survey(new View(near, picture), xl.boxes, () => 1, pages(), nothing, 1);
    const tiles = wanted.filter((key) => key.block === box.block.id && key.level === 0);
    expect(tiles.map(({ row, column }) => [row, column])).toContainEqual([0, 0]);
    expect(tiles.length).toBeLessThanOrEqual(4);
    expect(wanted.some((key) => key.block === "9.mlp.up.weight")).toBe(false);
  });

  it.each([
    ["from afar", { ...WHOLE.camera, zoom: 1 }],
    ["slanted", { ...WHOLE.camera, yaw: 60, pitch: 30 }],
    ["from near", { ...WHOLE.camera, look: ["block 2"], zoom: 3 }],
  ])("%s has every level at hand that a pixel is drawn with", (_, look) => {
    const pose = poseOf(look, sort, picture.width / picture.height);
    const view = new View(pose, picture);
    const [had, levels] = [new Pages(sort.boxes.map(pyramidOf)), sort.boxes.map(() => 30)];
    survey(view, sort.boxes, () => 1, had, nothing, 1, levels);
    let seen = 0;
    sort.boxes.forEach((box, n) => {
      const pyramid = pyramidOf(box);
      for (let i = 0; i < 16; i++) {
        const [x, y] = [((0.5 + i * 5) % 16) / 16, ((0.5 + i * 3) % 16) / 16].map((t, k) =>
          Math.floor(t * (k ? box.size.y : box.size.x)),
        ) as [number, number];
        const at = { x: box.origin.x + x + 0.5, y: box.origin.y + y + 0.5, z: box.origin.z + box.size.z };
        const there = view.project(at);
        if (!there || there.x < 0 || there.x > picture.width || there.y < 0 || there.y > picture.height) continue;
        const level = Math.min(levelOf(pyramid, view.cellsPerPixel(at)), levels[n]!);
        const { row, column } = placeIn(pyramid, x, y);
        expect(drawn(had, pyramid, level, 0, row >> level, column >> level), `${box.block.id} ${level}`).not.toBeNull();
        seen += 1;
      }
    });
    expect(seen).toBeGreaterThan(50);
  });

  it("asks for nothing of what is faded away", () => {
    expect(survey(new View(whole, picture), xl.boxes, () => 0, pages(), nothing, 1)).toEqual([]);
  });
});
