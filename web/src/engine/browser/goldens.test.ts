// The pure parts of the engine, held against what Python's say: tests/web/browser_goldens.py wrote it.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";

import { EngineError, type Range } from "../engine";
import { averaged, placed } from "./activations";
import { findBlank } from "./blank";
import { cut } from "./cut";
import { Distribution, draw, drawn, type Sampler } from "./distribution";
import { erf, exactSum } from "./sums";
import { planWindows } from "./windows";
import { shortest } from "./write";

const FILE = join(import.meta.dirname, "../../../../tests/web/goldens/browser.json");
const golden = JSON.parse(readFileSync(FILE, "utf8"));

/** Of the same thing twice, each numbered. */
const numbered = <Case>(cases: readonly Case[]): [number, Case][] => cases.map((one, i) => [i, one]);

const orNull = (numbers: Float32Array) => Array.from(numbers, (one) => (Number.isNaN(one) ? null : one));

describe("windows", () => {
  it.each(numbered<any>(golden.windows))("%i", (_, { length, context, stride, prefix, windows, refused }) => {
    const plan = () => planWindows(length, context, stride, prefix);
    if (refused) expect(plan).toThrow(new EngineError("refused", refused));
    else expect(plan()).toEqual(windows);
  });
});

describe("blanks", () => {
  it.each(numbered<any>(golden.blanks))("%i", (_, { text, blank, found, refused }) => {
    if (refused) expect(() => findBlank(text, blank)).toThrow(EngineError);
    else expect(findBlank(text, blank)).toEqual(found);
  });
});

describe("tokens from bytes", () => {
  it.each(numbered<any>(golden.cuts))("%i", (_, { pieces, given, text, spans, lossy, tokens }) => {
    const bytes = pieces.map((piece: string) => Uint8Array.from(Buffer.from(piece, "hex")));
    const found = cut({
      ids: bytes.map((_: Uint8Array, i: number) => i),
      pieces: bytes,
      special: bytes.map(() => false),
      ...(given === null ? {} : { text: given }),
    });
    expect(found.text).toBe(text);
    expect([...found.spans]).toEqual(spans.flat());
    expect(found.lossy).toBe(lossy);
    expect(found.texts).toEqual(tokens);
  });
});

describe("distributions", () => {
  it.each(numbered<any>(golden.distributions))("%i", (_, expected) => {
    const predicted = new Distribution(Float32Array.from(expected.logits), expected.n_tokens);
    expect(predicted.entropy).toBeCloseTo(expected.entropy, 10);
    expected.logprobs.forEach((one: number, i: number) => expect(predicted.logprobs[i]).toBeCloseTo(one, 10));
    expect(expected.ranks.map((_: number, id: number) => predicted.rank(id))).toEqual(expected.ranks);
    expect([...predicted.likeliest()]).toEqual(expected.likeliest);
    for (const { rules, probs, ids } of expected.drawn as { rules: Sampler; probs: number[]; ids: number[] }[]) {
      const found = drawn(rules, predicted);
      probs.forEach((one, i) => expect(found[i], JSON.stringify(rules)).toBeCloseTo(one, 12));
      expect([0, 0.2, 0.5, 0.77, 0.999, 1 - 2 ** -53].map((u) => draw(found, u))).toEqual(ids);
    }
  });
});

describe("means of tiles", () => {
  it.each(numbered<any>(golden.means))("%i", (_, { data, shape, ranges, level, sizes, means }) => {
    const found = averaged(
      Float32Array.from(data, (one) => (one === null ? NaN : (one as number))),
      shape,
      ranges as Range[],
      2 ** level,
    );
    expect(found.shape).toEqual(sizes);
    orNull(found.data).forEach((one, i) => {
      if (means[i] === null) expect(one).toBeNull();
      else expect(one).toBeCloseTo(means[i], 6);
    });
  });
});

it("reads halves as Python does", () => {
  for (const [bits, expected] of Object.entries<number>(golden.halves)) {
    const bytes = new Uint8Array(Uint16Array.of(Number(bits)).buffer);
    const [found] = placed(bytes, { file: "", offset: 0, dtype: "float16", shape: [1], strides: [1] });
    expect(found, bits).toBe(expected);
  }
});

it("reads weights through their strides", () => {
  const bytes = new Uint8Array(Float32Array.from({ length: 12 }, (_, i) => i).buffer);
  const place = { file: "", dtype: "float32" as const, shape: [2, 3, 2], strides: [1, 4, 2], offset: 0 };
  expect([...placed(bytes, place)]).toEqual([0, 2, 4, 6, 8, 10, 1, 3, 5, 7, 9, 11]);
  const brain = new Uint8Array(Uint16Array.of(0x3f80, 0xc040).buffer);
  expect([...placed(brain, { ...place, dtype: "bfloat16", shape: [2], strides: [1] })]).toEqual([1, -3]);
});

it("sums without rounding on the way", () => {
  for (const { of, sum } of golden.sums as { of: number[]; sum: number }[]) expect(exactSum(of)).toBe(sum);
});

it("has the error function to the last digits", () => {
  for (const [x, value] of Object.entries<number>(golden.erf)) expect(erf(Number(x)), x).toBeCloseTo(value, 14);
});

it("writes numbers as numpy does", () => {
  for (const [x, written] of Object.entries<string>(golden.shortest)) {
    const number = x === "-0.0" ? -0 : Number(x);
    expect(shortest(number, true), x).toBe(written);
  }
});
