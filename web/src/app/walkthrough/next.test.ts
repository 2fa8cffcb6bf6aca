import { describe, expect, it } from "vitest";

import { chances as numbersOf } from "../../engine";
import { candidates, drawn } from "./next";

const LOGITS = [0, Math.log(4), Math.log(3), 0, Math.log(2)];
const all = { temperature: 1, topK: 0, topP: 1 };
const chances = (more: Partial<typeof all>) =>
  candidates(LOGITS, { ...all, ...more }).map(({ id, chance }) => [id, Math.round(1e4 * chance) / 1e4]);

describe("candidates", () => {
  it("are all tokens, the likeliest first, of equal ones the lower id", () => {
    const found = candidates(LOGITS, all);
    expect(found.map(({ id }) => id)).toEqual([1, 2, 4, 0, 3]);
    expect(found.reduce((sum, { probability }) => sum + probability, 0)).toBeCloseTo(1, 12);
    expect(found[0]!.probability).toBeCloseTo(4 / 11, 12);
    expect(found.map(({ chance }) => chance)).toEqual(found.map(({ probability }) => probability));
  });

  it("are narrowed by temperature, then k, then p, and keep the model's own probabilities", () => {
    expect(chances({ topK: 2 })).toEqual([
      [1, 0.5714],
      [2, 0.4286],
      [4, 0],
      [0, 0],
      [3, 0],
    ]);
    expect(chances({ topP: 0.6 })).toEqual([
      [1, 0.5714],
      [2, 0.4286],
      [4, 0],
      [0, 0],
      [3, 0],
    ]);
    expect(chances({ topP: 0.01 })[0]).toEqual([1, 1]);
    expect(chances({ temperature: 0.5, topK: 2 })[0]).toEqual([1, 0.64]);
    expect(chances({ temperature: 0 }).map(([, chance]) => chance)).toEqual([1, 0, 0, 0, 0]);
    expect(candidates(LOGITS, { ...all, topK: 1 })[1]!.probability).toBeCloseTo(3 / 11, 12);
    expect(chances({ topK: 99 })).toEqual(chances({}));
  });

  it("are drawn as often as their chances say, in the order of their ids", () => {
    const found = candidates(LOGITS, { ...all, topK: 3 });
    const n = 20_000;
    const counts = new Map<number, number>();
    const numbers = numbersOf(7);
    for (let i = 0; i < n; i++) {
      const { id } = drawn(found, numbers.next().value);
      counts.set(id, (counts.get(id) ?? 0) + 1);
    }
    for (const { id, chance } of found) expect((counts.get(id) ?? 0) / n).toBeCloseTo(chance, 1);
    expect(counts.get(0)).toBeUndefined();
    expect([0, 0.45, 0.78, 0.9999999, 1].map((at) => drawn(found, at).id)).toEqual([1, 2, 4, 4, 4]);
    expect(drawn(candidates(LOGITS, { ...all, temperature: 0 }), 0.999).id).toBe(1);
  });
});
