import { expect, it } from "vitest";

import { EngineError } from "./engine";
import { END, frames, PIECE, SAID, type Frame } from "./frames";
import { frame, streamOf } from "./testing";

const said = frame(SAID, new TextEncoder().encode('{"done":1}'));
const piece = frame(
  PIECE,
  Uint8Array.from({ length: 1000 }, (_, i) => i % 251),
);
const whole = Uint8Array.from([...said, ...piece, ...frame(END)]);

async function all(stream: ReadableStream<Uint8Array>): Promise<Frame[]> {
  const found: Frame[] = [];
  for await (const one of frames(stream)) found.push({ kind: one.kind, payload: one.payload.slice() });
  return found;
}

it("reads the same frames however the stream is cut into chunks", async () => {
  const expected = await all(streamOf([whole]));
  expect(expected.map(({ kind, payload }) => [kind, payload.length])).toEqual([
    [SAID, 10],
    [PIECE, 1000],
    [END, 0],
  ]);
  for (const size of [1, 2, 3, 4, 5, 6, 7, 64, 999, 1004, 1020]) {
    const chunks = Array.from({ length: Math.ceil(whole.length / size) }, (_, i) =>
      whole.subarray(i * size, (i + 1) * size),
    );
    expect(await all(streamOf(chunks)), `chunks of ${size}`).toEqual(expected);
  }
});

it("tells a stream that was cut from one that ended, wherever it was cut", async () => {
  for (let n = 0; n < whole.length; n += 13)
    await expect(all(streamOf([whole.subarray(0, n)])), `${n}`).rejects.toMatchObject({ trouble: "cut" });
});

it("refuses what is no frame", async () => {
  await expect(all(streamOf([new TextEncoder().encode("<html>hello</html>")]))).rejects.toBeInstanceOf(EngineError);
});

it("withdraws the question when its reader stops early", async () => {
  let cancelled = false;
  const endless = new ReadableStream<Uint8Array>({
    pull: (controller) => controller.enqueue(said.slice()),
    cancel: () => {
      cancelled = true;
    },
  });
  for await (const one of frames(endless)) if (one.kind === SAID) break;
  expect(cancelled).toBe(true);
});
