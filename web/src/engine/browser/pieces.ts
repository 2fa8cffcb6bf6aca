// A trace in pieces, useful ones first; as Python's `scope/pieces.py`: in what order stages and positions are read, and how
// many at once. How they are read is not known here.

import type { Trace } from "../../trace";
import type { Plan } from "./plan";
import type { Model } from "./reader";
import { Reading } from "./reading";
import type { Remembered } from "./remembered";

/** Vectors of a text that are kept at once; what does not fit needs a further sweep over its windows. */
const SWEEP_BYTES = 64 << 20;

/** How long a piece may take, in milliseconds, if that makes it larger; of a long reading a part of what it took so far. */
const PIECE_MS = 400;
const LONGEST_MS = 1000;
const PART = 8;

/** Called with (done, total) positions times stages. */
export type Tell = (done: number, total: number) => void;

/** What whoever asked wants of a reading while it goes on. */
export interface Wanted {
  /**
   * Positions that are wanted before all others, in this order, negative ones from the end; those that are not read are
   * passed over. Looked at before every piece. Null from the beginning: stage after stage, each at all positions.
   */
  readonly first: readonly number[] | null;
  /** Awaited between pieces of some positions: lets those who wait have their turn. */
  readonly pass: () => Promise<void>;
}

const NOTHING: Wanted = { first: null, pass: async () => undefined };

/**
 * Pieces, first the last stage asked for at every position. Then the stages before it: from the last down to the first at
 * all positions, or all of them at the positions that are wanted first, then at those around these.
 *
 * @param memory what an earlier reading left behind.
 * @param versions of what computes here, for the trace's header.
 */
export async function* readPieces(
  model: Model,
  plan: Plan,
  memory: Remembered,
  versions: Readonly<Record<string, string>>,
  signal: AbortSignal,
  tell: Tell,
  wanted: Wanted = NOTHING,
): AsyncGenerator<Trace> {
  const reading = new Reading(model, plan, memory, versions, signal);
  const total = plan.positions.length * plan.stages.length;
  let done = 0;
  for await (const piece of wanted.first ? byPositions(reading, wanted) : byStages(reading)) {
    done += piece.positions.length * piece.stages.length;
    tell(done, total);
    yield piece;
  }
}

async function* byStages(reading: Reading): AsyncGenerator<Trace> {
  const { plan } = reading;
  let size = 1;
  for (const sweep of sweeps(reading)) {
    const captured = await reading.capture(sweep, plan.positions);
    for (let left = sweep; left.length;) {
      const some = left.slice(-size);
      left = left.slice(0, -size);
      const began = performance.now();
      const piece = await reading.trace(some, plan.positions, captured);
      const each = (performance.now() - began) / some.length;
      // A piece reads again what its stages are compared with, so each holds more than the one before.
      size = Math.max(size === 1 ? 4 : 2 * size, Math.floor(PIECE_MS / Math.max(each, 1e-3)));
      yield piece;
    }
  }
}

/** Stages that one pass over all windows captures, the last ones first. */
function sweeps({ model, plan }: Reading): (readonly string[])[] {
  const each = 4 * plan.positions.length * model.manifest.io.d_model;
  const size = Math.max(1, Math.floor(SWEEP_BYTES / each) - plan.references.length);
  const found: (readonly string[])[] = [];
  for (let stop = plan.stages.length; stop > 0; stop -= size)
    found.push(plan.stages.slice(Math.max(0, stop - size), stop));
  return found;
}

async function* byPositions(reading: Reading, wanted: Wanted): AsyncGenerator<Trace> {
  const { plan, model } = reading;
  const [earlier, last] = [plan.stages.slice(0, -1), plan.stages.slice(-1)];
  const needed = new Set([...plan.stages, ...plan.references]).size;
  const room = Math.max(1, Math.floor(SWEEP_BYTES / (4 * needed * model.manifest.io.d_model)));
  let captured = await reading.capture(plan.positions.length <= room ? plan.stages : last, plan.positions);
  yield await reading.trace(last, plan.positions, captured);
  if (!earlier.length) return;
  const began = performance.now();
  const left = new Set(plan.positions);
  for (let size = reading.positionsAtOnce(earlier.length); left.size;) {
    await wanted.pass();
    const { order, n } = inOrder(left, wanted.first ?? [], plan.tokens.length);
    if (!captured.known.has(earlier[0]!) || !captured.positions.has(order[0]!))
      captured = await reading.capture(earlier, Int32Array.from(order.slice(0, room)).sort());
    // What is remembered costs nothing.
    const known = order.filter((position) => captured.positions.has(position) && !captured.rows.has(position));
    const unknown = order.filter((position) => captured.rows.has(position)).slice(0, n ? Math.min(n, size) : size);
    const started = performance.now();
    const piece = await reading.trace(earlier, Int32Array.from([...known, ...unknown]).sort(), captured);
    const now = performance.now();
    if (unknown.length) {
      const may = Math.min(LONGEST_MS, Math.max(PIECE_MS, (now - began) / PART));
      size = Math.max(1, Math.floor((may * unknown.length) / Math.max(now - started, 1e-3)));
    }
    piece.positions.forEach((position) => left.delete(position));
    yield piece;
  }
}

/** What is left to be read: the positions that are wanted first, `n` of them, then the others, the nearest to these first. */
function inOrder(
  left: ReadonlySet<number>,
  first: readonly number[],
  length: number,
): { order: readonly number[]; n: number } {
  const places = [...new Set(first.map((position) => (position < 0 ? position + length : position)))];
  const wanted = places.filter((position) => left.has(position));
  const others = [...left].filter((position) => !wanted.includes(position));
  const away = new Map(others.map((one) => [one, Math.min(...places.map((place) => Math.abs(place - one)))]));
  // Where nothing is wanted all are as far away, and stay as they stand.
  others.sort((a, b) => (places.length ? away.get(a)! - away.get(b)! : 0) || a - b);
  return { order: [...wanted, ...others], n: wanted.length };
}
