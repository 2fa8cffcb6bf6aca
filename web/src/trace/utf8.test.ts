import { describe, expect, it } from "vitest";

import { codeUnits, decodePartly, decodeWithHalves, encodeWithHalves } from "./utf8";

const bytes = (...values: number[]) => Uint8Array.from(values);

describe("bytes that are part of a character", () => {
  it("stay bytes, and their neighbours text", () => {
    expect(decodePartly(bytes(0x61, 0xe2, 0x9d))).toEqual(["a", bytes(0xe2, 0x9d)]);
    expect(decodePartly(bytes(0xf0, 0x9f, 0x41, 0xc3, 0xa9))).toEqual([bytes(0xf0, 0x9f), "Aé"]);
    expect(decodePartly(bytes(0xc0, 0x80, 0xed, 0xa0, 0x80, 0xf5))).toEqual([
      bytes(0xc0, 0x80, 0xed, 0xa0, 0x80, 0xf5),
    ]);
    expect(decodePartly(bytes())).toEqual([]);
  });

  it("agree with the platform's decoder on every pair of bytes", () => {
    for (let a = 0; a < 256; a++)
      for (let b = 0; b < 256; b += 3) {
        const whole = decodePartly(bytes(a, b)).every((run) => typeof run === "string");
        let fits = true;
        try {
          new TextDecoder("utf-8", { fatal: true }).decode(bytes(a, b));
        } catch {
          fits = false;
        }
        expect(whole, `${a} ${b}`).toBe(fits);
      }
  });

  it("keep a byte order mark", () => expect(decodePartly(bytes(0xef, 0xbb, 0xbf))).toEqual(["\ufeff"]));
});

describe("texts with half a surrogate pair", () => {
  it.each(["plain", "né 👩‍🔬", "a\ud83d", "\udc00b\ud800", ""])("survive: %j", (text) => {
    expect(decodeWithHalves(encodeWithHalves(text))).toBe(text);
  });

  it("are counted by character", () => {
    const text = "a👩\ud83d.";
    expect([...codeUnits(encodeWithHalves(text))]).toEqual([0, 1, 3, 4, 5]);
  });

  it("are refused where the bytes are none of these", () => expect(decodeWithHalves(bytes(0xff))).toBeNull());
});
