// The text as runs, each with the bits it cost and a colour that says so, or says another reading of it.

import { tokenBits, type Tokens, type Trace } from "../trace";
import { likeliest, type Alternative } from "./alternatives";
import { InputError } from "./errors";
import { flowing, hasPartial, tokenLabel, visible } from "./labels";
import { exactSum, real } from "./numbers";
import { READINGS, axisOf, combine, hasMean, readings, rowOf, type ReadingName } from "./readings";
import { colourOf, inkOf, placeOf, relative, type Scale } from "./scale";
import { sourceOf, type Source } from "./source";
import { summarise, type Summary } from "./summary";
import { stretches, type By, type Stretch } from "./units";

export const SCALES = ["bits", "relative"] as const;
export type ScaleName = (typeof SCALES)[number];

/** Characters shown before and after a surprising token. */
const CONTEXT = 32;

/** One token of a run; null is what nothing stood before, or this trace did not read. */
export interface Piece {
  readonly position: number;
  readonly id: number;
  readonly label: string;
  readonly bits: number | null;
  /** How many tokens were likelier, plus one. */
  readonly rank: number | null;
  /** How many tokens the model had seen. */
  readonly context: number | null;
}

/** What every run of text has, whatever it is coloured by. */
export interface Shown {
  /** The characters, exactly; joined runs are the text. */
  readonly text: string;
  /** The same on one line; of a `partial` run, what to draw instead of `text`. */
  readonly label: string;
  /** The first character in the text. */
  readonly start: number;
  /** It holds bytes that are no whole characters, which `text` cannot show. */
  readonly partial: boolean;
  /** What is coloured, as the legend names it; infinite for a token that never became the top guess. */
  readonly number: number | null;
  /** 0..1 along the legend's ramp; null is drawn as missing. */
  readonly place: number | null;
  readonly colour: string;
  readonly ink: string;
}

export interface Run extends Shown {
  readonly pieces: readonly Piece[];
  /** The sum over its tokens; null where one of them has none (for lines and sentences: where all have none). */
  readonly bits: number | null;
  /** A further window of the model begins to be read here. */
  readonly seam: boolean;
}

/** A token that cost much, and what the model would have said. */
export interface Surprise {
  readonly position: number;
  readonly label: string;
  readonly before: string;
  readonly after: string;
  readonly bits: number;
  readonly probability: number;
  readonly rank: number | null;
  readonly expected_bits: number | null;
  readonly alternatives: readonly Alternative[];
  readonly rest: number;
}

export interface Likelihood {
  readonly view: "likelihood";
  readonly version: 1;
  readonly by: By;
  readonly scale: ScaleName;
  readonly legend: Scale;
  readonly runs: readonly Run[];
  /** The most surprising tokens, worst first. */
  readonly surprises: readonly Surprise[];
  readonly summary: Summary;
  readonly source: Source;
}

export interface LikelihoodOptions {
  /** Absolute bits on a fixed axis, or the seed's rule, relative to this text; of surprisal alone. */
  readonly scale?: ScaleName | undefined;
  /** What is drawn as one. */
  readonly by?: By | undefined;
  /** How many of the most surprising tokens to list. */
  readonly top?: number | undefined;
  /** What is coloured. */
  readonly value?: ReadingName | undefined;
  /** The stage that is read; the last one, the model's own output, by default. */
  readonly stage?: string | number | undefined;
}

/** What each token, word, line or sentence of the text cost. */
export function likelihood(trace: Trace, options: LikelihoodOptions = {}): Likelihood {
  const { scale = "bits", by = "token", top = 0, value = "surprisal_bits", stage = -1 } = options;
  if (!SCALES.includes(scale))
    throw new InputError(`the scale "${scale}" was asked for; there are ${SCALES.join(", ")}.`);
  if (!READINGS.includes(value))
    throw new InputError(`the value "${value}" was asked for; there are ${READINGS.join(", ")}.`);
  if (top < 0) throw new InputError(`the ${top} most surprising tokens were asked for; it takes 0 or more.`);
  if (scale === "relative" && value !== "surprisal_bits")
    throw new InputError(`the relative scale is one of surprisal_bits; "${value}" has an axis of its own.`);
  const row = rowOf(trace, stage);
  const bits = Float64Array.from(tokenBits(trace, row));
  const read = value === "surprisal_bits" ? bits : readings(trace, value, row);
  const cut = stretches(trace.tokens, by);
  const texty = trace.tokens.pieces.map((piece) => piece.length > 0);
  const of = <T>(row: ArrayLike<T> & { slice(a: number, b: number): ArrayLike<T> }, s: Stretch) =>
    row.slice(s.first, s.stop);
  const within = (s: Stretch) => texty.slice(s.first, s.stop);
  const sums = cut.map((s) => sumOf(of(bits, s), within(s), by));
  let numbers = cut.map((s) => combine(of(read, s), within(s), by, value));
  let legend = axisOf(value, by, trace.stages);
  if (scale === "relative") {
    numbers = numbers.map((number) => (number === null ? null : -number * Math.LN2));
    // The seed's rule is one about tokens; words and lines are placed among their own kind.
    legend = relative(by === "token" ? Array.from(bits, (b) => -b * Math.LN2) : numbers, legend.title);
  }
  const seams = new Set(trace.seams.map((position) => position + 1)); // what is read there is the next token's
  const pieces = piecesOf(trace, bits, row);
  return {
    view: "likelihood",
    version: 1,
    by,
    scale,
    legend,
    runs: cut.map((s, i) => {
      const held = pieces.slice(s.first, s.stop);
      return {
        ...shown(trace.tokens, s),
        pieces: held,
        bits: sums[i]!,
        ...coloured(legend, numbers[i]!),
        seam: held.some((piece) => seams.has(piece.position)),
      };
    }),
    surprises: top ? surprisesOf(trace, bits, row, top) : [],
    summary: summarise(trace, row),
    source: sourceOf(trace, trace.stages[row]!),
  };
}

/** A number with its place, its colour and the ink on it. */
export function coloured(legend: Scale, number: number | null): Pick<Shown, "number" | "place" | "colour" | "ink"> {
  const place = placeOf(legend, number);
  return { number, place, colour: colourOf(legend, place), ink: inkOf(legend, place) };
}

/** A stretch's characters, their label, and whether it holds bytes that are no whole characters. */
export function shown(tokens: Tokens, stretch: Stretch): Pick<Shown, "text" | "label" | "start" | "partial"> {
  const { start } = stretch;
  const text = tokens.slice(start, stretch.end);
  const joined = concat(tokens.pieces.slice(stretch.first, stretch.stop));
  if (hasPartial(joined) && (!tokens.lossy || text.includes("\ufffd")))
    return { text, label: flowing(joined), start, partial: true };
  let label = visible(text);
  if (!label) for (let t = stretch.first; t < stretch.stop; t++) label += tokenLabel(tokens, t);
  return { text, label, start, partial: false };
}

function concat(pieces: readonly Uint8Array[]): Uint8Array {
  if (pieces.length === 1) return pieces[0]!;
  const joined = new Uint8Array(pieces.reduce((n, piece) => n + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    joined.set(piece, at);
    at += piece.length;
  }
  return joined;
}

/** The bits of a run; a token or word of which a part has none has none, a line is the sum of what was scored. */
function sumOf(bits: ArrayLike<number>, texty: readonly boolean[], by: By): number | null {
  const known = Array.from(bits).filter((b) => !Number.isNaN(b));
  if (!known.length || (!hasMean(by) && texty.some((is, i) => is && Number.isNaN(bits[i])))) return null;
  return exactSum(known);
}

function piecesOf(trace: Trace, bits: Float64Array, row: number): Piece[] {
  const ranked = trace.has("next_rank");
  return Array.from(trace.ids, (id, t) => {
    const column = t ? trace.column(t - 1) : -1;
    return {
      position: t,
      id,
      label: tokenLabel(trace.tokens, t),
      bits: real(bits[t]!),
      rank: column >= 0 && ranked ? trace.at("next_rank", row, column) || null : null,
      context: column >= 0 && trace.contextLengths.length ? trace.contextLengths[column]! : null,
    };
  });
}

function surprisesOf(trace: Trace, bits: Float64Array, row: number, top: number): Surprise[] {
  const scored = [...bits.keys()].filter((t) => !Number.isNaN(bits[t]));
  // Stable, so that of equally surprising tokens the first in the text comes first.
  const worst = scored.sort((a, b) => bits[b]! - bits[a]! || a - b).slice(0, top);
  return worst.map((position) => surpriseOf(trace, row, position, bits[position]!));
}

function surpriseOf(trace: Trace, row: number, position: number, bits: number): Surprise {
  const column = trace.column(position - 1);
  const { tokens } = trace;
  const [start, end] = [tokens.spans[2 * position]!, tokens.spans[2 * position + 1]!];
  const kept = likeliest(trace, row, column, trace.ids[position]!);
  return {
    position,
    label: tokenLabel(tokens, position),
    before: tokens.slice(Math.max(0, start - CONTEXT), start),
    after: tokens.slice(end, Math.min(tokens.units.length - 1, end + CONTEXT)),
    bits,
    probability: 2 ** -bits,
    rank: trace.has("next_rank") ? trace.at("next_rank", row, column) || null : null,
    expected_bits: trace.has("entropy_bits") ? real(trace.at("entropy_bits", row, column)) : null,
    alternatives: kept,
    rest: Math.max(0, 1 - exactSum(kept.map((guess) => guess.probability))),
  };
}
