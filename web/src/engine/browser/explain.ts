// One cell, explained: which numbers it is made of, how, and that they give what is stored; as Python's `graph/explain.py`.
//
// Works in float64 from the stored operands, cell by cell through the index expressions.

import type { ExplainedCell, ExplainedTerm, Explanation, GraphBlock, GraphFormula, GraphOperand } from "../contract";
import { EngineError } from "../engine";
import type { Activations } from "./activations";
import { refused } from "./failures";
import { erf, exactSum } from "./sums";

/** How one cell of a run came about, with so many of its largest terms; the rest is summed up. */
export async function explain(
  run: Activations,
  id: string,
  index: readonly number[],
  nTerms: number,
  signal: AbortSignal,
): Promise<Explanation> {
  const block = run.inside.find(id);
  const shape = run.shape(block);
  if (index.length !== shape.length || !index.every((i, axis) => Number.isInteger(i) && 0 <= i && i < shape[axis]!))
    throw refused(`cell [${index.join(", ")}] was asked for, but block "${id}" has shape [${shape.join(", ")}].`);
  const here = Object.fromEntries(block.axes.map(({ name }, i) => [name, index[i]!]));
  const seen = here["position"] ?? here["key"];
  const numbers = new Map<string, Numbers>();
  for (const name of needed(block))
    numbers.set(name, { data: await run.block(name, signal), shape: run.shape(run.inside.find(name)) });
  const stored = at(numbers, id, index);
  const plain = {
    block: id,
    index: [...index],
    function: "",
    terms: [],
    rest: 0,
    n_rest: 0,
    cells: [],
    constants: {},
    visible: seen === undefined || block.kind === "weight" ? null : seen + 1,
  };
  const { formula } = block;
  if (!formula) return { ...plain, kind: block.kind, stored, computed: stored, magnitude: Math.abs(stored) };
  if (block.causal && here["key"]! > here["position"]!)
    return { ...plain, kind: "masked", stored: null, computed: null, magnitude: 0 };
  const reader = new CellReader(run, numbers, formula, here);
  const kind = KINDS[formula.kind];
  if (!kind) throw new EngineError("failed", `the formula "${formula.kind}" is not known here; reload the page.`);
  const { total, terms, cells } = kind(reader);
  const ordered = [...terms].sort((a, b) => Math.abs(b.value) - Math.abs(a.value));
  let magnitude = Math.max(reader.magnitude, exactSum(terms.map(({ value }) => Math.abs(value))));
  if (formula.kind === "dot") magnitude += exactSum(cells.map(({ value }) => Math.abs(value)));
  const rest = ordered.slice(nTerms);
  return {
    ...plain,
    kind: formula.kind,
    function: formula.function,
    stored,
    computed: total,
    magnitude,
    terms: ordered.slice(0, nTerms),
    rest: exactSum(rest.map(({ value }) => value)),
    n_rest: rest.length,
    cells: [...cells],
    constants: { ...formula.constants, ...reader.counted },
  };
}

interface Numbers {
  readonly data: Float32Array;
  readonly shape: readonly number[];
}

interface Answer {
  readonly total: number;
  readonly terms: readonly ExplainedTerm[];
  readonly cells: readonly ExplainedCell[];
}

/** What is read of: the block itself, its operands, and where their coordinates are looked up. */
function needed({ id, formula }: GraphBlock): Set<string> {
  const names = new Set([id]);
  for (const { block, index } of formula?.operands ?? []) {
    names.add(block);
    for (const { lookup } of index) if (lookup) names.add(lookup);
  }
  return names;
}

function at(numbers: ReadonlyMap<string, Numbers>, id: string, index: readonly number[]): number {
  const { data, shape } = numbers.get(id)!;
  return data[index.reduce((place, i, axis) => place * shape[axis]! + i, 0)]!;
}

type Place = Readonly<Record<string, number>>;

/** The cells that one cell is made of. */
class CellReader {
  readonly counted: Record<string, number> = {};
  magnitude = 0;

  constructor(
    readonly run: Activations,
    readonly numbers: ReadonlyMap<string, Numbers>,
    readonly formula: GraphFormula,
    readonly here: Place,
  ) {}

  cell(role: string, over: Place = {}): ExplainedCell {
    const operand = this.formula.operands.find((one) => one.role === role);
    if (!operand) throw refused(`the formula has no operand "${role}".`);
    return this.of(operand, over);
  }

  of({ role, block, index }: GraphOperand, over: Place = {}): ExplainedCell {
    const place = index.map(({ axis, divisor, offset, modulus, lookup }) => {
      const coordinate = over[axis] ?? this.here[axis] ?? 0;
      const plain = Math.floor(coordinate / divisor) + offset;
      const moved = modulus ? ((plain % modulus) + modulus) % modulus : plain;
      return lookup ? at(this.numbers, lookup, [moved]) : moved;
    });
    return { role, block, index: place, value: at(this.numbers, block, place) };
  }

  /** Every combination of the axes that are summed over; keys after the position are not among them. */
  summed(): Place[] {
    let places: Place[] = [{}];
    for (const { name, size } of this.formula.over) {
      const n = size ?? this.run.nPositions;
      places = places.flatMap((place) => Array.from({ length: n }, (_, i) => ({ ...place, [name]: i })));
    }
    const { position } = this.here;
    return places.filter(({ key }) => key === undefined || position === undefined || key <= position);
  }

  inputs(): ExplainedCell[] {
    const cells = this.summed().map((over) => this.cell("input", over));
    this.counted["count"] = cells.length;
    return cells;
  }

  constant(name: string): number {
    return this.formula.constants[name] ?? 0;
  }
}

function term(value: number, ...cells: ExplainedCell[]): ExplainedTerm {
  return { cells, value };
}

/** Terms that add up to the cell, and what else was read. */
function added(terms: readonly ExplainedTerm[], ...cells: ExplainedCell[]): Answer {
  return { total: exactSum(terms.map(({ value }) => value)), terms, cells };
}

const KINDS: Readonly<Record<string, (reader: CellReader) => Answer>> = {
  lookup: sum,
  add: sum,
  dot(reader) {
    const [left, right, ...others] = reader.formula.operands;
    const scale = reader.formula.constants["scale"] ?? 1;
    const terms = reader.summed().map((over) => {
      const [a, b] = [reader.of(left!, over), reader.of(right!, over)];
      return term(a.value * b.value * scale, a, b);
    });
    const cells = others.map((operand) => reader.of(operand));
    const total = exactSum([...terms, ...cells].map(({ value }) => value));
    return { total, terms, cells };
  },
  product(reader) {
    const [left, right] = [reader.cell("left"), reader.cell("right")];
    return added([term(left.value * right.value, left, right)]);
  },
  mean(reader) {
    const cells = reader.inputs();
    return added(cells.map((cell) => term(cell.value / cells.length, cell)));
  },
  variance(reader) {
    const mean = reader.cell("mean");
    const cells = reader.inputs();
    return added(
      cells.map((cell) => term((cell.value - mean.value) ** 2 / cells.length, cell)),
      mean,
    );
  },
  mean_square(reader) {
    const cells = reader.inputs();
    return added(cells.map((cell) => term(cell.value ** 2 / cells.length, cell)));
  },
  layer_norm(reader) {
    const [x, mean, variance] = [reader.cell("input"), reader.cell("mean"), reader.cell("variance")];
    const [scale, shift] = [reader.cell("scale"), reader.cell("shift")];
    const spread = scale.value / Math.sqrt(variance.value + reader.constant("epsilon"));
    const terms = [term(x.value * spread, x), term(-mean.value * spread, mean), term(shift.value, shift)];
    return added(terms, variance, scale);
  },
  rms_norm(reader) {
    const [x, square, scale] = [reader.cell("input"), reader.cell("mean_square"), reader.cell("scale")];
    const total = (x.value * scale.value) / Math.sqrt(square.value + reader.constant("epsilon"));
    return added([term(total, x)], square, scale);
  },
  activation(reader) {
    const x = reader.cell("input");
    const apply = FUNCTIONS[reader.formula.function];
    if (!apply) throw refused(`the activation "${reader.formula.function}" has no formula here.`);
    // In the tail a GELU is half its input minus nearly the same: rounding is of the input's size.
    reader.magnitude = Math.abs(x.value);
    return added([term(apply(x.value), x)]);
  },
  rotary(reader) {
    const [x, cos, other, sin] = [reader.cell("input"), reader.cell("cos"), reader.cell("other"), reader.cell("sin")];
    return added([term(x.value * cos.value, x, cos), term(other.value * sin.value, other, sin)]);
  },
  maximum(reader) {
    const largest = reader.inputs().reduce((a, b) => (b.value > a.value ? b : a));
    return added([term(largest.value, largest)]);
  },
  exp_sum(reader) {
    const maximum = reader.cell("maximum");
    const terms = reader.inputs().map((cell) => term(Math.exp(cell.value - maximum.value), cell));
    return added(terms, maximum);
  },
  softmax(reader) {
    const [x, maximum, total] = [reader.cell("input"), reader.cell("maximum"), reader.cell("exp_sum")];
    return added([term(Math.exp(x.value - maximum.value) / total.value, x)], maximum, total);
  },
};

function sum(reader: CellReader): Answer {
  return added(reader.formula.operands.map((operand) => reader.of(operand)).map((cell) => term(cell.value, cell)));
}

function tanhGelu(x: number): number {
  return 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)));
}

/** Written out: Hendrycks and Gimpel, "Gaussian Error Linear Units", 2016; Elfwing et al. 2017 for SiLU. */
const FUNCTIONS: Readonly<Record<string, (x: number) => number>> = {
  gelu_new: tanhGelu,
  gelu_pytorch_tanh: tanhGelu,
  gelu: (x) => 0.5 * x * (1 + erf(x / Math.SQRT2)),
  silu: (x) => (x > -700 ? x / (1 + Math.exp(-x)) : 0),
  relu: (x) => Math.max(0, x),
};
