// What a question is told that cannot be answered: the kinds of errors.py, as the page knows them.

import { EngineError } from "../engine";

/** It asks for what cannot be; the message says what can. */
export function refused(message: string): EngineError {
  return new EngineError("refused", message);
}

/** Ends with an AbortError, or with why it was withdrawn, as soon as the signal is aborted. */
export function requireWanted(signal: AbortSignal): void {
  if (!signal.aborted) return;
  throw signal.reason instanceof EngineError
    ? signal.reason
    : new DOMException("the question was withdrawn", "AbortError");
}

/** What a WebAssembly program says when it cannot go on, and what it says ever after. */
const FATAL =
  /\bAborted\(|out of memory|bad_alloc|memory access out of bounds|unreachable|table index is out of bounds/i;

let broken = false;

/** Whether the program that computes has given up: it answers nothing more, and another must be started. */
export function isBroken(): boolean {
  return broken;
}

/**
 * Whatever was thrown, as an error that a page may show; of a defect of ours it says the first line.
 *
 * @param alone whether nothing else computes here, so that the program's end is that of the worker.
 */
export function plainly(error: unknown, alone = true): Error {
  if (error instanceof EngineError || (error instanceof DOMException && error.name === "AbortError")) return error;
  const message = error instanceof Error ? error.message : String(error);
  const fatal = FATAL.test(message);
  broken ||= fatal && alone;
  if (fatal || error instanceof RangeError || /memory/i.test(message))
    return refused("memory ran out in this browser. Ask for less: a shorter text, fewer stages, a smaller model.");
  return new EngineError("failed", `the engine made a mistake: ${message.split("\n")[0]!.slice(0, 300)}`);
}
