// A blank filled in: words that are likely after what stands before it, ranked by the probability of the whole text; as
// Python's `editing/fill.py`.
//
// A model that reads from left to right cannot be asked for a blank directly: likely words are found from what stands
// before it, then the whole text is read with each of them in its place. Every filled text is tokenised as a whole; where a
// word and what follows it make one token (`cat` and `s` are ` cats`), that token counts for the word.

import type { Tokens } from "../../trace";
import type { Fill, FillRequest } from "../contract";
import { findBlank, type Blank } from "./blank";
import { findWords, leadOf } from "./candidates";
import { scoreEndings, tokenLogprobs } from "./endings";
import { refused } from "./failures";
import { requireIds } from "./plan";
import { Reader, type Model } from "./reader";
import { finite } from "./sample";

/** Words for the one blank of a text. */
export async function fill(model: Model, asked: FillRequest, signal: AbortSignal): Promise<Fill> {
  const { tokeniser, manifest } = model;
  const { card, io } = manifest;
  const { n = 200, max_tokens: maxTokens = 3, bos = false, shown = 20 } = asked;
  for (const [name, number] of Object.entries({ n, max_tokens: maxTokens }))
    if (!Number.isInteger(number) || number < 1)
      throw refused(`${name}=${number} was given; it must be a whole number from 1 on.`);
  const parts = findBlank(asked.text, asked.blank);
  const lead = leadOf(tokeniser, parts.before, bos);
  requireIds(card.n_vocab, lead.ids);
  const reader = new Reader(model, signal);
  const vectors = await reader.read(lead.ids);
  const found = await findWords(reader, vectors.slice(-io.d_model), lead, n, maxTokens);
  if (!found.words.length) throw refused("no token of this model fits the blank; leave out the space before it.");
  const read = found.words.map((word) => tokeniser.encode(parts.before + word + parts.after, bos));
  const scores = await wholeTexts(
    reader,
    vectors,
    read.map(({ tokens }) => [...tokens.ids]),
  );
  const candidates = found.words.map((word, i) => candidate(parts, lead.shown, word, read[i]!.tokens, scores[i]!));
  return {
    before: parts.before,
    after: parts.after,
    tried: found.nTokens,
    tried_words: candidates.length - found.nTokens,
    n_tokens: card.n_vocab,
    mass: found.mass,
    bos: read[0]!.bos,
    candidates: ranked(candidates).slice(0, shown),
  };
}

/**
 * The log-probability of every token of every text; NaN for the first, which nothing stands before.
 *
 * @param reader has read what stands before the blank.
 * @param vectors what the head reads there.
 */
async function wholeTexts(
  reader: Reader,
  vectors: Float32Array,
  rows: readonly (readonly number[])[],
): Promise<number[][]> {
  const width = reader.model.manifest.io.d_model;
  const first = rows[0]!;
  let same = 0;
  while (rows.every((row) => row.length > same && row[same] === first[same])) same++;
  if (!same)
    throw refused(
      "what is in the blank begins the text's first token, which nothing predicts; give bos=True, or put more before it.",
    );
  const shared = first.slice(0, same);
  let [used, seen] = [reader, vectors];
  const more = shared.slice(reader.ids.length);
  if (reader.ids.length > same || reader.ids.some((id, i) => id !== shared[i])) {
    // What is in the blank changes how what stands before it is read.
    used = new Reader(reader.model, reader.signal);
    seen = await used.read(shared);
  } else if (more.length) {
    const further = await reader.read(more);
    seen = new Float32Array(vectors.length + further.length);
    seen.set(vectors);
    seen.set(further, vectors.length);
  }
  const common = [NaN, ...(await tokenLogprobs(used, seen.slice(0, -width), shared.slice(1)))];
  const endings = await scoreEndings(
    used,
    seen.slice(-width),
    rows.map((row) => row.slice(same)),
  );
  return endings.map((ending) => [...common, ...ending]);
}

interface Weighed {
  readonly text: string;
  readonly ids: number[];
  readonly logprob: number;
  readonly suffix: number;
  readonly total: number;
  readonly joined: boolean;
}

function candidate({ before }: Blank, shown: string, word: string, tokens: Tokens, scores: readonly number[]): Weighed {
  const length = [...before].length;
  const [start, end] = [length - shown.length, length + [...word].length];
  const span = (i: number) => [tokens.spans[2 * i]!, tokens.spans[2 * i + 1]!] as const;
  const inside = [...tokens.ids.keys()].filter((i) => {
    const [from, to] = span(i);
    return !tokens.special[i] && from < end && to > start && from < to;
  });
  const [first, stop] = [inside[0]!, inside.at(-1)! + 1];
  return {
    text: word,
    ids: [...tokens.ids.subarray(first, stop)],
    logprob: sum(scores.slice(first, stop)),
    suffix: sum(scores.slice(stop)),
    total: sum(scores),
    joined: span(first)[0] < start || span(stop - 1)[1] > end,
  };
}

function ranked(candidates: readonly Weighed[]): Fill["candidates"] {
  const highest = Math.max(...candidates.map(({ total }) => total));
  const weights = candidates.map(({ total }) => (Number.isFinite(highest) ? Math.exp(total - highest) : 1));
  const whole = weights.reduce((a, b) => a + b, 0);
  return candidates
    .map((one, i) => ({ one, share: weights[i]! / whole }))
    .sort((a, b) => b.one.total - a.one.total)
    .map(({ one, share }) => ({
      text: one.text,
      ids: one.ids,
      logprob: finite(one.logprob),
      prob: Math.exp(one.logprob),
      suffix_logprob: finite(one.suffix),
      total_logprob: finite(one.total),
      total_bits: finite(-one.total / Math.LN2),
      share: finite(share),
      joined: one.joined,
    }));
}

/** Of what is a number: nothing stands before a text's first token. */
function sum(scores: readonly number[]): number {
  return scores.reduce((total, one) => (Number.isNaN(one) ? total : total + one), 0);
}
