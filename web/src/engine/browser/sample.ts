// A text goes on: the likeliest token each time, or one drawn at random; as Python's `editing/sample.py`.

import { chances } from "../chance";
import type { SampleRequest, Step } from "../contract";
import { Distribution, draw, drawn, samplerOf } from "./distribution";
import { refused } from "./failures";
import { requireIds } from "./plan";
import { Reader, type Model } from "./reader";
import { hexOf } from "./tokenise";
import { beginning, idsOf, textOf } from "./words";

/** Everything is checked before the first step. The seed's numbers go on as if what `first` names had been drawn. */
export async function* sample(model: Model, asked: SampleRequest, signal: AbortSignal): AsyncGenerator<Step> {
  const { tokeniser, manifest } = model;
  const { card, io } = manifest;
  const sampler = samplerOf(asked);
  const { n = 32, seed = 0, bos = false, first = null } = asked;
  if (!Number.isInteger(n) || n < 1) throw refused(`n=${n} was given; it takes at least 1 further token.`);
  if (n > card.limits.new_tokens)
    throw refused(`n=${n} was given; at most ${card.limits.new_tokens} are added at once.`);
  if (!Number.isSafeInteger(seed) || seed < 0)
    throw refused(`seed=${seed} was given; it must be a whole number from 0 on.`);
  const ids = asked.text === "" ? [...beginning(tokeniser, bos)] : [...textOf(tokeniser, asked).tokens.ids];
  if (!ids.length) throw refused("there is nothing to go on from; give at least one character, or bos=True.");
  requireIds(card.n_vocab, ids);
  const named = first === null ? [] : idsOf(tokeniser, first);
  requireIds(card.n_vocab, named);
  const limit = card.context_window;
  if (limit && ids.length >= limit)
    throw refused(
      `the text has ${ids.length} tokens, and ${card.name} reads ${limit} at once, so none can be added; shorten it.`,
    );
  const ends = new Set((asked.stop_at_eos ?? true) ? io.eos_ids : []);
  const reader = new Reader(model, signal);
  const random = chances(seed);
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  // A text of ids may end within a character.
  for (const id of ids) decoder.decode(tokeniser.textBytes(id), { stream: true });
  let fed = ids;
  for (let number = 0; number < n; number++) {
    const vectors = await reader.read(fed);
    const logits = await reader.logits(vectors.slice(-io.d_model), 1);
    const predicted = new Distribution(logits, card.n_vocab);
    const probs = drawn(sampler, predicted);
    const uniform = random.next().value;
    const chosen = named[number] ?? draw(probs, uniform);
    fed = [chosen];
    const ended = ends.has(chosen)
      ? "eos"
      : number + 1 === n
        ? "length"
        : limit && ids.length + number + 1 >= limit
          ? "window"
          : null;
    const logprob = predicted.logprobs[chosen]!;
    yield {
      position: ids.length + number,
      id: chosen,
      bytes: tokeniser.knows(chosen) ? hexOf(tokeniser.bytesOf(chosen)) : "",
      text: decoder.decode(tokeniser.textBytes(chosen), { stream: ended === null }),
      logprob: finite(logprob),
      bits: finite(-logprob / Math.LN2),
      prob: probs[chosen] ?? 0,
      rank: predicted.rank(chosen),
      entropy: finite(predicted.entropy),
      special: tokeniser.special.has(chosen),
      named: number < named.length,
      ended,
    };
    if (ended !== null) return;
  }
}

/** The number, or null where JSON has none for it. */
export function finite(number: number): number | null {
  return Number.isFinite(number) ? number : null;
}
