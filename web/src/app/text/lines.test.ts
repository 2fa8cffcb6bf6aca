import { describe, expect, it } from "vitest";

import { linesOf, type Line, type Stretch } from "./lines";

/** Stretches of these lengths, one after the other. */
function row(...lengths: number[]): Stretch[] {
  let at = 0;
  return lengths.map((length) => ({ start: at, end: (at += length) }));
}

const drawn = (lines: Line[]) =>
  lines.map((line) => line.chunks.flatMap((chunk) => chunk.parts.map((part) => `${part.index}:${part.text}`)));

describe("lines", () => {
  it("hold the parts of stretches, and the stretch of their break", () => {
    const lines = linesOf("ab\n\ncd", row(2, 1, 1, 2));
    expect(drawn(lines)).toEqual([["0:ab"], [], ["3:cd"]]);
    expect(lines.map((line) => line.broken)).toEqual([1, 2, -1]);
  });

  it("cut a stretch that reaches over a break", () => {
    const lines = linesOf("a.\n\n b", row(1, 4, 1));
    expect(drawn(lines)).toEqual([["0:a", "1:."], [], ["1: ", "2:b"]]);
    expect(lines.map((line) => line.broken)).toEqual([1, 1, -1]);
  });

  it("leave plain what is not known", () => {
    expect(drawn(linesOf("abcd\nef", row(2)))).toEqual([["0:ab", "-1:cd"], ["-1:ef"]]);
    expect(drawn(linesOf("abcd", [{ start: 2, end: 3 }]))).toEqual([["-1:ab", "0:c", "-1:d"]]);
  });

  it("end with CRLF, CR and LF alike", () => {
    const lines = linesOf("a\r\nb\rc\n", row(1, 2, 1, 1, 1, 1));
    expect(drawn(lines)).toEqual([["0:a"], ["2:b"], ["4:c"], []]);
    expect(lines.map((line) => line.broken)).toEqual([1, 3, 5, -1]);
  });

  it("are one empty line of an empty text", () => {
    expect(linesOf("", [])).toEqual([{ chunks: [], broken: -1 }]);
  });

  it("joined give the text back, in chunks that end within reach", () => {
    const text = Array.from({ length: 3000 }, (_, i) => `word${i}${i % 97 ? " " : "\n"}`).join("") + "👩".repeat(700);
    const some = row(...Array.from({ length: 900 }, (_, i) => 1 + (i % 7)));
    const lines = linesOf(text, some);
    expect(lines.map((line) => line.chunks.map((chunk) => chunk.text).join("")).join("\n")).toBe(text);
    for (const chunk of lines.flatMap((line) => line.chunks)) {
      expect(chunk.parts.map((part) => part.text).join("")).toBe(chunk.text);
      expect(chunk.text.length).toBeLessThan(910);
      expect(chunk.text.isWellFormed()).toBe(true);
    }
  });

  it("that have not changed are the same objects", () => {
    const before = linesOf("one\ntwo\nthree", row(3, 1, 3, 1, 5));
    const after = linesOf("one\ntwo\nthrew", row(3, 1, 3, 1), before);
    expect(after[0]).toBe(before[0]);
    expect(after[1]).toBe(before[1]);
    expect(after[2]).not.toBe(before[2]);
  });

  it("of a long plain line keep most of their chunks when something is typed", () => {
    const text = "the tide came in and went out again, as it does twice a day, ".repeat(200);
    const before = linesOf(text, []);
    const after = linesOf(`typed ${text}`, [], before);
    const old = new Set(before[0]!.chunks);
    const same = after[0]!.chunks.filter((chunk) => old.has(chunk)).length;
    expect(before[0]!.chunks.length).toBeGreaterThan(20);
    expect(same).toBeGreaterThan(before[0]!.chunks.length - 4);
  });
});
