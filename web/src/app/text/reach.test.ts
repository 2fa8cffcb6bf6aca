import { expect, it } from "vitest";

import { Trace } from "../../trace";
import { goldenTrace } from "../../trace/goldens";
import { reachOf, reachWords, roomFor } from "./reach";

const whole = goldenTrace("prose");
const n = whole.ids.length;

/** The same, as if read in windows of so many tokens, each beginning with so much prefix. */
function windowed(context: readonly number[], bos = "none"): Trace {
  return new Trace({ ...whole, contextLengths: Int32Array.from(context), provenance: { ...whole.provenance, bos } });
}

it("is all of a text that fits", () => {
  expect(reachOf(whole, 4, false)).toEqual({ ids: [...whole.ids.subarray(0, 4)], left: 0 });
  expect(reachOf(whole, n, false).ids).toEqual([...whole.ids]);
});

it("is what the window of that place held, and no more", () => {
  const trace = windowed(Array.from({ length: n }, (_, t) => (t < 4 ? t + 1 : 3)));
  expect(reachOf(trace, 4, false).left).toBe(0);
  expect(reachOf(trace, 6, false)).toEqual({ ids: [...trace.ids.subarray(3, 6)], left: 3 });
});

it("keeps the prefix that every window begins with", () => {
  const trace = windowed(
    Array.from({ length: n }, () => 3),
    "added",
  );
  expect(reachOf(trace, 6, true)).toEqual({ ids: [trace.ids[0], trace.ids[4], trace.ids[5]], left: 3 });
});

it("goes on from all while a token fits, and then from what leaves room", () => {
  expect(roomFor(whole, 5, false, 6, 3)).toEqual({ ids: [...whole.ids.subarray(0, 5)], left: 0 });
  expect(roomFor(whole, 6, false, 6, 2)).toEqual({ ids: [...whole.ids.subarray(2, 6)], left: 2 });
  expect(roomFor(whole, 6, false, 6, 100)).toEqual({ ids: [...whole.ids.subarray(3, 6)], left: 3 });
  expect(roomFor(whole, 6, false, 0, 100).left).toBe(0);
});

it("says how much was read where that is not all", () => {
  expect(reachWords({ ids: [1, 2], left: 0 }, 512)).toBe("");
  expect(reachWords({ ids: [1, 2], left: 1500 }, 512)).toBe(
    "The 2 tokens before it were read, of 1,502: the model reads 512 at once.",
  );
});
