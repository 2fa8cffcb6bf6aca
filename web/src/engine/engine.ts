// The one interface through which pages ask for numbers, whatever computes them: a server, or a trace inside the page.
//
// An engine that cannot do one of these says so in its ModelCard (`can`, `cannot`) and, when asked, with an EngineError.

import type { Trace } from "../trace";
import type {
  Answer,
  AskRequest,
  Change,
  Explanation,
  Fill,
  FillRequest,
  Graph,
  ModelCard,
  ReplaceRequest,
  Run,
  RunRequest,
  SampleRequest,
  SaveRequest,
  Shape,
  StartingText,
  Step,
  Tokenised,
  TokeniseRequest,
  TraceRequest,
} from "./contract";

/** What an engine says while it traces: pieces that merge, useful ones first, and what it is doing. */
export type TracePiece =
  | { readonly kind: "piece"; readonly piece: Trace }
  | { readonly kind: "progress"; readonly done: number; readonly total: number }
  /** The model is busy with others; it is asked again by itself after this many seconds. */
  | { readonly kind: "busy"; readonly seconds: number };

/**
 * Asks for numbers.
 *
 * Each question ends with an AbortError as soon as its signal is aborted, and the engine stops computing. A newer question
 * of the same lane takes the place of an older one of its kind: a page that shows two texts at once uses a lane for each.
 */
export interface Engine {
  models(signal: AbortSignal): Promise<readonly ModelCard[]>;
  /** The texts of the gallery. */
  texts(signal: AbortSignal): Promise<readonly StartingText[]>;
  tokenise(request: TokeniseRequest, signal: AbortSignal, lane?: string): Promise<Tokenised>;
  trace(request: TraceRequest, signal: AbortSignal, lane?: string): AsyncIterable<TracePiece>;
  /**
   * Of what a lane's trace still has to read, these positions go first from now on; only where it was asked for with
   * `first`. Where nothing is being read, or everything is there at once, it says nothing.
   */
  prefer(first: readonly number[], lane?: string): void;
  /** How a text goes on, token by token. */
  sample(request: SampleRequest, signal: AbortSignal, lane?: string): AsyncIterable<Step>;
  /** What becomes of a text when some of its tokens are replaced and all others kept. */
  replace(request: ReplaceRequest, signal: AbortSignal, lane?: string): Promise<Change>;
  /** What could stand in a blank. */
  fill(request: FillRequest, signal: AbortSignal, lane?: string): Promise<Fill>;
  /** How likely named tokens or words are at a place. */
  ask(request: AskRequest, signal: AbortSignal, lane?: string): Promise<readonly Answer[]>;
  /** A model's computation as data. */
  graph(model: string, signal: AbortSignal): Promise<Graph>;
  /** Known models without numbers, for the sense of size. */
  shapes(signal: AbortSignal): Promise<readonly Shape[]>;
  /** A text read, so that parts of its tensors can be asked for. */
  run(request: RunRequest, signal: AbortSignal): Promise<Run>;
  /** A part of a tensor: a range per axis, each cell the mean of 2^level × 2^level along the last two axes. */
  tile(run: Run, block: string, ranges: readonly Range[], level: number, signal: AbortSignal): Promise<Tile>;
  /** How one cell came about, with so many of its largest terms. */
  explain(
    run: Run,
    block: string,
    index: readonly number[],
    signal: AbortSignal,
    nTerms?: number,
  ): Promise<Explanation>;
  /** A trace as a file. */
  save(request: SaveRequest, signal: AbortSignal): Promise<Blob>;
  /** A trace file that the reader has, checked, in pieces. */
  open(file: Blob, signal: AbortSignal): AsyncIterable<TracePiece>;
}

/** From the first coordinate to one past the last. */
export type Range = readonly [from: number, to: number];

/** Numbers in the order of the axes; NaN where the mask leaves a cell out. */
export interface Tile {
  readonly data: Float32Array;
  readonly shape: readonly number[];
  /** Of the whole tensor, for its scale: the root of its mean square, and its largest absolute value. */
  readonly rms: number;
  readonly largest: number;
}

/**
 * Why a question has no answer.
 *
 * `refused`: it asks for what cannot be, and the message says what can; asking again does not help.
 * `busy`: too many ask at once; `retryAfter` seconds later it may work.
 * `gone`: nobody answers. The server was stopped or the network is down; see `whenBack`.
 * `cut`: the answer stopped in the middle.
 * `superseded`: a newer question of the same lane took its place.
 * `forgotten`: a run that is kept no more, and could not be read again.
 * `cannot`: this engine does not do that at all.
 * `failed`: the engine made a mistake.
 */
export type Trouble = "refused" | "busy" | "gone" | "cut" | "superseded" | "forgotten" | "cannot" | "failed";

export class EngineError extends Error {
  override name = "EngineError";

  constructor(
    readonly trouble: Trouble,
    message: string,
    /** Seconds after which asking again may help. */
    readonly retryAfter: number | null = null,
  ) {
    super(message);
  }
}

/** Whether this is how a question ends that was aborted. */
export function isAbort(error: unknown): boolean {
  return error instanceof DOMException && error.name === "AbortError";
}

/** Waits; ends with an AbortError as soon as the signal is aborted. */
export function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(aborted());
    const stop = () => {
      clearTimeout(timer);
      reject(aborted());
    };
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", stop);
      resolve();
    }, milliseconds);
    signal.addEventListener("abort", stop, { once: true });
  });
}

function aborted(): DOMException {
  return new DOMException("the question was withdrawn", "AbortError");
}
