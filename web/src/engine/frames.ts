// A stream of bytes cut into frames: kind (1 byte), length (4 bytes, little-endian), payload. Knows no meaning of them.

import { EngineError } from "./engine";

export const PIECE = 0;
export const SAID = 1;
export const FAILED = 2;
export const END = 3;

export interface Frame {
  readonly kind: number;
  readonly payload: Uint8Array;
}

const HEAD = 5;

/**
 * The frames of a stream, as they arrive; the end frame is the last.
 *
 * @throws EngineError (`cut`) where the stream stops before its end frame, or holds what is no frame.
 */
export async function* frames(stream: ReadableStream<Uint8Array>): AsyncGenerator<Frame, void, void> {
  const reader = stream.getReader();
  const waiting = new Waiting();
  let finished = false;
  try {
    for (;;) {
      while (waiting.length >= HEAD) {
        const head = waiting.peek(HEAD);
        const kind = head[0]!;
        if (kind > END)
          throw new EngineError("cut", "the answer of the server could not be understood; reload the page.");
        const size = new DataView(head.buffer, head.byteOffset).getUint32(1, true);
        if (waiting.length < HEAD + size) break;
        waiting.take(HEAD);
        finished = kind === END || kind === FAILED;
        yield { kind, payload: waiting.take(size) };
        if (finished) return;
      }
      const { done, value } = await reader.read();
      if (done) throw new EngineError("cut", "the answer of the server stopped in the middle.");
      waiting.add(value);
    }
  } finally {
    // Whoever stops reading early withdraws the question: the server notices.
    if (!finished) reader.cancel().catch(() => undefined);
    reader.releaseLock();
  }
}

/** Bytes that have arrived, in the chunks they came in: a large frame is joined once. */
class Waiting {
  #chunks: Uint8Array[] = [];
  length = 0;

  add(chunk: Uint8Array): void {
    if (chunk.length) this.#chunks.push(chunk);
    this.length += chunk.length;
  }

  peek(n: number): Uint8Array {
    if (this.#chunks[0]!.length < n) this.#chunks = [joined(this.#chunks, this.length)];
    return this.#chunks[0]!.subarray(0, n);
  }

  take(n: number): Uint8Array {
    const taken: Uint8Array[] = [];
    for (let missing = n; missing > 0;) {
      const first = this.#chunks[0]!;
      if (first.length > missing) this.#chunks[0] = first.subarray(missing);
      else this.#chunks.shift();
      const part = first.subarray(0, missing);
      taken.push(part);
      missing -= part.length;
    }
    this.length -= n;
    return taken.length === 1 ? taken[0]! : joined(taken, n);
  }
}

function joined(chunks: readonly Uint8Array[], length: number): Uint8Array {
  const whole = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  return whole;
}
