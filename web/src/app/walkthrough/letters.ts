// Models whose whole vocabulary is a few letters, such as one that sorts: their text is clicked rather than typed.

import type { Engine, ModelCard } from "../../engine";
import { lettersOf } from "../../marks/letters";

/** Tokens of a vocabulary that fits on buttons. */
const MOST = 8;

export interface Letters {
  /** By id. */
  readonly letters: readonly string[];
  /** How many of them are given; as many come out again. */
  readonly nGiven: number;
}

/** Whether a model knows so few tokens that they may be letters: prose is nothing for it. */
export function knowsFew({ n_vocab }: Pick<ModelCard, "n_vocab">): boolean {
  return (n_vocab ?? 0) >= 2 && (n_vocab ?? 0) <= MOST;
}

/** The letters of a model; null where its tokens are not a few letters. */
export async function lettersFor(engine: Engine, model: ModelCard, signal: AbortSignal): Promise<Letters | null> {
  const n = model.n_vocab ?? 0;
  if (!knowsFew(model) || !model.context_window) return null;
  const ids = Array.from({ length: n }, (_, id) => id);
  const { tokens, special } = await engine.tokenise({ model: model.name, ids }, signal, "letters");
  if (special.some(Boolean) || tokens.some((token) => lettersOf(token).length !== 1)) return null;
  // What is read and what comes out are of one length; the last that comes out is not read any more.
  return { letters: tokens, nGiven: Math.ceil(model.context_window / 2) };
}

/** A text as letters that were given, and those that came out; what is none of the letters becomes a start of our own. */
export function split(text: string | null, { letters, nGiven }: Letters): { given: string[]; out: string[] } {
  const found = lettersOf(text ?? "");
  const fits =
    found.length >= nGiven && found.length <= 2 * nGiven && found.every((letter) => letters.includes(letter));
  if (!fits) return { given: start(letters, nGiven), out: [] };
  return { given: found.slice(0, nGiven), out: found.slice(nGiven) };
}

/** Every letter, the last first, and so on: never sorted already. */
function start(letters: readonly string[], n: number): string[] {
  return Array.from({ length: n }, (_, i) => letters.at(-1 - (i % letters.length))!);
}

/** The letter after another, around. */
export function after(letter: string, letters: readonly string[], by = 1): string {
  return letters[(letters.indexOf(letter) + by + letters.length) % letters.length]!;
}

/** Whether letters come in the order of their ids, and are those that were given. */
export function isSorted(given: readonly string[], out: readonly string[], letters: readonly string[]): boolean {
  const sorted = [...given].sort((a, b) => letters.indexOf(a) - letters.indexOf(b));
  return out.length === given.length && out.every((letter, i) => letter === sorted[i]);
}
