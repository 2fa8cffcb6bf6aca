// Traces in pieces: what is remembered changes no number and spares the work; windows, placements, withdrawals.

import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { merge, readTrace, type Trace } from "../../trace";
import type { TraceRequest } from "../contract";
import { isAbort } from "../engine";
import { readPieces, type Wanted } from "./pieces";
import { planTrace } from "./plan";
import type { Model } from "./reader";
import { Remembered } from "./remembered";
import { toy } from "./toy";
import { traceBytes } from "./write";

const STATISTICS = ["next_logprob", "next_rank", "kl_from_final", "kl_from_input", "top_ids"];

async function pieces(
  model: Model,
  asked: Partial<TraceRequest>,
  memory = new Remembered(1 << 20),
  signal = new AbortController().signal,
  wanted?: Wanted,
): Promise<Trace[]> {
  const plan = planTrace(model.manifest, model.tokeniser, {
    model: "toy",
    statistics: STATISTICS,
    top_k: 2,
    subblocks: true,
    ...asked,
  });
  const found: Trace[] = [];
  for await (const piece of readPieces(model, plan, memory, {}, signal, () => undefined, wanted)) found.push(piece);
  return found;
}

/** Every number of a trace, by name. */
function numbers(trace: Trace): Record<string, number[]> {
  return Object.fromEntries([...trace.arrays].map(([name, { data }]) => [name, [...data]]));
}

const sum = (all: readonly number[]) => all.reduce((a, b) => a + b, 0);

it("gives the likelihood first, at every position, then the stages before it", async () => {
  const found = await pieces(toy().model, { text: "logit" });
  expect(found[0]!.stages).toEqual(["1.mlp"]);
  expect([...found[0]!.positions]).toEqual([0, 1, 2, 3, 4]);
  expect(merge(found).stages).toEqual(["embed", "0.attn", "0.mlp", "1.mlp"]);
  // The last position predicts what is not there.
  const [last] = [merge(found)];
  expect(last.at("next_logprob", 0, 4)).toBeNaN();
  expect(last.at("next_rank", 0, 4)).toBe(0);
  expect(last.at("next_rank", 0, 3)).toBeGreaterThan(0);
});

describe("what is remembered", () => {
  const edits = ["abcdef", "abcdefg", "abcdefgh", "abcxefgh", "abcxefg", "abc", "zbc", "zbc"];

  it("changes no number", async () => {
    const kept = toy();
    const memory = new Remembered(1 << 20);
    for (const text of edits) {
      const again = merge(await pieces(kept.model, { text }, memory));
      const fresh = merge(await pieces(toy().model, { text }));
      expect(numbers(again), text).toEqual(numbers(fresh));
    }
  });

  it("changes none where a text is read in windows, at some positions, or with other statistics", async () => {
    const kept = toy(5);
    const memory = new Remembered(1 << 20);
    const asked: Partial<TraceRequest>[] = [
      { text: "abcdefghijklmno" },
      { text: "abcdefghijklmnop" },
      { text: "abcdefghijklmnop", positions: [2, 9, 14] },
      { text: "abcdefghijklxnop", stride: 1 },
      { text: "abcdefghijklxnop", window: 3 },
      { text: "abcdefghijklxnop", statistics: ["next_logprob"] },
      { text: "abcde" },
    ];
    for (const one of asked) {
      const again = merge(await pieces(kept.model, one, memory));
      const fresh = merge(await pieces(toy(5).model, one));
      expect(numbers(again), JSON.stringify(one)).toEqual(numbers(fresh));
      expect([...again.contextLengths]).toEqual([...fresh.contextLengths]);
      expect(again.seams).toEqual(fresh.seams);
    }
  });

  it("makes a further token cost two positions, and the same text again nothing", async () => {
    const { model, work } = toy();
    const memory = new Remembered(1 << 20);
    await pieces(model, { text: "abcdefghijklmnopqrst" }, memory);
    expect(sum(work.fed)).toBe(20);
    work.fed.length = work.read.length = 0;
    await pieces(model, { text: "abcdefghijklmnopqrstu" }, memory);
    // What stood last is followed by another token now, and what is new was never read.
    expect(sum(work.fed)).toBe(2);
    expect(sum(work.read)).toBe(2 * 4);
    work.fed.length = work.read.length = 0;
    await pieces(model, { text: "abcdefghijklmnopqrstu" }, memory);
    expect([work.fed, work.read]).toEqual([[], []]);
  });

  it("stays within its limit, and still gives every number", async () => {
    const { model } = toy();
    const memory = new Remembered(400);
    for (let n = 1; n <= 26; n++) {
      const text = "abcdefghijklmnopqrstuvwxyz".slice(0, n);
      const found = merge(await pieces(model, { text }, memory));
      expect(memory.bytes).toBeLessThanOrEqual(400);
      expect(numbers(found)).toEqual(numbers(merge(await pieces(toy().model, { text }))));
    }
  });
});

describe("places that somebody looks at", () => {
  const TEXT = "abcdefghijklmnopqrstuvwxyz";
  const EARLIER = ["embed", "0.attn", "0.mlp"];

  /** A reading of which every run takes a second, so that a piece holds one position. */
  function slow(context = 0) {
    const { model, work } = toy(context);
    const pace = { tokens: 64, logits: 1, tookTokens: () => undefined, tookLogits: () => undefined };
    return { model: { ...model, pace } as unknown as Model, work };
  }
  const looking = (first: () => readonly number[], pass = async () => undefined): Wanted => ({
    pass,
    get first() {
      return first();
    },
  });
  const places = (found: readonly Trace[]) => found.slice(1).map((piece) => [...piece.positions]);
  let now = 0;
  beforeEach(() => {
    now = 0;
    vi.spyOn(performance, "now").mockImplementation(() => (now += 1000));
  });
  afterEach(() => void vi.restoreAllMocks());

  it("are read at all stages after the likelihood of all, then those around them", async () => {
    const { model, work } = slow();
    const found = await pieces(model, { text: TEXT }, undefined, undefined, looking(() => [7, 20, -26])); // prettier-ignore
    expect(found[0]!.stages).toEqual(["1.mlp"]);
    expect(found[0]!.positions.length).toBe(26);
    expect(new Set(found.slice(1).map((piece) => piece.stages.join()))).toEqual(new Set([EARLIER.join()]));
    expect(places(found).slice(0, 8)).toEqual([[7], [20], [0], [1], [6], [8], [19], [21]]);
    // Every cell once, from one run of the model.
    expect(sum(work.read)).toBe(4 * 26);
    expect(work.fed).toEqual([26]);
    expect(numbers(merge(found))).toEqual(numbers(merge(await pieces(toy().model, { text: TEXT }))));
  });

  it("change no number, wherever they are", async () => {
    const asked: [Partial<TraceRequest>, number[]][] = [
      [{ text: TEXT }, []],
      [{ text: TEXT, positions: [2, 9, 14] }, [9, 3, 99, 9, -99]],
      [{ text: TEXT, stages: ["0.mlp"] }, [3]],
      [{ text: TEXT, stride: 1 }, [25, 0]],
      [{ text: TEXT, statistics: ["next_logprob"] }, [4]],
    ];
    for (const [one, first] of asked)
      for (const context of [0, 5]) {
        const found = merge(await pieces(slow(context).model, one, undefined, undefined, looking(() => first))); // prettier-ignore
        const plain = merge(await pieces(toy(context).model, one));
        expect(numbers(found), JSON.stringify(one)).toEqual(numbers(plain));
        expect([...found.contextLengths]).toEqual([...plain.contextLengths]);
        expect(found.seams).toEqual(plain.seams);
      }
  });

  it("go before the rest as soon as they are others", async () => {
    const { model, work } = slow();
    let n = 0;
    const found = await pieces(model, { text: TEXT }, undefined, undefined, looking(() => (++n < 4 ? [4] : [20]))); // prettier-ignore
    // Asked once whether by positions at all, then before every piece.
    expect(places(found).slice(0, 5)).toEqual([[4], [3], [20], [19], [21]]);
    expect(sum(work.read)).toBe(4 * 26);
  });

  it("are not read again after a question that was withdrawn, and others may go between", async () => {
    const { model, work } = slow();
    const memory = new Remembered(1 << 20);
    const controller = new AbortController();
    let n = 0;
    const pass = async () => void (++n === 3 && controller.abort());
    const wanted = looking(() => [9, 12], pass);
    await pieces(model, { text: TEXT }, memory, controller.signal, wanted).catch(() => undefined);
    expect(sum(work.read)).toBe(26 + 2 * EARLIER.length);
    const again = await pieces(
      model,
      { text: TEXT },
      memory,
      undefined,
      looking(() => [20]),
    );
    // What is remembered comes with the first of the new ones.
    expect(places(again).slice(0, 2)).toEqual([[9, 12, 20], [19]]);
    expect(sum(work.read)).toBe(4 * 26);
    expect(numbers(merge(again))).toEqual(numbers(merge(await pieces(toy().model, { text: TEXT }))));
  });

  it("take one run of the model for a second question about the same text", async () => {
    const { model, work } = toy();
    const memories: Remembered[] = [];
    const [own, aside] = [0, 1].map(() => new Remembered(1 << 20, () => memories));
    memories.push(own!, aside!);
    await pieces(model, { text: TEXT }, own);
    const held = own!.bytes;
    expect(work.fed).toEqual([26]);
    const asked = { text: TEXT, positions: [12], watch: [3] };
    const found = await pieces(model, asked, aside);
    expect(work.fed).toEqual([26, 1]);
    expect(numbers(merge(found))).toEqual(numbers(merge(await pieces(toy().model, asked))));
    // Keys and values of the whole text are held once.
    expect(own!.bytes).toBe(held);
    expect(aside!.bytes).toBeLessThan(26 * 2 * 2 * 4);
    await pieces(model, { text: `${TEXT.slice(0, 20)}ax`, positions: [21] }, aside);
    expect(work.fed).toEqual([26, 1, 2]);
  });
});

it("ends as soon as it is withdrawn, and goes on from what was read the next time", async () => {
  const { model, work } = toy();
  const memory = new Remembered(1 << 20);
  const controller = new AbortController();
  const plan = planTrace(model.manifest, model.tokeniser, {
    model: "toy",
    text: "abcdefgh",
    statistics: STATISTICS,
    top_k: 2,
  });
  let n = 0;
  const caught = await (async () => {
    for await (const _ of readPieces(model, plan, memory, {}, controller.signal, () => undefined)) {
      n++;
      controller.abort();
    }
  })().catch((error: unknown) => error);
  expect(isAbort(caught)).toBe(true);
  expect(n).toBe(1);
  const read = sum(work.read);
  await pieces(model, { text: "abcdefgh", subblocks: false }, memory);
  // The last stage is known; two others are read.
  expect(sum(work.read) - read).toBe(2 * 8);
});

it("comes back whole from the bytes that it is sent as", async () => {
  const whole = merge(await pieces(toy(5).model, { text: "abcdefghijkl", watch: [3] }));
  const again = readTrace(traceBytes(whole));
  expect(numbers(again)).toEqual(numbers(whole));
  expect(again.provenance).toEqual(whole.provenance);
  expect(again.tokens.same(whole.tokens)).toBe(true);
  expect([again.seams, again.watched]).toEqual([whole.seams, whole.watched]);
});

it.each<[Partial<TraceRequest>, RegExp]>([
  [{ text: "abc", lens: "tail:1" }, /logit/],
  [{ text: "abc", stages: ["7.mlp"] }, /no stage "7.mlp"/],
  [{ text: "abc", positions: [3] }, /position 3 .* 0 to 2/],
  [{ text: "abc", top_k: 27 }, /1 to 26/],
  [{ text: "abc", statistics: ["surprise"] }, /no statistic/],
  [{ text: "abc", statistics: ["watch_rank"] }, /no token is watched/],
  [{ text: "abc", watch: [26] }, /0 to 25/],
  [{ text: "" }, /empty/],
  [{ text: "abc", ids: [1] }, /one of the two/],
  [{ ids: [] }, /no token ids/],
  [{ ids: [26] }, /not in the tokenizer|outside/],
  [{ text: "a\ud800" }, /lone surrogate at character 1/],
])("refuses %j in one line", async (asked, message) => {
  await expect(pieces(toy(5).model, asked)).rejects.toThrow(message);
});
