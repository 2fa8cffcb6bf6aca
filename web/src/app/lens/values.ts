// What the cells of the lens can be coloured by, in words: of which token, and which number of it.
//
// Names are those of the numeric contract; every one of them that is one number per cell is here once.

export interface Target {
  readonly id: string;
  /** As it follows "colour by". */
  readonly title: string;
  /** The statistics, the first of them where the last target had no such number. */
  readonly values: readonly string[];
}

export const TARGETS: readonly Target[] = [
  { id: "own", title: "each cell's own guess", values: ["top_prob", "top_logprobs", "top_logits"] },
  { id: "final", title: "the final guess", values: ["final_prob", "final_rank", "final_logprob", "final_logit"] },
  {
    id: "next",
    title: "the token that came next",
    values: ["next_prob", "next_rank", "surprisal_bits", "next_logprob", "next_logit"],
  },
  { id: "input", title: "the token read there", values: ["input_prob", "input_rank", "input_logprob", "input_logit"] },
  { id: "watch", title: "a token you name", values: ["watch_prob", "watch_rank", "watch_logprob", "watch_logit"] },
  {
    id: "all",
    title: "all tokens together",
    values: [
      "entropy_bits",
      "entropy",
      "kl_from_final",
      "kl_to_final",
      "kl_from_input",
      "kl_to_input",
      "logit_mean",
      "logit_std",
      "logsumexp",
    ],
  },
];

const WORDS: Readonly<Record<string, string>> = {
  prob: "probability",
  rank: "rank",
  logprob: "log-probability, nats",
  logprobs: "log-probability, nats",
  logit: "logit",
  logits: "logit",
  surprisal_bits: "surprisal, bits",
  entropy_bits: "entropy, bits",
  entropy: "entropy, nats",
  kl_from_final: "KL(final ‖ stage), nats",
  kl_to_final: "KL(stage ‖ final), nats",
  kl_from_input: "KL(input ‖ stage), nats",
  kl_to_input: "KL(stage ‖ input), nats",
  logit_mean: "mean of the logits",
  logit_std: "deviation of the logits",
  logsumexp: "log-sum-exp of the logits",
};

/** Which number of a target this is: `prob`, `rank`, or the name itself. */
function kindOf(value: string): string {
  const kind = value.slice(value.lastIndexOf("_") + 1).replace(/s$/, "");
  return kind in WORDS && !(value in WORDS) ? kind : value;
}

/** The statistic in a person's words, its unit included. */
export function valueWords(value: string): string {
  return WORDS[value] ?? WORDS[kindOf(value)] ?? value;
}

/** The target that a statistic belongs to; the first one for a name that is none. */
export function targetOf(value: string): Target {
  return TARGETS.find((target) => target.values.includes(value)) ?? TARGETS[0]!;
}

/** The statistic of another target that is the same kind of number, or else that target's first. */
export function valueAt(target: Target, value: string): string {
  const kind = kindOf(value);
  return target.values.find((one) => kindOf(one) === kind) ?? target.values[0]!;
}
