// As what the text is drawn: what its tokens are coloured by, per what, where in the model, on which axis. What the
// address says counts as far as the trace has it.

import type { TextRun } from "../../marks/TextRuns.svelte";
import { within, type Brush } from "../../marks/brush";
import { likelihood, READINGS, readable, UNITS } from "../../view";
import type { By, Likelihood, ReadingName, ScaleName } from "../../view";
import type { ViewProps } from "../views";

export class Drawn {
  /** What the text can be coloured by. A model can be asked for all; a page that holds a trace has what is in it. */
  readonly offered: readonly ReadingName[] = $derived.by(() => {
    const { trace, model } = this.#props();
    return READINGS.filter((name) => model.can.includes("tokenise") || !trace || readable(trace, name));
  });
  readonly value: ReadingName = $derived.by(
    () => this.offered.find((name) => name === this.#settings.value) ?? "surprisal_bits",
  );
  readonly by: By = $derived.by(() => UNITS.find((unit) => unit === this.#settings.by) ?? "token");
  readonly scale: ScaleName = $derived.by(() =>
    this.#settings.scale === "relative" && this.value === "surprisal_bits" ? "relative" : "bits",
  );
  /** The stage that it is read at, by its name; the last one as -1. */
  readonly stage: string | -1 = $derived.by(() => {
    const { place, trace } = this.#props();
    return place.stage !== null && trace?.stages.includes(place.stage) ? place.stage : -1;
  });
  readonly marks: "none" | "breaks" | "all" = $derived.by(() => {
    const { marks } = this.#settings;
    return marks === "all" || marks === "none" ? marks : "breaks";
  });
  /** The stretch of the legend that is shown. */
  readonly brush: Brush | null = $derived.by(() => brushIn(this.#settings.brush));
  /** Which runs stand back. */
  readonly dimmed: ((run: TextRun) => boolean) | null = $derived.by(() => {
    const stretch = this.brush;
    return stretch ? (run: TextRun) => !within(run.place, stretch) : null;
  });
  /** Null before anything was read. */
  readonly spec: Likelihood | null = $derived.by(() => this.#per(this.by));
  /** The same, token by token. */
  readonly tokens: Likelihood | null = $derived.by(() => (this.by === "token" ? this.spec : this.#per("token")));

  readonly #props: () => ViewProps;
  readonly #settings = $derived.by(() => this.#props().place.settings);

  constructor(props: () => ViewProps) {
    this.#props = props;
  }

  #per(by: By): Likelihood | null {
    const { trace } = this.#props();
    const { value, scale, stage } = this;
    return trace ? likelihood(trace, { value, by, scale, stage }) : null;
  }
}

/** A stretch of the legend as the address says it. */
export function brushSaid(stretch: Brush | null): string {
  return stretch ? stretch.map((end) => Number(end.toFixed(4))).join(":") : "";
}

function brushIn(said: string): Brush | null {
  const [low, high] = said.split(":").map(Number);
  return low !== undefined && high !== undefined && 0 <= low && low < high && high <= 1 ? [low, high] : null;
}
