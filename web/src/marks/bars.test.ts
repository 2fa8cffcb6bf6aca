import { expect, it } from "vitest";

import { barAxis } from "./bars";

it("has an axis from nothing to a round number above the likeliest", () => {
  const axis = barAxis([0.37, 0.1, null], "linear");
  expect(axis.ticks).toEqual([
    { place: 0, label: "0" },
    { place: 1, label: "40%" },
  ]);
  expect(axis.share(0.2)).toBeCloseTo(0.5);
  expect(barAxis([1, 1e-9], "linear").ticks.at(-1)!.label).toBe("100%");
});

it("tells small ones apart where one has nearly all, by powers of ten", () => {
  const axis = barAxis([0.98, 0.01, 0.0004, 0.00002], "log");
  expect(axis.share(1)).toBe(1);
  expect(axis.share(0.1)).toBeCloseTo(0.8);
  expect(axis.share(0.00002)).toBeGreaterThan(0);
  expect(axis.share(0.0004)).toBeGreaterThan(axis.share(0.00002) + 0.1);
  expect(axis.ticks.at(-1)).toEqual({ place: 1, label: "100%" });
  for (const { place, label } of axis.ticks)
    if (label.endsWith("%")) expect(axis.share(Number(label.slice(0, -1)) / 100)).toBeCloseTo(Math.max(0.012, place));
});

it.each(["linear", "log"] as const)("%s: whatever is above nothing is seen, and nothing is not", (scale) => {
  const axis = barAxis([0.999, 1e-30], scale);
  expect(axis.share(1e-30)).toBeGreaterThan(0);
  expect(axis.share(0)).toBe(0);
  expect(axis.share(null)).toBe(0);
  expect(axis.share(1)).toBe(1);
});

it.each(["linear", "log"] as const)("%s: has an axis of its own where nothing is known", (scale) => {
  expect(barAxis([], scale).ticks.length).toBeGreaterThan(1);
});
