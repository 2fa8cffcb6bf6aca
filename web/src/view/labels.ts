// Token texts that may be shown: nothing in them can move a cursor, hide a neighbour or turn the line around.
//
// `visible` is for labels and cells, where whitespace becomes a mark; `flowing` is for running text, where newlines, tabs
// and spaces stay what they are. Markup is quoted by whoever draws.

import { decodePartly, type Tokens, type Vocabulary } from "../trace";

/** Whitespace as labels show it. */
export const MARKS: Readonly<Record<string, string>> = {
  " ": "␣",
  "\n": "⏎",
  "\t": "⇥",
  "\r": "␍",
  "\u00a0": "⍽",
};

const WITH_SPACES: Readonly<Record<string, string>> = { ...MARKS, " ": " " };
const FLOWING: Readonly<Record<string, string>> = { "\r": "␍", "\n": "\n", "\t": "\t" };

/** The black flag: tag characters after it spell England, Scotland and Wales; anywhere else they are invisible ink. */
const FLAG = "\u{1f3f4}";

const MARK = /^\p{M}/u;
const SPACE = /^\p{Zs}$/u;
// Control and format characters move cursors and reverse lines; halves of surrogate pairs are no characters.
const NO_INK = /^[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Zs}]$/u;
const PLAIN = /^[!-~]*$/;

/**
 * A token's text on one line: whitespace as marks, anything that is not ink as an escape.
 *
 * Bytes that are only a part of a character are shown as bytes, never as U+FFFD. With `spaces`, spaces stay.
 */
export function visible(piece: Uint8Array | string, spaces = false): string {
  if (typeof piece === "string" && PLAIN.test(piece)) return piece;
  const marks = spaces ? WITH_SPACES : MARKS;
  const runs = typeof piece === "string" ? [piece] : decodePartly(piece);
  const shown = runs.map((run) => (typeof run === "string" ? inked(run, marks) : escaped(run))).join("");
  // A label that begins with a combining mark would sit on whatever its neighbour ends with.
  return MARK.test(shown) ? `◌${shown}` : shown;
}

/** The label of a token of the text; of one that stands for no text, its name. */
export function tokenLabel(tokens: Tokens, position: number): string {
  const piece = tokens.pieces[position]!;
  return piece.length && !tokens.special[position] ? visible(piece) : visible(tokens.texts[position]!);
}

/** The label of a token of the vocabulary; `#123` where its bytes are unknown. */
export function idLabel(vocabulary: Vocabulary, id: number): string {
  const piece = vocabulary.pieces.get(id);
  return piece === undefined ? `#${id}` : visible(piece);
}

/** Running text: newlines, tabs and spaces kept, CRLF drawn as one newline, the rest as `visible`. */
export function flowing(text: Uint8Array | string): string {
  if (typeof text === "string") return inked(text.replaceAll("\r\n", "\n"), FLOWING, true);
  return decodePartly(text)
    .map((run) => (typeof run === "string" ? flowing(run) : escaped(run)))
    .join("");
}

/** Whether some of the bytes are only a part of a character. */
export function hasPartial(piece: Uint8Array): boolean {
  return decodePartly(piece).some((run) => typeof run !== "string");
}

function escaped(run: Uint8Array): string {
  return Array.from(run, (byte) => `\\x${hex(byte, 2)}`).join("");
}

/** The text with `marks` put in, and everything else that leaves no ink or does not stay in place escaped. */
function inked(text: string, marks: Readonly<Record<string, string>>, spaces = false): string {
  const characters = Array.from(text);
  let tagged = false;
  return characters
    .map((c, i) => {
      const code = c.codePointAt(0)!;
      const tag = 0xe0020 <= code && code < 0xe0080;
      tagged = c === FLAG || (tagged && tag);
      // Emoji and Indic and Persian scripts cannot be written without the zero-width joiners.
      const joins = (code === 0x200c || code === 0x200d) && (spaces || (0 < i && i < characters.length - 1));
      if (Object.hasOwn(marks, c)) return marks[c]!;
      if (joins || (tag && tagged) || (spaces && SPACE.test(c))) return c;
      return NO_INK.test(c) || (0xe0000 <= code && code < 0xe1000) ? escape(code) : c;
    })
    .join("");
}

function escape(code: number): string {
  if (code < 0x100) return `\\x${hex(code, 2)}`;
  return code < 0x10000 ? `\\u${hex(code, 4)}` : `\\U${hex(code, 8)}`;
}

function hex(code: number, digits: number): string {
  return code.toString(16).toUpperCase().padStart(digits, "0");
}
