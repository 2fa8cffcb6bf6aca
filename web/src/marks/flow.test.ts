import { describe, expect, it } from "vitest";

import { goldenTrace } from "../trace/goldens";
import { UNITS, likelihood } from "../view";
import { linesOf, marked } from "./flow";
import { shortened } from "./letters";
import { spread } from "./spread";

describe("lines", () => {
  const cases = ["prose", "code", "scripts"].flatMap((name) => UNITS.map((by) => [name, by] as const));
  it.each(cases)("of %s by %s share out the source, each character once", (name, by) => {
    const { runs } = likelihood(goldenTrace(name), { by });
    const source = runs.map((run) => run.text).join("");
    const parts = linesOf(runs).flatMap((line) => line.chunks.flatMap((chunk) => chunk.parts));
    expect(parts.map((part) => source.slice(part.start, part.end)).join("")).toBe(source);
    expect(parts.at(-1)!.end).toBe(source.length);
    for (const part of parts)
      if (part.exact) expect(source.slice(part.start, part.end).replace(/\r?\n$/, "")).toBe(part.shown);
  });

  it("end where the text's own lines do, CRLF being one break", () => {
    const { runs } = likelihood(goldenTrace("scripts"));
    const lines = linesOf(runs).map((line) => line.chunks.map((chunk) => chunk.text).join(""));
    expect(lines).toHaveLength(3);
    expect(lines[1]).toBe("");
    expect(lines[2]).toMatch(/^Then nothing\.\t🇫🇷🇩🇪/u);
    // What would turn the line around is an escape.
    expect(lines[2]).toContain("\\u202E?");
  });
});

it("whitespace is marked character by character, and nothing else is", () => {
  expect(marked("a  b\tc").map(({ text, mark }) => [text, mark])).toEqual([
    ["a", null],
    [" ", "space"],
    [" ", "space"],
    ["b", null],
    ["\t", "tab"],
    ["c", null],
  ]);
});

describe("labels moved apart", () => {
  it("stay where they are while they have room", () => expect(spread([10, 50, 90], 10, 0, 100)).toEqual([10, 50, 90]));

  it("keep their order and their distance, inside the ends", () => {
    const wanted = [50, 51, 52, 3, 99, 98, 50];
    const places = spread(wanted, 12, 0, 100);
    const order = [...wanted.keys()].sort((a, b) => wanted[a]! - wanted[b]! || a - b);
    for (let i = 1; i < order.length; i++)
      expect(places[order[i]!]! - places[order[i - 1]!]!).toBeGreaterThanOrEqual(12 - 1e-9);
    expect(Math.min(...places)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...places)).toBeLessThanOrEqual(100);
  });

  it("share what there is where there is too little", () => {
    const places = spread([5, 5, 5], 100, 0, 10);
    [0, 5, 10].forEach((place, i) => expect(places[i]).toBeCloseTo(place, 9));
    expect(spread([], 10, 0, 1)).toEqual([]);
  });
});

it("texts are shortened by letters and not by code units", () => {
  expect(shortened("👩‍🔬👩‍🔬👩‍🔬", 2)).toBe("👩‍🔬…");
  expect(shortened("abc", 3)).toBe("abc");
});
