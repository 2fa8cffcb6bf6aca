// Parts of tensors that are asked for at the same moment, as one question: a scene needs a hundred small ones at once, and
// each question by itself costs more than its numbers. Knows no network.

import { EngineError, type Range, type Tile } from "./engine";

export interface Part {
  readonly block: string;
  readonly ranges: readonly Range[];
  readonly level: number;
}

/** Asks about parts; answers with the bytes of each, in their order. */
export type AskParts<Of> = (of: Of, parts: readonly Part[], signal: AbortSignal) => AsyncIterable<Uint8Array>;

interface Asked<Of> {
  readonly of: Of;
  readonly part: Part;
  readonly signal: AbortSignal;
  readonly resolve: (tile: Tile) => void;
  readonly reject: (error: unknown) => void;
}

/** Parts in one question: what is asked in between waits for no more than these. */
const MOST = 32;

export class Gathered<Of> {
  readonly #ask: AskParts<Of>;
  #waiting: Asked<Of>[] = [];

  constructor(ask: AskParts<Of>) {
    this.#ask = ask;
  }

  /** @param of what it is a part of; parts of the same go together. */
  tile(of: Of, part: Part, signal: AbortSignal): Promise<Tile> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ of, part, signal, resolve, reject });
      if (this.#waiting.length === 1) queueMicrotask(() => this.#send());
    });
  }

  #send(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    const groups = new Map<Of, Asked<Of>[]>();
    for (const one of waiting) {
      if (one.signal.aborted) one.reject(aborted());
      else groups.set(one.of, [...(groups.get(one.of) ?? []), one]);
    }
    for (const group of groups.values())
      for (let from = 0; from < group.length; from += MOST) void this.#follow(group.slice(from, from + MOST));
  }

  async #follow(asked: readonly Asked<Of>[]): Promise<void> {
    const all = new AbortController();
    let wanted = asked.length;
    const withdrawn = asked.map(({ signal, reject }) => {
      const withdraw = () => {
        reject(aborted());
        wanted -= 1;
        if (wanted === 0) all.abort();
      };
      signal.addEventListener("abort", withdraw, { once: true });
      return withdraw;
    });
    let n = 0;
    try {
      const parts = asked.map(({ part }) => part);
      for await (const bytes of this.#ask(asked[0]!.of, parts, all.signal)) {
        asked[n]?.resolve(tileOf(asked[n]!.part, bytes));
        n += 1;
      }
      if (n < asked.length) throw new EngineError("cut", "the answer of the server stopped in the middle.");
    } catch (error) {
      const rest = asked.slice(n);
      // One of them cannot be answered: it must not stand in the way of the others.
      if (asked.length > 1 && error instanceof EngineError && error.trouble === "refused")
        for (const one of rest) void this.#follow([one]);
      else for (const { reject } of rest) reject(error);
    } finally {
      asked.forEach(({ signal }, i) => signal.removeEventListener("abort", withdrawn[i]!));
    }
  }
}

/** Two numbers of the whole tensor, then the part's own. */
export function tileOf({ ranges, level }: Part, bytes: Uint8Array): Tile {
  const averaged = ranges.length - 2;
  const shape = ranges.map(([from, to], axis) => (axis < averaged ? to - from : Math.ceil((to - from) / 2 ** level)));
  if (bytes.byteLength !== 8 + 4 * shape.reduce((size, n) => size * n, 1))
    throw new EngineError("cut", "the answer of the server stopped in the middle.");
  // Numbers begin at multiples of four bytes; an answer's parts need not.
  const numbers = new Float32Array(bytes.slice().buffer);
  return { data: numbers.subarray(2), shape, rms: numbers[0]!, largest: numbers[1]! };
}

function aborted(): DOMException {
  return new DOMException("the question was withdrawn", "AbortError");
}
