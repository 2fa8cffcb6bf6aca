// The service worker: the page itself, kept whole, so that it opens without a network and never as half of two versions.
//
// The exporter puts a line before this script that says what a release is made of. All of it is fetched past the
// browser's own cache and held against its hashes before this worker takes part; until the reader asks for the new
// version, or has closed every page of the old one, the old worker goes on with its own files. What is large (programs,
// models) is none of its business. A plain script: it imports nothing.

import type { StoredFile } from "../engine/browser/manifest";

interface Release {
  readonly version: string;
  readonly files: readonly StoredFile[];
}

/** The part of a service worker's global scope that is used here; TypeScript has it only where it has no pages. */
interface WorkerScope {
  readonly LOGITSCOPE_RELEASE?: Release;
  readonly registration: { readonly scope: string };
  readonly clients: { claim(): Promise<void> };
  skipWaiting(): Promise<void>;
  addEventListener(type: "install" | "activate", listen: (event: Lasting) => void): void;
  addEventListener(type: "message", listen: (event: MessageEvent) => void): void;
  addEventListener(type: "fetch", listen: (event: Fetching) => void): void;
}

interface Lasting {
  waitUntil(done: Promise<unknown>): void;
}

interface Fetching {
  readonly request: Request;
  respondWith(answer: Promise<Response>): void;
}

const worker = self as unknown as WorkerScope;
const release = worker.LOGITSCOPE_RELEASE ?? { version: "", files: [] };
const files = new Map(release.files.map((file) => [file.path, file]));
const scope = worker.registration.scope;

/** One address can have several sites; each removes its own old versions only. */
const OURS = `logitscope page ${new URL(scope).pathname} `;
const NAME = OURS + release.version;
const ENTRY = "index.html";

worker.addEventListener("install", (event) => event.waitUntil(install()));
worker.addEventListener("activate", (event) => event.waitUntil(activate()));
worker.addEventListener("message", ({ data }) => {
  if (data === "take over") void worker.skipWaiting();
});
worker.addEventListener("fetch", (event) => {
  const path = pathOf(event.request);
  const file = path === null ? undefined : files.get(path);
  if (file) event.respondWith(answer(file));
});

async function install(): Promise<void> {
  const kept = await Promise.allSettled(release.files.map(keep));
  const failed = kept.find((one) => one.status === "rejected");
  if (!failed) return;
  await caches.delete(NAME);
  throw failed.reason;
}

async function activate(): Promise<void> {
  for (const name of await caches.keys()) if (name.startsWith(OURS) && name !== NAME) await caches.delete(name);
  await worker.clients.claim();
}

/** Which of the site's files is asked for; null for anything else. */
function pathOf({ method, mode, url }: Request): string | null {
  const [address] = url.split(/[?#]/);
  if (method !== "GET" || !address!.startsWith(scope)) return null;
  try {
    const path = decodeURIComponent(address!.slice(scope.length));
    return path === "" && mode === "navigate" ? ENTRY : path;
  } catch {
    return null;
  }
}

async function answer(file: StoredFile): Promise<Response> {
  const kept = await (await caches.open(NAME)).match(scope + file.path);
  if (kept) return kept;
  try {
    // The reader, or the browser for want of room, removed it.
    return await keep(file);
  } catch (error) {
    return new Response(error instanceof Error ? error.message : String(error), { status: 503 });
  }
}

/** Fetches a file and keeps it, if it is the one that belongs to this release. */
async function keep(file: StoredFile): Promise<Response> {
  const response = await fetch(scope + file.path, { cache: "no-store" });
  if (!response.ok) throw new Error(`${file.path}: the server answered ${response.status}.`);
  const bytes = await response.arrayBuffer();
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  const sha256 = Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
  if (sha256 !== file.sha256) throw new Error(`${file.path} belongs to another version of this site. Reload the page.`);
  const type = response.headers.get("Content-Type") ?? "application/octet-stream";
  const kept = new Response(bytes, { headers: { "Content-Type": type } });
  await (await caches.open(NAME)).put(scope + file.path, kept.clone());
  return kept;
}
