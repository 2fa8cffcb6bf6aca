import { expect, it } from "vitest";

import { EngineError, type Engine, type ModelCard, type TracePiece, type TraceRequest } from "../../engine";
import { goldenTrace } from "../../trace/goldens";
import { Names } from "./names.svelte";

const trace = goldenTrace("prose");
const model = { name: "made:by-hand", last_stage: "2.mlp", content_hash: "a" } as ModelCard;

/** Knows " Paris" and every id. */
function engine(asked: TraceRequest[]): Engine {
  return {
    async *trace(request: TraceRequest): AsyncGenerator<TracePiece> {
      asked.push(request);
      const [wanted] = request.watch!;
      if (typeof wanted === "string" && wanted !== " Paris") throw new EngineError("refused", `no token is ${wanted}`);
      const id = typeof wanted === "number" ? wanted : 5;
      yield { kind: "piece", piece: Object.assign(Object.create(trace), { watched: [id] }) };
    },
  } as unknown as Engine;
}

it("names are looked up once, one after the other, and a wrong one says what may have been meant", async () => {
  const asked: TraceRequest[] = [];
  const names = new Names(engine(asked));
  await names.ask(model, [" Paris", "Paris", "#3"]);
  await names.ask(model, [" Paris", "Paris", "#3"]);
  expect(names.of(model, [" Paris", "Paris", "#3"])).toMatchObject([
    { id: 5, trouble: null },
    { id: null, trouble: "no token is Paris", instead: " Paris" },
    { id: 3, trouble: null, instead: null },
  ]);
  expect(asked.map((request) => request.watch![0])).toEqual([" Paris", "Paris", " Paris", 3]);
});

it("another model has other tokens", async () => {
  const asked: TraceRequest[] = [];
  const names = new Names(engine(asked));
  await names.ask(model, [" Paris"]);
  expect(names.of({ ...model, content_hash: "b" }, [" Paris"])[0]!.id).toBeNull();
});
