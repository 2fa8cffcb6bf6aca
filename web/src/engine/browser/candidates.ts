// Words that may stand in a blank, found from what stands before it alone: likely tokens, and words of several tokens; as
// Python's `editing/candidates.py`.

import { equal } from "../../trace/tokens";
import { Distribution } from "./distribution";
import { refused } from "./failures";
import { Reader } from "./reader";
import { isSpace, keyOf, stripped, type Tokeniser } from "./tokenise";
import { beginning } from "./words";

/** Beginnings of words that are followed up at once. */
const WIDTH = 32;

/** Characters that belong to the word before them. */
const GOES_ON = /^[\p{L}\p{M}\p{N}_'’\u200c\u200d\ufe0f]*$/u;

const SPACE = 0x20;
const STRICT = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** What stands before a blank, as tokens. */
export interface Lead {
  /** Of what is before, without the space that belongs to the word in the blank. */
  readonly ids: readonly number[];
  /** What a token must begin with to fill the blank: that space, or nothing. */
  readonly space: Uint8Array;
  /** The part of it that is a part of the text; some tokenizers put a space before a text that is none. */
  readonly shown: string;
}

/** What was tried. */
export interface Found {
  /** Texts that may stand in the blank, each once. */
  readonly words: readonly string[];
  /** How many single tokens are among them. */
  readonly nTokens: number;
  /** The probability, given what stands before the blank, that the next token is one of those. */
  readonly mass: number;
}

interface Beginning {
  readonly ids: readonly number[];
  readonly data: Uint8Array;
  readonly logprob: number;
}

/**
 * How the tokens before a blank end, so that the space before a word stays with the word.
 *
 * Most tokenizers write a word and the space before it as one token: after `capital of `, with that space as a token of its
 * own, a model sees what it never saw while it learned.
 */
export function leadOf(tokeniser: Tokeniser, before: string, bos: boolean): Lead {
  const adds = tokeniser.putsASpaceFirst;
  let [rest, space, shown] = [before, new Uint8Array(0), ""];
  if (before.endsWith(" ") && spacedWords(tokeniser) && (before.length > 1 || !adds))
    [rest, space, shown] = [before.slice(0, -1), Uint8Array.of(SPACE), " "];
  else if (!before && adds) space = Uint8Array.of(SPACE);
  const ids = rest ? [...tokeniser.encode(rest, bos).tokens.ids] : beginning(tokeniser, bos);
  if (!ids.length) {
    const what = tokeniser.bosId === null ? "" : "give bos=True, or ";
    throw refused(
      `nothing stands before the blank, so nothing predicts what is in it; ${what}put something before it.`,
    );
  }
  return { ids, space, shown };
}

/**
 * The likeliest words after a lead.
 *
 * @param reader has read the lead.
 * @param last what the head reads at its end.
 * @param n single tokens to try; fewer if the vocabulary has fewer that fit.
 * @param maxTokens of a word. From 2 on a small beam is followed: at each length the 32 likeliest beginnings of words, each
 *   continued by the tokens that do not begin a further word.
 */
export async function findWords(
  reader: Reader,
  last: Float32Array,
  { space }: Lead,
  n: number,
  maxTokens: number,
): Promise<Found> {
  const { tokeniser, manifest } = reader.model;
  const predicted = new Distribution(await reader.logits(last, 1), manifest.card.n_vocab);
  const singles: Beginning[] = [];
  const parts: Beginning[] = [];
  const seen = new Set<string>();
  let doubles = 0; // a token that writes what another one writes: SentencePiece has single bytes for letters too
  for (const id of predicted.likeliest()) {
    const one = { ids: [id], data: tokeniser.textBytes(id), logprob: predicted.logprobs[id]! };
    if (one.logprob === -Infinity || !startsWith(one.data, space)) continue;
    if (isWord(one.data, space)) {
      const key = keyOf(one.data);
      if (seen.has(key)) doubles += Math.exp(one.logprob);
      else singles.push(one);
      seen.add(key);
    } else if (maxTokens > 1 && parts.length < WIDTH && mayBegin(one.data, space)) parts.push(one);
    if (singles.length === n) break;
  }
  const text = (one: Beginning) => STRICT.decode(one.data.subarray(space.length));
  const words = singles.map(text);
  let beam = widest([...singles, ...parts]);
  for (let length = 1; length < maxTokens && beam.length; length++) {
    beam = widest(await longer(reader, beam, space));
    words.push(...beam.filter((one) => isWord(one.data, space)).map(text));
  }
  const mass = doubles + singles.reduce((sum, one) => sum + Math.exp(one.logprob), 0);
  return { words: [...new Set(words)], nTokens: singles.length, mass: Math.min(1, mass) };
}

/** Sorting keeps the order of equal ones, as Python's does. */
function widest(beam: readonly Beginning[]): Beginning[] {
  return [...beam].sort((a, b) => b.logprob - a.logprob).slice(0, WIDTH);
}

/** Every beginning with each of its likeliest continuations within the word. */
async function longer(reader: Reader, beam: readonly Beginning[], space: Uint8Array): Promise<Beginning[]> {
  const { tokeniser, manifest } = reader.model;
  const found: Beginning[] = [];
  for (const one of beam) {
    const vectors = await reader.branch(one.ids);
    const logits = await reader.logits(vectors.slice(-manifest.io.d_model), 1);
    const predicted = new Distribution(logits, manifest.card.n_vocab);
    let taken = 0;
    for (const id of predicted.likeliest()) {
      const piece = tokeniser.textBytes(id);
      const data = Uint8Array.of(...one.data, ...piece);
      const logprob = predicted.logprobs[id]!;
      if (piece.length && logprob > -Infinity && goesOn(one.data, data, space)) {
        found.push({ ids: [...one.ids, id], data, logprob: one.logprob + logprob });
        taken++;
      }
      if (taken === WIDTH) break;
    }
  }
  return found;
}

/** Whether this can stand in a blank: whole characters that are seen, after the space that the blank has itself. */
function isWord(data: Uint8Array, space: Uint8Array): boolean {
  const whole = begun(data);
  if (!whole) return false;
  const inside = [...whole.text].slice(space.length);
  const seen = inside.every((c) => isSpace(c) || !/\p{Cc}/u.test(c));
  return !whole.rest && stripped(inside.join("")) !== "" && seen && !(space.length > 0 && isSpace(inside[0]!));
}

/** Whether it can become a word: the space alone, or a part of a character. */
function mayBegin(data: Uint8Array, space: Uint8Array): boolean {
  const whole = begun(data);
  if (!whole) return false;
  const inside = [...whole.text].slice(space.length).join("");
  return equal(data, space) || (whole.rest > 0 && stripped(inside) === "");
}

/** Whether what was added belongs to the same word. */
function goesOn(before: Uint8Array, after: Uint8Array, space: Uint8Array): boolean {
  const is = begun(after);
  const was = begun(before);
  if (!is || !was) return false;
  const had = [...was.text].length;
  let added = [...is.text].slice(had);
  if (was.rest || had === space.length) {
    // Completes a character, or is the word's first.
    if (added[0] !== undefined && isSpace(added[0])) return false;
    added = added.slice(1);
  }
  return GOES_ON.test(added.join(""));
}

/** The whole characters, and how many bytes one has that has only begun; null where this begins no text. */
function begun(data: Uint8Array): { text: string; rest: number } | null {
  for (let rest = 0; rest <= Math.min(3, data.length); rest++) {
    const head = data.subarray(0, data.length - rest);
    if (rest && !beginsCharacter(data.subarray(data.length - rest))) continue;
    try {
      return { text: STRICT.decode(head), rest };
    } catch {
      continue;
    }
  }
  return null;
}

/** Whether these are the first bytes, but not all, of one character. */
function beginsCharacter(bytes: Uint8Array): boolean {
  const lead = bytes[0]!;
  const n = lead >= 0xc2 && lead <= 0xdf ? 2 : lead >= 0xe0 && lead <= 0xef ? 3 : lead >= 0xf0 && lead <= 0xf4 ? 4 : 0;
  if (bytes.length >= n) return false;
  const low = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80;
  const high = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf;
  return (
    (bytes[1] === undefined || (bytes[1] >= low && bytes[1] <= high)) &&
    (bytes[2] === undefined || (bytes[2] & 0xc0) === 0x80)
  );
}

function startsWith(data: Uint8Array, space: Uint8Array): boolean {
  return space.every((byte, i) => data[i] === byte);
}

/** Whether any token is a space with something after it. */
function spacedWords(tokeniser: Tokeniser): boolean {
  for (let id = 0; id < tokeniser.nTokens; id++) {
    const piece = tokeniser.textBytes(id);
    if (piece[0] === SPACE && piece.some((byte) => ![0x20, 0x09, 0x0a, 0x0b, 0x0c, 0x0d].includes(byte))) return true;
  }
  return false;
}
