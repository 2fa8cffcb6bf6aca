// @vitest-environment happy-dom
import { deflateSync } from "node:zlib";
import { expect, it } from "vitest";

import { goldenBytes, goldenTrace } from "../trace/goldens";
import { EMBEDDED, embeddedTraces, SnapshotEngine } from "./snapshot";

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
  const pieces = [];
  for await (const one of engine.trace({ model: model!.name, text: traces[1]!.tokens.text })) pieces.push(one);
  expect(pieces).toEqual([{ kind: "piece", piece: traces[1] }]);
});

it("says that it computes nothing", async () => {
  const engine = new SnapshotEngine([goldenTrace("prose")]);
  await expect(engine.trace({ model: "made:by-hand", text: "Another text" }).next()).rejects.toMatchObject({
    trouble: "cannot",
  });
  await expect(engine.sample().next()).rejects.toMatchObject({ trouble: "cannot" });
  await expect(engine.ask()).rejects.toMatchObject({ trouble: "cannot" });
});
