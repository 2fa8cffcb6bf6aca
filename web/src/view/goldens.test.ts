// The view specs that Python wrote, to the last name and colour.

import { describe, expect, it } from "vitest";

import { Tokens } from "../trace";
import { golden, goldenTrace } from "../trace/goldens";
import { KINDS, tokenKinds } from "./kinds";
import {
  UNITS,
  alternatives,
  difference,
  evolution,
  flowing,
  grid,
  gridDifference,
  histogram,
  likelihood,
  stretches,
  strip,
  tokenLabel,
  visible,
} from "./index";

/** Numbers to a billionth; `loose` where they come from float32 exponentials, whose last digit may differ. */
function same(found: unknown, expected: unknown, loose = false): void {
  compare(JSON.parse(JSON.stringify(found)), expected, "", loose ? 1e-6 : 1e-9, loose ? 1e-7 : 1e-12);
}

function compare(found: any, expected: any, where: string, within: number, least: number): void {
  if (typeof expected === "number") {
    expect(typeof found, where).toBe("number");
    expect(Math.abs(found - expected), `${where}: ${found}, not ${expected}`).toBeLessThanOrEqual(
      Math.max(within * Math.abs(expected), least),
    );
  } else if (expected !== null && typeof expected === "object") {
    expect(Object.keys(found ?? {}), where).toEqual(Object.keys(expected));
    for (const key of Object.keys(expected)) compare(found[key], expected[key], `${where}.${key}`, within, least);
  } else expect(found, where).toBe(expected);
}

const text = (name: string) => goldenTrace(name.split(".")[0]!);

describe("likelihood", () => {
  it.each([
    ["prose.likelihood", { top: 2 }],
    ["prose.likelihood.relative", { scale: "relative" }],
    ["prose.likelihood.word", { by: "word" }],
    ["code.likelihood", { top: 1 }],
    ["code.likelihood.line", { by: "line" }],
    ["code.likelihood.rank", { value: "next_rank", stage: "0.mlp" }],
    ["code.likelihood.entropy.sentence", { value: "entropy_bits", by: "sentence" }],
    ["code.likelihood.excess.word", { value: "excess_bits", by: "word", stage: "1.attn" }],
    ["following.likelihood.settled", { value: "settled_stage" }],
    ["following.likelihood.settled.line", { value: "settled_stage", by: "line" }],
    ["scripts.likelihood", { top: 30 }],
    ["scripts.likelihood.word", { by: "word" }],
    ["scripts.likelihood.sentence", { by: "sentence", scale: "relative" }],
  ] as const)("%s", (name, options) => same(likelihood(text(name), options), golden(name)));
});

describe("grid", () => {
  it.each([
    ["prose.grid", {}],
    ["prose.grid.final_rank", { value: "final_rank", every: 2, window: [1, 5] }],
    ["prose.grid.watch_logprob", { value: "watch_logprob", watch: 7, top_down: true }],
    ["code.grid.logit_mean", { value: "logit_mean", window: [-3, null] }],
    ["code.grid.surprisal_bits", { value: "surprisal_bits", embed: false }],
    ["code.grid.kl_from_final", { value: "kl_from_final", window: [0, 4] }],
  ] as const)("%s", (name, options) => same(grid(text(name), options), golden(name), true));
});

describe("strip, evolution and histogram", () => {
  it("code.strip", () => same(strip(text("code")), golden("code.strip")));
  it("following.evolution", () =>
    same(evolution(text("following"), { position: 3, value: "rank", top_k: 3 }), golden("following.evolution")));
  it("following.histogram", () =>
    same(
      histogram(text("following"), { position: 3, stage: ["embed", "2.mlp"], top_k: 2 }),
      golden("following.histogram"),
    ));
});

describe("alternatives", () => {
  it.each([
    ["prose.alternatives", 3, undefined],
    ["prose.alternatives.early", 9, "0.mlp"],
    ["following.alternatives", 4, "1.attn"],
    ["code.alternatives.unscored", 0, undefined],
  ] as const)("%s", (name, position, stage) => same(alternatives(text(name), position, stage), golden(name)));
});

describe("differences", () => {
  const pairOf = (name: string) => name.split(".").slice(0, 2).map(goldenTrace) as [never, never];
  it.each([
    ["prose.retold.difference", {}],
    ["prose.retold.difference.word", { by: "word", stage: "1.mlp" }],
    ["retold.prose.difference.line", { by: "line" }],
  ] as const)("%s", (name, options) => same(difference(...pairOf(name), options), golden(name)));

  it.each([
    ["prose.retold.grid", {}],
    ["prose.retold.grid.surprisal_bits", { value: "surprisal_bits", top_down: true }],
    ["prose.retold.grid.next_rank", { value: "next_rank", window: [0, 5], every: 2 }],
    ["prose.retold.grid.logit_mean", { value: "logit_mean", embed: false }],
  ] as const)("%s", (name, options) => same(gridDifference(...pairOf(name), options), golden(name), true));
});

describe("texts of many scripts, cut anywhere", () => {
  const { cases, kinds } = golden("units");
  const numbers = (joined: string) => (joined ? joined.split(" ").map(Number) : []);

  it("are judged by the same kinds", () => expect(KINDS).toEqual(kinds));

  it.each([...cases.keys()] as number[])("case %i", (i) => {
    const written = cases[i];
    const pieces: Uint8Array[] = written.bytes
      .split(" ")
      .map((hex: string) => Uint8Array.from(Buffer.from(hex, "hex")));
    const tokens = new Tokens({
      text: written.text,
      ids: Int32Array.from(pieces.keys()),
      pieces: written.bytes || written.bos ? pieces : [],
      spans: Int32Array.from(numbers(written.spans)),
      special: pieces.map((_, t) => written.bos && t === 0),
      lossy: written.lossy,
      names: new Map([[0, "<s>"]]),
    });
    for (const by of UNITS) {
      const cut = stretches(tokens, by).map((s) => `${s.start}-${s.end}:${s.first}-${s.stop}`);
      expect(cut.join(" "), by).toBe(written.stretches[by]);
    }
    expect([...tokenKinds(tokens)].join(" ")).toBe(written.kinds);
    expect(tokens.pieces.map((_, t) => tokenLabel(tokens, t))).toEqual(written.labels);
    expect(visible(tokens.text, true)).toBe(written.visible);
    expect(flowing(tokens.text)).toBe(written.flowing);
  });
});
