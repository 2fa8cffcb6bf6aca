// The model as a small diagram: its parts from the text down to the next token, and which chapter tells of which. Plain
// data; draws nothing.

import type { Context } from "./context";
import { normName } from "./naming";

/** Something in the diagram, in a row of its own. */
export interface MapPart {
  readonly label: string;
  /** The id of the chapter that tells of it. */
  readonly chapter: string;
  /** Beside the stream, in every block; else on the stream itself. */
  readonly inBlock: boolean;
  /** Whether what it makes is added to the stream. */
  readonly added: boolean;
}

export interface Diagram {
  /** From above. */
  readonly parts: readonly MapPart[];
  /** How many blocks there are. */
  readonly blocks: number;
}

/** What chapters of the whole light up: everything, or the stream with its blocks. */
export const WHOLE_CHAPTERS: readonly string[] = ["overview", "preliminaries"];
export const STREAM_CHAPTERS: readonly string[] = ["transformer", "half-way"];

export function diagramOf({ parts }: Context): Diagram {
  const on = (label: string, chapter: string): MapPart => ({ label, chapter, inBlock: false, added: false });
  const beside = (label: string, chapter: string, added = false): MapPart => ({ label, chapter, inBlock: true, added });
  const { attention, mlp } = parts.layers[0]!;
  return {
    blocks: parts.layers.length,
    parts: [
      on("tokens", "tokens"),
      on(parts.positions ? "embedding, position" : "embedding", "embedding"),
      beside(normName(attention.norm), "norm"),
      beside("self-attention", "attention"),
      beside("projection", "projection", true),
      beside(normName(mlp.norm), "norm"),
      beside(mlp.gate ? "gated MLP" : "MLP", "mlp", true),
      on(normName(parts.norm), "norm"),
      on("output, softmax", "softmax"),
      on("next token", "output"),
    ],
  };
}

/** Whether a chapter tells of a part. */
export function tells(chapter: string, part: MapPart): boolean {
  return WHOLE_CHAPTERS.includes(chapter) || part.chapter === chapter;
}
