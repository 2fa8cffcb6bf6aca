// Where the reader is in the guide, and what is known for its words. Draws nothing; knows no scene and no address.

import { isAbort, type Engine, type Graph, type ModelCard, type Run } from "../../engine";
import {
  CHAPTERS,
  contextOf,
  GuideError,
  largest,
  momentFrom,
  momentText,
  opened,
  RunNumbers,
  START,
  ticked,
  timelinesOf,
  type Context,
  type Followed,
  type Plan,
  type Playing,
  type Timeline,
} from "../../chapters";
import type { Giant, Layout } from "../../scene";
import { Run as Reading } from "../run.svelte";

/** A run, and where everything in it is. */
export interface Shown {
  readonly engine: Engine;
  readonly model: ModelCard;
  readonly graph: Graph;
  readonly run: Run;
  readonly layout: Layout;
}

/** A chapter laid out for the clock. */
export function planOf({ id, seconds, spans }: Timeline): Plan {
  return {
    id,
    seconds,
    starts: spans.map((span) => span.start),
    stops: spans.map((span) => span.end),
    steps: spans.flatMap((span) => span.ticks),
  };
}

/** Tokens of a text that the lens reads at every stage; of a longer one it reads the followed token alone. */
const SHORT = 128;

/** A slow picture may not carry the clock away. */
const LONGEST = 0.1;

export class Guided {
  playing = $state.raw<Playing>(START);
  chosen = $state.raw<Partial<Followed>>({});
  aspect = $state.raw(1.5);
  /** The likeliest token after the text, at which the last chapters look; null while it is not known. */
  likeliest = $state.raw<number | null>(null);
  /** Known models that stand beside, for the chapter that goes there. */
  giants = $state.raw<readonly Giant[]>([]);
  /** Counts what has come, for words that are written again with it. */
  news = $state(0);
  trouble = $state("");

  /** Why there is no guide; empty where there is one. */
  readonly refusal: string = $derived.by(() => this.#told.refusal);
  readonly context: Context | null = $derived.by(() => this.#told.context);
  readonly timelines: readonly Timeline[] = $derived(this.context ? timelinesOf(CHAPTERS, this.context) : []);
  readonly plans: readonly Plan[] = $derived(this.timelines.map(planOf));
  readonly timeline: Timeline | null = $derived(this.timelines[this.playing.chapter] ?? null);
  numbers: RunNumbers;

  #shown: Shown;
  readonly #told: { context: Context | null; refusal: string } = $derived.by(() => this.#tell());
  readonly #lens: Reading;
  #clock = 0;
  #last = 0;

  constructor(shown: Shown) {
    this.#shown = $state.raw(shown);
    this.numbers = $state.raw(this.#numbersOf(shown));
    this.#lens = new Reading(shown.engine, "guide");
    this.#foretell();
  }

  /** What is shown from now on: another text, or the same again. */
  show(shown: Shown): void {
    if (shown.run.run === this.#shown.run.run && shown.graph === this.#shown.graph) return;
    this.numbers.close();
    this.#lens.ask(null);
    this.#shown = shown;
    this.trouble = "";
    this.numbers = this.#numbersOf(shown);
    this.likeliest = null;
    this.#foretell();
    const most = this.plans[this.playing.chapter]?.seconds ?? 0;
    if (this.playing.seconds > most) this.playing = { ...this.playing, seconds: most };
  }

  /** The moment as the address has it. */
  get moment(): string {
    const { chapter, seconds } = this.playing;
    return momentText({ chapter: CHAPTERS[chapter]!.id, seconds, followed: this.chosen });
  }

  /** Goes where an address says. */
  goTo(text: string): void {
    const { chapter, seconds, followed } = momentFrom(text);
    const found = Math.max(
      0,
      CHAPTERS.findIndex(({ id }) => id === chapter),
    );
    this.chosen = followed;
    this.stop();
    const most = this.plans[found]?.seconds ?? 0;
    this.playing = { ...this.playing, chapter: found, seconds: Math.min(most, seconds), playing: false, rate: 1 };
  }

  /** What is followed instead, from now on. */
  follow(change: Partial<Followed>): void {
    if (!this.context) return;
    const { seconds, chapter } = this.playing;
    // How long a step takes may depend on what is followed: the same part of the chapter is shown.
    const part = seconds / (this.plans[chapter]!.seconds || 1);
    this.chosen = { ...this.context.followed, ...change };
    const whole = this.plans[chapter]!.seconds;
    this.playing = { ...this.playing, seconds: part * whole };
    this.#read();
  }

  /** A new state of the clock, by a key or a button. */
  set(next: Playing): void {
    this.playing = next;
    if (next.playing) this.#run();
    else this.stop();
  }

  open(chapter: number): void {
    this.set(opened(this.playing, this.plans, chapter));
  }

  stop(): void {
    cancelAnimationFrame(this.#clock);
    this.#clock = 0;
    if (this.playing.playing) this.playing = { ...this.playing, playing: false, rate: 1 };
  }

  close(): void {
    this.stop();
    this.numbers.close();
    this.#lens.withdraw();
  }

  /** Hands the words what the lens has read, once it is all there. */
  settle(): void {
    const { trace, status } = this.#lens;
    if (status.kind === "refused" || status.kind === "gone") this.trouble = status.message;
    this.numbers.readings = status.kind === "done" ? trace : null;
    this.news += 1;
  }

  /** The numbers, for what is drawn with them and drawn again with news. */
  get known(): RunNumbers {
    void this.news;
    return this.numbers;
  }

  get reading(): unknown {
    return this.#lens.status;
  }

  #read(): void {
    if (!this.numbers.wantsTrace || !this.context) return;
    const { model, run } = this.#shown;
    const { position } = this.context.followed;
    this.#lens.ask({
      model: run.model,
      ids: [...run.text.ids],
      subblocks: Boolean(model.has_subblocks),
      top_k: Math.min(5, model.n_vocab ?? 5),
      ...(run.n_positions > SHORT ? { positions: [position] } : {}),
    });
  }

  #foretell(): void {
    if (this.likeliest !== null || !this.context) return;
    const { parts, ids } = this.context;
    this.likeliest = largest(this.numbers.row(parts.probabilities, ids.length - 1));
  }

  #numbersOf({ engine, run, graph, layout }: Shown): RunNumbers {
    const news = () => {
      this.news += 1;
      this.#read();
      this.#foretell();
    };
    return new RunNumbers(engine, run, { graph, layout }, news, (error) => {
      if (!isAbort(error)) this.trouble = error instanceof Error ? error.message : String(error);
    });
  }

  #tell(): { context: Context | null; refusal: string } {
    const { graph, run, layout } = this.#shown;
    const { ids, tokens } = run.text;
    try {
      const read = { model: run.model, graph, layout, ids, tokens };
      return { context: contextOf(read, this.chosen, this.aspect, this.likeliest ?? 0, this.giants), refusal: "" };
    } catch (error) {
      if (!(error instanceof GuideError)) throw error;
      return { context: null, refusal: error.message };
    }
  }

  #run(): void {
    if (this.#clock) return;
    this.#last = performance.now();
    const beat = (now: number) => {
      const elapsed = Math.min(LONGEST, Math.max(0, now - this.#last) / 1000);
      this.#last = now;
      this.playing = ticked(this.playing, this.plans, elapsed);
      this.#clock = this.playing.playing ? requestAnimationFrame(beat) : 0;
    };
    this.#clock = requestAnimationFrame(beat);
  }
}
