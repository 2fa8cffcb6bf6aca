import { describe, expect, it } from "vitest";

import type { ModelCard } from "../../engine";
import { goldenTrace } from "../../trace/goldens";
import { DEFAULTS } from "../settings";
import { otherModel, otherText, partnerOf, shared, sharedWords } from "./other";

const [prose, retold, following] = ["prose", "retold", "code"].map((name) => goldenTrace(name)) as [
  ReturnType<typeof goldenTrace>,
  ReturnType<typeof goldenTrace>,
  ReturnType<typeof goldenTrace>,
];

describe("the tokens of two texts", () => {
  it("are partners both ways where they are the same", () => {
    for (let t = 0; t < prose.ids.length; t++) {
      const partner = partnerOf(prose, retold, t);
      if (partner === null) continue;
      expect(retold.tokens.pieces[partner]).toEqual(prose.tokens.pieces[t]);
      expect(partnerOf(retold, prose, partner)).toBe(t);
    }
    expect(partnerOf(prose, retold, null)).toBeNull();
    expect(partnerOf(prose, retold, prose.ids.length)).toBe(retold.ids.length);
  });

  it("are counted, and that there are none is said", () => {
    expect(sharedWords(prose, prose)).toBe(`All ${prose.ids.length} tokens are in both.`);
    const found = shared(prose, retold);
    expect(found).toBeInstanceOf(Map);
    expect(sharedWords(prose, retold)).toContain(
      `${(found as Map<number, number>).size} tokens are in both, of ${prose.ids.length} and ${retold.ids.length}`,
    );
    expect(shared(prose, retold)).toBe(found);
    const apart = shared(prose, following) as Map<number, number>;
    if (!apart.size) expect(sharedWords(prose, following)).toContain("no token in common");
  });
});

it("the other side reads its own text, or the same one with its edits", () => {
  const place = { text: "one", ids: [1, 2], settings: { ...DEFAULTS } };
  expect(otherText(place, { model: "", text: "two" }, true)).toMatchObject({ text: "two", ids: null });
  expect(otherText(place, { model: "", text: null }, true)).toMatchObject({ text: "one", ids: [1, 2] });
  expect(otherText(place, { model: "b", text: null }, false)).toMatchObject({ text: "one", ids: null });
});

it("a model that is not loaded is none", () => {
  const [a, b] = [{ name: "a" }, { name: "b" }] as ModelCard[];
  expect(otherModel({ model: "", text: "" }, a!, [a!, b!])).toBe(a);
  expect(otherModel({ model: "b", text: null }, a!, [a!, b!])).toBe(b);
  expect(otherModel({ model: "c", text: null }, a!, [a!, b!])).toBeNull();
});
