import { describe, expect, it } from "vitest";
import { Pace } from "./reader";

/** What the pace settles on, and how long a run of that takes, where a run takes so long by itself and so long for each. */
function settled(start: number, each: number): { n: number; milliseconds: number } {
  const pace = new Pace();
  for (let run = 0; run < 40; run++) pace.tookTokens(pace.tokens, start + each * pace.tokens);
  return { n: pace.tokens, milliseconds: start + each * pace.tokens };
}

describe("how much a run takes", () => {
  it("is what a fifth of a second allows", () => {
    const { milliseconds } = settled(0, 2);
    expect(milliseconds).toBeGreaterThan(150);
    expect(milliseconds).toBeLessThan(250);
  });

  it("does not shrink to nothing where beginning a run takes that long already", () => {
    for (const start of [120, 180, 240]) {
      const { n, milliseconds } = settled(start, 5);
      expect(n * 5).toBeGreaterThan(start);
      expect(milliseconds).toBeLessThanOrEqual(1050);
    }
  });

  it("stays within its bounds on any device", () => {
    expect(settled(0, 1e-3).n).toBe(512);
    expect(settled(5000, 1000).n).toBe(8);
  });

  it("does not learn from a text's short end that runs are to be short", () => {
    const pace = new Pace();
    for (let run = 0; run < 20; run++) pace.tookTokens(pace.tokens, 2 * pace.tokens);
    const before = pace.tokens;
    pace.tookTokens(3, 40);
    expect(pace.tokens).toBe(before);
  });
});
