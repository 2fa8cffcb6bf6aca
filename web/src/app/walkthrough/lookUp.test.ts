import { describe, expect, it } from "vitest";

import { fitting, keysOf } from "./lookUp";

const LABELS = ["a", "b", "c", "d"];
const SHARES = [0.1, 0.5, 0.15, 0.25];
const VALUES = [4, -2, 1, 8];
const MIXED = SHARES.reduce((sum, share, i) => sum + share * VALUES[i]!, 0);

describe("what a query finds", () => {
  it("is every key in the order of the text, with its share and value", () => {
    const keys = keysOf(SHARES, LABELS, (key) => VALUES[key]!, MIXED);
    expect(keys.map(({ label }) => label)).toEqual(["0 a", "1 b", "2 c", "3 d"]);
    expect(keys.map(({ share, value }) => share * value!).reduce((a, b) => a + b)).toBeCloseTo(MIXED);
    expect(fitting(keys)).toBe(1);
  });

  it("has small shares together, and still adds up to the mixture", () => {
    const keys = keysOf(SHARES, LABELS, (key) => VALUES[key]!, MIXED, 2);
    expect(keys.map(({ label }) => label)).toEqual(["1 b", "3 d", "2 others"]);
    expect(keys[2]!.share).toBeCloseTo(0.25);
    expect(keys.reduce((sum, { share, value }) => sum + share * value!, 0)).toBeCloseTo(MIXED);
    expect(keys[2]!.value).toBeCloseTo((0.1 * 4 + 0.15 * 1) / 0.25);
  });

  it("names the best single key, though several together have more", () => {
    expect(fitting(keysOf([0.2, 0.2, 0.2, 0.19, 0.21], [..."abcde"], () => 0, 0, 1))).toBe(0);
  });

  it("says nothing of values that are not here", () => {
    const keys = keysOf(SHARES, LABELS, (key) => (key === 1 ? null : 0), MIXED, 2);
    expect(keys.map(({ value }) => value)).toEqual([null, 0, null]);
    expect(keysOf(SHARES, LABELS, () => 0, null, 2)[2]!.value).toBeNull();
  });
});
