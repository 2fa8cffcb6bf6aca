import { expect, it } from "vitest";

import { parameterWords } from "./model";

it("says how large a model is", () => {
  expect([260_096, 4_812_800, 999_999, 1_000_000, 1_558_000_000].map(parameterWords)).toEqual([
    "260,096",
    "4.8 M",
    "999,999",
    "1.0 M",
    "1.6 B",
  ]);
});
