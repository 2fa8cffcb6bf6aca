import { expect, it } from "vitest";

import type { TracePiece, TraceRequest } from "../engine";
import { goldenTrace } from "../trace/goldens";
import { keeping } from "./kept";

const piece: TracePiece = { kind: "piece", piece: goldenTrace("prose.late") };
const asking = (text: string): TraceRequest => ({ model: "m", text });

function counted() {
  const asked: string[] = [];
  const engine = {
    models: async () => [],
    prefer: () => undefined,
    async *trace(request: TraceRequest): AsyncGenerator<TracePiece> {
      asked.push(request.text!);
      yield { kind: "progress", done: 0, total: 1 };
      yield piece;
    },
  };
  return { asked, kept: keeping(engine, 2) };
}

async function all(kept: ReturnType<typeof keeping>, text: string, signal = new AbortController().signal) {
  const said: TracePiece[] = [];
  for await (const one of kept.trace(asking(text), signal)) said.push(one);
  return said;
}

it("what was read is not read again, and the oldest is forgotten", async () => {
  const { asked, kept } = counted();
  await all(kept, "a");
  expect(await all(kept, "a")).toEqual([piece]);
  await all(kept, "b");
  await all(kept, "a");
  await all(kept, "c");
  expect(asked).toEqual(["a", "b", "c"]);
  await all(kept, "a");
  await all(kept, "b");
  expect(asked).toEqual(["a", "b", "c", "b"]);
});

it("what was not read to its end is not kept", async () => {
  const { asked, kept } = counted();
  const controller = new AbortController();
  for await (const said of kept.trace(asking("a"), controller.signal)) if (said.kind === "piece") break;
  controller.abort();
  await all(kept, "b", controller.signal);
  await all(kept, "a");
  await all(kept, "b");
  expect(asked).toEqual(["a", "b", "a", "b"]);
});
