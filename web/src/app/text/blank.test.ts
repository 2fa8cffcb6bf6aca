import { expect, it } from "vitest";

import { blanksOf } from "./blank";

it.each([
  ["a ____ b", 1, 2, 6],
  ["a ______ b", 1, 2, 8],
  ["a ___ b", 0, -1, -1],
  ["\\____ and ____", 1, 10, 14],
  ["\\\\____", 1, 2, 6],
  ["\\____", 0, -1, -1],
  ["____ ____", 2, 0, 4],
])("in %j there are %i blanks", (text, n, start, end) => {
  expect(blanksOf(text)).toMatchObject({ n, start, end });
});

it("counts those that are meant as they stand", () => {
  expect(blanksOf("\\____ \\\\\\____ ____").literal).toBe(2);
});
