// Waiting for a server that has gone: asked again and again, more and more slowly, until it answers or nobody waits.

import type { ModelCard } from "./contract";
import { EngineError, pause, type Engine } from "./engine";

const FIRST = 500;
const SLOWEST = 5000;

/**
 * The models of an engine that is there again, as soon as it is.
 *
 * @throws AbortError where the signal is aborted, and whatever an answering engine says.
 */
export async function whenBack(engine: Pick<Engine, "models">, signal: AbortSignal): Promise<readonly ModelCard[]> {
  for (let wait = FIRST; ; wait = Math.min(SLOWEST, 1.6 * wait)) {
    await pause(wait, signal);
    try {
      return await engine.models(signal);
    } catch (error) {
      if (!(error instanceof EngineError) || (error.trouble !== "gone" && error.trouble !== "busy")) throw error;
    }
  }
}
