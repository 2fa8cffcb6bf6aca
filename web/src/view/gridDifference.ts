// Two lens grids held against each other: at every stage and position that both have, what changed.

import type { Trace } from "../trace";
import { align } from "./align";
import { InputError } from "./errors";
import { columnsOf, everyNth, held, numbersOf, type Window } from "./grid";
import { idLabel, tokenLabel } from "./labels";
import { coloured } from "./likelihood";
import { differenceOf, drawable, type Scale } from "./scale";
import { sourceOf, type Source } from "./source";

/** One stage's readings at one position. */
export interface ChangedCell {
  readonly id: number | null;
  readonly text: string;
  readonly id_before: number | null;
  readonly text_before: string;
  /** Both guesses are the same token. */
  readonly same: boolean;
  readonly after: number | null;
  readonly before: number | null;
  /** Now less before; of ranks, now over before. Null where either is missing. */
  readonly number: number | null;
  readonly place: number | null;
  readonly colour: string;
  readonly ink: string;
}

/** One token that both texts have. */
export interface PairedColumn {
  readonly position: number;
  readonly position_before: number;
  readonly input: string;
  readonly next: string | null;
  readonly next_before: string | null;
}

/** One stage; `stage_before` differs from it only where models of different depth end. */
export interface ChangedRow {
  readonly stage: string;
  readonly stage_before: string;
  readonly cells: readonly ChangedCell[];
}

export interface GridDifference {
  readonly view: "grid_difference";
  readonly version: 1;
  readonly value: string;
  readonly columns: readonly PairedColumn[];
  readonly rows: readonly ChangedRow[];
  readonly top_down: boolean;
  readonly legend: Scale;
  readonly source: Source;
  readonly source_before: Source;
}

export interface GridDifferenceOptions {
  readonly value?: string | undefined;
  readonly every?: number | undefined;
  readonly window?: Window | null | undefined;
  readonly top_down?: boolean | undefined;
  readonly embed?: boolean | undefined;
}

/**
 * Every stage's top guess in two traces, coloured by how a statistic changed.
 *
 * Stages are paired by their names, and the one model's output with the other's; tokens by their bytes. A statistic of
 * the next token is compared where it is the same token.
 */
export function gridDifference(before: Trace, after: Trace, options: GridDifferenceOptions = {}): GridDifference {
  const { value = "top_prob", every = 1, window = null, top_down = false, embed = true } = options;
  const { unit } = drawable(value);
  if (value.startsWith("watch_"))
    throw new InputError(`"${value}" is of tokens that each trace names for itself; compare another statistic.`);
  const stages = pairedStages(before, after, everyNth(after.stages, every, embed));
  const columns = pairedColumns(before, after, window);
  const [was, now] = [numbersOf(before, value, null), numbersOf(after, value, null)];
  const follows = value.startsWith("next_") || value === "surprisal_bits";
  const comparable = columns.map(([i, j]) => !follows || nextKey(before, i) === nextKey(after, j));
  const changes = stages.map(([old, row]) =>
    columns.map(([i, j], c) => (comparable[c] ? change(was(old, i), now(row, j), unit) : NaN)),
  );
  const legend = differenceOf(value, changes.flat());
  const rows = stages.map(([old, row], r) => ({
    stage: after.stages[row]!,
    stage_before: before.stages[old]!,
    cells: columns.map(([i, j], c): ChangedCell => {
      const [id_before, text_before] = guess(before, old, i);
      const [id, text] = guess(after, row, j);
      return {
        id,
        text,
        id_before,
        text_before,
        same: id !== null && id === id_before && text === text_before,
        after: held(now(row, j), unit),
        before: held(was(old, i), unit),
        ...coloured(legend, held(changes[r]![c]!, "")),
      };
    }),
  }));
  return {
    view: "grid_difference",
    version: 1,
    value,
    columns: columns.map(([i, j]) => columnOf(before, after, i, j)),
    rows: top_down ? rows : rows.reverse(),
    top_down,
    legend,
    source: sourceOf(after),
    source_before: sourceOf(before),
  };
}

/** Rows of the stages that are compared, of the earlier and of the later trace. */
function pairedStages(before: Trace, after: Trace, kept: readonly string[]): [number, number][] {
  const outputs = before.holdsOutput && after.holdsOutput;
  const names = outputs ? before.stages.slice(0, -1) : before.stages;
  const pairs: [number, number][] = [];
  for (const name of kept) {
    if (outputs && name === after.stages.at(-1)) pairs.push([before.stages.length - 1, after.stages.length - 1]);
    else if (names.includes(name)) pairs.push([before.stages.indexOf(name), after.stages.indexOf(name)]);
  }
  if (!pairs.length)
    throw new InputError(
      `the traces share no stage: one holds ${before.stages.join(", ")}, the other ${kept.join(", ")}.`,
    );
  return pairs;
}

/** Columns of both traces' arrays that hold the same token. */
function pairedColumns(before: Trace, after: Trace, window: Window | null): [number, number][] {
  const partner = new Map(align(before.tokens, after.tokens).map(([i, j]) => [j, i]));
  const pairs: [number, number][] = [];
  for (const column of columnsOf(after, window)) {
    const position = partner.get(after.positions[column]!);
    const held = position === undefined ? -1 : before.column(position);
    if (held >= 0) pairs.push([held, column]);
  }
  if (!pairs.length) throw new InputError("the traces share no token here; compare texts that have some in common.");
  return pairs;
}

function nextKey(trace: Trace, column: number): string | null {
  return trace.tokens.pieces[trace.positions[column]! + 1]?.join(" ") ?? null;
}

/** NaN where either is missing. */
function change(was: number, now: number, unit: string): number {
  if (unit !== "rank") return now - was;
  return was >= 1 && now >= 1 ? now / was : NaN;
}

function guess(trace: Trace, row: number, column: number): [number | null, string] {
  if (!trace.has("top_ids")) return [null, ""];
  const id = trace.at("top_ids", row, column);
  return [id, idLabel(trace.vocabulary, id)];
}

function columnOf(before: Trace, after: Trace, i: number, j: number): PairedColumn {
  const [was, now] = [before.positions[i]!, after.positions[j]!];
  return {
    position: now,
    position_before: was,
    input: tokenLabel(after.tokens, now),
    next: now + 1 < after.ids.length ? tokenLabel(after.tokens, now + 1) : null,
    next_before: was + 1 < before.ids.length ? tokenLabel(before.tokens, was + 1) : null,
  };
}
