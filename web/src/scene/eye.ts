// The eye over time: where hands put it, flights, and its bounds. Knows no canvas; told the time by who draws.

import { bounded, during, flight, samePose, type Flight } from "./camera";
import type { Pose } from "./frame";
import type { Box } from "./geometry";

export class Eye {
  /** Whether flights are jumps. */
  still = false;
  #pose: Pose;
  #bounds: Box;
  #flight: Flight | null = null;
  #began = -1;

  constructor(pose: Pose, bounds: Box) {
    this.#pose = pose;
    this.#bounds = bounds;
  }

  get pose(): Pose {
    return this.#pose;
  }

  get bounds(): Box {
    return this.#bounds;
  }

  set bounds(bounds: Box) {
    this.#bounds = bounds;
  }

  get flying(): boolean {
    return this.#flight !== null;
  }

  /** Where a flight ends, else where the eye is. */
  get goal(): Pose {
    return this.#flight?.to ?? this.#pose;
  }

  /** At once. */
  put(pose: Pose): void {
    this.#flight = null;
    this.#pose = bounded(pose, this.#bounds);
  }

  /** Over a short time, from now. */
  fly(pose: Pose): void {
    const to = bounded(pose, this.#bounds);
    if (this.still || samePose(this.#pose, to)) return this.put(to);
    this.#flight = flight(this.#pose, to);
    this.#began = -1;
  }

  /**
   * Goes on with a flight.
   *
   * @param now milliseconds.
   * @returns whether the eye has moved.
   */
  step(now: number): boolean {
    if (!this.#flight) return false;
    if (this.#began < 0) this.#began = now;
    const seconds = (now - this.#began) / 1000;
    this.#pose = during(this.#flight, seconds);
    if (seconds >= this.#flight.seconds) this.#flight = null;
    return true;
  }
}
