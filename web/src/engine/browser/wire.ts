// Errors as plain data and back: what passes between page and worker keeps its kind.

import { EngineError, isAbort } from "../engine";
import { plainly } from "./failures";
import type { Failure } from "./messages";

/** Where the signal stands among the arguments of a question: what is sent is its place. */
export const SIGNAL = "\u0000signal";

export function toPlain(error: unknown): Failure {
  const plain = plainly(error);
  if (plain instanceof EngineError)
    return { trouble: plain.trouble, message: plain.message, retryAfter: plain.retryAfter };
  return { trouble: isAbort(plain) ? "abort" : "failed", message: plain.message, retryAfter: null };
}

export function fromPlain({ trouble, message, retryAfter }: Failure): Error {
  return trouble === "abort" ? new DOMException(message, "AbortError") : new EngineError(trouble, message, retryAfter);
}
