import { describe, expect, it } from "vitest";

import { momentFrom, momentText } from "./moment";
import {
  isOver,
  opened,
  played,
  replayed,
  skipped,
  sought,
  START,
  ticked,
  toggled,
  type Plan,
  type Playing,
} from "./player";

const PLANS: Plan[] = [
  { id: "a", seconds: 6, starts: [0, 2], stops: [2, 6], steps: [1, 2, 4, 6] },
  { id: "b", seconds: 3, starts: [0], stops: [3], steps: [3] },
];

/** Lets time pass in small steps until it stops by itself. */
function passed(state: Playing): Playing {
  for (let i = 0; i < 10_000 && state.playing; i++) state = ticked(state, PLANS, 0.016);
  return state;
}

describe("Space", () => {
  it("plays to the end of each passage, then on, then into the next chapter, and stays at the end", () => {
    let state = START;
    const seen: [number, number][] = [];
    for (let i = 0; i < 3; i++) {
      state = passed(toggled(state, PLANS));
      seen.push([state.chapter, state.seconds]);
    }
    expect(seen).toEqual([
      [0, 2],
      [0, 6],
      [1, 3],
    ]);
    expect(isOver(state, PLANS)).toBe(true);
    expect(toggled(state, PLANS)).toEqual(state);
  });

  it("pauses, and goes on from where it was", () => {
    let state = ticked(toggled(START, PLANS), PLANS, 0.5);
    state = toggled(state, PLANS);
    expect([state.playing, state.seconds]).toEqual([false, 0.5]);
    expect(ticked(state, PLANS, 1)).toEqual(state);
    state = ticked(toggled(state, PLANS), PLANS, 0.25);
    expect([state.playing, state.seconds]).toEqual([true, 0.75]);
  });

  it("is not carried past a stop by a slow picture", () => {
    expect(ticked(toggled(START, PLANS), PLANS, 100)).toMatchObject({ seconds: 2, playing: false });
  });
});

describe("Backspace", () => {
  it("plays the chapter again from its start", () => {
    const state = replayed({ ...START, seconds: 5 }, PLANS);
    expect(state).toMatchObject({ chapter: 0, seconds: 0, playing: true });
  });
});

describe("a passage's own button", () => {
  it("plays it from its start, pauses it, goes on with it, and begins it again at its end", () => {
    let state = played({ ...START, seconds: 1 }, PLANS, 1);
    expect(state).toMatchObject({ seconds: 2, playing: true });
    state = played(ticked(state, PLANS, 1), PLANS, 1);
    expect(state).toMatchObject({ seconds: 3, playing: false });
    state = passed(played(state, PLANS, 1));
    expect(state).toMatchObject({ seconds: 6, playing: false });
    expect(played(state, PLANS, 1)).toMatchObject({ seconds: 2, playing: true });
  });
});

describe("a scrubber", () => {
  it("goes anywhere within the chapter and stops there", () => {
    const state = toggled(START, PLANS);
    expect(sought(state, PLANS, 4.5)).toMatchObject({ seconds: 4.5, playing: false });
    expect(sought(state, PLANS, 99).seconds).toBe(6);
    expect(sought(state, PLANS, -1).seconds).toBe(0);
  });
});

describe("skipping", () => {
  it("plays the rest of the passage within half a second", () => {
    let state = skipped({ ...START, seconds: 2.5 }, PLANS);
    state = ticked(state, PLANS, 0.25);
    expect(state.seconds).toBeCloseTo(2.5 + 3.5 / 2);
    state = ticked(state, PLANS, 0.25);
    expect(state).toMatchObject({ seconds: 6, playing: false, rate: 1 });
    expect(skipped(state, PLANS)).toMatchObject({ chapter: 1, seconds: 0, playing: true, rate: 1 });
  });
});

describe("reduced motion", () => {
  const reduced = { ...START, reduced: true };

  it("goes from step to step, and nothing ever runs", () => {
    const seen: [number, number][] = [];
    let state: Playing = reduced;
    for (let i = 0; i < 6; i++) {
      state = toggled(state, PLANS);
      expect(state.playing).toBe(false);
      seen.push([state.chapter, state.seconds]);
    }
    expect(seen).toEqual([
      [0, 1],
      [0, 2],
      [0, 4],
      [0, 6],
      [1, 3],
      [1, 3],
    ]);
    expect(opened(reduced, PLANS, 1)).toMatchObject({ chapter: 1, seconds: 3, playing: false });
    expect(replayed({ ...reduced, seconds: 6 }, PLANS)).toMatchObject({ seconds: 1, playing: false });
  });

  it("scrubs to the ends of steps", () => {
    expect([0, 0.4, 1, 2.2, 5].map((at) => sought(reduced, PLANS, at).seconds)).toEqual([0, 1, 1, 4, 6]);
  });
});

describe("a moment in the address", () => {
  it("comes back as it went", () => {
    for (const moment of [
      { chapter: "attention", seconds: 12.5, followed: { layer: 2, head: 1, position: 4 } },
      { chapter: "half-way", seconds: 0, followed: {} },
      { chapter: "", seconds: 0, followed: {} },
      { chapter: "mlp", seconds: 0, followed: { layer: 0, head: 0, position: 0 } },
    ])
      expect(momentFrom(momentText(moment))).toEqual(moment);
    expect(momentText({ chapter: "mlp", seconds: 1 / 3, followed: {} })).toBe("mlp@0.33");
  });

  it("that nobody wrote is the beginning", () => {
    for (const text of ["", "@", "mlp@x", "mlp~1", "<b>", "mlp@1e9", "mlp@1@2"])
      expect(momentFrom(text)).toEqual({ chapter: "", seconds: 0, followed: {} });
  });
});
