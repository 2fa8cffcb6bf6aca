// What a model predicts at one place, and what is drawn from it: float64 from fp32 logits, as `editing/reader.py` and
// `editing/sample.py` have it. Knows no model.

import type { SampleRequest } from "../contract";
import { refused } from "./failures";

export class Distribution {
  #logprobs: Float64Array | undefined;

  /**
   * @param logits `[vocab]`, padding included: it counts in the normaliser alone.
   * @param nTokens those that the tokenizer knows.
   */
  constructor(
    readonly logits: Float32Array,
    readonly nTokens: number,
  ) {}

  /** Natural-log probabilities (nats). */
  get logprobs(): Float64Array {
    if (!this.#logprobs) {
      const highest = this.logits.reduce((a, b) => Math.max(a, b), -Infinity);
      let sum = 0;
      for (const z of this.logits) sum += Math.exp(z - highest);
      const log = Math.log(sum);
      this.#logprobs = Float64Array.from(this.logits, (z) => z - highest - log);
    }
    return this.#logprobs;
  }

  /** In nats, over all logits. */
  get entropy(): number {
    let sum = 0;
    for (const logprob of this.logprobs) if (logprob > -Infinity) sum -= Math.exp(logprob) * logprob;
    return sum;
  }

  /** 1 + the number of tokens with a higher logit. */
  rank(id: number): number {
    const own = this.logits[id]!;
    let higher = 0;
    for (let i = 0; i < this.nTokens; i++) if (this.logits[i]! > own) higher++;
    return 1 + higher;
  }

  /** All tokens, the likeliest first; equal ones by id. */
  likeliest(): Int32Array {
    return descending(this.logits.subarray(0, this.nTokens));
  }
}

/** Indices of numbers, the largest first; equal ones in order. */
function descending(numbers: ArrayLike<number>): Int32Array {
  return Int32Array.from(numbers, (_, i) => i).sort((a, b) => numbers[b]! - numbers[a]! || a - b);
}

/** How a token is chosen; the order of the rules is the usual one: temperature, top-k, top-p. */
export interface Sampler {
  readonly method: "greedy" | "sample";
  readonly temperature: number;
  readonly topK: number | null;
  readonly topP: number | null;
}

/** The rules of a request, checked. */
export function samplerOf(asked: SampleRequest): Sampler {
  const { method = "greedy", temperature = 1 } = asked;
  const topK = asked.top_k ?? null;
  const topP = asked.top_p ?? null;
  if (method !== "greedy" && method !== "sample")
    throw refused(`method="${String(method)}" was given; it is "greedy" or "sample".`);
  const idle = Object.entries({ temperature: temperature !== 1, top_k: topK !== null, top_p: topP !== null });
  const used = idle.find(([, given]) => given);
  if (method === "greedy" && used)
    throw refused(`${used[0]} was given, which greedy does not use; add method="sample", or leave it out.`);
  if (!(temperature > 0 && temperature < Infinity))
    throw refused(`temperature=${temperature} was given; it must be above 0. The likeliest token is method="greedy".`);
  if (topK !== null && !(Number.isInteger(topK) && topK >= 1))
    throw refused(`top_k=${topK} was given; it must be a whole number from 1 on.`);
  if (topP !== null && !(topP > 0 && topP <= 1))
    throw refused(`top_p=${topP} was given; it must be above 0 and at most 1.`);
  return { method, temperature, topK, topP };
}

/** The probability of drawing each token; what the tokenizer does not know is never drawn. */
export function drawn({ method, temperature, topK, topP }: Sampler, predicted: Distribution): Float64Array {
  const logits = predicted.logits.subarray(0, predicted.nTokens);
  const highest = logits.reduce((a, b) => Math.max(a, b), -Infinity);
  if (method === "greedy") {
    const chosen = new Float64Array(logits.length);
    chosen[logits.indexOf(highest)] = 1;
    return chosen;
  }
  const z = Float64Array.from(logits, (one) => (one - highest) / temperature);
  let kept = z.map(Math.exp);
  const tail = topP !== null && topP < 1 ? topP : null;
  if (topK !== null || tail !== null) {
    let order = descending(z);
    if (topK !== null) order = order.subarray(0, topK);
    if (tail !== null) {
      const whole = order.reduce((sum, id) => sum + kept[id]!, 0);
      let mass = 0;
      let n = 0;
      // Up to and including the first whose sum reaches it.
      while (n < order.length && mass < tail) mass += kept[order[n++]!]! / whole;
      order = order.subarray(0, n);
    }
    const alone = new Float64Array(z.length);
    for (const id of order) alone[id] = kept[id]!;
    kept = alone;
  }
  const whole = kept.reduce((sum, one) => sum + one, 0);
  return kept.map((one) => one / whole);
}

/**
 * The token at which the sum of probabilities, taken in the order of ids, passes a number from [0, 1).
 *
 * In the order of ids rather than of probability, so that two machines whose probabilities differ in the last digit draw
 * the same token all but always.
 */
export function draw(probs: Float64Array, uniform: number): number {
  const whole = probs.reduce((sum, one) => sum + one, 0);
  const wanted = uniform * whole;
  let sum = 0;
  let last = 0;
  for (let id = 0; id < probs.length; id++) {
    if (probs[id]! > 0) last = id;
    sum += probs[id]!;
    if (sum > wanted) return id;
  }
  // Rounding may put the number at the very end, behind which no token is.
  return last;
}

/** The natural-log probability of one token each, from rows of logits. */
export function logprobsOf(rows: Float32Array, nRows: number, ids: readonly number[]): number[] {
  return ids.map((id, i) => {
    const row = rows.subarray(i * nRows, (i + 1) * nRows);
    const highest = row.reduce((a, b) => Math.max(a, b), -Infinity);
    let sum = 0;
    for (const z of row) sum += Math.exp(z - highest);
    return row[id]! - (highest + Math.log(sum));
  });
}
