import { createHash } from "node:crypto";
import { expect, it } from "vitest";

import { EngineError } from "../engine";
import { Parts } from "./parts";
import { farInWords, inWords } from "./sizes";
import { programFor, SiteStore } from "./store";
import type { Graphics } from "../engine/browser/ways";

const BASE = "https://somewhere.example/site/";
const NEVER = new AbortController().signal;

const digest = async (bytes: ArrayBuffer): Promise<string> =>
  createHash("sha256").update(new Uint8Array(bytes)).digest("hex");

function fileOf(path: string, text: string) {
  const sha256 = createHash("sha256").update(text).digest("hex");
  return { path, bytes: text.length, sha256 };
}

/** A site with one model of some weights, on a server that is slow to answer and counts. */
function site(weights: readonly string[], graphics: Graphics | null = null, forGraphics = false) {
  const parts = weights.map((text, i) => fileOf(`weights-${i}.bin`, text));
  const manifest = {
    version: 1,
    graphs: { forward: fileOf("forward.onnx", "forward") },
    tokenizer: fileOf("tokenizer.json", "tokenizer"),
    tokenizer_config: fileOf("tokenizer_config.json", "config"),
    token_bytes: fileOf("token_bytes.json", "bytes"),
    weights: { graphics: forGraphics, files: [{ name: "weights.bin", bytes: 0, parts }] },
  };
  const index = {
    version: 1,
    default_model: "a",
    files: [
      ...(forGraphics ? [fileOf("ort/webgpu-1", "for graphics")] : []),
      fileOf("ort/program", "program"),
      fileOf("index.html", "page"),
    ],
    models: [{ name: "a", folder: "models/a", bytes: 0 }],
  };
  const content: Record<string, string> = {
    "site.json": JSON.stringify(index),
    "models/a/manifest.json": JSON.stringify(manifest),
    "ort/program": "program",
    "models/a/forward.onnx": "forward",
    "models/a/tokenizer.json": "tokenizer",
    "models/a/tokenizer_config.json": "config",
    "models/a/token_bytes.json": "bytes",
    ...Object.fromEntries(weights.map((text, i) => [`models/a/weights-${i}.bin`, text])),
  };
  const asked: string[] = [];
  const busy = { now: 0, most: 0 };
  const fetcher = (async (url: string) => {
    const path = url.slice(BASE.length);
    asked.push(path);
    busy.most = Math.max(busy.most, ++busy.now);
    await new Promise((soon) => setTimeout(soon));
    busy.now--;
    return content[path] === undefined ? new Response("", { status: 404 }) : new Response(content[path]);
  }) as typeof fetch;
  const store = new SiteStore(BASE, new Parts(BASE, { kept: null, digest, wait: 0, fetcher }), graphics, fetcher);
  const total = 7 + 7 + 9 + 6 + 5 + weights.join("").length;
  return { store, asked, busy, content, parts, total };
}

it("says how much there is to fetch, and how much is missing after some of it", async () => {
  const { store, parts, total } = site(["one", "two!"]);
  expect(await store.amount("a")).toEqual({ total, missing: total });
  await store.file("a", parts[1]!, NEVER);
  expect(await store.amount("a")).toEqual({ total, missing: total - 4 });
});

it("fetches a few files at once, and counts to the end", async () => {
  const { store, busy, total } = site(["a1", "b2", "c3", "d4", "e5", "f6", "g7"]);
  let said = [0, 0];
  await store.download("a", NEVER, (done, of) => (said = [done, of]));
  expect(said).toEqual([total, total]);
  expect(busy.most).toBeGreaterThan(1);
  expect(busy.most).toBeLessThanOrEqual(3);
  expect((await store.amount("a")).missing).toBe(0);
});

it("stops at the first file that cannot be had, keeps the others, and goes on with what is missing", async () => {
  const { store, asked, content, total } = site(["first", "second", "third"]);
  const right = content["models/a/weights-1.bin"]!;
  delete content["models/a/weights-1.bin"];
  await expect(store.download("a", NEVER, () => undefined)).rejects.toThrow("models/a/weights-1.bin is not there");
  const { missing } = await store.amount("a");
  expect(missing).toBeLessThan(total);
  content["models/a/weights-1.bin"] = right;
  asked.length = 0;
  let first = -1;
  await store.download("a", NEVER, (done) => (first = first < 0 ? done : first));
  expect(first).toBe(total - missing);
  expect(new Set(asked).size).toBe(asked.length);
});

it("asks the reader once about a model that is not here, and not about one that is", async () => {
  const { store, parts } = site(["one", "two"]);
  const questions: string[] = [];
  let answer: (error?: Error) => void = () => undefined;
  store.ask = (model) =>
    new Promise((yes, no) => {
      questions.push(model);
      answer = (error) => (error ? no(error) : yes());
    });
  const both = Promise.allSettled(parts.map((part) => store.file("a", part, NEVER)));
  await expect.poll(() => questions).toEqual(["a"]);
  answer(new EngineError("refused", "no"));
  expect((await both).map((one) => one.status)).toEqual(["rejected", "rejected"]);
  const again = store.file("a", parts[0]!, NEVER);
  await expect.poll(() => questions).toEqual(["a", "a"]);
  await store.download("a", NEVER, () => undefined);
  answer();
  await again;
  await store.file("a", parts[1]!, NEVER);
  expect(questions).toHaveLength(2);
});

it("does not wait for an answer where the question was withdrawn", async () => {
  const { store, parts } = site(["one"]);
  store.ask = () => new Promise(() => undefined);
  const controller = new AbortController();
  const taken = store.file("a", parts[0]!, controller.signal);
  controller.abort();
  await expect(taken).rejects.toMatchObject({ name: "AbortError" });
});

it("names a model that is not part of the site", async () => {
  const { store } = site([]);
  await expect(store.manifest("b")).rejects.toThrow("the model b is not part of this site; there is a.");
});

it("asks again for an index that could not be had", async () => {
  const { store, content } = site([]);
  const right = content["site.json"]!;
  content["site.json"] = "<html>";
  await expect(store.site()).rejects.toThrow("site.json is no JSON");
  content["site.json"] = right;
  expect((await store.site()).default_model).toBe("a");
});

it("says sizes as people read them", () => {
  expect([999, 480_000, 13_960_000, 1_234_000_000].map(inWords)).toEqual(["999 bytes", "480 kB", "14.0 MB", "1.23 GB"]);
  expect(farInWords(5_600_000, 13_960_000)).toBe("5.6 of 14.0 MB");
  expect(farInWords(1_000, 480_000)).toBe("1 of 480 kB");
});

it("needs the program that will compute the model, and no other", async () => {
  const graphics: Graphics = { name: "amd", halves: false };
  const programs = async (given: Graphics | null, forGraphics: boolean) => {
    const { store, total } = site(["one"], given, forGraphics);
    const { program, graphics: by } = programFor(await store.site(), await store.manifest("a"), given);
    expect((await store.amount("a")).total).toBe(total - 7 + program.bytes);
    expect(await store.graphics()).toEqual(by);
    return { path: program.path, graphics: by };
  };
  expect(await programs(null, false)).toEqual({ path: "ort/program", graphics: null });
  // A site without a model for it has no program for it.
  expect(await programs(graphics, false)).toEqual({ path: "ort/program", graphics: null });
  expect(await programs(null, true)).toEqual({ path: "ort/program", graphics: null });
  expect(await programs(graphics, true)).toEqual({ path: "ort/webgpu-1", graphics });
});
