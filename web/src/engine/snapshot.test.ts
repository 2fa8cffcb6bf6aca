// @vitest-environment happy-dom
import { deflateSync } from "node:zlib";
import { expect, it } from "vitest";

import { atStages, Trace } from "../trace";
import { goldenBytes, goldenTrace } from "../trace/goldens";
import type { TraceRequest } from "./contract";
import { EMBEDDED, embeddedTraces, SnapshotEngine } from "./snapshot";

async function answer(engine: SnapshotEngine, request: TraceRequest): Promise<Trace> {
  for await (const said of engine.trace(request)) if (said.kind === "piece") return said.piece;
  throw new Error("no answer");
}

it("finds the traces that a page holds, and answers with them", async () => {
  for (const name of ["prose", "code"]) {
    const element = document.createElement("script");
    element.setAttribute("type", EMBEDDED);
    element.textContent = deflateSync(goldenBytes(name)).toString("base64");
    document.body.append(element);
  }
  const traces = await embeddedTraces(document);
  expect(traces.map((trace) => trace.tokens.text)).toEqual([
    goldenTrace("prose").tokens.text,
    goldenTrace("code").tokens.text,
  ]);
  const engine = new SnapshotEngine(traces);
  const [model] = await engine.models();
  expect(model).toMatchObject({ name: "made:by-hand", can: ["trace"] });
  const { text } = traces[1]!.tokens;
  expect(await answer(engine, { model: model!.name, text, subblocks: true })).toBe(traces[1]);
  const shown = await answer(engine, { model: model!.name, text });
  expect(shown.stages).toEqual(traces[1]!.stages.filter((name) => !name.endsWith(".attn")));
});

it("answers with the trace that holds most of what is asked", async () => {
  const followed = goldenTrace("following");
  const arrays = new Map([...followed.arrays].filter(([name]) => !name.startsWith("watch_")));
  const plain = new Trace({ ...followed, arrays, watched: [] });
  const output = atStages(plain, [plain.stages.at(-1)!]);
  const engine = new SnapshotEngine([output, plain, followed]);
  const asked = { model: followed.provenance.model, text: followed.tokens.text, subblocks: true };
  expect(await answer(engine, asked)).toBe(plain);
  expect(await answer(engine, { ...asked, stages: output.stages.slice() })).toBe(output);
  expect(await answer(engine, { ...asked, watch: [...followed.watched] })).toBe(followed);
  expect(await answer(engine, { ...asked, norm: "none" })).toBe(plain);
});

it("cuts stages out of a trace without changing a number", () => {
  const trace = goldenTrace("prose");
  const names = [trace.stages[0]!, trace.stages.at(-1)!];
  const cut = atStages(trace, names);
  expect(cut.stages).toEqual(names);
  for (const name of trace.arrays.keys())
    for (const [row, stage] of [0, trace.stages.length - 1].entries())
      for (let column = 0; column < trace.positions.length; column++)
        expect(cut.at(name, row, column)).toBe(trace.at(name, stage, column));
  expect(() => atStages(trace, ["99.mlp"])).toThrow("99.mlp");
});

it("says that it computes nothing", async () => {
  const engine = new SnapshotEngine([goldenTrace("prose")]);
  await expect(engine.trace({ model: "made:by-hand", text: "Another text" }).next()).rejects.toMatchObject({
    trouble: "cannot",
  });
  await expect(engine.sample().next()).rejects.toMatchObject({ trouble: "cannot" });
  await expect(engine.ask()).rejects.toMatchObject({ trouble: "cannot" });
});
