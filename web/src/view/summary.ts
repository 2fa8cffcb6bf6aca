// What a text cost the model, in bits: in all, per token, byte and word, and by kind of token; as Python's
// `trace/summary.py`. What has no likelihood is counted, never taken for 0.

import { tokenBits, type Tokens, type Trace } from "../trace";
import { KINDS, tokenKinds } from "./kinds";
import { exactSum } from "./numbers";
import { words } from "./spans";

/** The scored tokens of one kind. */
export interface KindBits {
  readonly kind: string;
  readonly tokens: number;
  readonly total_bits: number;
  /** Bits per token; NaN where there are none. */
  readonly mean_bits: number;
}

/** What a text cost, read out at one stage. */
export interface Summary {
  readonly stage: string;
  readonly prefix: string;
  readonly tokens: number;
  /** Tokens with a likelihood here; all figures below are of these alone. */
  readonly scored: number;
  /** Tokens of the text that nothing stood before. */
  readonly unscored: number;
  /** Tokens whose likelihood belongs to other pieces of this run. */
  readonly not_held: number;
  readonly bytes: number;
  readonly words: number;
  /** NaN, like every ratio, where nothing was scored. */
  readonly total_bits: number;
  readonly bits_per_token: number;
  readonly bits_per_byte: number;
  readonly bits_per_word: number;
  readonly perplexity: number;
  readonly kinds: readonly KindBits[];
}

/** Totals and ratios of a text's likelihood at one stage. */
export function summarise(trace: Trace, row: number): Summary {
  const { tokens } = trace;
  const bits = tokenBits(trace, row);
  const scored = Array.from(bits, (b) => !Number.isNaN(b));
  const held = new Uint8Array(tokens.length);
  held[0] = 1;
  trace.positions.forEach((position) => {
    if (position + 1 < tokens.length) held[position + 1] = 1;
  });
  const known = [...bits].filter((b) => !Number.isNaN(b));
  const n = known.length;
  const total = n ? exactSum(known) : NaN;
  const covered = cover(tokens, scored);
  const nBytes = byteCount(tokens, scored, covered);
  const nWords = wordCount(tokens, covered);
  const perToken = ratio(total, n);
  const kinds = tokenKinds(tokens);
  const textless = (t: number) => tokens.special[t]! && tokens.pieces[t]!.length === 0;
  return {
    stage: trace.stages[row]!,
    prefix: trace.provenance.bos,
    tokens: tokens.length,
    scored: n,
    unscored: scored.filter((is, t) => held[t] && !is && !textless(t)).length,
    not_held: held.filter((is) => !is).length,
    bytes: nBytes,
    words: nWords,
    total_bits: total,
    bits_per_token: perToken,
    bits_per_byte: ratio(total, nBytes),
    bits_per_word: ratio(total, nWords),
    perplexity: 2 ** perToken,
    kinds: KINDS.map((kind, i) =>
      kindRow(
        kind,
        [...bits].filter((_, t) => scored[t] && kinds[t] === i),
      ),
    ),
  };
}

function kindRow(kind: string, bits: readonly number[]): KindBits {
  const total = exactSum(bits);
  return { kind, tokens: bits.length, total_bits: total, mean_bits: ratio(total, bits.length) };
}

function byteCount(tokens: Tokens, scored: readonly boolean[], covered: Uint8Array): number {
  let joined = 0;
  let own = 0;
  tokens.pieces.forEach((piece, t) => {
    joined += piece.length;
    if (scored[t]) own += piece.length;
  });
  if (!tokens.lossy || decoded(tokens, joined) === tokens.text) return own;
  let bytes = 0;
  Array.from(tokens.text).forEach((c, i) => {
    const code = c.codePointAt(0)!;
    if (covered[i]) bytes += 1 + (code > 0x7f ? 1 : 0) + (code > 0x7ff ? 1 : 0) + (code > 0xffff ? 1 : 0);
  });
  return bytes;
}

function decoded(tokens: Tokens, length: number): string {
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const piece of tokens.pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
}

function wordCount(tokens: Tokens, covered: Uint8Array): number {
  const counts = new Int32Array(covered.length + 1);
  covered.forEach((is, i) => (counts[i + 1] = counts[i]! + is));
  return words(tokens).filter(
    ({ start, end }) => counts[end]! > counts[start]! && tokens.slice(start, end).trim() !== "",
  ).length;
}

/** Which characters the chosen tokens touch. */
function cover(tokens: Tokens, chosen: readonly boolean[]): Uint8Array {
  const covered = new Uint8Array(tokens.units.length - 1);
  chosen.forEach((is, t) => {
    if (is) covered.fill(1, tokens.spans[2 * t], tokens.spans[2 * t + 1]);
  });
  return covered;
}

function ratio(total: number, count: number): number {
  return count ? total / count : NaN;
}
