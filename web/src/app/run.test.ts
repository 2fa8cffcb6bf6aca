import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { EngineError, type Engine, type ModelCard, type TracePiece, type TraceRequest } from "../engine";
import { atPositions, atStages } from "../trace";
import { goldenTrace } from "../trace/goldens";
import { firstSeen } from "./lens/first";
import { Run } from "./run.svelte";

const late = goldenTrace("prose.late");
const early = goldenTrace("prose.early");
const piece = (trace: typeof late): TracePiece => ({ kind: "piece", piece: trace });
const asking = (text: string): TraceRequest => ({ model: "made:by-hand", text });

/** An engine whose answers are handed out by the test, one `tell` at a time. */
class Told {
  readonly asked: TraceRequest[] = [];
  readonly signals: AbortSignal[] = [];
  readonly preferred: (readonly number[])[] = [];
  models = async (): Promise<ModelCard[]> => [];
  prefer = (first: readonly number[]) => void this.preferred.push(first);
  #tell: ((said: TracePiece | Error | null) => void)[] = [];

  async *trace(request: TraceRequest, signal: AbortSignal): AsyncGenerator<TracePiece> {
    this.asked.push(request);
    this.signals.push(signal);
    for (;;) {
      const said = await new Promise<TracePiece | Error | null>((resolve) => this.#tell.push(resolve));
      if (said === null) return;
      if (said instanceof Error) throw said;
      yield said;
    }
  }

  async tell(said: TracePiece | Error | null): Promise<void> {
    this.#tell.pop()!(said);
    await vi.advanceTimersByTimeAsync(0);
  }
}

let engine: Told;
let run: Run;

beforeEach(() => {
  vi.useFakeTimers();
  engine = new Told();
  run = new Run(engine as unknown as Engine);
});
afterEach(() => void vi.useRealTimers());

it("shows pieces merged as they come, and says how far it is", async () => {
  run.ask(asking("a"));
  await engine.tell({ kind: "progress", done: 0, total: 36 });
  expect(run.status).toMatchObject({ kind: "working", done: 0, total: 36 });
  await engine.tell(piece(late));
  expect(run.trace?.stages).toEqual(["1.mlp", "2.mlp"]);
  await engine.tell(piece(early));
  expect(run.trace?.stages).toEqual(["embed", "0.mlp", "1.mlp", "2.mlp"]);
  await engine.tell(null);
  expect(run.status.kind).toBe("done");
});

it("withdraws what is asked when something else is, and keeps what is known until there is more", async () => {
  run.ask(asking("a"));
  await engine.tell(piece(late));
  await engine.tell(null);
  run.ask(asking("b"));
  expect(run.trace).toBe(late);
  expect(run.answered).toEqual(asking("a"));
  run.ask(asking("c"));
  await vi.advanceTimersByTimeAsync(0);
  expect(engine.asked.at(-1)).toEqual(asking("c"));
  expect(engine.signals.slice(-2).map((signal) => signal.aborted)).toEqual([true, false]);
  await engine.tell(piece(early));
  expect(run.answered).toEqual(asking("c"));
});

it("waits while somebody types, and asks once", async () => {
  for (const text of ["h", "he", "hel"]) {
    run.ask(asking(text), true);
    await vi.advanceTimersByTimeAsync(20);
  }
  expect(engine.asked).toEqual([]);
  await vi.advanceTimersByTimeAsync(400);
  expect(engine.asked).toEqual([asking("hel")]);
});

it("asks nothing twice", async () => {
  run.ask(asking("a"));
  run.ask(asking("a"));
  await vi.advanceTimersByTimeAsync(500);
  expect(engine.asked.length).toBe(1);
});

it("says what was refused, and leaves what is known", async () => {
  run.ask(asking("a"));
  await engine.tell(piece(late));
  await engine.tell(new EngineError("refused", "too long."));
  expect(run.status).toEqual({ kind: "refused", message: "too long." });
  expect(run.trace).toBe(late);
});

it("asks again as soon as a server that was gone is back", async () => {
  let there = false;
  engine.models = async () => {
    if (!there) throw new EngineError("gone", "gone");
    return [];
  };
  run.ask(asking("a"));
  await engine.tell(new EngineError("cut", "cut short"));
  expect(run.status.kind).toBe("gone");
  await vi.advanceTimersByTimeAsync(10_000);
  expect(engine.asked.length).toBe(1);
  there = true;
  await vi.advanceTimersByTimeAsync(10_000);
  expect(engine.asked.length).toBe(2);
});

it("asks nothing for nothing", () => {
  run.ask(asking("a"));
  run.ask(null);
  expect(run.status).toEqual({ kind: "idle" });
  expect(run.trace).toBeNull();
});

it("asks again where a question that it had withdrawn took the place of its newest one, but not for ever", async () => {
  run.ask(asking("a"));
  await engine.tell(new EngineError("superseded", "a newer request took the place of this one."));
  expect(run.status.kind).toBe("working");
  await vi.advanceTimersByTimeAsync(1000);
  expect(engine.asked).toEqual([asking("a"), asking("a")]);
  await engine.tell(piece(late));
  await engine.tell(null);
  expect(run.status.kind).toBe("done");
  run.ask(asking("b"));
  for (let i = 0; i < 20 && run.status.kind === "working"; i++) {
    await engine.tell(new EngineError("superseded", "a newer request took the place of this one."));
    await vi.advanceTimersByTimeAsync(1000);
  }
  expect(run.status.kind).toBe("refused");
});

describe("where the reader looks", () => {
  const whole = goldenTrace("prose");
  const [last, earlier] = [whole.stages.slice(-1), whole.stages.slice(0, -1)];
  const at = (...positions: number[]) => piece(atStages(atPositions(whole, Int32Array.from(positions)), earlier));

  it("is part of how it is asked, and not of what is asked or known", async () => {
    run.look([4, 1]);
    run.ask(asking("a"));
    expect(engine.asked).toEqual([{ ...asking("a"), first: [4, 1] }]);
    run.look([5]);
    run.ask(asking("a"));
    expect(engine.asked.length).toBe(1);
    await engine.tell(piece(atStages(whole, last)));
    expect(run.answered).toEqual(asking("a"));
    expect(run.isAbout(asking("a"))).toBe(true);
  });

  it("is known at all stages while the rest is being read", async () => {
    run.look([4]);
    run.ask(asking("a"));
    await engine.tell(piece(atStages(whole, last)));
    expect([run.trace!.stages, run.near]).toEqual([last, null]);
    await engine.tell(at(4));
    await engine.tell({ kind: "progress", done: 12, total: 36 });
    expect(run.trace!.stages).toEqual(last);
    expect([run.near!.stages, [...run.near!.positions]]).toEqual([whole.stages, [4]]);
    expect(run.status).toMatchObject({ kind: "working", what: "every stage at 1 of 9 tokens" });
    await engine.tell(at(0, 1, 2, 3, 5, 6, 7, 8));
    await engine.tell(null);
    expect([run.trace!.stages, run.near]).toEqual([whole.stages, null]);
  });

  it("is told to the engine when it is elsewhere, once it has begun, and not more often than is seen", async () => {
    run.look([4]);
    run.ask(asking("a"));
    run.look([5]);
    await vi.advanceTimersByTimeAsync(500);
    expect(engine.preferred).toEqual([]);
    await engine.tell({ kind: "progress", done: 0, total: 36 });
    expect(engine.preferred).toEqual([[5]]);
    for (const position of [6, 7, 8, 8]) run.look([position]);
    expect(engine.preferred.length).toBe(1);
    await vi.advanceTimersByTimeAsync(500);
    expect(engine.preferred).toEqual([[5], [8]]);
    await engine.tell(null);
    run.look([2]);
    await vi.advanceTimersByTimeAsync(500);
    expect(engine.preferred.length).toBe(2);
    expect(engine.asked.length).toBe(1);
  });

  it("is nowhere where stages are wanted at all places", async () => {
    run.ask(asking("a"));
    await engine.tell({ kind: "progress", done: 0, total: 36 });
    run.look([2]);
    await vi.advanceTimersByTimeAsync(500);
    expect([engine.asked, engine.preferred]).toEqual([[asking("a")], []]);
  });

  it("is the kept column, then what is in sight; the first token is foretold nowhere", () => {
    expect(firstSeen({ position: 7 }, [4, 5, 6, 7])).toEqual([6, 4, 5, 7]);
    expect(firstSeen({ position: 0 }, [0, 1])).toEqual([0, 1]);
    expect(firstSeen({ position: null }, [])).toEqual([]);
  });
});
