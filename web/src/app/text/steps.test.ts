import { expect, it } from "vitest";

import { goldenTrace } from "../../trace/goldens";
import type { Step } from "../../engine";
import { likelihood } from "../../view";
import { endWords, goingOn, keptIds, runsOf } from "./steps";

const step = (id: number, text: string, more: Partial<Step> = {}): Step => ({
  position: 10 + id,
  id,
  bytes: "f09f",
  text,
  logprob: -Math.LN2 * (id + 1),
  bits: id + 1,
  prob: 1,
  rank: id + 1,
  entropy: Math.LN2,
  special: false,
  named: false,
  ended: null,
  ...more,
});
const prose = likelihood(goldenTrace("prose"));
const { legend } = prose;

it("draws a character that came in several tokens as one run, once it is there", () => {
  const steps = [step(0, " a"), step(1, ""), step(2, "👩")];
  expect(runsOf(steps.slice(0, 2), 30, legend, "surprisal_bits").map((run) => [run.text, run.label])).toEqual([
    [" a", "␣a"],
    ["", "\\xF0\\x9F"],
  ]);
  const [first, last] = runsOf(steps, 30, legend, "surprisal_bits");
  expect(first).toMatchObject({ start: 30, bits: 1, number: 1, seam: true });
  expect(last).toMatchObject({ text: "👩", start: 32, bits: 5, number: 5, seam: false });
  expect(last!.pieces.map((piece) => piece.position)).toEqual([11, 12]);
});

it("colours by what the text is coloured by", () => {
  const one = [step(3, "x")];
  const number = (value: Parameters<typeof runsOf>[3]) => runsOf(one, 0, legend, value)[0]!.number;
  expect(number("next_rank")).toBe(4);
  expect(number("entropy_bits")).toBe(1);
  expect(number("excess_bits")).toBe(3);
  expect(number("settled_stage")).toBeNull();
});

it("keeps no end of the text", () => {
  const ended = [step(0, "a"), step(1, "", { special: true, ended: "eos", bytes: "3c7c3e" })];
  expect(keptIds(ended)).toEqual([0]);
  expect(runsOf(ended, 0, legend, "surprisal_bits")[1]!.label).toBe("<|>");
  expect(endWords(ended, false)).toBe("2 tokens; the model ended the text.");
  expect(keptIds([step(0, "a", { ended: "length" })])).toEqual([0]);
});

it("goes on where the text was cut, and drops what stood there", () => {
  const runs = goingOn(prose, 4, [step(0, " a"), step(1, " b")], "surprisal_bits");
  const before = prose.runs.filter((run) => run.pieces.every((piece) => piece.position < 4));
  expect(before).toHaveLength(4);
  expect(runs.slice(0, 4)).toEqual(before);
  expect(runs.slice(4).map((run) => [run.text, run.start, run.seam])).toEqual([
    [" a", [...before.map((run) => run.text).join("")].length, true],
    [" b", [...before.map((run) => run.text).join("")].length + 2, false],
  ]);
});
