// Texts to token ids with their exact bytes; as Python's `model/tokenise.py`.
//
// Bytes come from the exported table, never from decoding. The library that finds the ids says nothing of characters:
// where a tokenizer changes a text, each token is looked for from where the last one ended.

import { Tokens, Vocabulary } from "../../trace";
import { equal } from "../../trace/tokens";
import type { Tokenised } from "../contract";
import { cut, joinedBytes } from "./cut";
import { refused } from "./failures";
import type { TokenTable } from "./manifest";

/** Ids of a text, nothing put before or after it. */
export type Encode = (text: string) => readonly number[];

/** Which prefix stands before a text. */
export type Bos = Tokenised["bos"];

const SPACE = 0x20;
const PLAIN = new TextDecoder("utf-8", { ignoreBOM: true });

export class Tokeniser {
  /** One more than the largest id that the tokenizer knows. */
  readonly nTokens: number;
  readonly special: ReadonlySet<number>;
  readonly #encode: Encode;
  readonly #table: TokenTable;
  readonly #pieces: (Uint8Array | null | undefined)[] = [];
  #byBytes: Map<string, number> | undefined;

  /**
   * @param encode the library's tokenizer.
   * @param table the bytes of its tokens, as Python gives them.
   * @param bosId the token that begins a text where one is asked for.
   */
  constructor(
    encode: Encode,
    table: TokenTable,
    readonly bosId: number | null,
  ) {
    this.#encode = encode;
    this.#table = table;
    this.nTokens = table.bytes.length;
    this.special = new Set(table.special);
  }

  get putsASpaceFirst(): boolean {
    return this.#table.puts_a_space_first;
  }

  /** The ids that the tokenizer's own convention puts before every text. */
  get prefix(): readonly number[] {
    return this.#table.prefix;
  }

  knows(id: number): boolean {
    return this.#piece(id) !== null;
  }

  /** The bytes that a token stands for; a special token's name. */
  bytesOf(id: number): Uint8Array {
    const piece = this.#piece(id);
    if (piece === null)
      throw refused(`token id ${id} is not in the tokenizer's vocabulary (0 to ${this.nTokens - 1}).`);
    return piece;
  }

  /** The text of a token; nothing for one that stands for none, or that the tokenizer does not know. */
  textBytes(id: number): Uint8Array {
    return this.special.has(id) ? new Uint8Array(0) : (this.#piece(id) ?? new Uint8Array(0));
  }

  /** Names of token ids; ids that the tokenizer does not know (padding, -1) are left out. */
  vocabulary(ids: Iterable<number>): Vocabulary {
    const pieces = new Map<number, Uint8Array>();
    for (const id of [...new Set(ids)].sort((a, b) => a - b)) if (this.knows(id)) pieces.set(id, this.bytesOf(id));
    return new Vocabulary(pieces, new Set([...pieces.keys()].filter((id) => this.special.has(id))));
  }

  /** The ids of a text as the library gives them, without any prefix. */
  plain(text: string): number[] {
    return [...this.#encode(text)];
  }

  /** Tokens of a text, and which prefix was put before it. */
  encode(text: string, bos = false): { tokens: Tokens; bos: Bos } {
    if (!text) throw refused("the text is empty; at least one character is needed.");
    const encoded = encodable(text);
    const ids = this.plain(text);
    if (!ids.length) throw refused("the tokenizer made no tokens of the text; give a text with other characters.");
    const { prefix, source } = this.#prefix(bos);
    const pieces = this.#textPieces(ids, encoded);
    const spans = equal(joinedBytes(pieces), encoded)
      ? undefined
      : [...prefix.map(() => [0, 0] as const), ...searched(pieces, text)];
    const tokens = cut({
      ids: [...prefix, ...ids],
      pieces: [...prefix.map(() => new Uint8Array(0)), ...pieces],
      special: [...prefix.map(() => true), ...ids.map(() => false)],
      text,
      spans,
      names: this.#names(prefix),
    });
    return { tokens, bos: source };
  }

  /** Tokens of given ids; the text is their joined bytes, without the space that the tokenizer puts before a text. */
  fromIds(ids: readonly number[]): Tokens {
    if (!ids.length) throw refused("no token ids were given; at least one is needed.");
    const special = ids.map((id) => this.special.has(id));
    const pieces = ids.map((id, i) => (special[i] ? new Uint8Array(0) : this.bytesOf(id)));
    const first = Math.max(0, special.indexOf(false));
    if (this.putsASpaceFirst && pieces[first]![0] === SPACE) pieces[first] = pieces[first]!.subarray(1);
    return cut({ ids, pieces, special, names: this.#names(ids.filter((_, i) => special[i])) });
  }

  /** The id of the token that stands for exactly this text, a leading space included; null where none does. */
  exact(text: string): number | null {
    this.#byBytes ??= this.#named();
    return this.#byBytes.get(keyOf(encodable(text))) ?? null;
  }

  /** The same. Refuses where there is none, and says what the text is read as. */
  tokenId(text: string): number {
    const exact = this.exact(text);
    if (exact !== null) return exact;
    const ids = this.plain(text);
    const shown = ids.map((id) => JSON.stringify(PLAIN.decode(this.bytesOf(id)))).join(", ");
    throw refused(
      `no token of this model is exactly ${JSON.stringify(text)}, which it reads as ${ids.length} (${shown}). ` +
        "Name one token, or an id.",
    );
  }

  #piece(id: number): Uint8Array | null {
    let piece = this.#pieces[id];
    if (piece === undefined) {
      const written = this.#table.bytes[id];
      piece = written === undefined || written === null ? null : Uint8Array.from(written.match(/../g) ?? [], fromHex);
      if (Number.isInteger(id) && 0 <= id && id < this.nTokens) this.#pieces[id] = piece;
    }
    return piece;
  }

  #prefix(bos: boolean): { prefix: readonly number[]; source: Bos } {
    if (this.prefix.length) return { prefix: this.prefix, source: "tokenizer" };
    if (!bos) return { prefix: [], source: "none" };
    return { prefix: [this.requireBos()], source: "added" };
  }

  requireBos(): number {
    if (this.bosId === null) throw refused("bos=True was given, but this tokenizer has no BOS token. Leave it out.");
    return this.bosId;
  }

  /** The bytes of a text's tokens. A space that the tokenizer puts before a text is no part of it. */
  #textPieces(ids: readonly number[], encoded: Uint8Array): Uint8Array[] {
    const pieces = ids.map((id) => this.bytesOf(id));
    const joined = joinedBytes(pieces);
    if (joined[0] === SPACE && joined.length === encoded.length + 1 && equal(joined.subarray(1), encoded))
      pieces[0] = pieces[0]!.subarray(1);
    return pieces;
  }

  #names(ids: readonly number[]): ReadonlyMap<number, string> {
    return new Map(ids.map((id) => [id, PLAIN.decode(this.bytesOf(id))]));
  }

  #named(): Map<string, number> {
    const known = Array.from({ length: this.nTokens }, (_, i) => this.nTokens - 1 - i).filter((id) => this.knows(id));
    // SentencePiece writes only what it has no other token for as single bytes.
    const single = new Set(this.#table.byte_tokens);
    const ordered = [...known.filter((id) => single.has(id)), ...known.filter((id) => !single.has(id))];
    return new Map(ordered.map((id) => [keyOf(this.bytesOf(id)), id]));
  }
}

/** The UTF-8 of a text. Refuses half of a surrogate pair, which no encoding can write. */
export function encodable(text: string): Uint8Array {
  if (!text.isWellFormed()) {
    const at = [...text].findIndex((character) => !character.isWellFormed());
    throw refused(`the text holds a lone surrogate at character ${at}, which no encoding can write. Remove it.`);
  }
  return new TextEncoder().encode(text);
}

/** Bytes as a key of a Map. */
export function keyOf(bytes: Uint8Array): string {
  let key = "";
  for (const byte of bytes) key += String.fromCharCode(byte);
  return key;
}

export function hexOf(bytes: Uint8Array): string {
  let hex = "";
  for (const byte of bytes) hex += byte.toString(16).padStart(2, "0");
  return hex;
}

function fromHex(pair: string): number {
  return parseInt(pair, 16);
}

/** Character spans where tokens are not the text byte by byte: each piece is looked for from where the last one ended. */
function searched(pieces: readonly Uint8Array[], text: string): [number, number][] {
  const characters = [...text];
  const units: number[] = [0];
  for (const character of characters) units.push(units.at(-1)! + character.length);
  const characterAt = new Map(units.map((unit, i) => [unit, i]));
  let at = 0;
  return pieces.map((piece) => {
    const shown = stripped(PLAIN.decode(piece).replaceAll("\ufffd", ""));
    const found = shown ? text.indexOf(shown, units[at]) : -1;
    if (found < 0) return [at, at];
    const start = characterAt.get(found) ?? at;
    at = start + [...shown].length;
    return [start, at];
  });
}

// What Python's `str.isspace` and `str.strip` take for a space; JavaScript's \s differs.
const SPACES = "\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000";
const ENDS = new RegExp(`^[${SPACES}]+|[${SPACES}]+$`, "gu");
const ALL = new RegExp(`^[${SPACES}]+$`, "u");

/** As Python's `str.strip`. */
export function stripped(text: string): string {
  return text.replace(ENDS, "");
}

/** As Python's `str.isspace`. */
export function isSpace(text: string): boolean {
  return ALL.test(text);
}
