// What one trace is to read, checked before anything runs; as Python's `scope/plan.py`. Runs nothing.

import { BINS, DERIVED, SAMPLES_PER_BIN, STATISTICS, type Tokens } from "../../trace";
import type { TraceRequest } from "../contract";
import { EngineError } from "../engine";
import { refused } from "./failures";
import type { Manifest } from "./manifest";
import type { Bos, Tokeniser } from "./tokenise";
import { planWindows, rowOf, type Window } from "./windows";
import { positionOf, textOf } from "./words";

const DEFAULT_TOP_K = 10;
const ITEM = 4;

/** What the readout's input `norm` says. */
export const NORMS = { final: 0, plain: 1, none: 2 } as const;
export type Norm = keyof typeof NORMS;

export interface Plan {
  readonly tokens: Tokens;
  readonly bos: Bos;
  /** What is read out, in the model's order. */
  readonly stages: readonly string[];
  /** Ascending. */
  readonly positions: Int32Array;
  readonly windows: readonly Window[];
  readonly topK: number;
  readonly watch: readonly number[];
  /** The names to make. */
  readonly names: ReadonlySet<string>;
  readonly norm: Norm;
  /** Further stages that some statistic compares with. */
  readonly references: readonly string[];
  /** Tokens that the model reads at once; 0 = any number. */
  readonly context: number;
  /** New tokens per further window; 0 where there is none. */
  readonly stride: number;
}

/** What a TraceRequest asks of a model. */
export function planTrace({ card, io }: Manifest, tokeniser: Tokeniser, asked: TraceRequest): Plan {
  const { tokens, bos } = textOf(tokeniser, asked);
  requireIds(card.n_vocab, [...tokens.ids]);
  const { lens = "logit", norm = "final" } = asked;
  if (!card.lenses.includes(lens))
    throw refused(`the lens "${lens}" was asked for; in the browser there is ${card.lenses.join(", ")}.`);
  if (!Object.hasOwn(NORMS, norm)) throw refused(`norm="${norm}" was asked for; there is final, plain, none.`);
  const watch = (asked.watch ?? []).map((token) => watched(tokeniser, card.n_vocab, token));
  const histogram = asked.histogram ?? false;
  const names = namesOf(asked.statistics ?? null, histogram, watch.length > 0);
  const special = [...tokens.special, false];
  // Of given ids one is the prefix, whatever special ones follow it; a tokenizer may put several before a text.
  const nPrefix = bos === "none" ? 0 : typeof asked.text !== "string" ? 1 : special.indexOf(false);
  const context = contextOf(card.context_window, asked.window ?? null);
  const windows = planWindows(tokens.length, context, asked.stride ?? null, nPrefix);
  const step = windows.length > 1 ? windows[1]!.stop - windows[0]!.stop : 0;
  const plan: Plan = {
    tokens,
    bos,
    stages: stagesOf(io.stages, asked, card.model_class),
    positions: positionsOf(asked.positions ?? null, tokens.length),
    windows,
    topK: topKOf(card.n_vocab, asked.top_k ?? null),
    watch,
    names,
    norm,
    references: references(asked.statistics ? names : null, card.last_stage),
    context,
    stride: windows.length > 1 ? (asked.stride ?? step) : 0,
  };
  requireFitting(plan, card.limits);
  return plan;
}

/** Refuses ids that the model has no embedding for. */
export function requireIds(nRows: number, ids: readonly number[]): void {
  ids.forEach((id, position) => {
    if (!(Number.isInteger(id) && 0 <= id && id < nRows))
      throw refused(`token id ${id} at position ${position} is outside this model's vocabulary (0 to ${nRows - 1}).`);
  });
}

/** The positions asked for that a window reads out. */
export function inside(positions: Int32Array, window: Window): Int32Array {
  return positions.filter((position) => window.first <= position && position < window.stop);
}

/** How many tokens the model sees at each of some positions, that one included. */
export function contextLengths(windows: readonly Window[], positions: Int32Array): Int32Array {
  return Int32Array.from(windows.flatMap((window) => [...inside(positions, window)].map((p) => rowOf(window, p) + 1)));
}

function stagesOf(all: readonly string[], asked: TraceRequest, modelClass: string): string[] {
  const { stages = null, subblocks = false, embed = true } = asked;
  if (stages === null)
    return all.filter((name) => (subblocks || !name.endsWith(".attn")) && (embed || name !== "embed"));
  const absent = stages.find((name) => !all.includes(name));
  if (!stages.length || absent !== undefined)
    throw refused(`${modelClass} has no stage "${absent ?? ""}"; it has ${all.join(", ")}.`);
  return all.filter((name) => stages.includes(name));
}

function topKOf(n: number, topK: number | null): number {
  if (topK === null) return Math.min(DEFAULT_TOP_K, n);
  if (!Number.isInteger(topK) || topK < 1 || topK > n)
    throw refused(`top_k=${topK} was given; it must be from 1 to ${n}, the tokens of this model's vocabulary.`);
  return topK;
}

function watched(tokeniser: Tokeniser, n: number, token: string | number): number {
  if (typeof token === "string") return tokeniser.tokenId(token);
  if (!Number.isInteger(token) || token < 0 || token >= n)
    throw refused(`token id ${token} was named, but this model's vocabulary is 0 to ${n - 1}.`);
  return token;
}

function contextOf(limit: number, window: number | null): number {
  if (window === null) return limit;
  if (!Number.isInteger(window) || window < 1 || (limit && window > limit)) {
    const most = limit ? `1 to ${limit}, what this model can read at once` : "at least 1";
    throw refused(`a window of ${window} tokens was asked for; it must be ${most}.`);
  }
  return window;
}

function positionsOf(positions: readonly number[] | null, length: number): Int32Array {
  if (positions === null) return Int32Array.from({ length }, (_, i) => i);
  if (!positions.length) throw refused("no positions were asked for; leave positions out to read all of them.");
  return Int32Array.from(new Set(positions.map((position) => positionOf(position, length)))).sort();
}

/** Stored names for stored or derived ones. */
function namesOf(names: readonly string[] | null, histogram: boolean, watch: boolean): ReadonlySet<string> {
  const ofWatch = [...STATISTICS.keys()].filter((name) => name.startsWith("watch_"));
  const ofHistogram = [...STATISTICS.values()].filter(({ axes }) => axes.includes("bin")).map(({ name }) => name);
  if (names === null)
    return new Set(
      [...STATISTICS.keys()].filter(
        (name) => (watch || !ofWatch.includes(name)) && (histogram || !ofHistogram.includes(name)),
      ),
    );
  const wanted = new Set(histogram ? ofHistogram : []);
  if (watch) ofWatch.forEach((name) => wanted.add(name));
  for (const name of names) {
    const stored = DERIVED.get(name)?.source ?? name;
    if (!STATISTICS.has(stored))
      throw refused(`"${name}" is no statistic. There are ${[...STATISTICS.keys(), ...DERIVED.keys()].join(", ")}.`);
    if (ofWatch.includes(stored) && !watch)
      throw refused(`"${stored}" was asked for, but no token is watched; give the ids in "watch".`);
    wanted.add(stored);
  }
  // One of the two is made with the other.
  if (ofHistogram.some((name) => wanted.has(name))) ofHistogram.forEach((name) => wanted.add(name));
  if (!wanted.size) throw refused("no statistics were asked for; leave statistics out to read all of them.");
  return wanted;
}

function references(names: ReadonlySet<string> | null, last: string): string[] {
  const found: string[] = [];
  if (names === null || [...names].some((name) => name.includes("final"))) found.push(last);
  if (names === null || names.has("kl_from_input") || names.has("kl_to_input")) found.push("embed");
  return found;
}

/** Lets through what is not too much. */
function requireFitting(plan: Plan, limits: Manifest["card"]["limits"]): void {
  if (plan.tokens.length > limits.tokens)
    throw refused(
      `the text is ${plan.tokens.length.toLocaleString("en")} tokens long; at most ${limits.tokens.toLocaleString("en")} are read here.`,
    );
  const sizes: Readonly<Record<string, number>> = {
    k: plan.topK,
    watch: plan.watch.length,
    bin: BINS,
    sample: SAMPLES_PER_BIN,
  };
  let each = 0;
  for (const name of plan.names)
    each += STATISTICS.get(name)!
      .axes.slice(2)
      .reduce((n, axis) => n * (sizes[axis] ?? 1), 1);
  const bytes = ITEM * each * plan.stages.length * plan.positions.length;
  if (bytes > limits.trace_bytes)
    throw new EngineError(
      "refused",
      `the trace would take ${mib(bytes)} MiB; at most ${mib(limits.trace_bytes)} are computed here. Ask for fewer ` +
        "positions, stages or statistics, a smaller top_k, or no histogram.",
    );
}

function mib(bytes: number): string {
  return Math.ceil(bytes / 2 ** 20).toLocaleString("en");
}
