// One cell in words: what it is called, how it comes about, and the same with its numbers. Draws nothing, asks nobody.

import type { ExplainedCell, ExplainedTerm, Explanation, Graph, GraphBlock } from "../../engine";
import { visible } from "../../view";
import { exact, figure } from "./figures";

/** What a cell is named by: the graph, and the tokens that were read. */
export interface Context {
  readonly graph: Graph;
  readonly blocks: ReadonlyMap<string, GraphBlock>;
  /** The labels of the text's tokens. */
  readonly tokens: readonly string[];
}

/** One coordinate of a cell. */
export interface Coordinate {
  readonly axis: string;
  readonly at: number;
  /** The token that stands there, where the axis is a position. */
  readonly token: string | null;
}

/** What is said of a cell. */
export interface Told {
  readonly title: string;
  readonly section: string;
  readonly coordinates: readonly Coordinate[];
  readonly value: string;
  /** How such a cell comes about. */
  readonly words: string;
  /** The same with the numbers of this one; null where nothing was computed. */
  readonly equation: string | null;
  readonly terms: readonly ToldTerm[];
  readonly rest: { readonly n: number; readonly value: string; readonly share: number } | null;
  /** What else was read. */
  readonly others: readonly ToldCell[];
  /** What it depends on of the text; null where on nothing. */
  readonly range: string | null;
  /** That the terms give the stored number. */
  readonly check: string | null;
}

export interface ToldCell {
  readonly role: string;
  readonly block: string;
  readonly index: readonly number[];
  readonly title: string;
  readonly place: string;
  readonly value: string;
}

export interface ToldTerm {
  readonly cells: readonly ToldCell[];
  readonly value: string;
  /** Of the largest term, from −1 to 1. */
  readonly share: number;
}

export function contextOf(graph: Graph, tokens: readonly string[]): Context {
  const blocks = new Map(graph.blocks.map((block) => [block.id, block]));
  return { graph, blocks, tokens: tokens.map((token) => visible(token)) };
}

export function coordinatesOf(context: Context, block: GraphBlock, index: readonly number[]): Coordinate[] {
  return block.axes.map((axis, i) => {
    const at = index[i] ?? 0;
    return { axis: axis.name, at, token: axis.size === null ? (context.tokens[at] ?? null) : null };
  });
}

/** Such as `position 3 “B” · d_model 7`. */
export function placeWords(context: Context, block: GraphBlock, index: readonly number[]): string {
  return coordinatesOf(context, block, index)
    .map(({ axis, at, token }) => (token === null ? `${axis} ${at}` : `${axis} ${at} “${token}”`))
    .join(" · ");
}

/** Such as `block 2 · attention · Queries`. */
export function blockWords(block: GraphBlock): string {
  return [...block.section, block.title].join(" · ");
}

export function tell(context: Context, told: Explanation): Told {
  const block = context.blocks.get(told.block)!;
  const largest = Math.max(...told.terms.map((term) => Math.abs(term.value)), Math.abs(told.rest), 1e-300);
  const cellOf = ({ role, block: id, index, value }: ExplainedCell): ToldCell => {
    const read = context.blocks.get(id)!;
    return {
      role,
      block: id,
      index,
      title: blockWords(read),
      place: placeWords(context, read, index),
      value: figure(value),
    };
  };
  return {
    title: block.title,
    section: block.section.join(" · "),
    coordinates: coordinatesOf(context, block, told.index),
    value: exact(told.stored),
    words: wordsOf(context, told, block),
    equation: equationOf(told),
    terms: told.terms.map((term) => ({
      cells: term.cells.map(cellOf),
      value: figure(term.value),
      share: term.value / largest,
    })),
    rest: told.n_rest ? { n: told.n_rest, value: figure(told.rest), share: told.rest / largest } : null,
    others: told.cells.map(cellOf),
    range: rangeWords(context, told),
    check: checkWords(told),
  };
}

function rangeWords(context: Context, told: Explanation): string | null {
  const n = context.tokens.length;
  if (told.visible === null || told.kind === "masked" || told.kind === "input") return null;
  if (n === 1) return "Depends on the only token.";
  if (!mixes(context, told.block)) return "Depends on the token at its own position alone.";
  if (told.visible >= n) return `Can depend on all ${n} tokens.`;
  return told.visible === 1
    ? `Depends on the first token only; the ${n - 1} after it are not seen.`
    : `Can depend on the first ${told.visible} of ${n} tokens; later ones are not seen.`;
}

/** Whether something that a block is computed from looks from one position to others. */
function mixes(context: Context, id: string, known = new Map<string, boolean>()): boolean {
  const found = known.get(id);
  if (found !== undefined) return found;
  known.set(id, false);
  const block = context.blocks.get(id);
  const names = [...(block?.axes ?? []), ...(block?.formula?.over ?? [])].map((axis) => axis.name);
  const own = names.includes("position") && names.includes("key");
  const mixed = own || Boolean(block?.formula?.operands.some((operand) => mixes(context, operand.block, known)));
  known.set(id, mixed);
  return mixed;
}

function checkWords(told: Explanation): string | null {
  if (told.stored === null || told.computed === null || !told.terms.length) return null;
  const off = Math.abs(told.stored - told.computed);
  const again = `Worked out again in double precision: ${exact(told.computed)}`;
  if (off === 0 || !told.magnitude) return `${again}, which is the stored number.`;
  return `${again}. The stored number is off by ${figure(off / told.magnitude, 2)} of the terms' absolute sum, as fp32 rounds.`;
}

const FUNCTIONS: Readonly<Record<string, string>> = {
  gelu_new: "GELU, ½x·(1 + tanh(√(2/π)·(x + 0.044715x³)))",
  gelu_pytorch_tanh: "GELU, ½x·(1 + tanh(√(2/π)·(x + 0.044715x³)))",
  gelu: "GELU, ½x·(1 + erf(x/√2))",
  silu: "SiLU, x / (1 + e⁻ˣ)",
  relu: "ReLU, the larger of x and 0",
};

function titles(context: Context, cells: readonly ExplainedCell[]): string[] {
  return cells.map((cell) => context.blocks.get(cell.block)?.title ?? cell.block);
}

/** How such a cell comes about, by the kind of its formula. */
function wordsOf(context: Context, told: Explanation, block: GraphBlock): string {
  const formula = block.formula;
  const [first] = told.terms;
  const [left = "", right = ""] = first ? titles(context, first.cells) : [];
  const over = formula?.over.map((axis) => axis.name).join(" and ") ?? "";
  switch (told.kind) {
    case "weight":
      return "A weight: learned in training, and the same whatever is read.";
    case "input":
      return block.axes.length > 1
        ? "Given: a table of the positions, the same whatever is read."
        : "Given: the id of the token that stands here.";
    case "masked":
      return "Left out by the causal mask: no position sees tokens that come after it.";
    case "lookup":
      return told.terms.length > 1
        ? "The row of this position's token, plus the row of the position."
        : "The row of this position's token.";
    case "dot": {
      const scaled = told.constants["scale"] !== undefined ? ", times a fixed scale" : "";
      const shifted = told.cells.length ? ", plus a bias" : "";
      return `A dot product: ${left} times ${right}, summed over ${over}${scaled}${shifted}.`;
    }
    case "add":
      return "What the residual stream carried, plus what was added to it.";
    case "product":
      return `${left} times ${right}.`;
    case "mean":
      return `The mean over ${over}.`;
    case "variance":
      return `The variance over ${over}: the mean of squared distances from the mean.`;
    case "mean_square":
      return `The mean of squares over ${over}.`;
    case "layer_norm":
      return "Centred by the mean, divided by the standard deviation, then scaled and shifted by what was learned.";
    case "rms_norm":
      return "Divided by the root of the mean square, then scaled by what was learned.";
    case "activation":
      return `${FUNCTIONS[told.function] ?? told.function}, of one number.`;
    case "rotary":
      return "Turned by an angle that depends on the position: this number times a cosine, its partner times a sine.";
    case "maximum":
      return `The largest over ${over}${over === "key" ? " that the mask lets through" : ""}; subtracted before exponentials, so that none overflows.`;
    case "exp_sum":
      return `The sum over ${over} of the exponentials, each less the largest.`;
    case "softmax":
      return "The exponential of this number less the largest, divided by the sum of all of them.";
    default:
      return `${told.kind} of what is listed.`;
  }
}

/** The numbers of a term that multiply: those of its cells. */
function product(term: ExplainedTerm): string {
  return term.cells.map((cell) => bracketed(cell.value)).join(" × ");
}

function bracketed(value: number): string {
  return value < 0 ? `(${figure(value)})` : figure(value);
}

function sum(parts: readonly string[], told: Explanation, rest: number): string {
  return told.n_rest
    ? [...parts, `[${told.n_rest.toLocaleString("en")} others: ${figure(rest)}]`].join(" + ")
    : parts.join(" + ");
}

/** Terms that are written out; the others count among the rest. */
const WRITTEN = 3;

/** How the number came about, with numbers. */
function equationOf(all: Explanation): string | null {
  if (all.computed === null || !all.terms.length) return null;
  const hidden = all.terms.slice(WRITTEN);
  // Where there are more terms than can be written out, those not written count as the rest.
  const short = hidden.length > 0 && all.terms.length + all.n_rest > WRITTEN + 1;
  const told = short
    ? {
        ...all,
        terms: all.terms.slice(0, WRITTEN),
        n_rest: all.n_rest + hidden.length,
        rest: all.rest + hidden.reduce((total, term) => total + term.value, 0),
      }
    : all;
  const cell = (role: string) =>
    [...told.cells, ...told.terms.flatMap((term) => term.cells)].find((one) => one.role === role)?.value ?? 0;
  const inputs = told.terms.map((term) => term.cells[0]!.value);
  const count = told.constants["count"] ?? 1;
  const epsilon = figure(told.constants["epsilon"] ?? 0, 3);
  const is = ` = ${figure(told.computed)}`;
  switch (told.kind) {
    case "lookup":
    case "add":
      // One number that is read is no sum.
      if (inputs.length === 1 && !told.n_rest) return null;
      return sum(inputs.map(bracketed), told, told.rest) + is;
    case "product":
      return product(told.terms[0]!) + is;
    case "dot": {
      const scale = told.constants["scale"];
      const total = sum(told.terms.map(product), told, told.rest / (scale ?? 1));
      const scaled = scale === undefined ? total : `(${total}) × ${figure(scale)}`;
      return [scaled, ...told.cells.map((one) => bracketed(one.value))].join(" + ") + is;
    }
    case "rotary":
      return told.terms.map(product).join(" + ") + is;
    case "mean":
      return `(${sum(inputs.map(bracketed), told, told.rest * count)}) / ${count}${is}`;
    case "variance": {
      const mean = bracketed(cell("mean"));
      return `(${sum(
        inputs.map((x) => `(${figure(x)} − ${mean})²`),
        told,
        told.rest * count,
      )}) / ${count}${is}`;
    }
    case "mean_square":
      return `(${sum(
        inputs.map((x) => `${bracketed(x)}²`),
        told,
        told.rest * count,
      )}) / ${count}${is}`;
    case "layer_norm":
      return `(${figure(cell("input"))} − ${bracketed(cell("mean"))}) / √(${figure(cell("variance"))} + ${epsilon}) × ${bracketed(cell("scale"))} + ${bracketed(cell("shift"))}${is}`;
    case "rms_norm":
      return `${figure(cell("input"))} / √(${figure(cell("mean_square"))} + ${epsilon}) × ${bracketed(cell("scale"))}${is}`;
    case "activation":
      return `${FUNCTIONS[told.function]?.split(",")[0] ?? told.function}(${figure(inputs[0]!)})${is}`;
    case "maximum":
      return count === 1 ? `max of 1 number${is}` : `max of ${count.toLocaleString("en")} numbers${is}`;
    case "exp_sum": {
      const largest = bracketed(cell("maximum"));
      return (
        sum(
          inputs.map((x) => `exp(${figure(x)} − ${largest})`),
          told,
          told.rest,
        ) + is
      );
    }
    case "softmax":
      return `exp(${figure(cell("input"))} − ${bracketed(cell("maximum"))}) / ${figure(cell("exp_sum"))}${is}`;
    default:
      return null;
  }
}

/** All of it as text, to be copied. */
export function asText(context: Context, explanation: Explanation): string {
  const told = tell(context, explanation);
  const line = (cell: ToldCell) => `${cell.title} [${cell.index.join(", ")}] = ${cell.value}`;
  const lines = [
    `${told.section} · ${told.title}, ${explanation.block} [${explanation.index.join(", ")}]`,
    told.coordinates
      .map(({ axis, at, token }) => (token === null ? `${axis} ${at}` : `${axis} ${at} “${token}”`))
      .join(", "),
    `value ${told.value}`,
    told.words,
  ];
  if (told.equation) lines.push(told.equation);
  if (told.terms.length) lines.push("largest terms:");
  for (const term of told.terms) lines.push(`  ${term.value}  from  ${term.cells.map(line).join("  and  ")}`);
  if (told.rest) lines.push(`  ${told.rest.value}  from  ${told.rest.n.toLocaleString("en")} others together`);
  for (const cell of told.others) lines.push(`${cell.role}: ${line(cell)}`);
  if (told.range) lines.push(told.range);
  if (told.check) lines.push(told.check);
  return lines.join("\n");
}
