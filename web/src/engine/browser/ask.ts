// How likely any named token or word is at a place; as Python's `editing/ask.py`. A word of several tokens has the product
// of their probabilities (the chain rule).

import type { Answer, AskRequest } from "../contract";
import { cut, joinedBytes } from "./cut";
import { Distribution } from "./distribution";
import { scoreEndings } from "./endings";
import { refused } from "./failures";
import { requireIds } from "./plan";
import { Reader, type Model } from "./reader";
import { finite } from "./sample";
import { idsOf, positionOf, textOf } from "./words";

/** The probability of tokens and words right after a position, in the order in which they were named. */
export async function ask(model: Model, asked: AskRequest, signal: AbortSignal): Promise<Answer[]> {
  const { tokeniser, manifest } = model;
  const { card, io } = manifest;
  if (!asked.tokens.length) throw refused("no tokens were named; name at least one, such as ' Paris'.");
  const { tokens } = textOf(tokeniser, asked);
  requireIds(card.n_vocab, [...tokens.ids]);
  const at = positionOf(asked.position ?? -1, tokens.length);
  const rows = asked.tokens.map((one) => idsOf(tokeniser, one));
  rows.forEach((row, i) => {
    if (!row.length)
      throw refused(`${JSON.stringify(asked.tokens[i])} was named, which is no token; give at least one character.`);
    requireIds(card.n_vocab, row);
  });
  const reader = new Reader(model, signal);
  const vectors = await reader.read([...tokens.ids.subarray(0, at + 1)]);
  const last = vectors.slice(-io.d_model);
  const predicted = new Distribution(await reader.logits(last, 1), card.n_vocab);
  const scores = await scoreEndings(reader, last, rows);
  return rows.map((row, i) => {
    const logprob = scores[i]!.reduce((sum, one) => sum + one, 0);
    const piece = joinedBytes(row.map((id) => tokeniser.bytesOf(id)));
    return {
      text: cut({ ids: [row[0]!], pieces: [piece], special: [false] }).texts[0]!,
      ids: row,
      token_logprobs: scores[i]!.map(finite),
      logprob: finite(logprob),
      prob: Math.exp(logprob),
      bits: finite(-logprob / Math.LN2),
      rank: row.length === 1 ? predicted.rank(row[0]!) : null,
      position: at,
    };
  });
}
