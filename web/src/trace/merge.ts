// Pieces of one run, over fewer stages, positions or statistics, put together exactly; as Python's `trace/merge.py`.
//
// Knows nothing of where pieces come from; it copies numbers and computes none.

import { TraceError } from "./errors";
import { stageKey } from "./stages";
import { STATISTICS } from "./statistics";
import { Vocabulary, equal, type Tokens } from "./tokens";
import { Trace, type Provenance, type Values } from "./trace";

const SHOWN = 5;

/**
 * The trace that pieces of one run make together, in whatever order they come.
 *
 * Stages stand in the model's order, positions ascend, vocabularies and seams unite. Pieces may overlap where they agree.
 * Each statistic must be there for every stage and position: nothing is filled in.
 *
 * @throws TraceError for no pieces, pieces of different runs, cells on which pieces disagree, or that no piece holds.
 */
export function merge(pieces: readonly Trace[]): Trace {
  const first = pieces[0];
  if (!first) throw new TraceError("no pieces were given; merging needs at least one.");
  if (pieces.length === 1) return first;
  const stages = [...new Set(pieces.flatMap((piece) => piece.stages))].sort((a, b) => stageKey(a) - stageKey(b));
  const positions = Int32Array.from(new Set(pieces.flatMap((piece) => [...piece.positions]))).sort();
  if (pieces.some((piece) => !equal(piece.watched, first.watched)))
    throw new TraceError("pieces watch different tokens; trace them with the same ones.");
  const placed = pieces.map((piece) => place(piece, stages, positions));
  const arrays = new Map<string, Values>();
  for (const name of STATISTICS.keys())
    if (pieces.some((piece) => piece.arrays.has(name))) arrays.set(name, united(name, placed, stages, positions));
  return new Trace({
    tokens: tokens(pieces),
    stages,
    positions,
    arrays,
    vocabulary: vocabulary(pieces),
    provenance: provenance(pieces),
    watched: first.watched,
    contextLengths: contextLengths(placed, positions),
    seams: [...new Set(pieces.flatMap((piece) => piece.seams))].sort((a, b) => a - b),
  });
}

/** A piece, and where its rows and columns lie in the whole. */
interface Placed {
  piece: Trace;
  rows: readonly number[];
  columns: readonly number[];
}

function place(piece: Trace, stages: readonly string[], positions: Int32Array): Placed {
  const column = new Map<number, number>();
  positions.forEach((position, i) => column.set(position, i));
  return {
    piece,
    rows: piece.stages.map((name) => stages.indexOf(name)),
    columns: Array.from(piece.positions, (position) => column.get(position)!),
  };
}

function united(name: string, placed: readonly Placed[], stages: readonly string[], positions: Int32Array): Values {
  const parts = placed.filter(({ piece }) => piece.arrays.has(name));
  const inner = parts[0]!.piece.arrays.get(name)!.shape.slice(2);
  if (parts.some(({ piece }) => !equal(piece.arrays.get(name)!.shape.slice(2), inner)))
    throw new TraceError(`pieces hold ${name} with different sizes; trace them with the same settings.`);
  const width = inner.reduce((product, n) => product * n, 1);
  const cells = stages.length * positions.length;
  const data =
    STATISTICS.get(name)!.dtype === "int32" ? new Int32Array(cells * width) : new Float32Array(cells * width);
  const filled = new Uint8Array(cells);
  for (const { piece, rows, columns } of parts) {
    const own = piece.arrays.get(name)!.data;
    rows.forEach((row, i) => {
      columns.forEach((column, j) => {
        const to = row * positions.length + column;
        const from = i * columns.length + j;
        for (let k = 0; k < width; k++) {
          const value = own[from * width + k]!;
          // NaN agrees with NaN, and 0 with -0, as in Python.
          if (filled[to] && data[to * width + k] !== value && !Object.is(data[to * width + k], value))
            throw new TraceError(
              `pieces disagree on ${name} at stage "${stages[row]}", position ${positions[column]}; they are not of one run.`,
            );
          data[to * width + k] = value;
        }
        filled[to] = 1;
      });
    });
  }
  if (filled.includes(0))
    throw new TraceError(`no piece holds ${name} at ${listed(filled, stages, positions)}; add the missing pieces.`);
  return { data, shape: [stages.length, positions.length, ...inner] };
}

/** The cells that are missing, by stage, in as few words as they need. */
function listed(filled: Uint8Array, stages: readonly string[], positions: Int32Array): string {
  const texts: string[] = [];
  stages.forEach((stage, row) => {
    const missing = [...positions].filter((_, column) => !filled[row * positions.length + column]);
    if (!missing.length) return;
    const more = missing.length > SHOWN ? ` and ${missing.length - SHOWN} more` : "";
    texts.push(`stage "${stage}" (positions ${missing.slice(0, SHOWN).join(", ")}${more})`);
  });
  return texts.slice(0, SHOWN).join(", ") + (texts.length > SHOWN ? ` and ${texts.length - SHOWN} more stages` : "");
}

function contextLengths(placed: readonly Placed[], positions: Int32Array): Int32Array {
  const recorded = placed.filter(({ piece }) => piece.contextLengths.length);
  if (!recorded.length) return new Int32Array(0);
  const lengths = new Int32Array(positions.length).fill(-1);
  for (const { piece, columns } of recorded)
    columns.forEach((column, j) => {
      const length = piece.contextLengths[j]!;
      if (lengths[column] !== -1 && lengths[column] !== length)
        throw new TraceError(`pieces disagree on the context length at position ${positions[column]}.`);
      lengths[column] = length;
    });
  const unknown = lengths.indexOf(-1);
  if (unknown >= 0) throw new TraceError(`no piece says how much context position ${positions[unknown]} had.`);
  return lengths;
}

function tokens(pieces: readonly Trace[]): Tokens {
  const first = pieces[0]!.tokens;
  if (!pieces.every((piece) => piece.tokens.same(first)))
    throw new TraceError("pieces are of different texts or tokens; only pieces of one run merge.");
  return first.withNames(new Map(pieces.flatMap((piece) => [...piece.tokens.names])));
}

function vocabulary(pieces: readonly Trace[]): Vocabulary {
  const all = new Map<number, Uint8Array>();
  for (const piece of pieces)
    for (const [id, name] of piece.vocabulary.pieces) {
      const known = all.get(id);
      if (known && !equal(known, name))
        throw new TraceError(`pieces name token ${id} differently; they are not of one tokenizer.`);
      all.set(id, name);
    }
  return new Vocabulary(all, new Set(pieces.flatMap((piece) => [...piece.vocabulary.special])));
}

/** That of all pieces; only the time may differ, and the earliest stands for the run. */
function provenance(pieces: readonly Trace[]): Provenance {
  const created =
    pieces
      .map((piece) => piece.provenance.created)
      .filter(Boolean)
      .sort()[0] ?? "";
  const first = { ...pieces[0]!.provenance, created };
  for (const piece of pieces)
    for (const [field, value] of Object.entries({ ...piece.provenance, created })) {
      const own = first[field as keyof Provenance];
      if (own !== value && JSON.stringify(own) !== JSON.stringify(value) && !Object.is(own, value))
        throw new TraceError(
          `pieces differ in ${field} (${String(own)} and ${String(value)}); they are not of one run.`,
        );
    }
  return first;
}
