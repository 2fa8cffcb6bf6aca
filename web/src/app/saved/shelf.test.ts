import { expect, it } from "vitest";

import { sha256 } from "../digest";
import { DAY, Shelf, type ShelfOptions } from "./shelf";

/** A cache like a browser's, by address. */
class Kept {
  readonly held = new Map<string, { bytes: ArrayBuffer; headers: Headers }>();
  full = false;

  async match(url: string): Promise<Response | undefined> {
    const found = this.held.get(url);
    return found && new Response(found.bytes.slice(0), { headers: found.headers });
  }

  async put(url: string, response: Response): Promise<void> {
    if (this.full) throw new DOMException("no room", "QuotaExceededError");
    this.held.set(url, { bytes: await response.arrayBuffer(), headers: response.headers });
  }

  async delete(url: string): Promise<boolean> {
    return this.held.delete(url);
  }

  async keys(): Promise<{ url: string }[]> {
    return [...this.held.keys()].map((url) => ({ url }));
  }
}

const file = (text: string, name = `${text}.trace.safetensors`) => new File([text], name);

interface Made {
  readonly shelf: Shelf;
  readonly kept: Kept;
  /** Names of the caches that were asked for. */
  readonly opened: string[];
  pass(ms: number): void;
}

function shelfOf(options: Partial<ShelfOptions> = {}): Made {
  const kept = new Kept();
  const opened: string[] = [];
  const caches = { open: async (name: string) => (opened.push(name), kept as unknown as Cache) };
  let now = 1_800_000_000_000;
  const given = { caches, base: "https://somewhere.example/app/", digest: sha256, now: () => now++, ...options };
  return { shelf: new Shelf(given), kept, opened, pass: (ms) => (now += ms) };
}

async function put(shelf: Shelf, one: File): Promise<string> {
  const name = await shelf.nameOf(one);
  await shelf.put(name, one);
  return name;
}

const textOf = async (found: File | null) => found && [found.name, await found.text()];

it("gives a file back under the hash of what it holds, also after the page was loaded again", async () => {
  const { shelf, kept, opened } = shelfOf();
  const sea = file("sea", "the sea ⚓ <b>.trace.safetensors");
  const name = await put(shelf, sea);
  expect(name).toBe((await sha256!(await sea.arrayBuffer())).slice(0, 32));
  expect([...kept.held.keys()]).toEqual([`https://somewhere.example/app/opened/${name}`]);
  expect(await textOf(await shelf.take(name))).toEqual([sea.name, "sea"]);
  expect(await shelf.take("")).toBeNull();
  expect(await shelf.take("another")).toBeNull();
  expect([...new Set(opened)]).toEqual(["logitscope opened /app/"]);
});

it("knows two files of one name apart, and one file under two names as one", async () => {
  const { shelf, kept } = shelfOf();
  const [one, two] = [await put(shelf, file("one", "same")), await put(shelf, file("two", "same"))];
  expect(one).not.toBe(two);
  expect(await textOf(await shelf.take(one))).toEqual(["same", "one"]);
  expect(await put(shelf, file("one", "renamed"))).toBe(one);
  expect(kept.held.size).toBe(2);
});

it("keeps a few, and none of them for long", async () => {
  const { shelf, pass } = shelfOf({ most: 2, bytes: 10 });
  const names = [];
  for (const text of ["a", "b", "c"]) names.push(await put(shelf, file(text)));
  expect(await Promise.all(names.map(async (name) => (await shelf.take(name)) !== null))).toEqual([false, true, true]);
  // Together they may not be larger than that.
  const large = await put(shelf, file("123456789"));
  expect(await shelf.take(names[1]!)).toBeNull();
  expect(await shelf.take(names[2]!)).not.toBeNull();
  expect(await shelf.take(large)).not.toBeNull();
  expect(await shelf.nameOf(file("12345678901"))).toBe("");
  pass(DAY);
  expect(await shelf.take(large)).toBeNull();
});

it("forgets what is closed", async () => {
  const { shelf, kept } = shelfOf();
  const name = await put(shelf, file("sea"));
  await shelf.forget(name);
  expect(kept.held.size).toBe(0);
});

it("keeps nothing, and says so, where the browser does not", async () => {
  const refused = { open: () => Promise.reject(new DOMException("private", "SecurityError")) };
  for (const options of [{ caches: undefined }, { digest: null }, { caches: refused }]) {
    const { shelf } = shelfOf(options as Partial<ShelfOptions>);
    const name = await shelf.nameOf(file("sea"));
    expect(await shelf.put(name, file("sea"))).toBe(false);
    expect(await shelf.take(name)).toBeNull();
    await shelf.forget(name);
  }
  const { shelf, kept } = shelfOf();
  kept.full = true;
  expect(await shelf.put("name", file("sea"))).toBe(false);
});
