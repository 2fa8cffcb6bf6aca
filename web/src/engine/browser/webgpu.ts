// ONNX Runtime with its WebGPU half: a program of its own, which only devices with a graphics processor fetch.

import * as ort from "onnxruntime-web/webgpu";
import glue from "onnxruntime-web/ort-wasm-simd-threaded.asyncify.mjs?url";

import type { Runtime } from "./loading";

export async function start(program: ArrayBuffer, threads: number): Promise<Runtime> {
  const { wasm, webgpu, versions } = ort.env;
  wasm.wasmBinary = program;
  wasm.wasmPaths = { mjs: new URL(glue, import.meta.url).href };
  wasm.numThreads = threads;
  wasm.proxy = false;
  webgpu.powerPreference = "high-performance";
  return { ort, versions: { "onnxruntime-web": versions.web ?? "" } };
}
