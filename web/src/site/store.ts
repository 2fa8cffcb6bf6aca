// The store of the site's page: its index and manifests as they are, everything large through `Parts`.
//
// A model's files are asked for by the engine; where they are not on this device, the reader is asked first.

import { EngineError, type Shape } from "../engine";
import type { Manifest, OnProgress, Site, SiteModel, Store, StoredFile } from "../engine/browser/manifest";
import { waysOf, type Graphics, type Program } from "../engine/browser/ways";
import type { Parts } from "./parts";

/** A file and where it lies, relative to the site's folder. */
export interface Piece {
  readonly file: StoredFile;
  readonly path: string;
}

/** How much is on this device, in bytes. */
export interface Amount {
  readonly total: number;
  readonly missing: number;
}

/** Files fetched at once: what a stopped download loses is what was on its way. */
const AT_ONCE = 3;

/** Where the programs lie that compute models: one that every browser runs, and one for graphics processors. */
export const PROGRAMS = "ort/";
const GRAPHICS = `${PROGRAMS}webgpu-`;

export class SiteStore implements Store {
  /** Asks the reader whether a model may be downloaded, and sees to it; ends with an error where it may not. */
  ask: (model: string) => Promise<void> = () => Promise.resolve();

  readonly #base: string;
  readonly #parts: Parts;
  readonly #fetch: typeof fetch;
  readonly #graphics: Graphics | null;
  #site: Promise<Site> | null = null;
  readonly #manifests = new Map<string, Promise<Manifest>>();
  readonly #asked = new Map<string, Promise<void>>();

  /**
   * @param base the address of the site's folder, with a slash at its end.
   * @param graphics the graphics processor that may compute.
   */
  constructor(
    base: string,
    parts: Parts,
    graphics: Graphics | null = null,
    fetcher: typeof fetch = (...a) => fetch(...a),
  ) {
    this.#base = base;
    this.#parts = parts;
    this.#graphics = graphics;
    this.#fetch = fetcher;
  }

  // What is said once and to all is not withdrawn where one of those who asked is gone.
  site(): Promise<Site> {
    this.#site ??= this.#json<Site>("site.json").catch((error: unknown) => {
      this.#site = null;
      throw error;
    });
    return this.#site;
  }

  async shapes(): Promise<readonly Shape[]> {
    return JSON.parse(new TextDecoder().decode(await unpacked(await this.#bytes("shapes.json.deflate")))) as Shape[];
  }

  async manifest(model: string): Promise<Manifest> {
    const { folder } = await this.#model(model);
    let known = this.#manifests.get(model);
    if (!known) {
      known = this.#json<Manifest>(`${folder}/manifest.json`).catch((error: unknown) => {
        this.#manifests.delete(model);
        throw error;
      });
      this.#manifests.set(model, known);
    }
    return known;
  }

  /** The device's; null where the site has no program for it. */
  async graphics(): Promise<Graphics | null> {
    return usable(await this.site(), this.#graphics);
  }

  async program(which: Program, signal: AbortSignal): Promise<ArrayBuffer> {
    const file = programAmong(await this.site(), which);
    return unpacked(await this.#parts.take(file, file.path, signal));
  }

  async file(model: string, file: StoredFile, signal: AbortSignal, onProgress?: OnProgress): Promise<ArrayBuffer> {
    const { folder } = await this.#model(model);
    await unless(signal, this.#agreed(model));
    let done = 0;
    return this.#parts.take(file, `${folder}/${file.path}`, signal, (n) => onProgress?.((done += n), file.bytes));
  }

  /** What a model needs, the program that computes it included. */
  async pieces(model: string): Promise<readonly Piece[]> {
    const { folder } = await this.#model(model);
    const manifest = await this.manifest(model);
    const { program } = programFor(await this.site(), manifest, this.#graphics);
    // The largest last: what is small is there even where a download is stopped.
    const files = [...filesOf(manifest)].sort((a, b) => a.bytes - b.bytes);
    return [{ file: program, path: program.path }, ...files.map((file) => ({ file, path: `${folder}/${file.path}` }))];
  }

  /** How much a model needs, and how much of it is not on this device. */
  async amount(model: string): Promise<Amount> {
    let [total, missing] = [0, 0];
    for (const { file } of await this.pieces(model)) {
      total += file.bytes;
      if (!(await this.#parts.has(file))) missing += file.bytes;
    }
    return { total, missing };
  }

  /**
   * Fetches what is missing of a model; what is there already counts as done.
   *
   * @throws EngineError what the first file that could not be had says; all others are kept.
   */
  async download(model: string, signal: AbortSignal, onProgress: OnProgress): Promise<void> {
    const pieces = await this.pieces(model);
    const here = await Promise.all(pieces.map(({ file }) => this.#parts.has(file)));
    const total = sum(pieces);
    let done = sum(pieces.filter((_, i) => here[i]));
    const queue = pieces.filter((_, i) => !here[i]).values();
    const trouble: unknown[] = [];
    const work = async () => {
      for (const { file, path } of queue) {
        if (trouble.length) return;
        try {
          await this.#parts.take(file, path, signal, (n) => onProgress((done += n), total));
        } catch (error) {
          trouble.push(error);
        }
      }
    };
    onProgress(done, total);
    await Promise.all(Array.from({ length: AT_ONCE }, work));
    if (trouble.length) throw trouble[0];
  }

  /** Removes what no model of this version of the site needs. */
  async tidy(): Promise<void> {
    const { models, files } = await this.site();
    const pieces = await Promise.all(models.map(({ name }) => this.pieces(name)));
    // Where a graphics processor was tried and left, the other program is here as well.
    const programs = files.filter(({ path }) => path.startsWith(PROGRAMS));
    await this.#parts.only([...programs, ...pieces.flat().map(({ file }) => file)]);
  }

  /** The reader's answer, asked for once while it is awaited. */
  #agreed(model: string): Promise<void> {
    let asked = this.#asked.get(model);
    if (!asked) {
      asked = (async () => {
        if ((await this.amount(model)).missing) await this.ask(model);
      })().finally(() => this.#asked.delete(model));
      this.#asked.set(model, asked);
    }
    return asked;
  }

  async #model(name: string): Promise<SiteModel> {
    const { models } = await this.site();
    const found = models.find((one) => one.name === name);
    if (found) return found;
    const there = models.map((one) => one.name).join(", ");
    throw new EngineError("refused", `the model ${name} is not part of this site; there is ${there}.`);
  }

  async #json<Said>(path: string): Promise<Said> {
    try {
      return JSON.parse(new TextDecoder().decode(await this.#bytes(path))) as Said;
    } catch (error) {
      if (error instanceof EngineError) throw error;
      throw new EngineError(
        "failed",
        `the file ${path} is no JSON: the site is damaged, and has to be uploaded again.`,
      );
    }
  }

  /** A small file of the page: never an old one while a new one can be had. */
  async #bytes(path: string): Promise<ArrayBuffer> {
    try {
      const response = await this.#fetch(new URL(path, this.#base).href, { cache: "no-cache" });
      if (response.ok) return await response.arrayBuffer();
      const status = `${response.status} ${response.statusText}`.trim();
      throw new EngineError(
        "failed",
        `the file ${path} is not there (the server answered ${status}): the site is not whole. Try again; if it stays like that, it has to be uploaded again.`,
      );
    } catch (error) {
      if (error instanceof EngineError) throw error;
      throw new EngineError(
        "gone",
        `the file ${path} could not be fetched: nobody answers. Look whether this device is connected, and try again.`,
      );
    }
  }
}

/** The program that will compute a model, if all goes well, and the graphics processor that it is for, if for any. */
export function programFor(
  site: Site,
  manifest: Manifest,
  graphics: Graphics | null,
): { readonly program: StoredFile; readonly graphics: Graphics | null } {
  const found = usable(site, graphics);
  const [way] = waysOf(manifest, found);
  return { program: programAmong(site, way!.program), graphics: way!.program === "webgpu" ? found : null };
}

function usable({ files }: Site, graphics: Graphics | null): Graphics | null {
  return files.some(({ path }) => path.startsWith(GRAPHICS)) ? graphics : null;
}

function programAmong({ files }: Site, which: Program): StoredFile {
  const wanted = (path: string) => path.startsWith(PROGRAMS) && path.startsWith(GRAPHICS) === (which === "webgpu");
  const file = files.find(({ path }) => wanted(path));
  if (file) return file;
  throw new EngineError("failed", `the file site.json names none under ${PROGRAMS}; export the site again.`);
}

function unpacked(packed: ArrayBuffer): Promise<ArrayBuffer> {
  return new Response(new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"))).arrayBuffer();
}

/** What is awaited, or an AbortError as soon as the signal is aborted. */
function unless<Result>(signal: AbortSignal, awaited: Promise<Result>): Promise<Result> {
  return new Promise((resolve, reject) => {
    const stop = () => reject(new DOMException("the question was withdrawn", "AbortError"));
    if (signal.aborted) stop();
    signal.addEventListener("abort", stop, { once: true });
    void awaited.then(resolve, reject).finally(() => signal.removeEventListener("abort", stop));
  });
}

function sum(pieces: readonly Piece[]): number {
  return pieces.reduce((bytes, { file }) => bytes + file.bytes, 0);
}

function* filesOf(manifest: Manifest): Generator<StoredFile> {
  yield* Object.values(manifest.graphs);
  yield manifest.tokenizer;
  yield manifest.tokenizer_config;
  yield manifest.token_bytes;
  if (manifest.graph) yield manifest.graph;
  for (const file of manifest.weights.files) yield* file.parts;
}
