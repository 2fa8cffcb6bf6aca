// Words that several chapters need: how a model's parts are called, and the tokens of its text.

import type { Context } from "./context";
import type { Numbers } from "./numbers";
import type { NormParts } from "./parts";
import { along, count, link, token, tokenOf, type Piece } from "./words";

/** `layer norm` or `RMS norm`. */
export function normName(norm: NormParts): string {
  return norm.mean === null ? "RMS norm" : "layer norm";
}

/** What turns columns into logits: a matrix of its own, or the table of tokens once more. */
export function headLink({ parts }: Context): Piece {
  return link(parts.tied ? "table of tokens, used backwards," : "output matrix", parts.head);
}

/** The functions between the two products of an MLP. */
export const ACTIVATIONS: Readonly<Record<string, string>> = {
  gelu_new: "GELU",
  gelu_pytorch_tanh: "GELU",
  gelu: "GELU",
  silu: "SiLU",
  relu: "ReLU",
};

/** How many cells there are along an axis, in the colour of its dimension; it measures the blocks that are named. */
export function sizeOf(context: Context, axis: string, ...blocks: readonly string[]): Piece {
  const block = context.layout.byId.get(blocks[0]!)!;
  return along(count(block.shape[block.block.axes.findIndex(({ name }) => name === axis)]!), axis, ...blocks);
}

/** The token at a position. */
export function tokenAt({ tokens, parts }: Context, position: number): Piece {
  const text = tokens[position];
  return text === undefined ? token(null) : tokenOf(text, position, parts.ids);
}

/** The followed token. */
export function here(context: Context): Piece {
  return tokenAt(context, context.followed.position);
}

/** What to call a token of the vocabulary; null while that is not known. */
export function nameOf(context: Context, numbers: Numbers, id: number | null): Piece {
  if (id === null) return token(null);
  const position = context.ids.indexOf(id);
  return token(position < 0 ? numbers.name(id) : context.tokens[position]!);
}

/** A word for the residual stream. */
export function streamLink({ parts }: Context, text = "residual stream"): Piece {
  return link(text, ...parts.stream);
}

/** The stage of the lens that a block of the residual stream is. */
export function stageOf({ parts }: Context, block: string): string {
  const i = parts.stream.indexOf(block);
  return i <= 0 ? "embed" : `${Math.floor((i - 1) / 2)}.${i % 2 ? "attn" : "mlp"}`;
}

/** Tables of the residual stream at which a look down it halts: the first, the last, and some between. */
export function stations({ parts }: Context, most: number): string[] {
  const { stream } = parts;
  const n = Math.min(most, stream.length);
  return Array.from({ length: n }, (_, i) => stream[Math.round((i * (stream.length - 1)) / (n - 1))]!);
}

/** `block 3`, as it is called in the scene. */
export function blockLink(context: Context, text?: string): Piece {
  const layer = context.parts.layers[context.followed.layer]!;
  const blocks = context.graph.blocks.filter((block) => block.section[0] === layer.section && block.kind === "value");
  return link(text ?? layer.section, ...blocks.map((block) => block.id));
}

/** `first`, `second`, ... as far as people say them. */
export function ordinal(n: number): string {
  const words = ["first", "second", "third", "fourth", "fifth", "sixth"];
  return words[n] ?? `${n + 1}th`;
}

/** `0 and 1`, `0, 1 and 2`. */
export function listed(parts: readonly string[]): string {
  return parts.length < 2 ? parts.join("") : `${parts.slice(0, -1).join(", ")} and ${parts.at(-1)}`;
}
