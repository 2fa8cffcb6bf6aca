import { describe, expect, it } from "vitest";

import { cellStyle, lensWords, windowFrom, windowSaid } from "./lenses";
import { walkthroughAt } from "./walkthrough";

it("lenses are said by how much of the model is run", () => {
  expect(lensWords("logit", 8)).toBe("nothing (logit lens)");
  expect(lensWords("tail:7", 8)).toBe("the last block (tail:7)");
  expect(lensWords("tail:5", 8)).toBe("the last 3 blocks (tail:5)");
  expect(lensWords("tail:7.mlp", 8)).toBe("the last MLP (tail:7.mlp)");
  expect(lensWords("tail:6.mlp", 8)).toBe("the last block and an MLP (tail:6.mlp)");
  expect(lensWords("tuned", 8)).toBe("tuned");
});

describe("a window of the address", () => {
  it("is read as positions, and nothing else is", () => {
    expect(windowFrom("12:40", 50)).toEqual([12, 40]);
    expect(windowFrom("12:", 50)).toEqual([12, null]);
    expect(windowFrom(":40", 50)).toEqual([null, 40]);
    for (const said of ["", ":", "a:b", "-3:", "5", "1:2:3"]) expect(windowFrom(said, 50), said).toBeNull();
  });

  it("outside of a text that became shorter, or empty, is none", () => {
    expect(windowFrom("12:40", 12)).toBeNull();
    expect(windowFrom("12:40", 13)).toEqual([12, 40]);
    expect(windowFrom("7:7", 50)).toBeNull();
  });

  it("that is the whole text is not written", () => {
    expect(windowSaid(0, 50, 50)).toBe("");
    expect(windowSaid(3, 50, 50)).toBe("3:");
    expect(windowSaid(0, 9, 50)).toBe(":9");
    expect(windowFrom(windowSaid(3, 9, 50), 50)).toEqual([3, 9]);
  });
});

it("what a cell says is one of four, whatever the address names", () => {
  expect(cellStyle("both")).toBe("both");
  expect(cellStyle("toString")).toBe("guess");
});

it("the walkthrough is offered where there is one", () => {
  expect(walkthroughAt(["text", "lens"], 3, "1.mlp")).toBeNull();
  expect(walkthroughAt(["lens", "walkthrough"], 3, "1.mlp")).toMatchObject({ view: "walkthrough", position: 3 });
});
