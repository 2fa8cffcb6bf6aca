// The sections of a graph as boxes around their blocks, with what they are called; and each head of a section that has some.

import { slabOf, type BlockBox } from "./boxes";
import { around, type Box } from "./geometry";
import type { Measures } from "./placing";

export interface SectionBox extends Box {
  /** From the whole to the part, such as `["block 3", "attention", "head 2"]`. */
  readonly path: readonly string[];
  readonly label: string;
  /** The blocks in it. */
  readonly blocks: readonly string[];
  /** Which head it is of the section around it; null where it is a section of the graph. */
  readonly head: number | null;
}

/** A section's name where one text is needed: its path, joined. */
export function sectionKey(path: readonly string[]): string {
  return path.join("/");
}

export function sectionBoxes(boxes: readonly BlockBox[], { gap, roles, depth }: Measures): SectionBox[] {
  const members = new Map<string, { path: readonly string[]; boxes: BlockBox[] }>();
  for (const box of boxes)
    for (let n = 1; n <= box.block.section.length; n++) {
      const path = box.block.section.slice(0, n);
      const key = sectionKey(path);
      const found = members.get(key) ?? { path, boxes: [] };
      found.boxes.push(box);
      members.set(key, found);
    }
  const deepest = Math.max(...[...members.values()].map(({ path }) => path.length));
  const sections: SectionBox[] = [];
  for (const { path, boxes: own } of members.values()) {
    const blocks = own.map((box) => box.block.id);
    // The further in, the tighter, so that frames within frames can be told apart.
    const margin = 0.1 * gap * (deepest - path.length + 1);
    sections.push({ path, label: path.at(-1)!, blocks, head: null, ...around(own, margin) });
    if (path.length !== 2 || roles.nHeads < 2) continue;
    const deep = own.filter((box) => box.axes.z !== null);
    if (!deep.length) continue;
    for (let head = 0; head < roles.nHeads; head++) {
      const slabs = deep.map((box) => slabOf(box, Math.floor(head / (box.pitch / depth.pitch))));
      const name = `head ${head}`;
      const ids = deep.map((box) => box.block.id);
      sections.push({ path: [...path, name], label: name, blocks: ids, head, ...around(slabs, 0.05 * gap) });
    }
  }
  return sections.sort((a, b) => a.path.length - b.path.length);
}
