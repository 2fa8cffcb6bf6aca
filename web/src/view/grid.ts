// The lens grid: stages by positions, each cell the stage's own top guess, coloured by any statistic.

import { finder, stageKey, type Trace } from "../trace";
import { InputError } from "./errors";
import { idLabel, tokenLabel } from "./labels";
import { coloured } from "./likelihood";
import { drawable, scaleOf, type Scale } from "./scale";
import { sourceOf, type Source } from "./source";

/** Positions `a:b` of the text as Python slices have them; null for an open end. */
export type Window = readonly [number | null, number | null];

/** One stage's reading at one position. */
export interface Cell {
  /** The stage's top guess; null where this trace holds no guesses. */
  readonly id: number | null;
  readonly text: string;
  /** The coloured statistic; null where it is missing. */
  readonly number: number | null;
  readonly place: number | null;
  readonly colour: string;
  readonly ink: string;
  /** The guess is the one that the model's last stage makes here, as far as this trace knows. */
  readonly matches_final: boolean;
  /** Neither the trace nor what is near holds it yet. */
  readonly unread?: true;
}

const UNREAD: Cell = {
  id: null, text: "", number: null, place: null, colour: "", ink: "", matches_final: false, unread: true,
}; // prettier-ignore

/** One position of the text. */
export interface Column {
  readonly position: number;
  /** The label of the token that stands there. */
  readonly input: string;
  /** The label of the token that came next; null at the end of the text. */
  readonly next: string | null;
  /** The guess of the model's last stage is that token. */
  readonly right: boolean;
  /** A further window of the model begins to be read here. */
  readonly seam: boolean;
}

export interface Row {
  readonly stage: string;
  readonly cells: readonly Cell[];
}

export interface Grid {
  readonly view: "grid";
  readonly version: 1;
  readonly value: string;
  /** The label of the followed token, for `watch_*`. */
  readonly watched: string | null;
  readonly columns: readonly Column[];
  /** Top to bottom. */
  readonly rows: readonly Row[];
  readonly top_down: boolean;
  /** Stages that the trace holds and `every` left out. */
  readonly skipped: readonly string[];
  readonly legend: Scale;
  readonly source: Source;
}

export interface GridOptions {
  /** A stored or derived name of the numeric contract that is one number per cell. */
  readonly value?: string | undefined;
  /** Keep each `every`-th block, counted from the last one, which is always kept, as `embed` is. */
  readonly every?: number | undefined;
  readonly window?: Window | null | undefined;
  readonly top_down?: boolean | undefined;
  /** For `watch_*`, which of the watched token ids; the first by default. */
  readonly watch?: number | null | undefined;
  readonly embed?: boolean | undefined;
  /** While the trace is being read: all stages at the positions at which they were read before the others. */
  readonly near?: Trace | null | undefined;
}

/** Every stage's top guess at every position, coloured by a statistic. */
export function grid(trace: Trace, options: GridOptions = {}): Grid {
  const { value = "top_prob", every = 1, window = null, top_down = false, watch = null, embed = true } = options;
  drawable(value);
  const near = options.near ?? null;
  const known = [...new Set([...trace.stages, ...(near?.stages ?? [])])].sort((a, b) => stageKey(a) - stageKey(b));
  const stages = everyNth(known, every, embed);
  const columns = columnsOf(trace, window);
  const numbers = new Map([trace, ...(near ? [near] : [])].map((one) => [one, numbersOf(one, value, watch)]));
  const same = new Map([...numbers.keys()].map((one) => [one, matcher(one)]));
  const rows = stages.map((name) => {
    const find = finder(trace, near, name);
    return columns.map((column) => find(trace.positions[column]!));
  });
  const legend = scaleOf(
    value,
    rows.flatMap((row) => row.flatMap((at) => (at ? [numbers.get(at.trace)!(at.row, at.column)] : []))),
  );
  const drawn = rows.map((row, r) => ({
    stage: stages[r]!,
    cells: row.map((at): Cell => {
      if (!at) return UNREAD;
      const id = at.trace.has("top_ids") ? at.trace.at("top_ids", at.row, at.column) : null;
      return {
        id,
        text: id === null ? "" : idLabel(at.trace.vocabulary, id),
        ...coloured(legend, held(numbers.get(at.trace)!(at.row, at.column), legend.unit)),
        matches_final: same.get(at.trace)!(at.row, at.column),
      };
    }),
  }));
  return {
    view: "grid",
    version: 1,
    value,
    watched: value.startsWith("watch_") ? idLabel(trace.vocabulary, trace.watched[watchIndex(trace, watch)]!) : null,
    columns: columns.map((column) => columnOf(trace, column)),
    rows: top_down ? drawn : drawn.reverse(),
    top_down,
    skipped: known.filter((name) => !stages.includes(name)),
    legend,
    source: sourceOf(trace),
  };
}

/** A number of an array; null where it is missing. */
export function held(number: number, unit: string): number | null {
  return Number.isNaN(number) || (unit === "rank" && number < 1) ? null : number;
}

/** The stages of each `every`-th block, counted from the last block, and `embed`. */
export function everyNth(stages: readonly string[], every: number, embed = true): string[] {
  if (!(every >= 1)) throw new InputError(`every ${every}th block was asked for; it takes 1 (all of them) or more.`);
  const blocks = stages.map((name) => Math.floor(stageKey(name) / 2));
  const last = Math.max(0, ...blocks);
  const kept = stages.filter((_, i) => (blocks[i]! < 0 ? embed : (last - blocks[i]!) % every === 0));
  if (!kept.length)
    throw new InputError('the embed stage was left out, and this trace holds no other. Leave out "--no-embed".');
  return kept;
}

/** The columns of a trace's arrays whose positions lie in `a:b` of the text, ends as those of a Python slice. */
export function columnsOf(trace: Trace, window: Window | null): number[] {
  const n = trace.ids.length;
  const end = (edge: number | null, open: number) =>
    edge === null ? open : Math.min(n, Math.max(0, edge < 0 ? edge + n : edge));
  const [start, stop] = [end(window?.[0] ?? null, 0), end(window?.[1] ?? null, n)];
  const columns = [...trace.positions.keys()].filter((i) => start <= trace.positions[i]! && trace.positions[i]! < stop);
  const from = window?.[0] ?? null;
  if (!columns.length || (from !== null && !(-n <= from && from < n))) {
    const [a, b] = [window?.[0] ?? "", window?.[1] ?? ""];
    const piece = trace.positions.length < n ? `, of which this trace holds ${trace.positions.length}` : "";
    throw new InputError(`positions ${a}:${b} were asked for, but the text's positions are 0 to ${n - 1}${piece}.`);
  }
  return columns;
}

/** The numbers of a statistic by row and column: of top-k arrays the first, of `watch_*` those of one token. */
export function numbersOf(trace: Trace, value: string, watch: number | null): (row: number, column: number) => number {
  const { data, shape } = trace.array(value);
  const [width, inner] = [shape[1]!, shape[2] ?? 1];
  const axis = shape.length > 2 && value.startsWith("watch_") ? watchIndex(trace, watch) : 0;
  return (row, column) => data[(row * width + column) * inner + axis]!;
}

function watchIndex(trace: Trace, watch: number | null): number {
  if (!trace.watched.length) throw new InputError("this trace watches no token. Name one with watch=.");
  if (watch === null) return 0;
  const index = trace.watched.indexOf(watch);
  if (index < 0)
    throw new InputError(`token ${watch} was not watched; this trace watches ${trace.watched.join(", ")}.`);
  return index;
}

/** Whether a stage's top guess is the final one; nowhere if that cannot be known. */
function matcher(trace: Trace): (row: number, column: number) => boolean {
  // The rank says so even where the last stage itself is not held.
  if (trace.has("final_rank")) return (row, column) => trace.at("final_rank", row, column) === 1;
  if (!trace.has("top_ids") || !trace.holdsOutput) return () => false;
  const last = trace.stages.length - 1;
  return (row, column) => trace.at("top_ids", row, column) === trace.at("top_ids", last, column);
}

function columnOf(trace: Trace, column: number): Column {
  const position = trace.positions[column]!;
  const last = position + 1 >= trace.ids.length;
  const guess = trace.has("top_ids") && trace.holdsOutput ? trace.at("top_ids", trace.stages.length - 1, column) : null;
  return {
    position,
    input: tokenLabel(trace.tokens, position),
    next: last ? null : tokenLabel(trace.tokens, position + 1),
    right: !last && guess === trace.ids[position + 1],
    seam: trace.seams.includes(position),
  };
}
