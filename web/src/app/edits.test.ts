import { describe, expect, it } from "vitest";

import {
  applied,
  between,
  continued,
  doneAgain,
  earlier,
  editsIn,
  endingOf,
  NO_EDITS,
  numbersOf,
  sameIds,
  takenBack,
  type Edit,
  withEdit,
} from "./edits";

const TEXT = [5, 6, 7, 7, 8];
const swap: Edit = { position: 1, removed: [6], inserted: [60, 61] };
const cut: Edit = { position: 3, removed: [7, 7], inserted: [70] };

describe("edits", () => {
  it("are taken back and done again", () => {
    const ids = applied(TEXT, swap);
    const edits = withEdit(NO_EDITS, swap);
    expect(ids).toEqual([5, 60, 61, 7, 7, 8]);
    expect(takenBack(ids, edits)).toEqual(TEXT);
    expect(doneAgain(TEXT, { ...edits, done: 0 })).toEqual(ids);
    expect(takenBack(TEXT, { ...edits, done: 0 })).toBeNull();
    expect(doneAgain(ids, edits)).toBeNull();
  });

  it("that were taken back are forgotten by a new one", () => {
    const edits = { ...withEdit(NO_EDITS, swap), done: 0 };
    expect(withEdit(edits, cut)).toEqual({ list: [cut], done: 1 });
  });

  it("that do not fit the ids are none", () => {
    expect(takenBack([5, 60, 99, 7], withEdit(NO_EDITS, swap))).toBeNull();
    expect(doneAgain([5], { list: [swap], done: 0 })).toBeNull();
    expect(earlier(TEXT, { list: [swap], done: 1 }, "last")).toBeNull();
    expect(earlier(TEXT, { list: [], done: 3 }, "all")).toBeNull();
  });

  it("know where each token stood before the last of them, and before all", () => {
    const edits = withEdit(withEdit(NO_EDITS, swap), cut);
    const ids = applied(applied(TEXT, swap), cut);
    expect(ids).toEqual([5, 60, 61, 70, 8]);
    expect(earlier(ids, edits, "last")).toEqual({ ids: applied(TEXT, swap), partners: [0, 1, 2, null, 5], from: 3 });
    expect(earlier(ids, edits, "all")).toEqual({ ids: TEXT, partners: [0, null, null, null, 4], from: 1 });
  });

  it("of steps that follow each other are one; what else was edited is none of them", () => {
    const once = continued(TEXT, NO_EDITS, [90]);
    const ids = [...TEXT, 90, 91, 92];
    const twice = continued(ids.slice(0, -1), continued([...TEXT, 90], once, [91]), [92]);
    expect(twice).toEqual({ list: [{ position: TEXT.length, removed: [], inserted: [90, 91, 92] }], done: 1 });
    expect(endingOf(ids, twice)).toBe(3);
    expect(takenBack(ids, twice)).toEqual(TEXT);
    expect(endingOf([...TEXT, 90, 91, 93], twice)).toBe(0);
    expect(endingOf(applied(TEXT, swap), withEdit(NO_EDITS, swap))).toBe(0);
    expect(endingOf(TEXT, NO_EDITS)).toBe(0);
    expect(continued(applied(TEXT, swap), withEdit(NO_EDITS, swap), [9]).list).toHaveLength(2);
  });

  it("of two texts are one splice; where tokens repeat, what is put in is as short as can be", () => {
    expect(between(TEXT, applied(TEXT, swap))).toEqual(swap);
    expect(between(TEXT, TEXT)).toBeNull();
    expect(between([7, 7], [7, 7, 7])).toEqual({ position: 2, removed: [], inserted: [7] });
    expect(between([1, 2, 3], [])).toEqual({ position: 0, removed: [1, 2, 3], inserted: [] });
  });

  it("go into an address and back; anything else is none", () => {
    const edits = { list: [swap, cut, { position: 0, removed: [], inserted: [] }], done: 2 };
    expect(editsIn(numbersOf(edits))).toEqual(edits);
    for (const wrong of [[], [0], [3, 1, 1, 6, 0], [1, 1, 5, 6], [1, 1, 1]]) expect(editsIn(wrong)).toBeNull();
  });
});

it("ids are the same wherever they are kept", () => {
  expect(sameIds(TEXT, Int32Array.from(TEXT))).toBe(true);
  expect(sameIds(TEXT, TEXT.slice(1))).toBe(false);
  expect(sameIds(TEXT, [5, 6, 7, 8, 8])).toBe(false);
  expect(sameIds([], new Int32Array())).toBe(true);
});
