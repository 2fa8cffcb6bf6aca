import { describe, expect, it } from "vitest";

import { goldenTrace } from "../../trace/goldens";
import { likelihood } from "../../view";
import { linesOf, stretchesOf, type Line, type Stretch } from "./lines";

/** Stretches of these lengths, one after the other. */
function row(...lengths: number[]): Stretch[] {
  let at = 0;
  return lengths.map((length, run) => ({ start: at, end: (at += length), run }));
}

const drawn = (lines: Line[]) =>
  lines.map((line) =>
    line.chunks.flatMap((chunk, k) =>
      chunk.parts.map(({ index, text }) => `${index < 0 ? index : line.firsts[k]! + index}:${text}`),
    ),
  );

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
    expect(drawn(linesOf("abcd", [{ start: 2, end: 3, run: 0 }]))).toEqual([["-1:ab", "0:c", "-1:d"]]);
  });

  it("end with CRLF, CR and LF alike", () => {
    const lines = linesOf("a\r\nb\rc\n", row(1, 2, 1, 1, 1, 1));
    expect(drawn(lines)).toEqual([["0:a"], ["2:b"], ["4:c"], []]);
    expect(lines.map((line) => line.broken)).toEqual([1, 3, 5, -1]);
  });

  it("are one empty line of an empty text", () => {
    expect(linesOf("", [])).toMatchObject([{ text: "", chunks: [], broken: -1 }]);
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

  it("that have moved are the same objects, and what stands on them only counts from another run", () => {
    const before = linesOf("one\ntwo\nthree", row(3, 1, 3, 1, 5));
    const after = linesOf("zero\none\ntwo\nthree", row(4, 1, 3, 1, 3, 1, 5), before);
    expect(after.slice(1).map((line) => line.key)).toEqual(before.map((line) => line.key));
    expect(after.slice(1).map((line) => line.chunks[0])).toEqual(before.map((line) => line.chunks[0]));
    expect(after[3]!.chunks[0]).toBe(before[2]!.chunks[0]);
    expect(drawn(after)).toEqual([["0:zero"], ["2:one"], ["4:two"], ["6:three"]]);
    expect(new Set(after.map((line) => line.key)).size).toBe(4);
  });

  it("of a long coloured line keep most of their chunks when a token in it becomes two", () => {
    const words = "the tide came in and went out again, as it does twice a day, ".split(/(?<= )/);
    const text = words.join("").repeat(200);
    const lengths = Array.from({ length: 200 }, () => words.map((word) => word.length)).flat();
    const before = linesOf(text, row(...lengths));
    const typed = linesOf(`the x${text.slice(4)}`, row(4, 1, ...lengths.slice(1)), before);
    const old = new Set(before[0]!.chunks);
    expect(before[0]!.chunks.length).toBeGreaterThan(20);
    expect(typed[0]!.chunks.filter((chunk) => old.has(chunk)).length).toBeGreaterThan(before[0]!.chunks.length - 5);
    expect(drawn(typed)[0]!.map((part) => Number(part.split(":")[0]))).toEqual(
      Array.from({ length: lengths.length + 1 }, (_, run) => run),
    );
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

describe("what was read of an older text", () => {
  const trace = goldenTrace("prose");
  const { runs } = likelihood(trace);
  const read = trace.tokens.text;
  const shown = (text: string) =>
    stretchesOf(trace, runs, text).map(({ start, end, run }) => [run, text.slice(start, end)]);

  it("is all of it where nothing was typed", () => {
    expect(shown(read)).toEqual(runs.map((run, i) => [i, run.text]));
  });

  it("is all of it where something was typed at its end", () => {
    expect(shown(`${read}!`)).toEqual(runs.map((run, i) => [i, run.text]));
  });

  it("ends before the token that was cut into", () => {
    expect(shown(read.slice(0, -2)).map(([run]) => run)).toEqual([0, 1, 2, 3]);
  });

  it("is its beginning and its end where something was typed between", () => {
    const at =
      runs
        .slice(0, 4)
        .map((run) => run.text)
        .join("").length - 1;
    const found = shown(`${read.slice(0, at)}X${read.slice(at)}`);
    expect(found.map(([run]) => run)).toEqual(runs.map((_, i) => i).filter((i) => i !== 3));
    for (const [run, text] of found) expect(text).toBe(runs[run as number]!.text);
  });

  it("is nothing of another text", () => {
    expect(shown("ʘ")).toEqual([]);
  });
});
