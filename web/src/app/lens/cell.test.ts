import { describe, expect, it } from "vitest";

import { goldenTrace } from "../../trace/goldens";
import { guesses, numbers, percentWords, unknown, written } from "./cell";

const trace = goldenTrace("prose");
const last = trace.stages.length - 1;
const k = trace.array("top_ids").shape[2]!;
const top = (row: number, column: number) => Array.from({ length: k }, (_, i) => trace.at("top_ids", row, column, i));

describe("the guesses of a cell", () => {
  it("are the stage's own in their order, then those of the end", () => {
    for (let column = 0; column < trace.positions.length; column++) {
      const found = guesses(trace, 1, column);
      expect(found.filter((guess) => guess.here).map((guess) => guess.id)).toEqual(top(1, column));
      const rest = top(last, column).filter((id) => !top(1, column).includes(id));
      expect(found.filter((guess) => !guess.here).map((guess) => guess.id)).toEqual(rest);
    }
  });

  it("have the probabilities of both stages, and nothing that was not read", () => {
    for (const guess of guesses(trace, 1, 2)) {
      const [here, there] = [top(1, 2).indexOf(guess.id), top(last, 2).indexOf(guess.id)];
      if (here >= 0) expect(guess.probability).toBe(Math.exp(trace.at("top_logprobs", 1, 2, here)));
      if (there >= 0) expect(guess.final_probability).toBe(Math.exp(trace.at("top_logprobs", last, 2, there)));
      expect(guess.came_next).toBe(guess.id === trace.ids[3]);
      if (guess.change !== null) expect(guess.change).toBe(guess.final_probability! - guess.probability!);
      else expect([guess.probability, guess.final_probability]).toContain(null);
    }
  });

  it("know the final guess at every stage, also beyond its likeliest", () => {
    for (let column = 0; column < trace.positions.length; column++) {
      const first = guesses(trace, 0, column).find((guess) => guess.id === top(last, column)[0])!;
      expect(first.rank).toBe(trace.at("final_rank", 0, column));
      expect(first.final_rank).toBe(1);
    }
  });

  it("are completed by a trace that followed the unknown ones", () => {
    const missing = unknown(guesses(trace, 1, 2));
    expect(missing.length).toBeGreaterThan(0);
    const watched = {
      ...trace,
      stages: [trace.stages[1]!, trace.stages[last]!],
      watched: missing,
      column: () => 0,
      has: () => true,
      at: (name: string, row: number, _: number, i: number) => (name === "watch_rank" ? 100 + 10 * row + i : -row - 1),
    };
    const found = guesses(trace, 1, 2, watched as unknown as typeof trace);
    expect(unknown(found)).toEqual([]);
    const filled = guesses(trace, 1, 2).findIndex((guess) => guess.final_rank === null);
    expect(found[filled]!.final_rank).toBe(110 + missing.indexOf(found[filled]!.id));
    expect(found[filled]!.final_probability).toBe(Math.exp(-2));
    // What was known stays what it was.
    expect(found[filled]!.probability).toBe(guesses(trace, 1, 2)[filled]!.probability);
  });

  it("of the last stage have changed by nothing", () => {
    for (const guess of guesses(trace, last, 4)) expect(guess.change).toBe(0);
  });
});

describe("the numbers of a cell", () => {
  it("are all that the trace holds, each under its name", () => {
    const found = numbers(trace, 1, 2).flatMap((part) => part.figures);
    const names = found.map((figure) => figure.name);
    expect(new Set(names).size).toBe(names.length);
    expect(names).toContain("kl_from_final");
    expect(names).toContain("surprisal_bits");
    expect(found.find((figure) => figure.name === "next_rank")!.shown).toBe(String(trace.at("next_rank", 1, 2)));
  });

  it("of a token that never came are left out", () => {
    const end = numbers(trace, last, trace.positions.length - 1);
    expect(end.map((part) => part.id)).not.toContain("next");
  });

  it("are written with the digits that float32 vouches for", () => {
    expect(written("next_rank", 0)).toBe("–");
    expect(written("next_rank", 1234)).toBe("1,234");
    expect(written("next_logprob", NaN)).toBe("–");
    expect(written("next_logprob", -2.5)).toBe("−2.500");
    expect(written("next_logprob", -Infinity)).toBe("−∞");
    expect(written("top_prob", 0.25)).toBe("0.2500");
    expect(written("top_prob", 1.234e-7)).toBe("1.23e−7");
  });

  it("say small chances without hiding them", () => {
    expect([0.5, 0.0312, 0.0001, 0.00001, 0].map(percentWords)).toEqual(["50.0", "3.12", "0.01", "1e−3", "0.00"]);
  });
});
