import { expect, it } from "vitest";

import { drawables } from "../../view";
import { TARGETS, targetOf, valueAt, valueWords } from "./values";

it("every statistic that is one number per cell can be chosen, once, and in words", () => {
  const offered = TARGETS.flatMap((target) => target.values);
  expect([...offered].sort()).toEqual([...drawables()].sort());
  for (const value of offered) expect(valueWords(value), value).not.toContain("_");
  for (const target of TARGETS) {
    const words = target.values.map(valueWords);
    expect(new Set(words).size, target.id).toBe(words.length);
  }
});

it("another token keeps the kind of number, as far as it has it", () => {
  const at = (id: string, value: string) =>
    valueAt(
      TARGETS.find((target) => target.id === id)!,
      value,
    );
  expect(at("next", "final_rank")).toBe("next_rank");
  expect(at("own", "next_logprob")).toBe("top_logprobs");
  expect(at("final", "top_logits")).toBe("final_logit");
  expect(at("own", "next_rank")).toBe("top_prob");
  expect(at("final", "kl_from_final")).toBe("final_prob");
  expect(targetOf("kl_to_input").id).toBe("all");
  expect(targetOf("no such statistic").id).toBe("own");
});
