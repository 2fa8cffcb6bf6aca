// A moment of the guide as a short text for an address: `attention@12.5~2.1.4` is 12.5 seconds into the chapter on
// attention, following block 2, head 1 and the token at position 4.

import type { Followed } from "./context";

export interface Moment {
  /** Its id; empty for the first. */
  readonly chapter: string;
  readonly seconds: number;
  readonly followed: Partial<Followed>;
}

const MOMENT = /^([a-z-]*)(?:@(\d+(?:\.\d+)?))?(?:~(\d+)\.(\d+)\.(\d+))?$/;

export function momentText({ chapter, seconds, followed }: Moment): string {
  const { layer, head, position } = followed;
  const chosen = layer === undefined || head === undefined || position === undefined;
  const at = seconds > 0 ? `@${Number(seconds.toFixed(2))}` : "";
  return `${chapter}${at}${chosen ? "" : `~${layer}.${head}.${position}`}`;
}

/** What cannot be read is the beginning. */
export function momentFrom(text: string): Moment {
  const found = MOMENT.exec(text);
  if (!found) return { chapter: "", seconds: 0, followed: {} };
  const [, chapter = "", seconds, layer, head, position] = found;
  const followed = layer ? { layer: Number(layer), head: Number(head), position: Number(position) } : {};
  return { chapter, seconds: Number(seconds ?? 0), followed };
}
