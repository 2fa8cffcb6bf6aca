import { describe, expect, it } from "vitest";

import { boxOf } from "./boxes";
import { bracketsOf } from "./brackets";
import { dimensionOf, HUES, sizeWords, type Dimension } from "./dimensions";
import { end } from "./geometry";
import { goldenGraph, GRAPHS } from "./goldens";
import { layoutOf } from "./layout";
import { colourFrom } from "./theme";

const NAMES = Object.keys(HUES) as Dimension[];
const PAPERS = { light: ["#fbfaf7", "#ffffff", "#f4f2ec"], dark: ["#14151a", "#1b1d24", "#101116"] } as const;

type Row = readonly [number, number, number];

/** How colours are seen without one kind of cones. Source: Machado, Oliveira and Fernandes 2009, severity 1. */
const SEEN: Readonly<Record<string, readonly [Row, Row, Row]>> = {
  all: [
    [1, 0, 0],
    [0, 1, 0],
    [0, 0, 1],
  ],
  deuteranopia: [
    [0.367322, 0.860646, -0.227968],
    [0.280085, 0.672501, 0.047413],
    [-0.01182, 0.04294, 0.968881],
  ],
  protanopia: [
    [0.152286, 1.052583, -0.204868],
    [0.114503, 0.786281, 0.099216],
    [-0.003882, -0.048116, 1.051998],
  ],
  tritanopia: [
    [1.255528, -0.076749, -0.178779],
    [-0.078411, 0.930809, 0.147602],
    [0.004733, 0.691367, 0.3039],
  ],
};

function linear(hex: string): Row {
  return colourFrom(hex).map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)) as unknown as Row;
}

function luminance(hex: string): number {
  const [r, g, b] = linear(hex);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function contrast(a: string, b: string): number {
  const [low, high] = [luminance(a), luminance(b)].sort((x, y) => x - y) as [number, number];
  return (high + 0.05) / (low + 0.05);
}

/** CIE L*a*b*, in which distances are about as they are seen. */
function lab(hex: string, kind: string): Row {
  const from = linear(hex);
  const [r, g, b] = SEEN[kind]!.map((row) =>
    Math.min(1, Math.max(0, row[0] * from[0] + row[1] * from[1] + row[2] * from[2])),
  ) as unknown as Row;
  const f = (t: number) => (t > 0.008856 ? Math.cbrt(t) : 7.787 * t + 16 / 116);
  const x = f((0.4124 * r + 0.3576 * g + 0.1805 * b) / 0.95047);
  const y = f(0.2126 * r + 0.7152 * g + 0.0722 * b);
  const z = f((0.0193 * r + 0.1192 * g + 0.9505 * b) / 1.08883);
  return [116 * y - 16, 500 * (x - y), 200 * (y - z)];
}

describe.each(["light", "dark"] as const)("the colours of dimensions, %s", (theme) => {
  it("can be read as words", () => {
    for (const name of NAMES)
      for (const paper of PAPERS[theme]) expect(contrast(HUES[name][theme], paper), name).toBeGreaterThan(4.5);
  });

  it.each(Object.keys(SEEN))("are told apart by eyes with %s", (kind) => {
    for (const a of NAMES)
      for (const b of NAMES) {
        if (a >= b) continue;
        const [one, other] = [lab(HUES[a][theme], kind), lab(HUES[b][theme], kind)];
        expect(Math.hypot(...one.map((n, i) => n - other[i]!)), `${a} and ${b}`).toBeGreaterThan(12);
      }
  });
});

describe("dimensions", () => {
  it("are named by their axes, with their sizes", () => {
    expect(["key", "context", "key_head", "nothing"].map(dimensionOf)).toEqual(["position", "position", "head", null]);
    expect([sizeWords("d_model", 12288), sizeWords("position", 1), sizeWords("key_head", 4)]).toEqual([
      "12,288 d_model",
      "1 position",
      "4 heads of keys",
    ]);
  });

  it.each(GRAPHS)("has every axis of %s", (name) => {
    for (const { axes } of goldenGraph(name).blocks)
      for (const axis of axes) expect(dimensionOf(axis.name), axis.name).not.toBeNull();
  });
});

describe("brackets", () => {
  const layout = layoutOf(goldenGraph("llama"), 9);

  it("stand beside their block, as long as its sides, with the sizes of its axes", () => {
    for (const box of layout.boxes)
      for (const { axis, size, line, side } of bracketsOf(box, null, 0.5)) {
        const at = box.block.axes.findIndex(({ name }) => name === axis);
        expect(box.axes[side]).toBe(at);
        expect(size).toBe(box.shape[at]);
        const [a, b] = [line[0]!.from, line[0]!.to];
        expect(Math.abs(b[side] - a[side])).toBeCloseTo(box.size[side]);
        const far = end(box);
        const outside = a.x < box.origin.x || a.y > far.y || a.x > far.x;
        expect(outside, `${box.block.id} ${axis}`).toBe(true);
        // Two short lines end it.
        expect(line).toHaveLength(3);
      }
  });

  it("are those that are asked for, and none for a single number", () => {
    const box = layout.byId.get("0.attn.scores")!;
    expect(bracketsOf(box, "key", 1).map(({ axis }) => axis)).toEqual(["key"]);
    expect(bracketsOf(box, null, 1).map(({ axis }) => axis)).toEqual(["key", "position", "head"]);
    expect(bracketsOf(box, "vocab", 1)).toEqual([]);
    // Of the slab that is pointed at, from the first in front to the last behind.
    const fronts = [0, 3].map((slab) => bracketsOf(box, "key", 1, slab)[0]!.line[0]!.from.z);
    expect(fronts).toEqual([end(box).z, box.origin.z + 1]);
    const one = boxOf(box.block, box.axes, 1, { pitch: 1, nHeads: 1 });
    expect(bracketsOf(one, "key", 1).map(({ size }) => size)).toEqual([1]);
  });
});
