// Words and numbers that every face writes around a picture: the caption's facts, a text's totals, a cell's number.

import { fixed, grouped, raised } from "./numbers";
import type { Source } from "./source";
import type { Summary } from "./summary";

const NORMS: Readonly<Record<string, string>> = {
  final: "final norm",
  plain: "norm without its scale and shift",
  none: "no norm",
};

/** What a caption says of the run: model, precision, length, and through what was read. */
export function captionWords(source: Source): string[] {
  const parts = [source.model + (source.revision ? ` @ ${source.revision.slice(0, 12)}` : ""), source.dtype];
  const lensed = source.stage === null || !source.output;
  if (source.stage !== null && !source.output) parts.push(`read at ${source.stage}`);
  if (lensed) parts.push(source.lens === "logit" ? "logit lens" : `lens ${source.lens}`);
  // The model's own output needs no lens; of it, only another norm than the model's is named.
  if (lensed || source.norm !== "final") parts.push(NORMS[source.norm] ?? `norm ${source.norm}`);
  parts.push(`${grouped(source.n_tokens)} token${source.n_tokens === 1 ? "" : "s"}`);
  if (source.lossy) parts.push("lossy tokenizer: tokens are not the exact text");
  if (source.length_dependent) parts.push("rotary scaling depends on the text's length");
  return parts;
}

/** A text's totals as (number, what it counts). */
export function totalWords(summary: Summary): [number: string, what: string][] {
  return [
    [grouped(summary.scored), summary.scored === 1 ? "token scored" : "tokens scored"],
    [rounded(summary.total_bits), "bits"],
    [rounded(summary.bits_per_token, 2), "per token"],
    [rounded(summary.bits_per_byte, 2), "per byte"],
    [rounded(summary.bits_per_word, 2), "per word"],
    [rounded(summary.perplexity), "perplexity"],
  ];
}

/** Why some tokens have no colour. */
export function unscoredWords(summary: Summary, source: Source): string[] {
  const said: string[] = [];
  if (summary.unscored)
    said.push(
      `${summary.unscored === 1 ? "the first token is" : `${grouped(summary.unscored)} tokens are`} not scored: ${source.prefix}`,
    );
  if (summary.not_held) said.push(`${grouped(summary.not_held)} tokens were not read: this trace is a piece`);
  return said;
}

/** A statistic in the few characters that a cell has. */
export function numberWords(number: number | null, unit: string): string {
  if (number === null) return "–";
  if (unit === "rank") return number < 10_000 ? grouped(number) : `${fixed(number / 1000, number < 100_000 ? 1 : 0)}k`;
  if (unit === "ratio") return ratioWords(number);
  if (unit === "probability" && number >= 0) {
    if (number >= 0.995) return number === 1 ? "1" : ".99+";
    return number >= 0.005 || number === 0 ? fixed(number, 2).slice(1) : number.toExponential(0);
  }
  if (!Number.isFinite(number)) return number > 0 ? "∞" : "−∞";
  return Math.abs(number) < 1000 ? fixed(number, unit === "probability" ? 2 : 1) : fixed(number, 0);
}

/** A difference, its sign always said. */
export function changeWords(number: number | null, unit: string): string {
  if (number === null) return "–";
  if (unit === "ratio") return ratioWords(number);
  const digits = fixed(Math.abs(number), unit === "probability" ? 2 : 1);
  if (!Number.isFinite(number)) return number > 0 ? "+∞" : "−∞";
  return Number(digits) === 0 ? `±${digits}` : `${number > 0 ? "+" : "−"}${digits}`;
}

/** A probability as a person says it: percent, and for small ones a chance. */
export function chanceWords(probability: number | null): string {
  if (probability === null) return "–";
  const percent = 100 * probability;
  if (percent >= 99.95) return probability === 1 ? "100%" : ">99.9%";
  if (percent >= 0.1) return `${fixed(percent, percent >= 9.95 ? 1 : 2)}%`;
  if (probability === 0) return "0%";
  const [digits, power] = (1 / probability).toExponential(1).split("e+") as [string, string];
  // Whoever reads twelve zeros counts them; the exponent is what they come to.
  return Number(power) < 9
    ? `1 in ${grouped(Number(`${digits}e${power}`))}`
    : `1 in ${digits}·10${raised(Number(power))}`;
}

function ratioWords(number: number): string {
  if (number === 1) return "same";
  const times = number > 1 ? number : 1 / number;
  return `${number > 1 ? "×" : "÷"}${times < 9.95 ? fixed(times, 1) : grouped(Math.round(times))}`;
}

function rounded(number: number, digits = 1): string {
  if (Number.isNaN(number)) return "–";
  return Number.isFinite(number) ? grouped(number, digits) : "∞";
}
