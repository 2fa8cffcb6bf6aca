// Some tokens of a text replaced by others, the rest kept as ids, and what that did to the bits of every later token; as
// Python's `editing/replace.py` and `editing/change.py`.
//
// Knows how ids and texts fit together; whoever calls says how a trace is made.

import { tokenBits, type Tokens, type Trace } from "../../trace";
import type { Change, ReplaceRequest } from "../contract";
import { EngineError } from "../engine";
import { cut } from "./cut";
import { refused } from "./failures";
import type { Manifest } from "./manifest";
import { requireIds } from "./plan";
import { finite } from "./sample";
import type { Tokeniser } from "./tokenise";
import { idsOf, positionOf, textOf } from "./words";

const SPACE = 0x20;

/**
 * The text before and after.
 *
 * @param trace makes one of the last stage of some ids.
 */
export async function replace(
  manifest: Manifest,
  tokeniser: Tokeniser,
  asked: ReplaceRequest,
  trace: (ids: readonly number[]) => Promise<Trace>,
): Promise<Change> {
  const { tokens } = textOf(tokeniser, asked);
  const before = [...tokens.ids];
  requireIds(manifest.card.n_vocab, before);
  const first = positionOf(asked.position, tokens.length);
  const n = asked.remove ?? 1;
  if (!Number.isInteger(n) || n < 0 || n > tokens.length - first)
    throw refused(`remove=${n} was given; from this position on there are ${tokens.length - first} tokens.`);
  const begins = beginsText(tokeniser, tokens, first);
  const { token } = asked;
  const inserted = idsOf(tokeniser, typeof token === "string" && token && begins ? ` ${token}` : token);
  requireIds(manifest.card.n_vocab, inserted);
  const after = [...before.slice(0, first), ...inserted, ...before.slice(first + n)];
  if (!after.length) throw refused("nothing would be left of the text; put something in the place of its only token.");
  const edited = editedTokens(tokeniser, tokens, first, n, inserted, begins);
  const was = await trace(before);
  const is = await trace(after);
  const [bitsBefore, bitsAfter] = [tokenBits(was), tokenBits(is)];
  const later = (bits: Float32Array, from: number) => total(bits.subarray(from));
  const context = (one: Trace, from: number) => [...one.contextLengths.subarray(from)];
  const shift = inserted.length - n;
  const read = context(was, first + n).map((length) => length + shift);
  const now = context(is, first + inserted.length);
  return {
    text_before: tokens.text,
    text: edited.text,
    ids_before: before,
    ids: after,
    position: first,
    removed: n,
    inserted: inserted.length,
    total_bits_before: finite(total(bitsBefore)),
    total_bits_after: finite(total(bitsAfter)),
    later_bits_before: finite(later(bitsBefore, first + n)),
    later_bits_after: finite(later(bitsAfter, first + inserted.length)),
    retokenised: retokenised(tokeniser, edited),
    windowed: read.some((length, i) => length !== now[i]),
    tokens: [
      ...changed("removed", tokens, bitsBefore, bitsAfter, first, first + n, 0),
      ...changed("inserted", edited, bitsBefore, bitsAfter, first, first + inserted.length, 0),
      ...changed("later", edited, bitsBefore, bitsAfter, first + inserted.length, edited.length, shift),
    ],
  };
}

function changed(
  part: Change["tokens"][number]["part"],
  tokens: Tokens,
  before: Float32Array,
  after: Float32Array,
  first: number,
  stop: number,
  shift: number,
): Change["tokens"] {
  const there = (bits: Float32Array, at: number | null) => {
    const one = at === null ? NaN : bits[at]!;
    return Number.isNaN(one) ? null : one;
  };
  return Array.from({ length: stop - first }, (_, i) => {
    const at = first + i;
    const was = part === "inserted" ? null : at - shift;
    const is = part === "removed" ? null : at;
    const [bitsBefore, bitsAfter] = [there(before, was), there(after, is)];
    return {
      part,
      token: tokens.texts[at]!,
      id: tokens.ids[at]!,
      position_before: was,
      position_after: is,
      bits_before: bitsBefore === null ? null : finite(bitsBefore),
      bits_after: bitsAfter === null ? null : finite(bitsAfter),
      change: bitsBefore === null || bitsAfter === null ? null : finite(bitsAfter - bitsBefore),
    };
  });
}

/** Whether the token carries the space that the tokenizer puts before a text and that is no part of it. */
function beginsText(tokeniser: Tokeniser, tokens: Tokens, first: number): boolean {
  const piece = tokens.pieces[first]!;
  const whole = tokeniser.bytesOf(tokens.ids[first]!);
  return piece.length > 0 && !tokens.special[first] && whole[0] === SPACE && whole.length === piece.length + 1;
}

function editedTokens(
  tokeniser: Tokeniser,
  tokens: Tokens,
  first: number,
  n: number,
  inserted: readonly number[],
  begins: boolean,
): Tokens {
  const special = inserted.map((id) => tokeniser.special.has(id));
  const pieces = inserted.map((id) => tokeniser.textBytes(id));
  if (begins && pieces[0]?.[0] === SPACE) pieces[0] = pieces[0].subarray(1);
  const names = new Map(tokens.names);
  for (const id of inserted)
    if (tokeniser.special.has(id)) names.set(id, new TextDecoder().decode(tokeniser.bytesOf(id)));
  return cut({
    ids: [...tokens.ids.subarray(0, first), ...inserted, ...tokens.ids.subarray(first + n)],
    pieces: [...tokens.pieces.slice(0, first), ...pieces, ...tokens.pieces.slice(first + n)],
    special: [...tokens.special.slice(0, first), ...special, ...tokens.special.slice(first + n)],
    names,
  });
}

/** What the edited text is read as, where that is something else; prefixes such as BOS do not count. */
function retokenised(tokeniser: Tokeniser, edited: Tokens): number[] | null {
  const own = withoutPrefix(edited);
  if (!edited.text) return own.length ? [] : null;
  let again: Tokens;
  try {
    again = tokeniser.encode(edited.text).tokens;
  } catch (error) {
    if (error instanceof EngineError) return [];
    throw error;
  }
  const ids = withoutPrefix(again);
  return ids.length === own.length && ids.every((id, i) => id === own[i]) ? null : ids;
}

function withoutPrefix(tokens: Tokens): number[] {
  return [...tokens.ids.subarray([...tokens.special, false].indexOf(false))];
}

/** In float64, over what is a number. */
function total(bits: Float32Array): number {
  return bits.reduce((sum, one) => (Number.isNaN(one) ? sum : sum + one), 0);
}
