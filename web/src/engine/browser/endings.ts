// The probabilities of many endings of one beginning, which is read once; as Python's `editing/endings.py`. Knows ids.

import { logprobsOf } from "./distribution";
import type { Reader } from "./reader";

/** Rows of logits that leave a graph at once. */
const LOGITS = 1 << 21;

/**
 * The natural-log probability of every token of every ending, each after the beginning and those before it.
 *
 * @param reader has read the beginning.
 * @param last what the head reads at the beginning's last token.
 */
export async function scoreEndings(
  reader: Reader,
  last: Float32Array,
  rows: readonly (readonly number[])[],
): Promise<number[][]> {
  const first = await reader.logits(last, 1);
  const nRows = reader.model.manifest.io.n_rows;
  const scores: number[][] = [];
  // Of endings that are the same up to their last token, the model reads it once.
  const known = new Map<string, number[]>();
  for (const row of rows) {
    if (!row.length) {
      scores.push([]);
      continue;
    }
    const begun = logprobsOf(first, nRows, row.slice(0, 1));
    if (row.length === 1) {
      scores.push(begun);
      continue;
    }
    const key = row.join(" ");
    let rest = known.get(key);
    if (!rest) {
      rest = await tokenLogprobs(reader, await reader.branch(row.slice(0, -1)), row.slice(1));
      known.set(key, rest);
    }
    scores.push([...begun, ...rest]);
  }
  return scores;
}

/** The log-probability of one token at each of many places, from what the head reads there. */
export async function tokenLogprobs(reader: Reader, vectors: Float32Array, ids: readonly number[]): Promise<number[]> {
  const { n_rows: nRows, d_model: width } = reader.model.manifest.io;
  const step = Math.max(1, Math.floor(LOGITS / nRows));
  const found: number[] = [];
  for (let from = 0; from < ids.length; from += step) {
    const some = ids.slice(from, from + step);
    const logits = await reader.logits(vectors.slice(from * width, (from + some.length) * width), some.length);
    found.push(...logprobsOf(logits, nRows, some));
  }
  return found;
}
