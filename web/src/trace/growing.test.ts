import { describe, expect, it } from "vitest";

import { goldenTrace } from "./goldens";
import { finder, Growing } from "./growing";
import { atPositions, atStages } from "./select";
import type { Trace } from "./trace";

const whole = goldenTrace("prose");
const last = whole.stages.slice(-1);
const earlier = whole.stages.slice(0, -1);
const n = whole.positions.length;
const at = (positions: readonly number[], stages: readonly string[]): Trace =>
  atStages(atPositions(whole, Int32Array.from(positions)), stages);

/** Of all numbers of two traces, whether they are the same. */
function expectSame(found: Trace | null, wanted: Trace): void {
  expect(found!.stages).toEqual(wanted.stages);
  expect(found!.positions).toEqual(wanted.positions);
  expect(found!.contextLengths).toEqual(wanted.contextLengths);
  for (const [name, values] of wanted.arrays) expect(found!.arrays.get(name), name).toEqual(values);
}

describe("a trace that grows", () => {
  it("is nothing before the first piece, then the last stage at all positions", () => {
    const known = new Growing();
    expect([known.trace, known.near]).toEqual([null, null]);
    known.add(atStages(whole, last));
    expectSame(known.trace, atStages(whole, last));
    expect(known.near).toBeNull();
  });

  it("by stages has every stage that was read, and nothing beside", () => {
    const known = new Growing();
    for (const stage of whole.stages.toReversed()) {
      known.add(atStages(whole, [stage]));
      expect(known.near).toBeNull();
    }
    expectSame(known.trace, whole);
  });

  it("by positions has all stages beside the last one, where they were read, in whatever order", () => {
    const known = new Growing();
    known.add(atStages(whole, last));
    const parts = [[n - 2], [0, 3], [...Array(n).keys()].filter((p) => ![n - 2, 0, 3].includes(p))];
    known.add(at(parts[0]!, earlier));
    expectSame(known.near, at([n - 2], whole.stages));
    known.add(at(parts[1]!, earlier));
    expectSame(known.near, at([0, 3, n - 2], whole.stages));
    expectSame(known.trace, atStages(whole, last));
    known.add(at(parts[2]!, earlier));
    expectSame(known.trace, whole);
    expect(known.near).toBeNull();
  });

  it("says where a cell is held, and where it was not read yet", () => {
    const known = new Growing();
    known.add(atStages(whole, last));
    known.add(at([2, 5], earlier));
    const find = (stage: string) => finder(known.trace!, known.near, stage);
    expect(find(last[0]!)(4)).toEqual({ trace: known.trace, row: 0, column: 4 });
    expect(find("embed")(5)).toEqual({ trace: known.near, row: 0, column: 1 });
    expect(find("embed")(4)).toBeNull();
    expect(find("7.attn")(5)).toBeNull();
  });
});

it("positions that a trace does not hold cannot be taken of it", () => {
  expect(() => at([n], whole.stages)).toThrow(`position ${n} was asked for`);
});
