import { describe, expect, it } from "vitest";

import { tokenBits } from "./bits";
import { goldenTrace } from "./goldens";
import { merge } from "./merge";
import { atPositions } from "./select";
import { Trace } from "./trace";

const whole = goldenTrace("prose");
const late = goldenTrace("prose.late");
const early = goldenTrace("prose.early");

/** The columns `from` to `to` of a trace. */
const columns = (trace: Trace, from: number, to: number) => atPositions(trace, trace.positions.slice(from, to));

function expectSame(a: Trace, b: Trace): void {
  expect(a.stages).toEqual(b.stages);
  expect(a.positions).toEqual(b.positions);
  expect(a.contextLengths).toEqual(b.contextLengths);
  expect(a.tokens.texts).toEqual(b.tokens.texts);
  expect(a.provenance).toEqual(b.provenance);
  expect([...a.arrays.keys()]).toEqual([...b.arrays.keys()]);
  for (const [name, values] of a.arrays) expect(values, name).toEqual(b.arrays.get(name));
}

describe("pieces", () => {
  it("give the whole back exactly, in any order", () => {
    expectSame(merge([late, early]), whole);
    expectSame(merge([early, late]), whole);
  });

  it("may be stretches of positions, and may overlap where they agree", () => {
    expectSame(merge([columns(whole, 0, 4), columns(whole, 4, 9)]), whole);
    expectSame(merge([columns(whole, 0, 6), columns(whole, 3, 9), late]), whole);
  });

  it("of which some are missing are named by stage and position", () => {
    expect(() => merge([late, columns(early, 0, 5)])).toThrow(
      /no piece holds top_ids at stage "embed" \(positions 5, 6, 7, 8\)/,
    );
  });

  it("that disagree are refused", () => {
    const entropy = late.array("entropy");
    const data = entropy.data.slice();
    data[0] = data[0]! + 1;
    const other = new Trace({ ...late, arrays: new Map([...late.arrays, ["entropy", { ...entropy, data }]]) });
    expect(() => merge([late, other])).toThrow(/disagree on entropy at stage "1.mlp", position 0/);
  });

  it("of different texts or runs are refused", () => {
    expect(() => merge([late, goldenTrace("code")])).toThrow(/watch different tokens/);
    expect(() => merge([late, new Trace({ ...early, provenance: { ...early.provenance, lens: "tail:1" } })])).toThrow(
      /differ in lens \(logit and tail:1\)/,
    );
    expect(() => merge([])).toThrow(/no pieces/);
  });

  it("made at different times are one run, dated by the earliest", () => {
    const at = (trace: Trace, created: string) => new Trace({ ...trace, provenance: { ...trace.provenance, created } });
    expect(merge([at(late, "2026-01-02"), at(early, "2026-01-01")]).provenance.created).toBe("2026-01-01");
  });
});

describe("a token's bits", () => {
  it("are read at the position before it; the first token has none", () => {
    const bits = tokenBits(whole);
    const { data } = whole.array("surprisal_bits");
    expect(bits[0]).toBeNaN();
    for (let t = 1; t < bits.length; t++) expect(bits[t]).toBe(data[3 * 9 + t - 1]);
  });

  it("are missing where a piece did not read", () => {
    expect([...tokenBits(columns(whole, 2, 4))].map((b) => !Number.isNaN(b))).toEqual(
      [false, false, false, true, true, false, false, false, false], // prettier-ignore
    );
  });
});
