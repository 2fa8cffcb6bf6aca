// What a chapter is told: the model's parts, the text that was read, and what of it is followed. Holds no numbers.

import type { Graph, GraphBlock } from "../engine";
import type { Giant, Layout } from "../scene";
import { visible } from "../view";
import { partsOf, type Layer, type Parts } from "./parts";

/** Which block, head and token the chapters look at closely. */
export interface Followed {
  readonly layer: number;
  readonly head: number;
  readonly position: number;
}

export interface Context {
  /** The model's name. */
  readonly model: string;
  readonly graph: Graph;
  readonly layout: Layout;
  readonly parts: Parts;
  readonly ids: readonly number[];
  /** What to show for each token. */
  readonly tokens: readonly string[];
  readonly followed: Followed;
  /** The token that is held likeliest after the text; 0 while that is not known. */
  readonly likeliest: number;
  /** Of the picture: its width by its height. */
  readonly aspect: number;
  /** Known models that stand beside, from the smallest; none while they have not come. */
  readonly giants: readonly Giant[];
}

export interface Read {
  readonly model: string;
  readonly graph: Graph;
  /** For as many positions as there are ids. */
  readonly layout: Layout;
  readonly ids: readonly number[];
  readonly tokens: readonly string[];
}

/**
 * @param followed where it does not exist in this run, what is nearest to it.
 * @throws GuideError where the guide has no words for the model.
 */
export function contextOf(
  read: Read,
  followed: Partial<Followed> = {},
  aspect = 1.5,
  likeliest = 0,
  giants: readonly Giant[] = [],
): Context {
  const parts = partsOf(read.graph);
  const within = (n: number | undefined, size: number, otherwise: number) =>
    Math.min(size - 1, Math.max(0, Math.floor(n ?? otherwise)));
  return {
    ...read,
    parts,
    tokens: read.tokens.map((token) => visible(token)),
    followed: {
      layer: within(followed.layer, parts.layers.length, 0),
      head: within(followed.head, read.layout.roles.nHeads, 0),
      position: within(followed.position, read.ids.length, Math.floor(read.ids.length / 2)),
    },
    likeliest,
    aspect,
    giants,
  };
}

/** The layer that is looked at. */
export function layerOf({ parts, followed }: Context): Layer {
  return parts.layers[followed.layer]!;
}

/** The head of keys and values that the followed head reads; several heads may share one. */
export function keyHeadOf(context: Context): number {
  const { n_heads = 1, n_key_heads = 1 } = context.graph.sizes;
  return Math.floor(context.followed.head / (n_heads / n_key_heads));
}

export function blockOf(context: Context, id: string): GraphBlock {
  return context.layout.byId.get(id)!.block;
}

/** Blocks of a section, all the way down. */
export function blocksIn(context: Context, section: string): string[] {
  return context.graph.blocks
    .filter((block) => `${block.section.join("/")}/`.startsWith(`${section}/`))
    .map((block) => block.id);
}

/** The blocks of these that are computed, in the order of computing. */
export function computed(context: Context, ids: readonly string[]): string[] {
  const wanted = new Set(ids);
  return context.graph.blocks.filter((block) => wanted.has(block.id) && block.formula).map((block) => block.id);
}
