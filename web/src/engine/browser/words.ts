// Texts as tokens, and tokens as they are wanted in the middle of a text; as Python's `editing/words.py`.
//
// Knows a tokenizer; runs no model.

import type { Tokens } from "../../trace";
import { equal } from "../../trace/tokens";
import { joinedBytes } from "./cut";
import { refused } from "./failures";
import { encodable, type Bos, type Tokeniser } from "./tokenise";

/** A token or word: its text, which may be several tokens, or its id or ids. */
export type Wanted = string | number | readonly number[];

/** What is read: a text or ids. */
export interface Source {
  readonly text?: string | null;
  readonly ids?: readonly number[] | null;
  readonly bos?: boolean;
}

/** Characters after which a piece of text is tried, to see how it is written where it does not begin a text. */
const ANCHORS = ["\n", ".", "a", "0"];

/** The tokens of whatever was given. */
export function textOf(tokeniser: Tokeniser, { text, ids, bos = false }: Source): { tokens: Tokens; bos: Bos } {
  if (((text ?? null) === null) === ((ids ?? null) === null))
    throw refused("give either a text or ids, one of the two.");
  if (typeof text === "string") return tokeniser.encode(text, bos);
  const given = [...(ids ?? [])];
  if (bos) tokeniser.requireBos();
  const starts = tokeniser.bosId !== null && given[0] === tokeniser.bosId;
  const prefix = starts ? "tokenizer" : bos ? "added" : "none";
  return { tokens: tokeniser.fromIds(bos && !starts ? [tokeniser.requireBos(), ...given] : given), bos: prefix };
}

/** The ids that stand before any text: those that the tokenizer puts there, or BOS where it is asked for. */
export function beginning(tokeniser: Tokeniser, bos: boolean): readonly number[] {
  if (!tokeniser.plain(ANCHORS[2]!).length) return [];
  if (tokeniser.prefix.length) return tokeniser.prefix;
  return bos ? [tokeniser.requireBos()] : [];
}

/**
 * The ids of a token or word that stands in the middle of a text.
 *
 * The one token that is exactly this text, if there is one; else what the tokenizer makes of it where other text stands
 * before it, so that no space is put there that was not asked for.
 */
export function idsOf(tokeniser: Tokeniser, wanted: Wanted): number[] {
  if (typeof wanted !== "string") {
    const ids = typeof wanted === "number" ? [wanted] : [...wanted];
    ids.forEach((id) => tokeniser.bytesOf(id));
    return ids;
  }
  if (!wanted) return [];
  const data = encodable(wanted);
  const exact = tokeniser.exact(wanted);
  if (exact !== null) return [exact];
  const plain = tokeniser.plain(wanted);
  if (equal(bytesOf(tokeniser, plain), data)) return some(plain, wanted);
  for (const anchor of ANCHORS) {
    const head = tokeniser.plain(anchor);
    const both = tokeniser.plain(anchor + wanted);
    const rest = both.slice(head.length);
    if (head.length && head.every((id, i) => id === both[i]) && equal(bytesOf(tokeniser, rest), data)) return rest;
  }
  return some(plain, wanted);
}

/** A position of a text, negative ones counted from its end. */
export function positionOf(position: number, length: number): number {
  if (!Number.isInteger(position) || position < -length || position >= length)
    throw refused(`position ${position} was asked for, but the text's positions are 0 to ${length - 1}.`);
  return position < 0 ? position + length : position;
}

function bytesOf(tokeniser: Tokeniser, ids: readonly number[]): Uint8Array {
  return joinedBytes(ids.map((id) => tokeniser.bytesOf(id)));
}

function some(ids: number[], text: string): number[] {
  if (!ids.length)
    throw refused(`the tokenizer makes no tokens of ${JSON.stringify(text)}; give a text with other characters.`);
  return ids;
}
