// Files of the site, one at a time: fetched, held against their hashes, and kept for the next visit. Knows no model.
//
// What is kept lies under its hash, so that a file which did not change is not fetched again when the site does, and two
// versions never mix. Where the browser keeps nothing (see device.ts) files stay with the page as long as it is open.

import { EngineError, isAbort, pause } from "../engine";
import type { StoredFile } from "../engine/browser/manifest";

/** Told as bytes come; negative where a try failed and what came of it does not count. */
export type OnBytes = (bytes: number) => void;

/** The SHA-256 of some bytes, in lower-case hexadecimal. */
export type Digest = (bytes: ArrayBuffer) => Promise<string>;

export interface PartsOptions {
  /** Where files are kept; null where this browser keeps none. */
  readonly kept: Cache | null;
  /** Null where this browser works none out: lengths are checked then, and nothing else. */
  readonly digest: Digest | null;
  /** Keeps two tabs from fetching the same file at once. */
  readonly locks?: LockManager | undefined;
  readonly fetcher?: typeof fetch;
  /** Milliseconds before a file is asked for again, and how long nothing may come before it is given up. */
  readonly wait?: number;
  readonly patience?: number;
}

const TRIES = 3;

/** A try that failed; `passing` where the next one may not. */
class Failed extends Error {
  constructor(
    readonly trouble: "gone" | "failed",
    message: string,
    readonly passing: boolean,
  ) {
    super(message);
  }
}

export class Parts {
  readonly #base: string;
  readonly #options: Required<Omit<PartsOptions, "locks">> & Pick<PartsOptions, "locks">;
  /** What could not be kept elsewhere, by its hash. */
  readonly #here = new Map<string, Blob>();

  /** @param base the address of the site's folder, with a slash at its end. */
  constructor(base: string, options: PartsOptions) {
    this.#base = base;
    this.#options = { fetcher: (...a) => fetch(...a), wait: 400, patience: 30_000, ...options };
  }

  /** Whether a file is on this device. */
  async has(file: StoredFile): Promise<boolean> {
    return this.#here.has(file.sha256) || Boolean(await this.#options.kept?.match(this.#key(file.sha256)));
  }

  /**
   * The bytes of a file: what is kept, else what the server sends.
   *
   * @param path where it lies, relative to the site's folder.
   * @throws EngineError `gone` where nobody answers, `failed` where it is missing or not what it should be.
   */
  take(file: StoredFile, path: string, signal: AbortSignal, onBytes: OnBytes = () => {}): Promise<ArrayBuffer> {
    return this.#alone(file, signal, async () => {
      const known = await this.#known(file);
      if (known) {
        onBytes(file.bytes);
        return known;
      }
      const bytes = await this.#fetched(file, path, signal, onBytes);
      await this.#keep(file, bytes);
      return bytes;
    });
  }

  /** Removes whatever is kept and none of these. */
  async only(files: Iterable<StoredFile>): Promise<void> {
    const wanted = new Set([...files].map((file) => this.#key(file.sha256)));
    for (const { url } of (await this.#options.kept?.keys()) ?? [])
      if (!wanted.has(url)) await this.#options.kept!.delete(url);
  }

  #key(sha256: string): string {
    return new URL(`kept/${sha256}`, this.#base).href;
  }

  #alone<Result>(file: StoredFile, signal: AbortSignal, work: () => Promise<Result>): Promise<Result> {
    const { locks } = this.#options;
    return locks ? (locks.request(this.#key(file.sha256), { signal }, work) as Promise<Result>) : work();
  }

  async #known(file: StoredFile): Promise<ArrayBuffer | null> {
    const here = this.#here.get(file.sha256);
    if (here) return here.arrayBuffer();
    const kept = await this.#options.kept?.match(this.#key(file.sha256));
    if (!kept) return null;
    const bytes = await kept.arrayBuffer();
    if (await this.#isRight(file, bytes)) return bytes;
    await this.#options.kept!.delete(this.#key(file.sha256));
    return null;
  }

  async #keep(file: StoredFile, bytes: ArrayBuffer): Promise<void> {
    try {
      if (!this.#options.kept) throw new DOMException("nothing is kept here", "QuotaExceededError");
      await this.#options.kept.put(this.#key(file.sha256), new Response(bytes));
    } catch {
      // The device is full, or keeps nothing: then as long as the page is open.
      this.#here.set(file.sha256, new Blob([bytes]));
    }
  }

  async #isRight(file: StoredFile, bytes: ArrayBuffer): Promise<boolean> {
    if (bytes.byteLength !== file.bytes) return false;
    return !this.#options.digest || (await this.#options.digest(bytes)) === file.sha256;
  }

  async #fetched(file: StoredFile, path: string, signal: AbortSignal, onBytes: OnBytes): Promise<ArrayBuffer> {
    for (let tried = 1; ; tried++) {
      let counted = 0;
      const count = (bytes: number) => {
        counted += bytes;
        onBytes(bytes);
      };
      try {
        const bytes = await this.#sent(file, path, signal, count);
        if (await this.#isRight(file, bytes)) return bytes;
        throw new Failed(
          "failed",
          `the file ${path} arrived, but it is not what this site was made with (its SHA-256 differs). Try again; if it stays like that, the site has to be uploaded again.`,
          true,
        );
      } catch (error) {
        onBytes(-counted);
        if (isAbort(error) || signal.aborted || !(error instanceof Failed)) throw error;
        if (!error.passing || tried === TRIES) throw new EngineError(error.trouble, error.message);
        await pause(this.#options.wait * 2 ** tried, signal);
      }
    }
  }

  /** What the server sends, as long as the file should be. */
  async #sent(file: StoredFile, path: string, signal: AbortSignal, count: OnBytes): Promise<ArrayBuffer> {
    const asked = new AbortController();
    const withdraw = () => asked.abort();
    signal.addEventListener("abort", withdraw, { once: true });
    let timer: ReturnType<typeof setTimeout> | undefined;
    const alive = () => {
      clearTimeout(timer);
      timer = setTimeout(withdraw, this.#options.patience);
    };
    try {
      if (signal.aborted) withdraw();
      alive();
      const url = new URL(path, this.#base).href;
      const response = await this.#options.fetcher(url, { cache: "no-store", signal: asked.signal });
      if (!response.ok) throw refused(path, response);
      return await whole(response, file, path, (bytes) => {
        alive();
        count(bytes);
      });
    } catch (error) {
      if (signal.aborted || error instanceof Failed) throw signal.aborted ? aborted() : error;
      throw new Failed(
        "gone",
        `the file ${path} could not be fetched: ${asked.signal.aborted ? "nothing came any more" : "nobody answers"}. Look whether this device is connected, and try again; what was loaded is kept.`,
        true,
      );
    } finally {
      clearTimeout(timer);
      signal.removeEventListener("abort", withdraw);
    }
  }
}

async function whole(response: Response, file: StoredFile, path: string, count: OnBytes): Promise<ArrayBuffer> {
  const bytes = new Uint8Array(file.bytes);
  let size = 0;
  const reader = response.body?.getReader();
  for (;;) {
    const { done, value } = (await reader?.read()) ?? { done: true as const, value: undefined };
    if (done) break;
    if (size + value.length <= bytes.length) bytes.set(value, size);
    size += value.length;
    count(value.length);
    if (size > bytes.length) {
      void reader?.cancel();
      break;
    }
  }
  if (size === bytes.length) return bytes.buffer;
  throw new Failed(
    "failed",
    `the file ${path} arrived with ${size > bytes.length ? "more" : size.toLocaleString("en")} bytes instead of ${bytes.length.toLocaleString("en")}. Try again; if it stays like that, the site has to be uploaded again.`,
    true,
  );
}

function refused(path: string, response: Response): Failed {
  const status = `${response.status} ${response.statusText}`.trim();
  if (response.status === 404 || response.status === 410)
    return new Failed(
      "failed",
      `the file ${path} is not there (the server answered ${status}). The site may just be changing: reload and try again. If it stays missing, it has to be uploaded.`,
      false,
    );
  const passing = response.status >= 500 || response.status === 429;
  return new Failed(
    "failed",
    `the file ${path} was not sent (the server answered ${status}). ${passing ? "Try again in a moment." : "Whoever publishes this site has to allow it."}`,
    passing,
  );
}

function aborted(): DOMException {
  return new DOMException("the download was stopped", "AbortError");
}
