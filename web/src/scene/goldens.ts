// The graphs that Python's tests hold, for tests: never copied, read where they are.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";

import type { Graph } from "../engine";

const FOLDER = join(import.meta.dirname, "../../../tests/graph/goldens/");

export const GRAPHS = ["gpt2", "llama", "qwen3", "sort", "gpt2-xl"] as const;

export function goldenGraph(name: (typeof GRAPHS)[number]): Graph {
  return JSON.parse(gunzipSync(readFileSync(`${FOLDER}${name}.graph.json.gz`)).toString("utf8")) as Graph;
}
