import { describe, expect, it } from "vitest";

import type { Explanation } from "../../engine";
import { goldenGraph } from "../../scene/goldens";
import { brief, exact, figure } from "./figures";
import { asText, contextOf, placeWords, tell } from "./words";
import { workOf } from "./work";

describe("a figure", () => {
  it("has the digits that count, a true minus sign, and an exponent only where it is needed", () => {
    expect([0, 1, -1, 0.5, 3.14159265, -1234.5678, 1e6, 0.000123456].map((x) => figure(x))).toEqual([
      "0",
      "1",
      "−1",
      "0.5",
      "3.1416",
      "−1234.6",
      "1000000",
      "0.00012346",
    ]);
    expect([1.5e-7, -2e9, 99999.6, 0.99999996].map((x) => figure(x))).toEqual(["1.5·10⁻⁷", "−2·10⁹", "100000", "1"]);
    expect([null, NaN, Infinity, -Infinity].map((x) => figure(x))).toEqual(["–", "–", "∞", "−∞"]);
  });

  it("is brief in a table", () => {
    expect([0, 1, -0.12345678, -0.0012345678, 0.00012345, -1.5e-9, 12345.678, NaN].map(brief)).toEqual([
      "0",
      "1",
      "−0.1235",
      "−0.00123",
      "1.2·10⁻⁴",
      "−1.5·10⁻⁹",
      "12350",
      "–",
    ]);
  });

  it("is exact where the stored number has to come back from it", () => {
    for (const x of [0.1, 1 / 3, 8.246170043945312, -3.0401463508605957, 16777217, 1.17549435e-38, 0.10000001]) {
      const said = exact(x)
        .replace("−", "-")
        .replace(/·10(.*)/, (_, power: string) => {
          const digits = power.replace("⁻", "-").replace(/[⁰¹²³⁴⁵⁶⁷⁸⁹]/g, (d) => String("⁰¹²³⁴⁵⁶⁷⁸⁹".indexOf(d)));
          return `e${digits}`;
        });
      expect(Math.fround(Number(said)), said).toBe(Math.fround(x));
    }
  });
});

const context = contextOf(goldenGraph("sort"), ["C", "B", "A", "B", "B", "C"]);
const llama = contextOf(goldenGraph("llama"), ["a", " b", "\u202ec"]);

const cell = (role: string, block: string, index: number[], value: number) => ({ role, block, index, value });

function explained(more: Partial<Explanation> & Pick<Explanation, "block" | "index" | "kind">): Explanation {
  return {
    function: "",
    stored: 1,
    computed: 1,
    magnitude: 2,
    terms: [],
    rest: 0,
    n_rest: 0,
    cells: [],
    constants: {},
    visible: null,
    ...more,
  };
}

const DOT = explained({
  block: "0.attn.q",
  index: [1, 3, 7],
  kind: "dot",
  stored: 0.25,
  computed: 0.2500000001,
  terms: [
    { cells: [cell("left", "0.attn.norm", [3, 5], -0.5), cell("right", "0.attn.q.weight", [1, 5, 7], -2)], value: 1 },
    {
      cells: [cell("left", "0.attn.norm", [3, 9], 2), cell("right", "0.attn.q.weight", [1, 9, 7], -0.25)],
      value: -0.5,
    },
  ],
  rest: -0.5,
  n_rest: 46,
  cells: [cell("bias", "0.attn.q.bias", [1, 7], 0.25)],
  visible: 4,
});

describe("a cell in words", () => {
  it("is called by its axes and the tokens that stand there", () => {
    expect(placeWords(context, context.blocks.get("0.attn.pattern")!, [2, 4, 1])).toBe(
      "head 2 · position 4 “B” · key 1 “B”",
    );
    expect(placeWords(llama, llama.blocks.get("embed")!, [2, 3])).toBe("position 2 “\\u202Ec” · d_model 3");
  });

  it("of a dot product has its largest terms, the others in a sum, and a bias", () => {
    const told = tell(context, DOT);
    expect(told.section).toBe("block 0 · attention · queries");
    expect(told.words).toBe("A dot product: Layer norm times Queries weight, summed over d_model, plus a bias.");
    expect(told.equation).toBe("(−0.5) × (−2) + 2 × (−0.25) + [46 others: −0.5] + 0.25 = 0.25");
    expect(told.terms.map((term) => term.share)).toEqual([1, -0.5]);
    expect(told.terms[0]!.cells[1]).toMatchObject({
      block: "0.attn.q.weight",
      index: [1, 5, 7],
      title: "block 0 · attention · queries · Queries weight",
      place: "head 1 · d_model 5 · d_head 7",
      value: "−2",
    });
    expect(told.rest).toEqual({ n: 46, value: "−0.5", share: -0.5 });
    expect(told.range).toBe("Depends on the token at its own position alone.");
    expect(told.check).toContain("0.25");
  });

  it("says how far back it can look: not at all before the first attention, nor an id", () => {
    const range = (block: string, index: number[], visible: number | null, kind = "dot") =>
      tell(context, { ...DOT, block, index, visible, kind }).range;
    expect(range("0.attn.pattern", [0, 3, 1], 4)).toBe(
      "Can depend on the first 4 of 6 tokens; later ones are not seen.",
    );
    expect(range("1.mlp.up", [0, 7], 1)).toBe("Depends on the first token only; the 5 after it are not seen.");
    expect(range("1.attn.k", [0, 5, 1], 6)).toBe("Can depend on all 6 tokens.");
    expect(range("0.attn.k", [0, 5, 1], 6)).toBe("Depends on the token at its own position alone.");
    expect(range("ids", [3], 4, "input")).toBeNull();
    expect(range("0.attn.q.weight", [0, 1, 2], null, "weight")).toBeNull();
  });

  it("writes out a few terms, and counts those it does not among the others", () => {
    const one = DOT.terms[1]!;
    const told = tell(context, { ...DOT, terms: [DOT.terms[0]!, one, one, one, one], computed: 1.25 });
    expect(told.equation).toBe("(−0.5) × (−2) + 2 × (−0.25) + 2 × (−0.25) + [48 others: −1.5] + 0.25 = 1.25");
    expect(told.terms).toHaveLength(5);
  });

  it("of attention scores has its scale outside of the sum", () => {
    const told = tell(
      context,
      explained({
        block: "0.attn.scores",
        index: [0, 2, 1],
        kind: "dot",
        stored: 0.5,
        computed: 0.5,
        terms: [
          { cells: [cell("left", "0.attn.q", [0, 2, 3], 4), cell("right", "0.attn.k", [0, 1, 3], 0.25)], value: 0.25 },
        ],
        rest: 0.25,
        n_rest: 15,
        constants: { scale: 0.25 },
        visible: 3,
      }),
    );
    expect(told.equation).toBe("(4 × 0.25 + [15 others: 1]) × 0.25 = 0.5");
  });

  it.each([
    [
      "layer_norm",
      "0.attn.norm",
      [
        { cells: [cell("input", "embed", [0, 1], 3)], value: 1 },
        { cells: [cell("mean", "0.attn.norm.mean", [0], 1)], value: -1 },
        { cells: [cell("shift", "0.attn.norm.shift", [1], -1)], value: -1 },
      ],
      [cell("variance", "0.attn.norm.variance", [0], 4), cell("scale", "0.attn.norm.scale", [1], 2)],
      { epsilon: 1e-5 },
      "(3 − 1) / √(4 + 1·10⁻⁵) × 2 + (−1) = 1",
    ],
    [
      "mean",
      "0.attn.norm.mean",
      [{ cells: [cell("input", "embed", [0, 1], -3)], value: -1 }],
      [],
      { count: 3 },
      "((−3) + [2 others: 6]) / 3 = 1",
    ],
    [
      "variance",
      "0.attn.norm.variance",
      [{ cells: [cell("input", "embed", [0, 1], 3)], value: 1 }],
      [cell("mean", "0.attn.norm.mean", [0], -1)],
      { count: 4 },
      "((3 − (−1))² + [2 others: 8]) / 4 = 1",
    ],
    [
      "exp_sum",
      "0.attn.exp_sum",
      [{ cells: [cell("input", "0.attn.scores", [0, 1, 1], 2)], value: 1 }],
      [cell("maximum", "0.attn.maximum", [0, 1], 2)],
      {},
      "exp(2 − 2) + [2 others: 2] = 1",
    ],
    [
      "softmax",
      "0.attn.pattern",
      [{ cells: [cell("input", "0.attn.scores", [0, 1, 1], 2)], value: 1 }],
      [cell("maximum", "0.attn.maximum", [0, 1], 2), cell("exp_sum", "0.attn.exp_sum", [0, 1], 3)],
      {},
      "exp(2 − 2) / 3 = 1",
    ],
    [
      "maximum",
      "0.attn.maximum",
      [{ cells: [cell("input", "0.attn.scores", [0, 1, 1], 2)], value: 2 }],
      [],
      { count: 2 },
      "max of 2 numbers = 1",
    ],
    ["activation", "0.mlp.act", [{ cells: [cell("input", "0.mlp.up", [0, 1], -2)], value: 1 }], [], {}, "GELU(−2) = 1"],
    [
      "add",
      "0.attn.residual",
      [
        { cells: [cell("stream", "embed", [0, 1], 3)], value: 3 },
        { cells: [cell("added", "0.attn.out", [0, 1], -2)], value: -2 },
      ],
      [],
      {},
      "3 + (−2) = 1",
    ],
  ] as const)("of kind %s says its formula with numbers", (kind, block, terms, cells, constants, equation) => {
    const rest = equation.includes("others") ? { n_rest: 2, rest: 2 } : {};
    const shape = context.blocks.get(block)!.axes.map(() => 0);
    const told = tell(
      context,
      explained({
        kind,
        block,
        index: shape,
        function: kind === "activation" ? "gelu_new" : "",
        terms: terms as unknown as Explanation["terms"],
        cells: cells as unknown as Explanation["cells"],
        constants: constants as Record<string, number>,
        ...rest,
      }),
    );
    expect(told.equation).toBe(equation);
    expect(told.words).not.toBe("");
  });

  it("of weights, tables and masked cells says that nothing was computed", () => {
    const weight = tell(context, explained({ block: "embed.tokens", index: [1, 2], kind: "weight" }));
    expect([weight.equation, weight.check]).toEqual([null, null]);
    expect(weight.words).toContain("learned in training");
    const masked = tell(
      context,
      explained({
        block: "0.attn.pattern",
        index: [0, 1, 4],
        kind: "masked",
        stored: null,
        computed: null,
        visible: 2,
      }),
    );
    expect([masked.value, masked.equation, masked.range]).toEqual(["–", null, null]);
    expect(masked.words).toContain("mask");
  });

  it("can be copied as text", () => {
    const text = asText(context, DOT);
    expect(text).toContain("0.attn.q [1, 3, 7]");
    expect(text).toContain("value 0.25");
    expect(text).toContain("block 0 · attention · Layer norm [3, 5] = −0.5");
    expect(text).toContain("−0.5  from  46 others together");
    expect(text).toContain("bias: block 0 · attention · queries · Queries bias [1, 7] = 0.25");
  });
});

describe("work", () => {
  it("is the products of every dot product, counted by hand", () => {
    // 48 wide, 3 heads of 16, 192 inside, 3 tokens, 3 blocks: per position and block, then what positions share.
    const each = 3 * 48 * 48 + 48 * 48 + 2 * 48 * 192;
    const of = (n: number) => 3 * (n * each + 2 * 48 * ((n * (n + 1)) / 2)) + n * 48 * 3;
    const work = workOf(context.graph, 6);
    expect(work.whole).toBe(of(6));
    expect(work.last).toBe(of(6) - of(5));
    expect(work.kept).toBe(3 * 2 * 48 * 5);
    expect(workOf(context.graph, 1)).toEqual({ whole: of(1), last: of(1), kept: 0 });
  });

  it("keeps only the heads of keys that there are", () => {
    const { n_blocks, n_key_heads, d_head } = llama.graph.sizes as Record<string, number>;
    expect(workOf(llama.graph, 9).kept).toBe(n_blocks! * 2 * n_key_heads! * d_head! * 8);
  });
});
