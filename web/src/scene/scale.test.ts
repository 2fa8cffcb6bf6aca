import { expect, it } from "vitest";

import { contrast, inkOn, luminance } from "../view/colour";
import { cellColour, colourTable, limitOf } from "./scale";

it("has 0 in the middle, and the deepest colours at its limit and beyond", () => {
  expect(luminance(cellColour(0, 2)!)).toBeGreaterThan(0.9);
  expect(cellColour(5, 2)).toBe(cellColour(2, 2));
  expect(cellColour(-Infinity, 2)).toBe(cellColour(-2, 2));
  expect(cellColour(2, 2)).not.toBe(cellColour(-2, 2));
  expect(cellColour(NaN, 2)).toBeNull();
});

it("darkens with distance from 0 on both sides, so that it reads in grey too", () => {
  for (const sign of [-1, 1]) {
    const lights = [0, 0.2, 0.4, 0.6, 0.8, 1].map((x) => luminance(cellColour(sign * x, 1)!));
    expect(lights).toEqual([...lights].sort((a, b) => b - a));
  }
});

it("leaves figures readable", () => {
  for (let x = -1; x <= 1; x += 0.05) {
    const colour = cellColour(x, 1)!;
    expect(contrast(inkOn(colour), colour)).toBeGreaterThan(4.5);
  }
});

it("is not paled by a few large numbers, nor ended by none", () => {
  expect(limitOf({ rms: 1, largest: 2 })).toBe(2);
  expect(limitOf({ rms: 1, largest: 80 })).toBe(3);
  expect(limitOf({ rms: 0, largest: 0 })).toBe(1);
});

it("is the same table for a texture", () => {
  const table = colourTable(3);
  const hex = (i: number) =>
    `#${[...table.subarray(4 * i, 4 * i + 3)].map((n) => n.toString(16).padStart(2, "0")).join("")}`;
  expect([0, 1, 2].map(hex)).toEqual([-1, 0, 1].map((x) => cellColour(x, 1)));
});
