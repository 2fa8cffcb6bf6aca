import { expect, it } from "vitest";

import { goldenGraph } from "../../scene/goldens";
import { linesOf, sectionsOf } from "./tree";

const graph = goldenGraph("sort");
const labels = (open: string[], wanted = "") =>
  linesOf(graph, new Set(open), wanted).map(({ label, depth }) => `${"  ".repeat(depth)}${label}`);

it("shows the sections, and what is in those that are open", () => {
  expect(labels([])).toEqual(["embedding", "block 0", "block 1", "block 2", "output"]);
  expect(labels(["/block 0", "/block 0/attention", "/block 0/attention/keys"]).slice(1, 12)).toEqual([
    "block 0",
    "  attention",
    "    Mean",
    "    Variance",
    "    Norm scale",
    "    Norm shift",
    "    Layer norm",
    "    queries",
    "    keys",
    "      Keys weight",
    "      Keys bias",
  ]);
});

it("has every tensor once when all is open", () => {
  const open = graph.blocks.flatMap((block) => sectionsOf(block.section));
  const lines = linesOf(graph, new Set(open));
  expect(lines.flatMap((line) => line.block ?? []).sort()).toEqual(graph.blocks.map((block) => block.id).sort());
  expect(new Set(lines.map((line) => line.key)).size).toBe(lines.length);
});

it("finds tensors by words of their names and sections", () => {
  expect(labels([], "block 1 pattern")).toEqual(["block 1", "  attention", "    Attention pattern"]);
  expect(labels([], "nothing like it")).toEqual([]);
});
