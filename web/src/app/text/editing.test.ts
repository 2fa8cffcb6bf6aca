import { describe, expect, it } from "vitest";

import { changed, edited, looksLikeCode, place, shown } from "./editing";

describe("typing", () => {
  it("changes the text where it was typed and nowhere else", () => {
    const text = "one\r\ntwo\rthree\nfour";
    expect(edited(text, shown(text))).toBe(text);
    expect(edited(text, "one\ntwo!\nthree\nfour")).toBe("one\r\ntwo!\rthree\nfour");
    expect(edited(text, "one\ntwo\nthree\nfour\n")).toBe(text + "\n");
    expect(edited(text, "onetwo\nthree\nfour")).toBe("onetwo\rthree\nfour");
    expect(edited(text, "one\ntwo\nfour")).toBe("one\r\ntwo\rfour");
    expect(edited(text, "")).toBe("");
    expect(edited("plain", "plane")).toBe("plane");
  });

  it("is found between what two texts begin and end with", () => {
    expect(changed("abcd", "abXd")).toEqual([2, 1]);
    expect(changed("aa", "aaa")).toEqual([2, 0]);
    expect(changed("", "x")).toEqual([0, 0]);
  });

  it("has its place in both", () => {
    expect(place("a\r\nb\r\nc", 6)).toBe(4);
    expect(place("abc", 2)).toBe(2);
  });
});

it("code is told by its indented lines", () => {
  expect(looksLikeCode("def f(x):\n    y = x\n    return y\n")).toBe(true);
  expect(looksLikeCode("It was the best of times,\nit was the worst of times.")).toBe(false);
  expect(looksLikeCode("    A paragraph begins.")).toBe(false);
});
