// Which block does what in a model: found by following formulas from the residual stream backwards, never by name.

import type { Graph, GraphBlock } from "../engine";
import { operandOf, rolesOf, sectionKey } from "../scene";

export interface NormParts {
  readonly id: string;
  /** Without it, the norm divides by the root of the mean square alone. */
  readonly mean: string | null;
  readonly variance: string | null;
  readonly meanSquare: string | null;
  readonly scale: string;
  readonly shift: string | null;
  readonly input: string;
  readonly epsilon: number;
}

/** A product with learned weights. */
export interface ProductParts {
  readonly id: string;
  readonly weight: string;
  readonly bias: string | null;
}

/** Queries, keys or values, from the product to what attention compares or mixes. */
export interface HeadParts extends ProductParts {
  readonly norm: NormParts | null;
  readonly rotated: string | null;
  /** What is compared or mixed. */
  readonly last: string;
  readonly section: string;
}

export interface AttentionParts {
  readonly section: string;
  readonly norm: NormParts;
  readonly q: HeadParts;
  readonly k: HeadParts;
  readonly v: HeadParts;
  readonly scores: string;
  readonly scale: number;
  readonly maximum: string;
  readonly expSum: string;
  readonly pattern: string;
  readonly mix: string;
  readonly out: ProductParts;
  readonly residual: string;
}

export interface MlpParts {
  readonly section: string;
  readonly norm: NormParts;
  /** What the activation reads: the gate where there is one, else the expansion. */
  readonly up: ProductParts;
  readonly gate: ProductParts | null;
  readonly act: string;
  /** The name of the activation, as its configuration has it. */
  readonly function: string;
  readonly gated: string | null;
  readonly out: ProductParts;
  readonly residual: string;
}

export interface Layer {
  readonly section: string;
  /** The residual stream as it comes in. */
  readonly start: string;
  readonly attention: AttentionParts;
  readonly mlp: MlpParts;
}

export interface Parts {
  readonly ids: string;
  readonly embed: string;
  readonly tokens: string;
  /** A table of positions; null where positions are rotations. */
  readonly positions: string | null;
  readonly rotary: { readonly cos: string; readonly sin: string } | null;
  readonly layers: readonly Layer[];
  readonly norm: NormParts;
  readonly head: string;
  /** Whether the head is the token table again. */
  readonly tied: boolean;
  readonly logits: string;
  readonly maximum: string;
  readonly expSum: string;
  readonly probabilities: string;
  /** The residual stream: embedding, then after each attention and each MLP. */
  readonly stream: readonly string[];
  /** The first names of all sections, in order. */
  readonly sections: readonly string[];
}

/** A model that the guide has no words for. */
export class GuideError extends Error {
  override name = "GuideError";
}

/** @throws GuideError where the graph is not that of a transformer as the chapters tell it. */
export function partsOf(graph: Graph): Parts {
  const { stream, byId } = rolesOf(graph);
  const find = new Finder(byId);
  const embed = find.block(stream[0]);
  const [tokens, positions] = embed.formula!.operands;
  const ids = tokens!.index.find((index) => index.lookup)?.lookup;
  if (!ids || stream.length < 3 || stream.length % 2 === 0)
    throw new GuideError("the guide tells of models whose blocks are an attention and an MLP; this graph is another.");
  const layers: Layer[] = [];
  for (let i = 1; i + 1 < stream.length; i += 2)
    layers.push({
      section: find.block(stream[i]).section[0]!,
      start: stream[i - 1]!,
      attention: find.attention(stream[i]!, stream[i - 1]!),
      mlp: find.mlp(stream[i + 1]!, stream[i]!),
    });
  const probabilities = find.block(graph.blocks.findLast((block) => block.formula?.kind === "softmax")?.id);
  const logits = find.read(probabilities, "input");
  const head = find.read(logits, "right").id;
  const rotated = byId.get(layers[0]!.attention.q.rotated ?? "");
  return {
    ids,
    embed: embed.id,
    tokens: tokens!.block,
    positions: positions?.block ?? null,
    rotary: rotated ? { cos: find.read(rotated, "cos").id, sin: find.read(rotated, "sin").id } : null,
    layers,
    norm: find.norm(find.read(logits, "left")),
    head,
    tied: head === tokens!.block,
    logits: logits.id,
    maximum: find.read(probabilities, "maximum").id,
    expSum: find.read(probabilities, "exp_sum").id,
    probabilities: probabilities.id,
    stream,
    sections: [...new Set(graph.blocks.map((block) => block.section[0]!))],
  };
}

class Finder {
  readonly #byId: ReadonlyMap<string, GraphBlock>;

  constructor(byId: ReadonlyMap<string, GraphBlock>) {
    this.#byId = byId;
  }

  block(id: string | undefined | null): GraphBlock {
    const found = this.#byId.get(id ?? "");
    if (!found) throw new GuideError("the guide looked for a part that this model's graph has not.");
    return found;
  }

  read(block: GraphBlock, role: string): GraphBlock {
    return this.block(operandOf(block, role));
  }

  norm(block: GraphBlock): NormParts {
    return {
      id: block.id,
      mean: operandOf(block, "mean"),
      variance: operandOf(block, "variance"),
      meanSquare: operandOf(block, "mean_square"),
      scale: this.read(block, "scale").id,
      shift: operandOf(block, "shift"),
      input: this.read(block, "input").id,
      epsilon: block.formula!.constants["epsilon"] ?? 0,
    };
  }

  product(block: GraphBlock): ProductParts {
    return { id: block.id, weight: this.read(block, "right").id, bias: operandOf(block, "bias") };
  }

  attention(residual: string, before: string): AttentionParts {
    const out = this.#added(residual, before);
    const mix = this.read(out, "left");
    const pattern = this.read(mix, "left");
    const scores = this.read(pattern, "input");
    const q = this.head(this.read(scores, "left"));
    return {
      section: sectionKey(out.section),
      norm: this.norm(this.read(this.block(q.id), "left")),
      q,
      k: this.head(this.read(scores, "right")),
      v: this.head(this.read(mix, "right")),
      scores: scores.id,
      scale: scores.formula!.constants["scale"] ?? 1,
      maximum: this.read(pattern, "maximum").id,
      expSum: this.read(pattern, "exp_sum").id,
      pattern: pattern.id,
      mix: mix.id,
      out: this.product(out),
      residual,
    };
  }

  head(last: GraphBlock): HeadParts {
    let block = last;
    let norm: NormParts | null = null;
    let rotated: string | null = null;
    while (block.formula && block.formula.kind !== "dot") {
      if (block.formula.kind === "rotary") rotated = block.id;
      else norm = this.norm(block);
      block = this.read(block, "input");
    }
    return { ...this.product(block), norm, rotated, last: last.id, section: sectionKey(block.section) };
  }

  mlp(residual: string, before: string): MlpParts {
    const out = this.#added(residual, before);
    const inner = this.read(out, "left");
    const isGated = inner.formula?.kind === "product";
    const act = isGated ? this.read(inner, "left") : inner;
    const opened = this.read(act, "input");
    const up = isGated ? this.read(inner, "right") : opened;
    return {
      section: sectionKey(out.section),
      norm: this.norm(this.read(up, "left")),
      up: this.product(up),
      gate: isGated ? this.product(opened) : null,
      act: act.id,
      function: act.formula!.function,
      gated: isGated ? inner.id : null,
      out: this.product(out),
      residual,
    };
  }

  /** What is added to the stream. */
  #added(residual: string, before: string): GraphBlock {
    const added = this.block(residual).formula!.operands.find((operand) => operand.block !== before);
    return this.block(added?.block);
  }
}
