// Tokens from the bytes of each: which characters every token touches. As Python's `Tokens.from_pieces`.
//
// Characters are code points. Bytes that are no character stand for one U+FFFD per run that a decoder gives up at once.

import { Tokens } from "../../trace";
import { equal } from "../../trace/tokens";
import { encodeWithHalves } from "../../trace/utf8";

export interface Cut {
  readonly ids: readonly number[];
  /** The bytes of each token; none for tokens that stand for no text. */
  readonly pieces: readonly Uint8Array[];
  readonly special: readonly boolean[];
  /** What was tokenised; without it, the joined bytes decoded. */
  readonly text?: string;
  /** Characters from and to, per token; used only where the joined bytes are not the text. */
  readonly spans?: readonly (readonly [number, number])[] | undefined;
  readonly names?: ReadonlyMap<number, string>;
}

/** The tokens of a text, with the characters that each touches. */
export function cut({ ids, pieces, special, text: given, spans, names = new Map() }: Cut): Tokens {
  const joined = joinedBytes(pieces);
  const decoded = decodeWithWidths(joined);
  const text = given ?? decoded.text;
  const whole = equal(joined, encodeWithHalves(text));
  const placed = whole || text === decoded.text ? spansOfBytes(pieces, decoded.widths) : spans;
  if (!placed) throw new Error("a tokenizer that changes the text must give the character span of each token.");
  return new Tokens({
    text,
    ids: Int32Array.from(ids),
    pieces,
    spans: Int32Array.from(placed.flat()),
    special,
    lossy: !whole,
    names,
  });
}

export function joinedBytes(pieces: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(pieces.reduce((size, piece) => size + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}

/** The text of bytes, and how many bytes each of its characters stands for. */
export function decodeWithWidths(bytes: Uint8Array): { text: string; widths: number[] } {
  const text = new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
  const widths: number[] = [];
  for (let at = 0; at < bytes.length; at += widths.at(-1)!) widths.push(runAt(bytes, at));
  return { text, widths };
}

/** Bytes of the character that begins here, or of the longest beginning of one; at least 1. */
function runAt(bytes: Uint8Array, at: number): number {
  const lead = bytes[at]!;
  const n = lead < 0xc2 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf5 ? 4 : 1;
  // Overlong forms, surrogates and what lies beyond Unicode are told by the second byte.
  let low = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80;
  let high = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf;
  for (let i = 1; i < n; i++) {
    const byte = bytes[at + i];
    if (byte === undefined || byte < low || byte > high) return i;
    [low, high] = [0x80, 0xbf];
  }
  return n;
}

function spansOfBytes(pieces: readonly Uint8Array[], widths: readonly number[]): [number, number][] {
  const character: number[] = [];
  widths.forEach((width, i) => {
    for (let k = 0; k < width; k++) character.push(i);
  });
  character.push(widths.length);
  let start = 0;
  return pieces.map((piece) => {
    const end = start + piece.length;
    const first = character[start]!;
    const span: [number, number] = [first, end > start ? character[end - 1]! + 1 : first];
    start = end;
    return span;
  });
}
