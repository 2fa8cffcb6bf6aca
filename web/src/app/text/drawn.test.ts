import { expect, it } from "vitest";

import type { ModelCard } from "../../engine";
import { goldenTrace } from "../../trace/goldens";
import { READINGS } from "../../view";
import { NOWHERE, type Place } from "../address";
import type { Settings } from "../settings";
import type { ViewProps } from "../views";
import { brushSaid, Drawn } from "./drawn.svelte";

const trace = goldenTrace("prose");

function drawnAs(settings: Partial<Settings>, { can = ["tokenise"], stage = null as Place["stage"] } = {}): Drawn {
  const place: Place = { ...NOWHERE, stage, settings: { ...NOWHERE.settings, ...settings } };
  const model = { can } as unknown as ModelCard;
  return new Drawn(() => ({ place, trace, model }) as unknown as ViewProps);
}

it("is drawn as the settings say, as far as they say anything", () => {
  const drawn = drawnAs({ value: "entropy_bits", by: "word", marks: "all" }, { stage: trace.stages[0]! });
  expect([drawn.value, drawn.by, drawn.marks, drawn.stage]).toEqual(["entropy_bits", "word", "all", trace.stages[0]]);
  const plain = drawnAs({ value: "beauty", by: "page", marks: "some" }, { stage: "99.mlp" });
  expect([plain.value, plain.by, plain.marks, plain.stage]).toEqual(["surprisal_bits", "token", "breaks", -1]);
});

it("has a relative scale for surprisal alone", () => {
  expect(drawnAs({ scale: "relative" }).scale).toBe("relative");
  expect(drawnAs({ scale: "relative", value: "next_rank" }).scale).toBe("bits");
});

it("offers every reading where a model can be asked, else what the trace holds", () => {
  expect(drawnAs({}).offered).toEqual(READINGS);
  const held = drawnAs({}, { can: [] }).offered;
  expect(held).toContain("surprisal_bits");
  expect(READINGS).toEqual(expect.arrayContaining([...held]));
});

it("has the same token by token where words are drawn", () => {
  const { spec, tokens } = drawnAs({ by: "word" });
  expect(tokens!.by).toBe("token");
  expect(tokens!.runs.length).toBeGreaterThan(spec!.runs.length);
  const alike = drawnAs({});
  expect(alike.tokens).toEqual(alike.spec);
});

it("shows a stretch of the legend, as the address says it", () => {
  const { brush, dimmed } = drawnAs({ brush: brushSaid([0.25, 1 / 3]) });
  expect(brush).toEqual([0.25, 0.3333]);
  const run = drawnAs({}).spec!.runs[1]!;
  expect([0.2, 0.25, 0.3, 0.34, null].map((place) => dimmed!({ ...run, place }))).toEqual([
    true,
    false,
    false,
    true,
    true,
  ]);
  for (const said of ["", "0.5", "0.5:0.2", "-1:0.5", "a:b"]) expect(drawnAs({ brush: said }).dimmed).toBeNull();
  expect(brushSaid(null)).toBe("");
});
