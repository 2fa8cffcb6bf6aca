import { describe, expect, it } from "vitest";

import { exactSum, fixed, general, grouped, percentile } from "./numbers";
import { changeWords, chanceWords, numberWords } from "./words";

describe("digits", () => {
  it.each([
    [31.25, 1, "31.2"], // an exact half goes to the even neighbour
    [31.75, 1, "31.8"],
    [-0.125, 2, "-0.12"],
    [0.15, 1, "0.1"], // which is less than a half as a float
    [2.5, 0, "2"],
    [3.5, 0, "4"],
    [-0.04, 1, "-0.0"],
    [1234.5678, 2, "1234.57"],
  ] as const)("%d to %d places is %s", (x, digits, text) => expect(fixed(x, digits)).toBe(text));

  it("are grouped in threes", () => {
    expect([grouped(1234567), grouped(999), grouped(-12345.678, 1)]).toEqual(["1,234,567", "999", "-12,345.7"]);
    expect([general(4), general(2.5)]).toEqual(["4", "2.5"]);
  });
});

describe("sums", () => {
  it("are rounded once", () => {
    expect(exactSum(Array(10).fill(0.1))).toBe(1);
    expect(exactSum([1e100, 1, -1e100])).toBe(1);
    expect(exactSum([1, 2 ** -53, 2 ** -106])).toBe(1 + 2 ** -52);
    expect(exactSum([])).toBe(0);
    expect(exactSum([1, Infinity])).toBe(Infinity);
  });
});

it("percentiles lie between neighbours", () => {
  expect(percentile([4, 1, 3, 2], 50)).toBe(2.5);
  expect(percentile([1, 2, 3], 5)).toBeCloseTo(1.1, 12);
  expect(percentile([7], 95)).toBe(7);
});

describe("numbers as a cell has them", () => {
  it.each([
    [9999, "rank", "9,999"],
    [50257, "rank", "50.3k"],
    [128256, "rank", "128k"],
    [1, "probability", "1"],
    [0.997, "probability", ".99+"],
    [0, "probability", ".00"],
    [2e-7, "probability", "2e-7"],
    [31.25, "nats", "31.2"],
    [null, "rank", "–"],
    [0.1, "ratio", "÷10"],
  ] as const)("%s of %s is %s", (number, unit, text) => expect(numberWords(number, unit)).toBe(text));

  it("say the sign of a change and the chance of what is rare", () => {
    expect([changeWords(2.04, "bits"), changeWords(-2.06, "bits"), changeWords(0.01, "bits")]).toEqual([
      "+2.0",
      "−2.1",
      "±0.0",
    ]);
    expect([chanceWords(0.5), chanceWords(1 / 65536), chanceWords(null)]).toEqual(["50.0%", "1 in 66,000", "–"]);
    expect([chanceWords(1e-3), chanceWords(0.00099), chanceWords(3e-13)]).toEqual([
      "0.10%",
      "1 in 1,000",
      "1 in 3.3·10¹²",
    ]);
    expect([chanceWords(1e-300), chanceWords(0)]).toEqual(["1 in 1.0·10³⁰⁰", "0%"]);
  });
});
