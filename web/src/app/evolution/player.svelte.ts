// Plays through the stages: one after the other, and then it stops.

/** How long a stage is looked at, in milliseconds; longer where nothing may move by itself between them. */
export const BEAT = 550;
export const SLOW_BEAT = 1100;

export class Player {
  playing = $state.raw(false);
  #timer: ReturnType<typeof setInterval> | undefined;

  /**
   * Plays from a stage on; from the first one again if it is the last.
   *
   * @param show draws a stage.
   */
  play(at: number, n: number, show: (index: number) => void, beat = BEAT): void {
    this.stop();
    if (n < 2) return;
    let next = at >= n - 1 ? 0 : at + 1;
    this.playing = true;
    show(next);
    this.#timer = setInterval(() => {
      next += 1;
      show(next);
      if (next >= n - 1) this.stop();
    }, beat);
    if (next >= n - 1) this.stop();
  }

  stop(): void {
    clearInterval(this.#timer);
    this.playing = false;
  }
}
