import { describe, expect, it } from "vitest";

import { chanceAfter, chances } from "./chance";

/** The first three of `numpy.random.Generator(numpy.random.PCG64(seed)).random()`. */
const NUMPY: Readonly<Record<number, readonly number[]>> = {
  0: [0.6369616873214543, 0.2697867137638703, 0.04097352393619469],
  1: [0.5118216247002567, 0.9504636963259353, 0.14415961271963373],
  7: [0.625095466604667, 0.8972138009695755, 0.7756856902451935],
  4294967295: [0.2519435680449965, 0.21906579628685663, 0.28728472043517017],
  4294967296: [0.8897387912781343, 0.5571380502062263, 0.8009080868919721],
  9007199254740991: [0.7862681066761149, 0.6063032385025929, 0.5376094823800641],
};

describe("the numbers of a seed", () => {
  it.each(Object.entries(NUMPY))("%s are NumPy's", (seed, numbers) => {
    const all = chances(Number(seed));
    expect(numbers.map(() => all.next().value)).toEqual(numbers);
  });

  it("are found far on", () => {
    expect(chanceAfter(7, 1000)).toBe(0.8690497571674405);
    expect(chanceAfter(7, 0)).toBe(0.625095466604667);
  });
});
