// All tensors of a model as a tree of its sections, flattened to the lines that are open. Knows no page.

import type { Graph } from "../../engine";

export interface Line {
  /** Unique: the block's id, or the section's path. */
  readonly key: string;
  readonly label: string;
  readonly depth: number;
  /** Null for a section. */
  readonly block: string | null;
  readonly open: boolean;
}

/** Sections that a path is within, the outermost first. */
export function sectionsOf(section: readonly string[]): string[] {
  return section.map((_, i) => `/${section.slice(0, i + 1).join("/")}`);
}

/**
 * The lines of the tree, in the graph's order.
 *
 * @param open keys of sections that show what is in them.
 * @param wanted only blocks whose name, id or section holds this, with all sections open.
 */
export function linesOf(graph: Graph, open: ReadonlySet<string>, wanted = ""): Line[] {
  const needle = wanted.trim().toLowerCase();
  const lines: Line[] = [];
  const shown = new Set<string>();
  // A section that comes back after another is still the same one.
  const inside = new Map<string, Line[]>([["", lines]]);
  for (const block of graph.blocks) {
    const words = [block.id, block.title, ...block.section].join(" ").toLowerCase();
    if (needle && !needle.split(/\s+/).every((part) => words.includes(part))) continue;
    let parent = "";
    for (const [depth, key] of sectionsOf(block.section).entries()) {
      if (!shown.has(key)) {
        shown.add(key);
        inside.get(parent)!.push({
          key,
          label: block.section[depth]!,
          depth,
          block: null,
          open: Boolean(needle) || open.has(key),
        });
        inside.set(key, []);
      }
      parent = key;
    }
    inside
      .get(parent)!
      .push({ key: block.id, label: block.title, depth: block.section.length, block: block.id, open: false });
  }
  const flattened = (list: readonly Line[]): Line[] =>
    list.flatMap((line) => (line.open ? [line, ...flattened(inside.get(line.key) ?? [])] : [line]));
  return flattened(lines);
}
