import { describe, expect, it } from "vitest";

import { wordsOf } from "./giants";
import { Shelves } from "./shelves";

describe("words", () => {
  it("get places of their own in the sheet until it is full", () => {
    const shelves = new Shelves(256);
    const words = Array.from({ length: 200 }, (_, i) => shelves.place(20 + ((i * 37) % 90), 14 + ((i * 13) % 20)));
    const placed = words.filter((word) => word !== null);
    expect(placed.length).toBeGreaterThan(20);
    expect(placed.length).toBeLessThan(200);
    placed.forEach((a, i) => {
      expect(Math.max(a.x + a.width, a.y + a.height)).toBeLessThanOrEqual(256);
      for (const b of placed.slice(i + 1))
        expect(a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height).toBe(false);
    });
    expect(shelves.place(300, 10)).toBeNull();
  });

  it("say that giants are shapes only", () => {
    const gpt3 = { name: "GPT-3", n_parameters: 174604259328, n_positions: 2048 } as Parameters<typeof wordsOf>[0];
    expect(wordsOf(gpt3)).toEqual(["GPT-3, 2,048 tokens", "174,604,259,328 parameters", "shape only, no values"]);
  });
});
