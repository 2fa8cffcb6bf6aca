// A stretch of a legend, as places 0..1: what it lets through.

export type Brush = readonly [low: number, high: number];

/** Whether a place lies in the brushed stretch; without one, everything does, and what is missing is in none. */
export function within(place: number | null, brush: Brush | null): boolean {
  return brush === null || (place !== null && brush[0] <= place && place <= brush[1]);
}
