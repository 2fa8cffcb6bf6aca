// What comes next: the model's scores for every token as probabilities, narrowed as a reader asks, and one drawn of them.

/** How the next token is chosen. */
export interface Choosing {
  /** Scores are divided by it; 0 takes the likeliest. */
  readonly temperature: number;
  /** Only so many of the likeliest; 0 for all. */
  readonly topK: number;
  /** Only the fewest likeliest that have this probability together; 1 for all. */
  readonly topP: number;
}

export interface Candidate {
  readonly id: number;
  /** As the model has it. */
  readonly probability: number;
  /** With which it is drawn; 0 where it is left out. */
  readonly chance: number;
}

/**
 * All tokens, the likeliest first; of equal ones the lower id.
 *
 * Like the server's own: temperature first, then the likeliest k, then the fewest that make up p, each over what is left.
 *
 * @param logits of every token of the vocabulary.
 */
export function candidates(logits: ArrayLike<number>, { temperature, topK, topP }: Choosing): Candidate[] {
  const order = Array.from(logits, (_, id) => id).sort((a, b) => logits[b]! - logits[a]! || a - b);
  const plain = softmax(order.map((id) => logits[id]!));
  if (temperature <= 0) return order.map((id, i) => ({ id, probability: plain[i]!, chance: i === 0 ? 1 : 0 }));
  const most = topK > 0 ? Math.min(topK, order.length) : order.length;
  const chances = softmax(order.slice(0, most).map((id) => logits[id]! / temperature));
  let kept = most;
  if (topP < 1) {
    let total = 0;
    kept = chances.findIndex((chance) => (total += chance) >= topP) + 1 || most;
  }
  const share = sum(chances.slice(0, kept));
  return order.map((id, i) => ({ id, probability: plain[i]!, chance: i < kept ? chances[i]! / share : 0 }));
}

/**
 * One of them, by its chance: where the sum of chances, in the order of ids, passes a number.
 *
 * In the order of ids, as Python draws: of two machines whose chances differ in the last digit, both draw the same.
 *
 * @param at a number from 0 up to 1.
 */
export function drawn(from: readonly Candidate[], at: number): Candidate {
  const kept = from.filter(({ chance }) => chance > 0).sort((a, b) => a.id - b.id);
  let below = 0;
  for (const one of kept) {
    below += one.chance;
    if (at < below) return one;
  }
  return kept.at(-1) ?? from[0]!;
}

function softmax(scores: readonly number[]): number[] {
  const largest = scores[0] ?? 0;
  const exponentials = scores.map((score) => Math.exp(score - largest));
  const total = sum(exponentials);
  return exponentials.map((x) => x / total);
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, x) => total + x, 0);
}
