import { expect, it } from "vitest";

import { goldenTrace } from "../../trace/goldens";
import { tokenBits } from "../../trace";
import { difference } from "../../view";
import { laterOf, signed } from "./later";

it("lists what is in both texts from the edit on, with its sums", () => {
  const trace = goldenTrace("prose");
  const n = trace.ids.length;
  // As if the token at 4 had been put in.
  const partners = Array.from({ length: n }, (_, t) => (t === 4 ? null : t));
  const found = laterOf(difference(trace, trace, { partners }), 4);
  expect(found.tokens.map((one) => one.position)).toEqual(Array.from({ length: n - 5 }, (_, i) => i + 5));
  const bits = [...tokenBits(trace, trace.stages.length - 1)].slice(5).reduce((a, b) => a + b, 0);
  expect(found.before).toBeCloseTo(bits, 4);
  expect(found.change).toBe(0);
});

it.each([
  [1.005, "+1.00"],
  [-0.3, "−0.30"],
  [0.004, "±0.00"],
  [-0.004, "±0.00"],
  [Infinity, "+∞"],
  [null, "–"],
])("%j is written %s", (change, written) => {
  expect(signed(change)).toBe(written);
});
