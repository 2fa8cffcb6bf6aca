// Texts longer than the model's context: overlapping windows that score every token exactly once; as `model/windows.py`.

import { refused } from "./failures";

/** Positions `start` to `stop` (not included) are fed to the model after the prefix; `first` to `stop` are read out. */
export interface Window {
  /** How many tokens of the text's beginning (BOS) are put before the window; 0 for the first one, which holds them. */
  readonly prefix: number;
  readonly start: number;
  readonly stop: number;
  /** The first position that no earlier window read out. */
  readonly first: number;
}

/** The row of the window's input at which a position of the text stands. */
export function rowOf(window: Window, position: number): number {
  return window.prefix + position - window.start;
}

/**
 * Windows over a text.
 *
 * @param length tokens of the text, prefix included.
 * @param context tokens that the model reads at once; 0 = any number.
 * @param stride new tokens per further window; half of what fits by default.
 * @param prefix tokens at the text's beginning that every window begins with.
 */
export function planWindows(length: number, context: number, stride: number | null, prefix: number): Window[] {
  const room = context - prefix;
  if (context && room < 1)
    throw refused(`a window of ${context} tokens has no room beside ${prefix} tokens of prefix; give a larger one.`);
  if (stride !== null && (stride < 1 || (context && stride > room)))
    throw refused(`a stride of ${stride} was given; it must be from 1 to ${room}, the tokens that a window holds.`);
  if (!context || length <= context) return [{ prefix: 0, start: 0, stop: length, first: 0 }];
  const step = stride ?? Math.max(1, Math.floor(room / 2));
  const windows: Window[] = [{ prefix: 0, start: 0, stop: context, first: 0 }];
  for (let done = context; done < length;) {
    const stop = Math.min(done + step, length);
    windows.push({ prefix, start: stop - room, stop, first: done });
    done = stop;
  }
  return windows;
}
