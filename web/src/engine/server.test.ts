import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { goldenBytes, goldenTrace } from "../trace/goldens";
import { merge } from "../trace";
import type { Run } from "./contract";
import { isAbort, type TracePiece } from "./engine";
import { FAILED, PIECE, SAID } from "./frames";
import { whenBack } from "./recovery";
import { ServerEngine } from "./server";
import { frame, framed, jsonFrame, streamOf } from "./testing";

interface Call {
  path: string;
  init: RequestInit;
}

/** An engine whose server answers in turn; the last answer is repeated. */
function serving(...answers: (() => Response | Promise<Response>)[]): { engine: ServerEngine; calls: Call[] } {
  const calls: Call[] = [];
  const engine = new ServerEngine("/api", "page", async (path, init = {}) => {
    calls.push({ path: String(path), init });
    if (init.signal?.aborted) throw new DOMException("aborted", "AbortError");
    return answers[Math.min(calls.length, answers.length) - 1]!();
  });
  return { engine, calls };
}

const never = () => new AbortController().signal;
const request = { model: "made:by-hand", text: "The tide" };
const refusal =
  (status: number, body: object, headers = {}) =>
  () =>
    Response.json(body, { status, headers });
const unreachable = () => Promise.reject(new TypeError("Failed to fetch"));

async function all<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const found: Item[] = [];
  for await (const item of items) found.push(item);
  return found;
}

describe("a trace", () => {
  it("arrives in pieces that merge to what Python computed", async () => {
    const { engine, calls } = serving(() =>
      framed(
        frame(PIECE, goldenBytes("prose.late")),
        jsonFrame(SAID, { done: 18, total: 36 }),
        frame(PIECE, goldenBytes("prose.early")),
      ),
    );
    const said = await all<TracePiece>(engine.trace(request, never()));
    expect(said.map(({ kind }) => kind)).toEqual(["piece", "progress", "piece"]);
    expect(said[1]).toEqual({ kind: "progress", done: 18, total: 36 });
    const whole = merge(said.flatMap((one) => (one.kind === "piece" ? [one.piece] : [])));
    expect(whole.array("next_logprob")).toEqual(goldenTrace("prose").array("next_logprob"));
    expect(calls[0]!.path).toBe("/api/trace");
    expect(JSON.parse(calls[0]!.init.body as string)).toEqual(request);
    expect(calls[0]!.init.headers).toMatchObject({ "X-Logitscope-Page": "page" });
  });

  it("is told which places are wanted first now, and goes on where that does not arrive", async () => {
    const { engine, calls } = serving(() => Response.json(true), unreachable);
    engine.prefer([3, 1], "right");
    engine.prefer([4]);
    expect(calls.map(({ path }) => path)).toEqual(["/api/first", "/api/first"]);
    expect(JSON.parse(calls[0]!.init.body as string)).toEqual({ first: [3, 1] });
    expect(calls[0]!.init.headers).toMatchObject({ "X-Logitscope-Page": "page.right" });
  });

  it("of another lane has another name of the page", async () => {
    const { engine, calls } = serving(() => framed());
    await all(engine.trace(request, never(), "right"));
    expect(calls[0]!.init.headers).toMatchObject({ "X-Logitscope-Page": "page.right" });
  });

  it("that fails in the middle says why", async () => {
    const { engine } = serving(
      () => new Response(streamOf([jsonFrame(FAILED, { error: "memory ran out.", status: 413 })])),
    );
    await expect(all(engine.trace(request, never()))).rejects.toMatchObject({
      trouble: "refused",
      message: "memory ran out.",
    });
  });

  it("that stops in the middle is no trace", async () => {
    const { engine } = serving(() => new Response(streamOf([frame(PIECE, goldenBytes("prose.late"))])));
    await expect(all(engine.trace(request, never()))).rejects.toMatchObject({ trouble: "cut" });
  });

  it("whose connection breaks means that the server is gone", async () => {
    const broken = new ReadableStream<Uint8Array<ArrayBuffer>>({
      pull: (controller) => controller.error(new TypeError("network error")),
    });
    const { engine } = serving(() => new Response(broken));
    await expect(all(engine.trace(request, never()))).rejects.toMatchObject({ trouble: "gone" });
  });

  it("that is withdrawn ends with an AbortError", async () => {
    const controller = new AbortController();
    controller.abort();
    const { engine } = serving(() => framed());
    await expect(all(engine.trace(request, controller.signal))).rejects.toSatisfy(isAbort);
  });
});

describe("what a server refuses", () => {
  it.each([
    [422, { error: "text: too long.", status: 422 }, "refused", "text: too long."],
    [409, { error: "a newer request took its place.", status: 409 }, "superseded", "a newer request took its place."],
    [500, { error: "the server made a mistake.", status: 500 }, "failed", "the server made a mistake."],
    [503, { error: "being stopped.", status: 503, retry_after: null }, "gone", "being stopped."],
    [418, {}, "refused", "the server answered with status 418."],
  ])("with %i is told as it said it", async (status, body, trouble, message) => {
    const { engine } = serving(refusal(status, body));
    await expect(engine.models(never())).rejects.toMatchObject({ trouble, message });
  });

  it("where nobody listens is told with what to do", async () => {
    const { engine } = serving(unreachable);
    await expect(engine.models(never())).rejects.toMatchObject({
      trouble: "gone",
      message: expect.stringContaining("logitscope serve") as string,
    });
  });
});

describe("in time", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  const busy = refusal(503, { error: "busy; ask again in 3 s.", status: 503, retry_after: 3 });

  it("a busy model is asked again when it said, and says so meanwhile", async () => {
    const { engine, calls } = serving(busy, busy, () => framed(frame(PIECE, goldenBytes("prose"))));
    const said: string[] = [];
    const done = (async () => {
      for await (const one of engine.trace(request, never())) said.push(one.kind);
    })();
    await vi.advanceTimersByTimeAsync(2999);
    expect([said, calls.length]).toEqual([["busy"], 1]);
    await vi.advanceTimersByTimeAsync(3001);
    await done;
    expect([said, calls.length]).toEqual([["busy", "busy", "piece"], 3]);
  });

  it("waiting for a busy model ends when the question is withdrawn", async () => {
    const { engine, calls } = serving(busy);
    const controller = new AbortController();
    const ended = expect(all(engine.trace(request, controller.signal))).rejects.toSatisfy(isAbort);
    await vi.advanceTimersByTimeAsync(1000);
    controller.abort();
    await ended;
    await vi.advanceTimersByTimeAsync(10_000);
    expect(calls.length).toBe(1);
  });

  it("a server that is gone is asked until it is back", async () => {
    const { engine, calls } = serving(unreachable, unreachable, busy, () => Response.json([{ name: "again" }]));
    const back = whenBack(engine, never());
    await vi.advanceTimersByTimeAsync(60_000);
    expect(await back).toEqual([{ name: "again" }]);
    expect(calls.length).toBe(4);
  });

  it("nobody asks any more when nobody waits", async () => {
    const { engine, calls } = serving(unreachable);
    const controller = new AbortController();
    const ended = expect(whenBack(engine, controller.signal)).rejects.toSatisfy(isAbort);
    await vi.advanceTimersByTimeAsync(5000);
    controller.abort();
    await ended;
    const asked = calls.length;
    await vi.advanceTimersByTimeAsync(60_000);
    expect(calls.length).toBe(asked);
  });
});

describe("a run", () => {
  const run = { run: "r1", model: "embedded:sort", n_positions: 2, text: { ids: [2, 0] } } as unknown as Run;
  const numbers = (values: number[]) => frame(PIECE, new Uint8Array(new Float32Array([1.5, 4, ...values]).buffer));
  const part: readonly [readonly [number, number], readonly [number, number]] = [
    [0, 2],
    [4, 8],
  ];

  it("gives parts of its tensors as numbers of a shape", async () => {
    const { engine, calls } = serving(() => framed(numbers([1, NaN])));
    const tile = await engine.tile(run, "embed", part, 1, never());
    expect([tile.shape, tile.rms, tile.largest]).toEqual([[1, 2], 1.5, 4]);
    expect([...tile.data]).toEqual([1, NaN]);
    expect(calls[0]!.path).toBe("/api/tiles");
    expect(JSON.parse(calls[0]!.init.body as string)).toEqual({
      model: "embedded:sort",
      run: "r1",
      parts: [{ block: "embed", ranges: part, level: 1 }],
    });
  });

  it("that is forgotten is read again, and then gives them", async () => {
    const forgotten = refusal(410, { error: "this text was forgotten here.", status: 410 });
    const { engine, calls } = serving(
      forgotten,
      () => Response.json(run),
      () => framed(numbers([7])),
    );
    expect([...(await engine.tile(run, "ids", [[0, 1]], 0, never())).data]).toEqual([7]);
    expect(calls.map(({ path }) => path)).toEqual(["/api/tiles", "/api/runs", "/api/tiles"]);
    expect(JSON.parse(calls[1]!.init.body as string)).toEqual({ model: "embedded:sort", ids: [2, 0] });
  });

  it("that is forgotten is read again once for all that is asked of it", async () => {
    const forgotten = refusal(410, { error: "this text was forgotten here.", status: 410 });
    const { engine, calls } = serving(
      forgotten,
      () => Response.json(run),
      () => framed(numbers([7]), numbers([8])),
    );
    const tiles = [0, 1].map((n) => engine.tile(run, "ids", [[n, n + 1]], 0, never()));
    expect((await Promise.all(tiles)).map(({ data }) => data[0])).toEqual([7, 8]);
    expect(calls.map(({ path }) => path)).toEqual(["/api/tiles", "/api/runs", "/api/tiles"]);
  });

  it("that cannot be read again says so once", async () => {
    const forgotten = refusal(410, { error: "this text was forgotten here.", status: 410 });
    const { engine, calls } = serving(forgotten, () => Response.json(run), forgotten);
    await expect(engine.explain(run, "ids", [0], never())).rejects.toMatchObject({ trouble: "forgotten" });
    expect(calls).toHaveLength(3);
  });

  it("whose numbers are fewer than their shape says was cut", async () => {
    const { engine } = serving(() => framed(numbers([1, 2])));
    await expect(engine.tile(run, "embed", part, 0, never())).rejects.toMatchObject({ trouble: "cut" });
  });

  it("explains its cells", async () => {
    const { engine, calls } = serving(() => Response.json({ block: "embed", stored: 0.5 }));
    expect(await engine.explain(run, "embed", [1, 3], never(), 5)).toMatchObject({ stored: 0.5 });
    expect(JSON.parse(calls[0]!.init.body as string)).toMatchObject({ block: "embed", index: [1, 3], n_terms: 5 });
  });
});
