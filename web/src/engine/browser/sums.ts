// Sums without rounding on the way, and the error function: what Python's `math` has and JavaScript's `Math` has not.

/** The sum of numbers, rounded once, as Python's `math.fsum` (Shewchuk, 1997). */
export function exactSum(numbers: readonly number[]): number {
  const partials: number[] = [];
  for (let x of numbers) {
    let kept = 0;
    for (let y of partials) {
      if (Math.abs(x) < Math.abs(y)) [x, y] = [y, x];
      const high = x + y;
      const low = y - (high - x);
      if (low) partials[kept++] = low;
      x = high;
    }
    partials.length = kept;
    partials.push(x);
  }
  let n = partials.length;
  if (!n) return 0;
  let high = partials[--n]!;
  let low = 0;
  while (n) {
    const x = high;
    const y = partials[--n]!;
    high = x + y;
    low = y - (high - x);
    if (low) break;
  }
  // Half-way cases are rounded to even, as if in one step.
  if (n && Math.sign(low) === Math.sign(partials[n - 1]!)) {
    const y = 2 * low;
    const x = high + y;
    if (y === x - high) high = x;
  }
  return high;
}

const SERIES = 2.5;

/** The error function, to about 15 digits: its series near 0, the continued fraction of its complement beyond. */
export function erf(x: number): number {
  const size = Math.abs(x);
  if (Number.isNaN(x)) return NaN;
  if (size > 6) return Math.sign(x);
  if (size < SERIES) {
    let term = size;
    let sum = size;
    for (let n = 1; Math.abs(term) > 1e-17 * sum && n < 200; n++) {
      term *= (2 * size * size) / (2 * n + 1);
      sum += term;
    }
    return Math.sign(x) * ((2 / Math.sqrt(Math.PI)) * Math.exp(-size * size) * sum);
  }
  let fraction = 0;
  for (let n = 120; n > 0; n--) fraction = n / 2 / (size + fraction);
  const complement = Math.exp(-size * size) / (Math.sqrt(Math.PI) * (size + fraction));
  return Math.sign(x) * (1 - complement);
}
