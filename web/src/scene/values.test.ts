import { describe, expect, it } from "vitest";

import type { Engine, Range, Run, Tile } from "../engine";
import { coarsest, flat, holdsAll, levelFor, rangesOf, slabIn, TILE, tilesOver, Values, type TileKey } from "./values";

const RUN = { run: "r", model: "m", n_positions: 3 } as unknown as Run;

interface Question {
  block: string;
  ranges: readonly Range[];
  level: number;
  signal: AbortSignal;
  answer: (tile?: Partial<Tile>) => void;
  fail: (error: unknown) => void;
}

/** An engine whose answers come when the test says so. */
function asked(): { engine: Engine; questions: Question[] } {
  const questions: Question[] = [];
  const tile = (_: Run, block: string, ranges: readonly Range[], level: number, signal: AbortSignal) =>
    new Promise<Tile>((resolve, reject) => {
      const shape = ranges.map(([from, to], axis) =>
        Math.ceil((to - from) / (axis < ranges.length - 2 ? 1 : 2 ** level)),
      );
      const size = shape.reduce((n, m) => n * m, 1);
      signal.addEventListener("abort", () => reject(new DOMException("withdrawn", "AbortError")));
      questions.push({
        block,
        ranges,
        level,
        signal,
        answer: (said = {}) =>
          resolve({ data: Float32Array.from({ length: size }, (_, i) => i), shape, rms: 1, largest: 2, ...said }),
        fail: reject,
      });
    });
  return { engine: { tile } as unknown as Engine, questions };
}

const SHAPES = new Map([
  ["small", [3, 5]],
  ["row", [7]],
  ["heads", [4, 300, 300]],
  ["few", [3, 4, 5]],
  ["large", [1000, 5000]],
]);

const key = (block: string, more: Partial<TileKey> = {}): TileKey => ({
  block,
  level: 0,
  lead: [],
  row: 0,
  column: 0,
  ...more,
});

const soon = () => new Promise((resolve) => setTimeout(resolve));

describe("tiles", () => {
  it("cover every cell of a slab once, at every level", () => {
    for (const shape of [...SHAPES.values(), [1], [256, 256], [257, 1]]) {
      const { rows, columns, lead } = flat(shape);
      for (let level = 0; level <= coarsest(shape); level++) {
        let cells = 0;
        for (const one of tilesOver(
          "b",
          shape,
          lead.map(() => 0),
          level,
        )) {
          const ranges = rangesOf(one, shape);
          expect(ranges).toHaveLength(shape.length);
          ranges.forEach(([from, to], axis) => {
            expect(from).toBeLessThan(to);
            expect(to).toBeLessThanOrEqual(shape[axis]!);
          });
          cells += ranges.reduce((n, [from, to]) => n * (to - from), 1);
        }
        const slabs = holdsAll(shape, level) ? lead.reduce((n, m) => n * m, 1) : 1;
        expect(cells).toBe(slabs * rows * columns);
      }
      expect(tilesOver("b", shape, [], coarsest(shape))).toHaveLength(1);
    }
  });

  it("are those that a window touches", () => {
    const window = { rows: [250, 260], columns: [512, 700] } as const;
    const found = tilesOver("large", [1000, 5000], [], 0, window).map(({ row, column }) => [row, column]);
    expect(found).toEqual([
      [0, 2],
      [1, 2],
    ]);
    expect(tilesOver("large", [1000, 5000], [], 0, { rows: [-50, 0], columns: [0, 10] })).toEqual([]);
  });

  it("are as fine as a screen can show, and no finer", () => {
    expect([8, 1, 0.6, 0.5, 0.2, 0.001, 0].map((pixels) => levelFor(pixels, [4000, 4000]))).toEqual([
      0, 0, 0, 1, 2, 4, 4,
    ]);
  });
});

describe("values", () => {
  it("come a few at a time, the most urgent first, and tell of themselves", async () => {
    const { engine, questions } = asked();
    const values = new Values(engine, RUN, SHAPES, { atOnce: 2 });
    const told: string[] = [];
    values.listen(({ block }) => told.push(block));
    values.want([key("small"), key("row"), key("large")]);
    expect(questions.map(({ block }) => block)).toEqual(["small", "row"]);
    questions[0]!.answer();
    await soon();
    expect(questions.map(({ block }) => block)).toEqual(["small", "row", "large"]);
    expect(told).toEqual(["small"]);
    expect(values.tile(key("small"))?.shape).toEqual([3, 5]);
    expect(values.spread("small")).toEqual({ rms: 1, largest: 2 });
    expect(values.settled).toBe(false);
    questions.slice(1).forEach(({ answer }) => answer());
    await soon();
    expect(values.settled).toBe(true);
  });

  it("that are wanted no more are withdrawn, and asked for once", async () => {
    const { engine, questions } = asked();
    const values = new Values(engine, RUN, SHAPES, { atOnce: 1 });
    values.want([key("large"), key("small")]);
    values.want([key("small")]);
    expect(questions[0]!.signal.aborted).toBe(true);
    await soon();
    values.want([key("small")]);
    expect(questions.map(({ block }) => block)).toEqual(["large", "small"]);
  });

  it("are found cell by cell, in slabs too", async () => {
    const { engine, questions } = asked();
    const values = new Values(engine, RUN, SHAPES);
    expect(values.cell("small", [1, 2])).toBeUndefined();
    values.want([key("small"), key("row"), key("heads", { lead: [2], row: 1, column: 1 }), key("few")]);
    questions.forEach(({ answer }) => answer());
    await soon();
    expect(values.cell("small", [1, 2])).toBe(7);
    expect(values.cell("row", [4])).toBe(4);
    expect(values.cell("heads", [2, 257, 260])).toBe(1 * (300 - TILE) + 4);
    expect(values.cell("heads", [1, 257, 260])).toBeUndefined();
    // All slabs of a small block come at once.
    expect(questions[3]!.ranges).toEqual([
      [0, 3],
      [0, 4],
      [0, 5],
    ]);
    expect(values.cell("few", [2, 1, 3])).toBe(2 * 20 + 5 + 3);
  });

  it("are shown coarsely until they come finely", async () => {
    const { engine, questions } = asked();
    const values = new Values(engine, RUN, SHAPES);
    const fine = key("large", { row: 3, column: 7 });
    expect(values.best(fine)).toBeNull();
    values.want([key("large", { level: 3, row: 0, column: 0 })]);
    questions[0]!.answer();
    await soon();
    expect(values.best(fine)?.key).toEqual({ ...fine, level: 3, row: 0, column: 0 });
    values.want([fine]);
    questions[1]!.answer();
    await soon();
    expect(values.best(fine)?.key).toEqual(fine);
    // A coarse tile may hold all slabs, of which one is shown.
    values.want([key("heads", { level: 1 })]);
    questions[2]!.answer();
    await soon();
    const found = values.best(key("heads", { lead: [2], row: 1, column: 1 }))!;
    expect(found.key).toEqual(key("heads", { level: 1 }));
    expect(slabIn(found.key, found.tile, [4, 300, 300], [2])[0]).toBe(2 * 150 * 150);
  });

  it("take no more than they may, the longest unused going first", async () => {
    const { engine, questions } = asked();
    const values = new Values(engine, RUN, SHAPES, { bytes: 4 * (15 + 7) });
    values.want([key("small"), key("row")]);
    questions.forEach(({ answer }) => answer());
    await soon();
    values.tile(key("small"));
    values.want([key("heads", { lead: [0], row: 1, column: 1 })]);
    questions[2]!.answer({ data: new Float32Array(2) });
    await soon();
    expect(values.tile(key("row"))).toBeNull();
    expect(values.tile(key("small"))).not.toBeNull();
    expect(values.bytes).toBe(4 * (15 + 2));
  });

  it("that are refused are not asked for again by themselves", async () => {
    const { engine, questions } = asked();
    const values = new Values(engine, RUN, SHAPES);
    const troubles: unknown[] = [];
    values.ontrouble = (error) => troubles.push(error);
    values.want([key("small")]);
    questions[0]!.fail(new Error("no"));
    await soon();
    values.want([key("small")]);
    expect([questions.length, troubles.length, values.settled]).toEqual([1, 1, true]);
    values.again();
    expect(questions).toHaveLength(2);
  });

  it("that come after the end change nothing", async () => {
    const { engine, questions } = asked();
    const values = new Values(engine, RUN, SHAPES);
    values.listen(() => expect.unreachable());
    values.want([key("small")]);
    values.close();
    questions[0]!.answer();
    await soon();
    expect([values.bytes, questions[0]!.signal.aborted]).toEqual([0, true]);
  });
});
