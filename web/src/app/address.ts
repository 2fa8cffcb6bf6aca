// Everything that a link has to reopen, as the hash of the page's address, and back. Knows no page.
//
// `#m=embedded:tales&v=text&t=The+tide&p=3&pin=1`: m model, v view, t text (z: the same, compressed), i token ids where
// they were edited and e the edits, p position, s stage, pin; c the cell of the walkthrough, such as `0.attn.q:2:5:1`, g the
// moment of its guide, such as `attention@12.5`, eye where it is seen from; m2, t2 (z2) what it is compared with; f the
// saved trace that is shown, h what is in it; then the settings that are not as they come.

import { editsIn, NO_EDITS, numbersOf, type Edits } from "./edits";
import { changed, settingsFrom, type Settings } from "./settings";

/** The other side of a comparison. */
export interface Against {
  /** Empty: the same model. */
  readonly model: string;
  /** Null: the same text. */
  readonly text: string | null;
}

export interface Place {
  /** Empty: whichever the server has first. */
  readonly model: string;
  readonly view: string;
  /** Null: nothing was chosen yet. */
  readonly text: string | null;
  /** Token ids that are read instead of the text, where tokens were replaced; the text is then what they say. */
  readonly ids: readonly number[] | null;
  /** How `ids` came about, as far as that can be taken back; without ids, none count. */
  readonly edits: Edits;
  /** The selected token, counted from 0. */
  readonly position: number | null;
  readonly stage: string | null;
  /** Whether the selection stays when the pointer moves on. */
  readonly pinned: boolean;
  /** The cell that the walkthrough explains; null for none. */
  readonly cell: CellPlace | null;
  /** The moment of the walkthrough's guide; empty for its beginning, `off` without it. */
  readonly guide: string;
  /** Where the walkthrough's scene is seen from, as it writes it; empty where the guide or the cell say it. */
  readonly eye: string;
  /** What this is compared with; null for nothing. */
  readonly against: Against | null;
  /** The saved trace that is shown instead of the text; its bytes are with the reader. Null for none. */
  readonly file: FilePlace | null;
  readonly settings: Settings;
}

/** A file, by what the reader calls it and by what it holds. */
export interface FilePlace {
  readonly name: string;
  /** The beginning of its SHA-256; empty where the browser works none out. */
  readonly hash: string;
}

/** One number of the model's inside. */
export interface CellPlace {
  /** Of the model's graph. */
  readonly block: string;
  readonly index: readonly number[];
}

/** Characters of a text that stands in the address as it is. */
const PLAIN = 300;

/** Bytes that an address may unpack to. */
const MOST = 4_000_000;

export const NOWHERE: Place = {
  model: "",
  view: "text",
  text: null,
  ids: null,
  edits: NO_EDITS,
  position: null,
  stage: null,
  pinned: false,
  cell: null,
  guide: "",
  eye: "",
  against: null,
  file: null,
  settings: settingsFrom(new Map()),
};

/** The hash of a place, without its `#`. */
export async function addressOf(place: Place): Promise<string> {
  const said = new URLSearchParams();
  if (place.model) said.set("m", place.model);
  if (place.view !== NOWHERE.view) said.set("v", place.view);
  await say(said, place.text, "t", "z");
  if (place.ids) said.set("i", await packed(varints(place.ids)));
  if (place.ids && place.edits.list.length) said.set("e", await packed(varints(numbersOf(place.edits))));
  if (place.position !== null) said.set("p", String(place.position));
  if (place.stage !== null) said.set("s", place.stage);
  if (place.pinned) said.set("pin", "1");
  if (place.guide) said.set("g", place.guide);
  if (place.eye) said.set("eye", place.eye);
  if (place.cell) said.set("c", [place.cell.block, ...place.cell.index].join(":"));
  if (place.against) {
    // One of them is always there, so that a comparison of a text with itself is one too.
    if (place.against.model || place.against.text === null) said.set("m2", place.against.model);
    await say(said, place.against.text, "t2", "z2");
  }
  if (place.file) {
    said.set("f", place.file.name);
    if (place.file.hash) said.set("h", place.file.hash);
  }
  for (const [name, value] of changed(place.settings)) said.set(name, value);
  return said.toString();
}

/** The place that a hash names; what cannot be read is left as it comes. */
export async function placeAt(hash: string): Promise<Place> {
  const said = new URLSearchParams(hash.replace(/^#/, ""));
  const position = Number(said.get("p") ?? NaN);
  return {
    model: said.get("m") ?? "",
    view: said.get("v") ?? NOWHERE.view,
    text: said.get("t") ?? (await textIn(said.get("z"))),
    ids: await idsIn(said.get("i")),
    edits: editsIn((await numbersIn(said.get("e"))) ?? []) ?? NO_EDITS,
    position: Number.isSafeInteger(position) && position >= 0 ? position : null,
    stage: said.get("s"),
    pinned: said.get("pin") === "1",
    cell: cellIn(said.get("c")),
    guide: (said.get("g") ?? "").slice(0, 100),
    eye: (said.get("eye") ?? "").slice(0, 100),
    against: ["m2", "t2", "z2"].some((name) => said.has(name))
      ? { model: said.get("m2") ?? "", text: said.get("t2") ?? (await textIn(said.get("z2"))) }
      : null,
    file: fileIn(said),
    settings: settingsFrom(new Map(said)),
  };
}

function cellIn(said: string | null): CellPlace | null {
  const [block, ...numbers] = said?.split(":") ?? [];
  const index = numbers.map(Number);
  return block && index.every((n) => Number.isSafeInteger(n) && n >= 0) ? { block, index } : null;
}

function fileIn(said: URLSearchParams): FilePlace | null {
  const name = (said.get("f") ?? "").slice(0, 120);
  return name ? { name, hash: (said.get("h") ?? "").slice(0, 64) } : null;
}

/** Whether two files are the same, as far as their hashes are known. */
export function sameFile(a: FilePlace | null, b: FilePlace | null): boolean {
  return a?.name === b?.name && a?.hash === b?.hash;
}

/** Whether two places are the same. */
export function samePlace(a: Place, b: Place): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

/** A text under one of two names: as it is, or compressed. */
async function say(said: URLSearchParams, text: string | null, plain: string, compressed: string): Promise<void> {
  if (text === null) return;
  // Halves of surrogate pairs have no percent encoding.
  if (text.length <= PLAIN && text.isWellFormed()) said.set(plain, text);
  else said.set(compressed, await packed(utf16(text)));
}

async function textIn(packedText: string | null): Promise<string | null> {
  const bytes = packedText === null ? null : await unpacked(packedText);
  if (!bytes) return null;
  const units = new Uint16Array(bytes.slice(0, bytes.length & ~1).buffer);
  let text = "";
  for (let i = 0; i < units.length; i += 8192) text += String.fromCharCode(...units.subarray(i, i + 8192));
  return text;
}

async function idsIn(packedIds: string | null): Promise<readonly number[] | null> {
  const ids = await numbersIn(packedIds);
  return ids?.length ? ids : null;
}

/** Whole numbers from 0 on, each of them an id or a count; null for anything else. */
async function numbersIn(packedNumbers: string | null): Promise<readonly number[] | null> {
  const bytes = packedNumbers === null ? null : await unpacked(packedNumbers);
  if (!bytes) return null;
  const ids: number[] = [];
  let id = 0;
  let scale = 1;
  for (const byte of bytes) {
    id += (byte & 0x7f) * scale;
    scale *= 128;
    if (byte & 0x80) continue;
    ids.push(id);
    id = 0;
    scale = 1;
  }
  return ids.every((one) => one < 2 ** 31) ? ids : null;
}

/** Code units as bytes: every text survives, also one that no UTF-8 can write. */
function utf16(text: string): Uint8Array<ArrayBuffer> {
  const units = new Uint16Array(text.length);
  for (let i = 0; i < text.length; i++) units[i] = text.charCodeAt(i);
  return new Uint8Array(units.buffer);
}

function varints(ids: readonly number[]): Uint8Array<ArrayBuffer> {
  const bytes: number[] = [];
  for (let id of ids) {
    for (; id >= 0x80; id = Math.floor(id / 128)) bytes.push((id & 0x7f) | 0x80);
    bytes.push(id);
  }
  return Uint8Array.from(bytes);
}

async function packed(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const small = await through(bytes, new CompressionStream("deflate-raw"));
  let text = "";
  for (let i = 0; i < small.length; i += 8192) text += String.fromCharCode(...small.subarray(i, i + 8192));
  return btoa(text).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

async function unpacked(text: string): Promise<Uint8Array | null> {
  try {
    const small = Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
    return await through(small, new DecompressionStream("deflate-raw"));
  } catch {
    return null;
  }
}

async function through(bytes: Uint8Array<ArrayBuffer>, change: GenericTransformStream): Promise<Uint8Array> {
  const parts: Uint8Array<ArrayBuffer>[] = [];
  let size = 0;
  const reader = new Blob([bytes]).stream().pipeThrough(change).getReader() as ReadableStreamDefaultReader<
    Uint8Array<ArrayBuffer>
  >;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return new Uint8Array(await new Blob(parts).arrayBuffer());
    size += value.length;
    // A link is written by anybody: a few letters can unpack to gigabytes.
    if (size > MOST) throw new RangeError("the address holds more than a text can be");
    parts.push(value);
  }
}
