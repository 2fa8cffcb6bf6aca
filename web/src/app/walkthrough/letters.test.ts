import { expect, it } from "vitest";

import type { Engine, ModelCard } from "../../engine";
import { after, isSorted, lettersFor, split } from "./letters";

const LETTERS = { letters: ["A", "B", "C"], nGiven: 6 };
const engine = (tokens: string[], special = tokens.map(() => false)) =>
  ({ tokenise: async () => ({ tokens, special }) }) as unknown as Engine;
const card = (n_vocab: number, context_window = 11) => ({ name: "m", n_vocab, context_window }) as unknown as ModelCard;
const never = new AbortController().signal;

it("are found where a vocabulary is a few letters, and nowhere else", async () => {
  expect(await lettersFor(engine(["A", "B", "C"]), card(3), never)).toEqual(LETTERS);
  expect(await lettersFor(engine(["A", "BB", "C"]), card(3), never)).toBeNull();
  expect(await lettersFor(engine(["A", "B"], [false, true]), card(2), never)).toBeNull();
  expect(await lettersFor(engine([]), card(50_000), never)).toBeNull();
});

it("are split into what was given and what came out", () => {
  expect(split("CBABBC", LETTERS)).toEqual({ given: [..."CBABBC"], out: [] });
  expect(split("CBABBCABBBCC", LETTERS)).toEqual({ given: [..."CBABBC"], out: [..."ABBBCC"] });
  expect(split("CBABBCAB", LETTERS)).toEqual({ given: [..."CBABBC"], out: ["A", "B"] });
  for (const text of [null, "", "CBA", "CBABBX", "Once upon a time", "CBABBCAABBBCC"])
    expect(split(text, LETTERS)).toEqual({ given: [..."CBACBA"], out: [] });
});

it("are turned one after the other, around", () => {
  expect([after("A", LETTERS.letters), after("C", LETTERS.letters), after("A", LETTERS.letters, -1)]).toEqual([
    "B",
    "A",
    "C",
  ]);
});

it("are sorted only where all are there, in order", () => {
  const sorted = (given: string, out: string) => isSorted([...given], [...out], LETTERS.letters);
  expect(sorted("CBABBC", "ABBBCC")).toBe(true);
  expect([sorted("CBABBC", "ABBBC"), sorted("CBABBC", "AABBCC"), sorted("CBABBC", "ABBCBC")]).toEqual([
    false,
    false,
    false,
  ]);
});
