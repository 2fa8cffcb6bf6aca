import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import type { Engine, Explanation, Run } from "../../engine";
import { goldenGraph } from "../../scene/goldens";
import { Inside } from "./inside.svelte";

const RUN = { run: "r", model: "sort", n_positions: 6, text: { ids: [2, 1], tokens: ["C", "B"] } } as unknown as Run;

/** An engine that explains as soon as it is asked, and notes what it was asked. */
function engineFor(asked: string[]): Engine {
  return {
    graph: () => Promise.resolve(goldenGraph("sort")),
    run: () => Promise.resolve(RUN),
    explain: (_: Run, block: string, index: readonly number[]) => {
      asked.push(`${block} ${index.join()}`);
      return Promise.resolve({ block, index } as unknown as Explanation);
    },
  } as unknown as Engine;
}

describe("cells that go by", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it("are explained now and then while they go by, and the last of them at the end", async () => {
    const asked: string[] = [];
    const inside = new Inside(engineFor(asked));
    inside.ask("sort", { text: "CB" }, false);
    await vi.waitFor(() => expect(inside.read).not.toBeNull());
    for (let i = 0; i < 40; i++) {
      inside.glance({ block: "embed", index: [0, i] });
      await vi.advanceTimersByTimeAsync(20);
    }
    const during = asked.length;
    expect(during).toBeGreaterThan(2);
    expect(during).toBeLessThan(8);
    await vi.advanceTimersByTimeAsync(1000);
    expect(asked.at(-1)).toBe("embed 0,39");
    expect(inside.explanation).toEqual({ block: "embed", index: [0, 39] });
    expect(inside.explaining).toBe(false);
  });

  it("are forgotten where a cell is asked for", async () => {
    const asked: string[] = [];
    const inside = new Inside(engineFor(asked));
    inside.ask("sort", { text: "CB" }, false);
    await vi.waitFor(() => expect(inside.read).not.toBeNull());
    inside.glance({ block: "embed", index: [0, 1] });
    inside.glance({ block: "embed", index: [0, 2] });
    inside.explain({ block: "ids", index: [1] });
    await vi.advanceTimersByTimeAsync(1000);
    expect(asked).toEqual(["ids 1"]);
    expect(inside.explanation).toEqual({ block: "ids", index: [1] });
  });
});
