// The goldens that Python writes, for tests: never copied, read where they are.

import { readFileSync } from "node:fs";
import { join } from "node:path";

import { readTrace } from "./file";
import type { Trace } from "./trace";

const FOLDER = join(import.meta.dirname, "../../../tests/view/goldens/");

/** The bytes of one of Python's trace files, such as `prose`. */
export function goldenBytes(name: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(readFileSync(`${FOLDER}${name}.trace.safetensors`));
}

export function goldenTrace(name: string): Trace {
  return readTrace(goldenBytes(name));
}

/** One of Python's view specs or trace dicts, such as `prose.likelihood`. */
export function golden(name: string): any {
  return JSON.parse(readFileSync(`${FOLDER}${name}.json`, "utf8"));
}
