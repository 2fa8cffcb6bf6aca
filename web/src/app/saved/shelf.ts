// Files that the reader opened, kept in this browser so that they are there when the page is loaded again: a few, none of
// them large, for a day. Each is known by what it holds and not by its name. Knows no traces: what is taken from here was
// lying about, and has to be read and checked like any other file.

import { sha256 } from "../digest";

export interface ShelfOptions {
  /** Absent where the browser keeps nothing for this page. */
  readonly caches: Pick<CacheStorage, "open"> | undefined;
  /** The address of the page's folder: what is kept is this page's own, also where one host has several. */
  readonly base: string;
  readonly digest: ((bytes: ArrayBuffer) => Promise<string>) | null;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Files, and bytes of all together. */
  readonly most: number;
  readonly bytes: number;
}

/** Milliseconds after which a file is kept no longer. */
export const DAY = 86_400_000;

const [KEPT, SIZE, NAME] = ["x-kept", "x-bytes", "x-name"];

export class Shelf {
  readonly #options: ShelfOptions;

  constructor(options: Partial<ShelfOptions> = {}) {
    this.#options = {
      caches: globalThis.caches,
      base: globalThis.location ? new URL("./", location.href).href : "",
      digest: sha256,
      now: Date.now,
      most: 4,
      bytes: 128 * 2 ** 20,
      ...options,
    };
  }

  /** What a file is known by; empty where it cannot be kept. */
  async nameOf(file: Blob): Promise<string> {
    const { caches, digest, bytes } = this.#options;
    if (!caches || !digest || file.size > bytes) return "";
    return (await digest(await file.arrayBuffer())).slice(0, 32);
  }

  /**
   * Keeps a file; those that were kept first go where there are too many.
   *
   * @param name what `nameOf` said.
   * @returns whether it is kept.
   */
  async put(name: string, file: File): Promise<boolean> {
    if (!name) return false;
    try {
      const cache = await this.#open();
      const kept = (await this.#tidy(cache)).filter((one) => one.url !== this.#url(name));
      let [room, n] = [this.#options.bytes - file.size, this.#options.most - 1];
      for (const one of kept.reverse()) if (n-- <= 0 || (room -= one.size) < 0) await cache.delete(one.url);
      const headers = {
        [KEPT]: String(this.#options.now()),
        [SIZE]: String(file.size),
        [NAME]: encodeURIComponent(file.name),
      };
      await cache.put(this.#url(name), new Response(file, { headers }));
      return true;
    } catch {
      // The device is full, or keeps nothing.
      return false;
    }
  }

  /** A file that is kept; null where it is not, or not any more. */
  async take(name: string): Promise<File | null> {
    if (!name) return null;
    try {
      const cache = await this.#open();
      await this.#tidy(cache);
      const found = await cache.match(this.#url(name));
      return found ? new File([await found.blob()], decodeURIComponent(found.headers.get(NAME) ?? "")) : null;
    } catch {
      return null;
    }
  }

  async forget(name: string): Promise<void> {
    if (name)
      await this.#open()
        .then((cache) => cache.delete(this.#url(name)))
        .catch(() => undefined);
  }

  async #open(): Promise<Cache> {
    const { caches, base } = this.#options;
    if (!caches) throw new DOMException("nothing is kept here", "NotSupportedError");
    return caches.open(`logitscope opened ${new URL(base).pathname}`);
  }

  #url(name: string): string {
    return new URL(`opened/${encodeURIComponent(name)}`, this.#options.base).href;
  }

  /** Removes what was kept for too long; the others, those that were kept first before the rest. */
  async #tidy(cache: Cache): Promise<{ readonly url: string; readonly size: number }[]> {
    const kept: { url: string; size: number; at: number }[] = [];
    for (const { url } of await cache.keys()) {
      const { headers } = (await cache.match(url)) ?? new Response();
      const at = Number(headers.get(KEPT) ?? NaN);
      if (this.#options.now() - at < DAY) kept.push({ url, size: Number(headers.get(SIZE)), at });
      else await cache.delete(url);
    }
    return kept.sort((a, b) => a.at - b.at);
  }
}
