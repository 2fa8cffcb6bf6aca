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

/** Whatever was thrown, as an error that a page may show; defects of ours keep their message for the console. */
export function plainly(error: unknown): Error {
  if (error instanceof EngineError || (error instanceof DOMException && error.name === "AbortError")) return error;
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof RangeError || /out of memory|bad_alloc|memory allocation|Aborted\(OOM/i.test(message))
    return refused("memory ran out in this browser. Ask for less: a shorter text, fewer stages, a smaller model.");
  return new EngineError("failed", `the engine made a mistake: ${message.split("\n")[0]!.slice(0, 300)}`);
}
