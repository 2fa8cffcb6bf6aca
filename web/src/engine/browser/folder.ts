// A store over a folder on disk, and ONNX Runtime in Node: for tests.

import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";

import { EngineError } from "../engine";
import type { Runtime } from "./loading";
import type { Manifest, Site, Store } from "./manifest";

/** The models of a folder as a site; each lies in a folder of its own. */
export function folderStore(base: string, folders: Readonly<Record<string, string>>): Store & { read: string[] } {
  const read: string[] = [];
  const bytes = async (path: string): Promise<ArrayBuffer> => {
    const found = await readFile(join(base, path));
    return found.buffer.slice(found.byteOffset, found.byteOffset + found.length) as ArrayBuffer;
  };
  const folderOf = (model: string): string => {
    const folder = folders[model];
    if (folder === undefined) throw new EngineError("failed", `there is no ${model} in the folder.`);
    return folder;
  };
  const models = Object.entries(folders).map(([name, folder]) => ({ name, folder, bytes: 0 }));
  const site: Site = {
    version: 1,
    made_by: "a test",
    default_model: models[0]?.name ?? "",
    files: [],
    models,
    texts: [],
  };
  return {
    read,
    site: async () => site,
    shapes: async () => [],
    graphics: async () => null,
    program: () => bytes("program.wasm"),
    manifest: async (model) =>
      JSON.parse(new TextDecoder().decode(await bytes(join(folderOf(model), "manifest.json")))) as Manifest,
    file: async (model, { path, sha256 }, signal, onProgress) => {
      signal.throwIfAborted();
      const found = await bytes(join(folderOf(model), path));
      read.push(path);
      if (createHash("sha256").update(new Uint8Array(found)).digest("hex") !== sha256)
        throw new EngineError("failed", `${path} is not what the manifest says.`);
      onProgress?.(found.byteLength, found.byteLength);
      return found;
    },
  };
}

/** The same runtime as in a page, in Node and in one thread. */
export async function nodeRuntime(): Promise<Runtime> {
  const ort = await import("onnxruntime-web");
  ort.env.wasm.numThreads = 1;
  return { ort, versions: { "onnxruntime-web": ort.env.versions.web ?? "" } };
}
