// A trace file that the reader has, in pieces; as Python's `server/saved.py`. No model is needed.

import { atStages, readTrace, TraceError } from "../../trace";
import type { TracePiece } from "../engine";
import { refused, requireWanted } from "./failures";

const STAGES_PER_PIECE = 4;

/** The trace in a file, its last stage first. */
export async function* piecesOf(file: Blob, signal: AbortSignal): AsyncGenerator<TracePiece> {
  const bytes = new Uint8Array(await file.arrayBuffer());
  requireWanted(signal);
  let trace;
  try {
    trace = readTrace(bytes);
  } catch (error) {
    if (error instanceof TraceError) throw refused(error.message);
    throw error;
  }
  const { stages } = trace;
  if (!stages.length) {
    yield { kind: "piece", piece: trace };
    return;
  }
  yield { kind: "piece", piece: atStages(trace, stages.slice(-1)) };
  for (let stop = stages.length - 1; stop > 0; stop -= STAGES_PER_PIECE) {
    requireWanted(signal);
    yield { kind: "piece", piece: atStages(trace, stages.slice(Math.max(0, stop - STAGES_PER_PIECE), stop)) };
  }
}
