// numpy's default generator, so that a seed draws here what it draws in Python: PCG64 (XSL-RR, 128 bits), seeded through
// SeedSequence.
//
// Sources: O'Neill 2014, "PCG: A family of simple fast space-efficient statistically good algorithms for random number
// generation"; O'Neill 2015, "Developing a seed_seq alternative".

const MASK_32 = (1n << 32n) - 1n;
const MASK_64 = (1n << 64n) - 1n;
const MASK_128 = (1n << 128n) - 1n;
const MULTIPLIER = 0x2360ed051fc65da44385df649fccf645n;

/** Numbers from [0, 1), as `numpy.random.Generator(PCG64(seed)).random()` gives them. */
export class Pcg64 {
  #state: bigint;
  readonly #increment: bigint;

  /** @param seed a whole number from 0 on. */
  constructor(seed: number | bigint) {
    const words = seedWords(BigInt(seed));
    const start = (words[0]! << 64n) | words[1]!;
    this.#increment = (((words[2]! << 64n) | words[3]!) * 2n + 1n) & MASK_128;
    this.#state = 0n;
    this.#step();
    this.#state = (this.#state + start) & MASK_128;
    this.#step();
  }

  /** 53 random bits as a number from [0, 1). */
  random(): number {
    this.#step();
    const mixed = ((this.#state >> 64n) ^ this.#state) & MASK_64;
    const turn = this.#state >> 122n;
    const word = ((mixed >> turn) | (mixed << (64n - turn))) & MASK_64;
    return Number(word >> 11n) / 2 ** 53;
  }

  #step(): void {
    this.#state = (this.#state * MULTIPLIER + this.#increment) & MASK_128;
  }
}

/** What SeedSequence makes of a seed: four words of 64 bits. */
function seedWords(seed: bigint): bigint[] {
  const entropy: number[] = [];
  for (let rest = seed; rest > 0n || !entropy.length; rest >>= 32n) entropy.push(Number(rest & MASK_32));
  const pool = mixedPool(entropy);
  let constant = 0x8b51f9dd;
  const words: bigint[] = [];
  for (let i = 0; i < 8; i++) {
    let value = (pool[i % 4]! ^ constant) >>> 0;
    constant = Math.imul(constant, 0x58f38ded) >>> 0;
    value = Math.imul(value, constant) >>> 0;
    words.push(BigInt((value ^ (value >>> 16)) >>> 0));
  }
  return [0, 2, 4, 6].map((i) => words[i]! | (words[i + 1]! << 32n));
}

function mixedPool(entropy: readonly number[]): number[] {
  let constant = 0x43b0d7e5;
  const hashed = (word: number): number => {
    let value = (word ^ constant) >>> 0;
    constant = Math.imul(constant, 0x931e8875) >>> 0;
    value = Math.imul(value, constant) >>> 0;
    return (value ^ (value >>> 16)) >>> 0;
  };
  const mixed = (x: number, y: number): number => {
    const value = (Math.imul(x, 0xca01f9dd) - Math.imul(y, 0x4973f715)) >>> 0;
    return (value ^ (value >>> 16)) >>> 0;
  };
  const pool = [0, 1, 2, 3].map((i) => hashed(entropy[i] ?? 0));
  for (let from = 0; from < 4; from++)
    for (let to = 0; to < 4; to++) if (from !== to) pool[to] = mixed(pool[to]!, hashed(pool[from]!));
  for (const word of entropy.slice(4)) for (let to = 0; to < 4; to++) pool[to] = mixed(pool[to]!, hashed(word));
  return pool;
}
