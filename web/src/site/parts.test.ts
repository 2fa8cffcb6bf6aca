import { createHash } from "node:crypto";
import { expect, it } from "vitest";

import { Parts, type PartsOptions } from "./parts";

const BASE = "https://somewhere.example/a/sub/path/";
const NEVER = new AbortController().signal;

/** A cache like a browser's, by address. */
class Kept {
  readonly held = new Map<string, ArrayBuffer>();
  full = false;

  async match(url: string): Promise<Response | undefined> {
    const bytes = this.held.get(url);
    return bytes && new Response(bytes.slice(0));
  }

  async put(url: string, response: Response): Promise<void> {
    if (this.full) throw new DOMException("no room", "QuotaExceededError");
    this.held.set(url, await response.arrayBuffer());
  }

  async delete(url: string): Promise<boolean> {
    return this.held.delete(url);
  }

  async keys(): Promise<{ url: string }[]> {
    return [...this.held.keys()].map((url) => ({ url }));
  }
}

const digest = async (bytes: ArrayBuffer): Promise<string> => hashOf(new Uint8Array(bytes));

function hashOf(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

function fileOf(text: string): { path: string; bytes: number; sha256: string } {
  const bytes = new TextEncoder().encode(text);
  return { path: "weights-000.bin", bytes: bytes.length, sha256: hashOf(bytes) };
}

/** Parts of a server that answers each question in turn with one of these. */
function parts(answers: (Response | Error)[], options: Partial<PartsOptions> = {}): { parts: Parts; asked: string[] } {
  const asked: string[] = [];
  const fetcher = async (url: unknown): Promise<Response> => {
    asked.push(String(url));
    const answer = answers.shift();
    if (!answer) throw new Error("asked too often");
    if (answer instanceof Error) throw answer;
    return answer;
  };
  return {
    parts: new Parts(BASE, { kept: null, digest, wait: 0, fetcher: fetcher as typeof fetch, ...options }),
    asked,
  };
}

const textOf = (bytes: ArrayBuffer): string => new TextDecoder().decode(bytes);

it("fetches a file from where it lies and keeps it under its hash", async () => {
  const kept = new Kept();
  const file = fileOf("the weights");
  const one = parts([new Response("the weights")], { kept: kept as unknown as Cache });
  const counted: number[] = [];
  expect(await one.parts.has(file)).toBe(false);
  expect(textOf(await one.parts.take(file, "models/a/w.bin", NEVER, (n) => counted.push(n)))).toBe("the weights");
  expect(one.asked).toEqual([`${BASE}models/a/w.bin`]);
  expect(counted.reduce((a, b) => a + b)).toBe(file.bytes);
  const other = parts([], { kept: kept as unknown as Cache });
  expect(await other.parts.has(file)).toBe(true);
  expect(textOf(await other.parts.take(file, "models/b/w.bin", NEVER))).toBe("the weights");
  expect([...kept.held.keys()]).toEqual([`${BASE}kept/${file.sha256}`]);
});

it("asks again for what arrived damaged, and counts only what counts", async () => {
  const file = fileOf("the weights");
  const one = parts([new Response("the weighty"), new Response("the"), new Response("the weights")]);
  let counted = 0;
  expect(textOf(await one.parts.take(file, "w.bin", NEVER, (n) => (counted += n)))).toBe("the weights");
  expect(counted).toBe(file.bytes);
});

it("says which file stays damaged, and keeps nothing of it", async () => {
  const kept = new Kept();
  const answers = [1, 2, 3].map(() => new Response("the weighty"));
  const one = parts(answers, { kept: kept as unknown as Cache });
  const taken = one.parts.take(fileOf("the weights"), "models/a/weights-001.bin", NEVER);
  await expect(taken).rejects.toMatchObject({
    trouble: "failed",
    message: expect.stringMatching(/^the file models\/a\/weights-001\.bin .*SHA-256 differs.*Try again/),
  });
  expect(kept.held.size).toBe(0);
});

it("says that a file is missing, with the status, and does not ask for it again", async () => {
  const one = parts([new Response("", { status: 404, statusText: "Not Found" })]);
  await expect(one.parts.take(fileOf("a"), "models/a/w.bin", NEVER)).rejects.toMatchObject({
    trouble: "failed",
    message: expect.stringContaining("the file models/a/w.bin is not there (the server answered 404 Not Found)"),
  });
  expect(one.asked).toHaveLength(1);
});

it("tries again where nobody answers or the server is in trouble, and then says so", async () => {
  const file = fileOf("a");
  const mended = parts([new TypeError("network"), new Response("", { status: 503 }), new Response("a")]);
  expect(textOf(await mended.parts.take(file, "w.bin", NEVER))).toBe("a");
  const gone = parts([1, 2, 3].map(() => new TypeError("network")));
  await expect(gone.parts.take(file, "w.bin", NEVER)).rejects.toMatchObject({
    trouble: "gone",
    message: expect.stringContaining("nobody answers"),
  });
});

it("gives up a download of which nothing comes any more", async () => {
  const stuck = async (_: unknown, init?: RequestInit): Promise<Response> =>
    new Promise((_, reject) =>
      init!.signal!.addEventListener("abort", () => reject(new DOMException("", "AbortError"))),
    );
  const one = parts([], { fetcher: stuck as typeof fetch, patience: 1 });
  await expect(one.parts.take(fileOf("a"), "w.bin", NEVER)).rejects.toMatchObject({
    trouble: "gone",
    message: expect.stringContaining("nothing came any more"),
  });
});

it("stops when it is told to, with nothing counted", async () => {
  const controller = new AbortController();
  let counted = 0;
  const body = new ReadableStream<Uint8Array>({
    pull(stream) {
      stream.enqueue(new Uint8Array(4));
      controller.abort();
    },
  });
  const fetcher = async (_: unknown, init?: RequestInit): Promise<Response> => {
    const response = new Response(body);
    init!.signal!.addEventListener("abort", () => void body.cancel().catch(() => undefined));
    return response;
  };
  const one = parts([], { fetcher: fetcher as typeof fetch });
  const file = { path: "w", bytes: 5, sha256: "" };
  await expect(one.parts.take(file, "w.bin", controller.signal, (n) => (counted += n))).rejects.toMatchObject({
    name: "AbortError",
  });
  expect(counted).toBe(0);
});

it("holds what it can keep nowhere as long as the page is open", async () => {
  const kept = new Kept();
  kept.full = true;
  const file = fileOf("the weights");
  const one = parts([new Response("the weights")], { kept: kept as unknown as Cache });
  await one.parts.take(file, "w.bin", NEVER);
  expect(await one.parts.has(file)).toBe(true);
  expect(textOf(await one.parts.take(file, "w.bin", NEVER))).toBe("the weights");
});

it("checks lengths alone where the browser works out no hashes", async () => {
  const one = parts([new Response("the weightY"), new Response("short"), new Response("s"), new Response("s")], {
    digest: null,
  });
  const file = fileOf("the weights");
  expect(textOf(await one.parts.take(file, "w.bin", NEVER))).toBe("the weightY");
  const other = fileOf("other thing");
  await expect(one.parts.take(other, "w.bin", NEVER)).rejects.toMatchObject({
    message: expect.stringContaining("instead of 11"),
  });
});

it("fetches again what lies damaged on the device", async () => {
  const kept = new Kept();
  const file = fileOf("the weights");
  kept.held.set(`${BASE}kept/${file.sha256}`, new TextEncoder().encode("the weighty").buffer);
  const one = parts([new Response("the weights")], { kept: kept as unknown as Cache });
  expect(textOf(await one.parts.take(file, "w.bin", NEVER))).toBe("the weights");
});

it("removes what no version needs any more", async () => {
  const kept = new Kept();
  const [old, now] = [fileOf("old"), fileOf("new")];
  const one = parts([new Response("old"), new Response("new")], { kept: kept as unknown as Cache });
  await one.parts.take(old, "o", NEVER);
  await one.parts.take(now, "n", NEVER);
  await one.parts.only([now]);
  expect([await one.parts.has(old), await one.parts.has(now)]).toEqual([false, true]);
});
