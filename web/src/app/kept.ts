// Traces that were read already: asked again, such as while a slider goes back and forth, they are there at once.

import type { Engine, TracePiece, TraceRequest } from "../engine";

/** What following one question needs of an engine. */
export type Tracing = Pick<Engine, "models" | "trace" | "prefer">;

/** An engine's traces, the last `most` of them kept; one that was not read to its end is not. */
export function keeping(engine: Tracing, most = 32): Tracing {
  const kept = new Map<string, readonly TracePiece[]>();
  return {
    models: (signal) => engine.models(signal),
    prefer: (first, lane) => engine.prefer(first, lane),
    async *trace(request: TraceRequest, signal: AbortSignal, lane?: string) {
      // What comes first is no part of what is asked.
      const key = JSON.stringify({ ...request, first: null });
      const known = kept.get(key);
      if (known) {
        kept.delete(key);
        kept.set(key, known);
        yield* known;
        return;
      }
      const pieces: TracePiece[] = [];
      for await (const said of engine.trace(request, signal, lane)) {
        if (said.kind === "piece") pieces.push(said);
        yield said;
      }
      if (signal.aborted || !pieces.length) return;
      kept.set(key, pieces);
      if (kept.size > most) kept.delete(kept.keys().next().value!);
    },
  };
}
