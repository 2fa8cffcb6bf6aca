// A continuation as it comes: steps as runs that can be drawn after a text, and as the ids that are kept of it.

import type { Step } from "../../engine";
import {
  colourOf,
  inkOf,
  placeOf,
  visible,
  type Likelihood,
  type Piece,
  type ReadingName,
  type Run,
  type Scale,
} from "../../view";

/** What a step is coloured by; null where a further token has no such number. */
function numberOf(step: Step, value: ReadingName, relative: boolean): number | null {
  const entropy = step.entropy === null ? null : step.entropy / Math.LN2;
  if (value === "next_rank") return step.rank;
  if (value === "entropy_bits") return entropy;
  if (value === "excess_bits") return step.bits === null || entropy === null ? null : step.bits - entropy;
  if (value === "settled_stage") return null;
  return relative ? step.logprob : step.bits;
}

/**
 * Runs of steps, coloured on the axis of the text before them; tokens that make up one character are one run. A seam
 * marks where they begin.
 *
 * @param start the first character after that text.
 */
export function runsOf(steps: readonly Step[], start: number, legend: Scale, value: ReadingName): Run[] {
  const runs: Run[] = [];
  let held: Step[] = [];
  const close = () => {
    if (!held.length) return;
    const text = held.map((step) => step.text).join("");
    const numbers = held.map((step) => numberOf(step, value, legend.ramp === "pastel"));
    const known = numbers.every((number) => number !== null);
    const most = value === "next_rank" ? Math.max : (...all: number[]) => all.reduce((a, b) => a + b, 0);
    const number = known ? most(...(numbers as number[])) : null;
    const place = placeOf(legend, number);
    const label = text ? visible(text) : held.map(bytesOf).join("");
    const bits = held.reduce<number | null>((sum, { bits }) => (sum === null || bits === null ? null : sum + bits), 0);
    const [colour, ink] = [colourOf(legend, place), inkOf(legend, place)];
    const pieces = held.map(pieceOf);
    runs.push({ text, label, start, partial: false, number, place, colour, ink, pieces, bits, seam: !runs.length });
    start += [...text].length;
    held = [];
  };
  for (const step of steps) {
    held.push(step);
    // A character comes with the token that has its last byte.
    if (step.text || step.special) close();
  }
  close();
  return runs;
}

/** A text up to a place, and the steps that go on from there. */
export function goingOn(text: Likelihood, from: number, steps: readonly Step[], value: ReadingName): Run[] {
  const head = text.runs.filter((run) => run.pieces.every((piece) => piece.position < from));
  const start = head.reduce((n, run) => n + [...run.text].length, 0);
  return [...head, ...runsOf(steps, start, text.legend, value)];
}

/** The ids that a reader keeps: without the model's end of the text, which stands for none. */
export function keptIds(steps: readonly Step[]): number[] {
  const last = steps.at(-1);
  return (last?.special && last.ended === "eos" ? steps.slice(0, -1) : steps).map((step) => step.id);
}

/** Why it ended, in words. */
export function endWords(steps: readonly Step[], stopped: boolean): string {
  const n = `${steps.length} token${steps.length === 1 ? "" : "s"}`;
  const ended = steps.at(-1)?.ended;
  if (ended === "eos") return `${n}; the model ended the text.`;
  if (ended === "window") return `${n}; the text fills what the model can read at once.`;
  return stopped ? `${n}; stopped.` : `${n}.`;
}

function pieceOf(step: Step): Piece {
  const label = step.text ? visible(step.text) : bytesOf(step);
  return { position: step.position, id: step.id, label, bits: step.bits, rank: step.rank, context: step.position };
}

/** What to call a step without a text: its bytes, or the name that they are. */
function bytesOf(step: Step): string {
  const bytes = step.bytes.match(/../g) ?? [];
  if (step.special) return new TextDecoder().decode(Uint8Array.from(bytes, (byte) => parseInt(byte, 16)));
  return bytes.map((byte) => `\\x${byte.toUpperCase()}`).join("");
}
