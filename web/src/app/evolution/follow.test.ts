import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { evolution } from "../../view";
import { goldenTrace } from "../../trace/goldens";
import { followedAt, lookAt, positionOf } from "./follow";
import { BEAT, Player } from "./player.svelte";
import { standingsAt, stepWords } from "./standings";

const prose = goldenTrace("prose");
const following = goldenTrace("following");
const last = prose.stages.length - 1;

describe("what is followed", () => {
  it("is what the output ranks highest, then the named ones, each once", () => {
    const k = Math.min(10, prose.array("top_ids").shape[2]!);
    const likeliest = Array.from({ length: k }, (_, i) => prose.at("top_ids", last, 2, i));
    expect(followedAt(prose, prose.positions[2]!, [likeliest[1]!, 9999])).toEqual([...likeliest, 9999]);
  });

  it("is nothing where the output was not read", () => {
    expect(followedAt(goldenTrace("prose.early"), 2, [3])).toEqual([]);
    expect(followedAt(prose, 10_000, [3])).toEqual([]);
  });

  it("is asked for at one position, at every stage, through the chosen norm", () => {
    const request = { model: "m", text: "a", stages: ["2.mlp"], lens: "logit", norm: "final" as const, top_k: 10 };
    expect(lookAt(request, { lens: "tail:1", norm: "none" }, 4, [1, 2], true)).toEqual({
      model: "m",
      text: "a",
      lens: "tail:1",
      norm: "none",
      top_k: 10,
      positions: [4],
      watch: [1, 2],
      subblocks: true,
      histogram: true,
    });
  });

  it("stands where the selected token was foretold", () => {
    expect(positionOf(prose, 3)).toBe(2);
    expect(positionOf(prose, null)).toBe(prose.ids.length - 1);
    expect(positionOf(prose, 0)).toBe(prose.positions[0]);
    expect(positionOf(prose, 10_000)).toBe(prose.positions.at(-1));
  });
});

describe("the followed tokens at a stage", () => {
  const shape = evolution(following, { position: following.positions[0]! });

  it("are listed by rank, with what the step before did", () => {
    for (let at = 0; at < shape.moments.length; at++) {
      const rows = standingsAt(shape, at);
      expect(rows.map((row) => row.rank)).toEqual([...rows.map((row) => row.rank!)].sort((a, b) => a - b));
      for (const row of rows) {
        const curve = shape.curves.find((one) => one.id === row.id)!;
        expect(row.logit).toBe(curve.logits[at]);
        if (at) expect(row.logit_change).toBe(curve.logits[at]! - curve.logits[at - 1]!);
        else expect([row.logit_change, row.rank_before]).toEqual([null, null]);
      }
    }
  });

  it("say what moved them", () => {
    const words = shape.moments.map((_, at) => stepWords(shape, at));
    expect(words[0]).toBe("");
    shape.moments.slice(1).forEach((moment, i) => {
      expect(words[i + 1]).toContain(moment.by === "attention" ? "attention" : moment.by === "mlp" ? "MLP" : "block");
      expect(words[i + 1]).toContain(String(moment.block));
    });
  });
});

describe("playing", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it("goes from stage to stage to the end, and from the end begins again", () => {
    const player = new Player();
    const seen: number[] = [];
    player.play(1, 4, (i) => seen.push(i));
    vi.advanceTimersByTime(10 * BEAT);
    expect(seen).toEqual([2, 3]);
    expect(player.playing).toBe(false);
    player.play(3, 4, (i) => seen.push(i));
    vi.advanceTimersByTime(BEAT);
    player.stop();
    vi.advanceTimersByTime(10 * BEAT);
    expect(seen).toEqual([2, 3, 0, 1]);
  });

  it("of a single stage is nothing", () => {
    const player = new Player();
    player.play(0, 1, () => expect.unreachable());
    expect(player.playing).toBe(false);
  });
});
