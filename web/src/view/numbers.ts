// Sums, percentiles and digits as Python makes them, so that both write the same number.

/** Python's `f"{x:.{digits}f}"`: exact halves go to the even neighbour, where JavaScript's go up. */
export function fixed(x: number, digits: number): string {
  if (Object.is(x, -0)) return `-${(0).toFixed(digits)}`;
  const halves = Math.abs(x) * 2 ** (digits + 1);
  if (!Number.isInteger(halves) || halves % 2 === 0) return x.toFixed(digits);
  const below = Math.floor(Math.abs(x) * 10 ** digits);
  const even = below % 2 === 0 ? below : below + 1;
  return (x < 0 ? "-" : "") + (even / 10 ** digits).toFixed(digits);
}

/** Python's `f"{x:,.{digits}f}"`. */
export function grouped(x: number, digits = 0): string {
  const [whole, part] = fixed(x, digits).split(".");
  const spaced = whole!.replace(/\B(?=(\d{3})+$)/g, ",");
  return part === undefined ? spaced : `${spaced}.${part}`;
}

/** Python's `f"{x:g}"`, for numbers that need no exponent. */
export function general(x: number): string {
  return String(Number(x.toPrecision(6)));
}

/** Without the zeros, and the point, that say nothing. */
export function trimmed(digits: string): string {
  return digits.includes(".") ? digits.replace(/0+$/, "").replace(/\.$/, "") : digits;
}

/** The correctly rounded sum, as `math.fsum`. Source: J. Shewchuk's algorithm of growing partials. */
export function exactSum(numbers: Iterable<number>): number {
  let partials: number[] = [];
  let special = 0;
  for (let x of numbers) {
    if (!Number.isFinite(x)) {
      special += x;
      continue;
    }
    const kept: number[] = [];
    for (let y of partials) {
      if (Math.abs(x) < Math.abs(y)) [x, y] = [y, x];
      const high = x + y;
      const low = y - (high - x);
      if (low !== 0) kept.push(low);
      x = high;
    }
    kept.push(x);
    partials = kept;
  }
  if (special !== 0) return special;
  // From the largest partial down: the first that is rounded away decides, and the sign of the next breaks a tie.
  let n = partials.length;
  if (!n) return 0;
  let high = partials[--n]!;
  let low = 0;
  while (n > 0) {
    const x = high;
    const y = partials[--n]!;
    high = x + y;
    low = y - (high - x);
    if (low !== 0) break;
  }
  if (n > 0 && ((low < 0 && partials[n - 1]! < 0) || (low > 0 && partials[n - 1]! > 0))) {
    const twice = 2 * low;
    const nudged = high + twice;
    if (twice === nudged - high) high = nudged;
  }
  return high;
}

export function mean(numbers: readonly number[]): number {
  return exactSum(numbers) / numbers.length;
}

/** Of the whole population. */
export function deviation(numbers: readonly number[]): number {
  const centre = mean(numbers);
  return Math.sqrt(mean(numbers.map((x) => (x - centre) ** 2)));
}

/** Linear between neighbours, as numpy's; `numbers` must not be empty. */
export function percentile(numbers: readonly number[], percent: number): number {
  const sorted = Float64Array.from(numbers).sort();
  const at = (percent / 100) * (sorted.length - 1);
  const below = Math.floor(at);
  const low = sorted[below]!;
  const high = sorted[Math.min(below + 1, sorted.length - 1)]!;
  const share = at - below;
  return share >= 0.5 ? high - (high - low) * (1 - share) : low + (high - low) * share;
}

/** The first place in an ascending row that is not below `x`. */
export function searchLeft(row: ArrayLike<number>, x: number): number {
  let low = 0;
  let high = row.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (row[middle]! < x) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The first place in an ascending row that is above `x`. */
export function searchRight(row: ArrayLike<number>, x: number): number {
  let low = 0;
  let high = row.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (row[middle]! <= x) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** A number of an array, or null where it is missing. */
export function real(number: number): number | null {
  return Number.isNaN(number) ? null : number;
}

const RAISED = "⁰¹²³⁴⁵⁶⁷⁸⁹";

/** A whole number as an exponent: `⁻⁵`. */
export function raised(power: number): string {
  const digits = [...String(Math.abs(power))].map((digit) => RAISED[Number(digit)]!).join("");
  return power < 0 ? `⁻${digits}` : digits;
}
