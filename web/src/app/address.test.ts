import { describe, expect, it } from "vitest";

import { addressOf, NOWHERE, placeAt, type Place } from "./address";
import { DEFAULTS } from "./settings";

async function there(place: Place): Promise<Place> {
  return placeAt(`#${await addressOf(place)}`);
}

describe("a link", () => {
  it("reopens everything that was seen", async () => {
    const place: Place = {
      model: "openai-community/gpt2",
      view: "lens",
      text: "Ünïcode & <b> = 1 + 2 # 100%\r\n\tمرحبا 👩‍🔬",
      ids: [0, 127, 128, 50256, 2 ** 31 - 1],
      edits: { list: [{ position: 1, removed: [500], inserted: [127, 128] }], done: 1 },
      position: 7,
      stage: "3.mlp",
      pinned: true,
      cell: { block: "0.attn.pattern", index: [2, 5, 0] },
      guide: "attention@12.5~1.2.3",
      eye: "1.5,-20,0,30,-12.5,48",
      file: { name: "sea & land.trace.safetensors", hash: "0123456789abcdef" },
      against: { model: "embedded:tales", text: "the other & one" },
      settings: { ...DEFAULTS, bos: true, value: "entropy_bits", top_k: 25 },
    };
    expect(await there(place)).toEqual(place);
  });

  it("to nothing in particular is empty", async () => {
    expect(await addressOf(NOWHERE)).toBe("");
    expect(await placeAt("")).toEqual(NOWHERE);
  });

  it("tells an empty text from none", async () => {
    expect((await there({ ...NOWHERE, text: "" })).text).toBe("");
    expect((await there(NOWHERE)).text).toBeNull();
  });

  it.each(["word ".repeat(4000), "a\ud83d broken", "\u0000\ud800", "é".repeat(301)])(
    "keeps any text: %.12j",
    async (text) => {
      expect((await there({ ...NOWHERE, text })).text).toBe(text);
    },
  );

  it("to a long text is much shorter than the text", async () => {
    const text = "The tide came in, and the tide went out again. ".repeat(400);
    expect((await addressOf({ ...NOWHERE, text })).length).toBeLessThan(text.length / 20);
  });

  it("holds only settings that differ", async () => {
    expect(await addressOf({ ...NOWHERE, settings: { ...DEFAULTS, by: "word" } })).toBe("by=word");
  });

  it("that unpacks to far too much opens without its text", async () => {
    const place = await there({ ...NOWHERE, text: "a".repeat(3_000_000) });
    expect(place.text).toBeNull();
  });

  it("that is damaged opens what can be read of it", async () => {
    const place = await placeAt("#m=x&z=!!!&i=$$&p=-3&c=embed:1:x&top_k=many&bos=yes&nonsense=1");
    expect(place).toEqual({ ...NOWHERE, model: "x" });
  });
});
