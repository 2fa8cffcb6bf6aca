// The numbers that a seed stands for, the same as Python's: NumPy's PCG64, seeded as `numpy.random.PCG64(seed)` is. Where a
// page draws a token itself, the same seed draws the same one as `logitscope continue`.
//
// Sources: M. O'Neill, 2014, PCG: a family of simple fast space-efficient statistically good algorithms for random number
// generation (XSL-RR 128/64); and her seed_seq_fe for the state that a seed becomes.

const MASK_64 = (1n << 64n) - 1n;
const MASK_128 = (1n << 128n) - 1n;
const MULTIPLIER = 0x2360ed051fc65da44385df649fccf645n;
/** Words of 32 bits that a seed is spread over. */
const POOL = 4;

/**
 * The numbers of a seed, each from 0 up to 1, in their order.
 *
 * @param seed a whole number from 0 on.
 */
export function* chances(seed: number): Generator<number, never> {
  const [a, b, c, d] = stateOf(seed) as [bigint, bigint, bigint, bigint];
  const increment = ((((c << 64n) | d) << 1n) | 1n) & MASK_128;
  const next = (state: bigint) => (state * MULTIPLIER + increment) & MASK_128;
  let state = next((next(0n) + ((a << 64n) | b)) & MASK_128);
  for (;;) {
    state = next(state);
    const turn = state >> 122n;
    const mixed = ((state >> 64n) ^ state) & MASK_64;
    const turned = ((mixed >> turn) | (mixed << (-turn & 63n))) & MASK_64;
    yield Number(turned >> 11n) / 2 ** 53;
  }
}

/** The number of a seed that comes after `n` others. */
export function chanceAfter(seed: number, n: number): number {
  const all = chances(seed);
  for (let i = 0; i < n; i++) all.next();
  return all.next().value;
}

/** Four words of 64 bits. */
function stateOf(seed: number): bigint[] {
  const words: number[] = [];
  for (let left = seed; left > 0 || !words.length; left = Math.floor(left / 2 ** 32)) words.push((left % 2 ** 32) | 0);
  const hash = hashing(0x43b0d7e5, 0x931e8875);
  const pool = Array.from({ length: POOL }, (_, i) => hash(words[i] ?? 0));
  for (let from = 0; from < POOL; from++)
    for (let to = 0; to < POOL; to++) if (from !== to) pool[to] = mixed(pool[to]!, hash(pool[from]!));
  for (const word of words.slice(POOL)) for (let to = 0; to < POOL; to++) pool[to] = mixed(pool[to]!, hash(word));
  const spread = hashing(0x8b51f9dd, 0x58f38ded);
  const state = Array.from({ length: 2 * POOL }, (_, i) => BigInt(spread(pool[i % POOL]!) >>> 0));
  return Array.from({ length: POOL }, (_, i) => state[2 * i]! | (state[2 * i + 1]! << 32n));
}

/** A hash of 32 bits that is another one each time. */
function hashing(start: number, multiplier: number): (word: number) => number {
  let constant = start;
  return (word) => {
    let value = word ^ constant;
    constant = Math.imul(constant, multiplier);
    value = Math.imul(value, constant);
    return value ^ (value >>> 16);
  };
}

function mixed(x: number, y: number): number {
  const value = Math.imul(x, 0xca01f9dd) - Math.imul(y, 0x4973f715);
  return value ^ (value >>> 16);
}
