import { expect, it } from "vitest";

import { idIn, MOST_NAMED, namedIn, namedSaid, nameOf, otherwise } from "./named";

it("named tokens come back from the address as they were", () => {
  const names = [" Paris", "#12", 'a "quote"', "\n", "的", "[1]"];
  expect(namedIn(namedSaid(names))).toEqual(names);
  expect(namedSaid([])).toBe("");
  expect(namedIn("")).toEqual([]);
});

it("what is no list of texts names nothing, and no link names more than can be shown", () => {
  for (const said of ["Paris", "{}", "[", '{"a":1}', "7", "null"]) expect(namedIn(said), said).toEqual([]);
  expect(namedIn('[1, null, "a", "", "a"]')).toEqual(["a"]);
  expect(namedIn(JSON.stringify(Array.from({ length: 99 }, (_, i) => `t${i}`)))).toHaveLength(MOST_NAMED);
  expect(namedIn(JSON.stringify(["x".repeat(5000)]))).toEqual([]);
});

it("a token is named by its text, or by its id where that is none", () => {
  expect(nameOf(7, " Paris")).toBe(" Paris");
  expect(nameOf(7, null)).toBe("#7");
  expect(nameOf(7, "#1")).toBe("#7");
  expect([idIn("#12"), idIn("12"), idIn("#x")]).toEqual([12, null, null]);
  expect([otherwise("Paris"), otherwise(" Paris"), otherwise("#3"), otherwise(" ")]).toEqual([
    " Paris",
    "Paris",
    null,
    null,
  ]);
});
