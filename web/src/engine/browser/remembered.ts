// What the last reading of a text left behind, so that reading nearly the same text again costs what changed; as Python's
// `scope/remembered.py`.
//
// Kept are the keys and values of one window, and the statistics of every position that stands in the text as it stood:
// with the same tokens up to and including the one after it. Whatever else a number depends on is part of the name that it
// is kept under.

import type { KeyValues } from "./graphs";
import { NOTHING } from "./graphs";
import { cropped, extend, type Model } from "./reader";

/** One statistic of one stage: `[position]` and any further axes. */
export interface Column {
  readonly data: Float32Array | Int32Array;
  readonly inner: readonly number[];
}

export type Columns = ReadonlyMap<string, Column>;

interface Kept {
  readonly ids: Int32Array;
  readonly positions: Int32Array;
  readonly columns: Columns;
}

export class Remembered {
  readonly #limit: number;
  readonly #others: () => Iterable<Remembered>;
  #ids: readonly number[] = [];
  #held: KeyValues = NOTHING;
  /** What was used longest ago stands first. */
  readonly #kept = new Map<string, Kept>();

  /**
   * @param limit bytes that may be kept.
   * @param others of the same model, whose keys and values serve as well: a text that two questions are about is run once.
   */
  constructor(limit: number, others: () => Iterable<Remembered> = () => []) {
    this.#limit = limit;
    this.#others = others;
  }

  /** Memory in use. */
  get bytes(): number {
    let bytes = this.#held.keys.byteLength + this.#held.values.byteLength;
    for (const kept of this.#kept.values()) bytes += bytesOf(kept);
    return bytes;
  }

  /**
   * What some stages are at some rows of a window, `[row, d_model]` by stage.
   *
   * @param fed ids of the window.
   * @param rows ascending.
   */
  async vectors(
    model: Model,
    fed: readonly number[],
    rows: readonly number[],
    stages: readonly string[],
    signal: AbortSignal,
  ): Promise<Map<string, Float32Array>> {
    const { io } = model.manifest;
    const width = io.d_model;
    const ids = fed.slice(0, rows.at(-1)! + 1);
    let source: Remembered = this;
    let common = this.#common(fed);
    for (const other of this.#others()) {
      const length = other.#common(fed);
      if (length > common) [source, common] = [other, length];
    }
    const begin = Math.min(common, rows[0]!);
    const found = new Map(stages.map((name) => [name, new Float32Array(rows.length * width)]));
    const indices = stages.map((name) => io.stages.indexOf(name));
    let next = 0;
    const take = (read: Float32Array, from: number, n: number) => {
      for (; next < rows.length && rows[next]! - begin < from + n; next++) {
        const row = rows[next]! - begin - from;
        stages.forEach((name, i) => {
          const at = (indices[i]! * n + row) * width;
          found.get(name)!.set(read.subarray(at, at + width), next * width);
        });
      }
    };
    const held = await extend(model, cropped(source.#held, begin, io), ids.slice(begin), take, signal);
    // What is held stays until more is: one position read early in a text must not cost the keys of the rest. What another
    // one holds is not held twice.
    if (held.length > common || (held.length === common && source === this)) {
      const fits = held.keys.byteLength + held.values.byteLength <= this.#limit;
      [this.#held, this.#ids] = fits ? [held, ids] : [NOTHING, []];
      this.#makeRoom();
    }
    return found;
  }

  /** Which of some positions are known under a name in a text of these ids, and their statistics, in order. */
  recall(name: string, ids: Int32Array, positions: Int32Array): { known: boolean[]; columns: Columns } {
    const kept = this.#unchanged(name, ids);
    if (!kept) return { known: [...positions].map(() => false), columns: new Map() };
    const at = new Map<number, number>();
    kept.positions.forEach((position, i) => at.set(position, i));
    const known = Array.from(positions, (position) => at.has(position));
    const rows = [...positions].filter((position) => at.has(position)).map((position) => at.get(position)!);
    return { known, columns: rows.length ? taken(kept.columns, rows) : new Map() };
  }

  /** Keeps statistics of some positions, beside those at others that still hold. */
  keep(name: string, ids: Int32Array, positions: Int32Array, columns: Columns): void {
    const old = this.#unchanged(name, ids);
    const fresh = new Set(positions);
    const rows = old ? [...old.positions.keys()].filter((i) => !fresh.has(old.positions[i]!)) : [];
    const places = [
      ...rows.map((row) => ({ position: old!.positions[row]!, from: old!.columns, row })),
      ...[...positions].map((position, row) => ({ position, from: columns, row })),
    ].sort((a, b) => a.position - b.position);
    const merged = new Map<string, Column>();
    for (const [statistic, { data, inner }] of columns) {
      const width = inner.reduce((a, b) => a * b, 1);
      const whole = like(data, places.length * width);
      places.forEach(({ from, row }, i) =>
        whole.set(from.get(statistic)!.data.subarray(row * width, (row + 1) * width), i * width),
      );
      merged.set(statistic, { data: whole, inner });
    }
    this.#kept.delete(name);
    this.#kept.set(name, { ids, positions: Int32Array.from(places, ({ position }) => position), columns: merged });
    this.#makeRoom();
  }

  #common(ids: readonly number[]): number {
    let n = 0;
    while (n < Math.min(ids.length, this.#ids.length) && ids[n] === this.#ids[n]) n++;
    return n;
  }

  /** What is kept under a name and has the numbers that it would have in a text of these ids. */
  #unchanged(name: string, ids: Int32Array): Kept | null {
    const kept = this.#kept.get(name);
    if (!kept) return null;
    this.#kept.delete(name);
    this.#kept.set(name, kept);
    const n = Math.min(ids.length, kept.ids.length);
    let common = 0;
    while (common < n && ids[common] === kept.ids[common]) common++;
    const same = common === ids.length && common === kept.ids.length;
    // The last common token is followed by another one now, or by one where nothing was, or by nothing.
    const rows = [...kept.positions.keys()].filter((i) => kept.positions[i]! < (same ? common : common - 1));
    if (!rows.length) return null;
    if (rows.length === kept.positions.length) return kept;
    return { ids: kept.ids, positions: kept.positions.slice(0, rows.length), columns: taken(kept.columns, rows) };
  }

  #makeRoom(): void {
    let used = this.bytes;
    for (const [name, kept] of this.#kept) {
      if (used <= this.#limit) return;
      used -= bytesOf(kept);
      this.#kept.delete(name);
    }
  }
}

function bytesOf({ positions, columns }: Kept): number {
  let bytes = positions.byteLength;
  for (const { data } of columns.values()) bytes += data.byteLength;
  return bytes;
}

function taken(columns: Columns, rows: readonly number[]): Columns {
  return new Map(
    [...columns].map(([name, { data, inner }]) => {
      const width = inner.reduce((a, b) => a * b, 1);
      const some = like(data, rows.length * width);
      rows.forEach((row, i) => some.set(data.subarray(row * width, (row + 1) * width), i * width));
      return [name, { data: some, inner }];
    }),
  );
}

/** An empty array of the same kind. */
export function like(data: Float32Array | Int32Array, length: number): Float32Array | Int32Array {
  return data instanceof Float32Array ? new Float32Array(length) : new Int32Array(length);
}
