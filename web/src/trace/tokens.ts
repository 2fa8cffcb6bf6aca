// Tokens as ids, exact bytes and character spans, and the names of token ids. Knows no tokenizer.
//
// Bytes are the truth and text is derived from them: a token that holds part of a character is shown as its bytes and
// never as U+FFFD. Spans count characters (code points), as in Python; `range` gives them in JavaScript's code units.

import { codeUnits, decodePartly, decodeStrictly, encodeWithHalves } from "./utf8";

/** Bytes of token ids; special ids stand for no text (their bytes are their name, such as `<s>`). */
export class Vocabulary {
  constructor(
    readonly pieces: ReadonlyMap<number, Uint8Array>,
    readonly special: ReadonlySet<number> = new Set(),
  ) {}

  /** What to show for an id: its text, bytes that are no whole character as `\xF0\x9F`, or `#123` if unknown. */
  text(id: number): string {
    const piece = this.pieces.get(id);
    return piece === undefined ? `#${id}` : display(piece);
  }
}

export interface TokenFields {
  /** As it was given, or the joined bytes decoded where ids were given. */
  readonly text: string;
  /** `[position]`, a BOS token included. */
  readonly ids: Int32Array;
  /** The exact bytes of each token; none for tokens that stand for no text. */
  readonly pieces: readonly Uint8Array[];
  /** `[position, 2]`: the characters that a token touches; one cut by a boundary belongs to each token that has a byte of it. */
  readonly spans: Int32Array;
  /** Which tokens, such as BOS, stand for no text. */
  readonly special: readonly boolean[];
  /** The tokenizer changed or dropped something: joined bytes are not the text. */
  readonly lossy: boolean;
  /** What to call tokens without bytes, by id. */
  readonly names: ReadonlyMap<number, string>;
}

export class Tokens implements TokenFields {
  readonly text: string;
  readonly ids: Int32Array;
  readonly pieces: readonly Uint8Array[];
  readonly spans: Int32Array;
  readonly special: readonly boolean[];
  readonly lossy: boolean;
  readonly names: ReadonlyMap<number, string>;
  #texts: readonly string[] | undefined;
  #partial: readonly boolean[] | undefined;
  #units: Int32Array | undefined;

  constructor(fields: TokenFields) {
    this.text = fields.text;
    this.ids = fields.ids;
    this.pieces = fields.pieces;
    this.spans = fields.spans;
    this.special = fields.special;
    this.lossy = fields.lossy;
    this.names = fields.names;
  }

  get length(): number {
    return this.pieces.length;
  }

  /** What to show for each token: its text, the name of a special one, parts of characters as `\xF0\x9F`. */
  get texts(): readonly string[] {
    return (this.#texts ??= this.pieces.map((piece, position) => {
      const name = this.names.get(this.ids[position]!);
      if (piece.length && !(this.special[position] && name !== undefined)) return display(piece);
      return name ?? `#${this.ids[position]}`;
    }));
  }

  /** Which tokens do not hold whole characters. */
  get partial(): readonly boolean[] {
    return (this.#partial ??= this.pieces.map((piece) => decodeStrictly(piece) === null));
  }

  /** Where each character of the text begins, in UTF-16 code units, and where the last one ends. */
  get units(): Int32Array {
    return (this.#units ??= codeUnits(encodeWithHalves(this.text)));
  }

  /** The token's stretch of `text` in code units: `text.slice(...tokens.range(position))` is what it touches. */
  range(position: number): [start: number, end: number] {
    return [this.units[this.spans[2 * position]!]!, this.units[this.spans[2 * position + 1]!]!];
  }

  /** The characters from `start` to `end`, counted as Python counts them. */
  slice(start: number, end: number): string {
    return this.text.slice(this.units[start], this.units[end]);
  }

  /** The token whose span holds this code unit of the text; the first one where several share the character. */
  at(unit: number): number {
    // Starts ascend for every tokenizer that does not step back, and the search is only a lookup for the pointer.
    let low = 0;
    let high = this.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.range(middle)[1] <= unit) low = middle + 1;
      else high = middle;
    }
    return low < this.length ? low : -1;
  }

  /** These tokens with the names that a vocabulary has for those without bytes. */
  named(vocabulary: Vocabulary): Tokens {
    const names = new Map(this.names);
    this.pieces.forEach((piece, position) => {
      const id = this.ids[position]!;
      if ((this.special[position] || !piece.length) && !names.has(id) && vocabulary.pieces.has(id))
        names.set(id, vocabulary.text(id));
    });
    return names.size === this.names.size ? this : new Tokens({ ...fieldsOf(this), names });
  }

  /** Whether what was read is the same; names are not compared. */
  same(other: Tokens): boolean {
    return (
      this.text === other.text &&
      this.lossy === other.lossy &&
      equal(this.ids, other.ids) &&
      equal(this.spans, other.spans) &&
      this.special.every((flag, position) => flag === other.special[position]) &&
      this.pieces.every((piece, position) => equal(piece, other.pieces[position]!))
    );
  }

  /** The same tokens under more names. */
  withNames(names: ReadonlyMap<number, string>): Tokens {
    return new Tokens({ ...fieldsOf(this), names });
  }
}

/** Whether two rows of numbers are the same. */
export function equal(a: ArrayLike<number>, b: ArrayLike<number>): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

function fieldsOf({ text, ids, pieces, spans, special, lossy, names }: TokenFields): TokenFields {
  return { text, ids, pieces, spans, special, lossy, names };
}

function display(piece: Uint8Array): string {
  return decodePartly(piece)
    .map((run) => (typeof run === "string" ? run : [...run].map(hex).join("")))
    .join("");
}

function hex(byte: number): string {
  return `\\x${byte.toString(16).toUpperCase().padStart(2, "0")}`;
}
