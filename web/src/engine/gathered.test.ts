import { describe, expect, it } from "vitest";

import { EngineError, isAbort } from "./engine";
import { Gathered, type Part } from "./gathered";

const never = () => new AbortController().signal;
const part = (n: number): Part => ({ block: `b${n}`, ranges: [[0, 1]], level: 0 });
const bytes = (n: number) => new Uint8Array(new Float32Array([1, 2, n]).buffer);

/** Answers each part with the number in its name; what was asked together is noted. */
function answering(fails: (parts: readonly Part[]) => void = () => undefined) {
  const questions: string[][] = [];
  const signals: AbortSignal[] = [];
  const gathered = new Gathered<string>(async function* (of, parts, signal) {
    questions.push([of, ...parts.map(({ block }) => block)]);
    signals.push(signal);
    for (const one of parts) {
      fails([one]);
      yield bytes(Number(one.block.slice(1)));
    }
  });
  return { gathered, questions, signals };
}

describe("parts that are asked for at once", () => {
  it("are one question, and each gets its own numbers", async () => {
    const { gathered, questions } = answering();
    const tiles = await Promise.all([3, 1, 2].map((n) => gathered.tile("run", part(n), never())));
    expect(tiles.map(({ data, rms, largest }) => [data[0], rms, largest])).toEqual([
      [3, 1, 2],
      [1, 1, 2],
      [2, 1, 2],
    ]);
    expect(questions).toEqual([["run", "b3", "b1", "b2"]]);
    await gathered.tile("run", part(4), never());
    expect(questions).toHaveLength(2);
  });

  it("are a question for each run, and several where they are many", async () => {
    const { gathered, questions } = answering();
    const many = Array.from({ length: 70 }, (_, n) => gathered.tile(n % 2 ? "odd" : "even", part(n), never()));
    expect((await Promise.all(many)).map(({ data }) => data[0])).toEqual(Array.from({ length: 70 }, (_, n) => n));
    expect(questions.map(([of, ...parts]) => [of, parts.length])).toEqual([
      ["even", 32],
      ["even", 3],
      ["odd", 32],
      ["odd", 3],
    ]);
  });

  it("do not fail with one that is refused", async () => {
    const { gathered } = answering(([one]) => {
      if (one!.block === "b1") throw new EngineError("refused", "there is no such block.");
    });
    const found = await Promise.allSettled([0, 1, 2].map((n) => gathered.tile("run", part(n), never())));
    expect(found.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
  });

  it("are withdrawn one by one, and the question with the last of them", async () => {
    let release = () => undefined as void;
    const held = new Promise<void>((resolve) => (release = resolve));
    const signals: AbortSignal[] = [];
    const gathered = new Gathered<string>(async function* (_, parts, signal) {
      signals.push(signal);
      await held;
      for (const _one of parts) yield bytes(5);
    });
    const [one, other] = [new AbortController(), new AbortController()];
    const first = gathered.tile("run", part(0), one.signal);
    const second = gathered.tile("run", part(1), other.signal);
    await Promise.resolve();
    one.abort();
    await expect(first).rejects.toSatisfy(isAbort);
    expect(signals[0]!.aborted).toBe(false);
    other.abort();
    await expect(second).rejects.toSatisfy(isAbort);
    expect(signals[0]!.aborted).toBe(true);
    release();
    const third = gathered.tile("run", part(2), never());
    expect((await third).data[0]).toBe(5);
  });

  it("that nobody wants any more are not asked for", async () => {
    const { gathered, questions } = answering();
    const stop = new AbortController();
    const asked = gathered.tile("run", part(0), stop.signal);
    stop.abort();
    await expect(asked).rejects.toSatisfy(isAbort);
    expect(questions).toEqual([]);
  });
});
