// The clock of the guide: what plays, where it stops to be read, and what the keys do. Pure: states in, states out.

/** A chapter to the clock: moments in seconds from its start, ascending. */
export interface Plan {
  readonly id: string;
  readonly seconds: number;
  /** Where its passages begin and end. */
  readonly starts: readonly number[];
  readonly stops: readonly number[];
  /** Where its steps end; the last of each passage is one of `stops`. */
  readonly steps: readonly number[];
}

export interface Playing {
  readonly chapter: number;
  readonly seconds: number;
  readonly playing: boolean;
  /** How many times as fast: more than 1 while the rest of a passage is skipped. */
  readonly rate: number;
  /** Steps without flights: nothing runs, and keys go from step to step. */
  readonly reduced: boolean;
}

export const START: Playing = { chapter: 0, seconds: 0, playing: false, rate: 1, reduced: false };

/** In which the rest of a passage passes when it is skipped. */
const SKIP = 0.5;
/** Moments this near are the same: clocks add up small numbers. */
const NEAR = 1e-6;

/** The next moment of a list after one; null after the last. */
function next(moments: readonly number[], seconds: number): number | null {
  return moments.find((moment) => moment > seconds + NEAR) ?? null;
}

export function isAtEnd(state: Playing, plans: readonly Plan[]): boolean {
  return next(plans[state.chapter]!.stops, state.seconds) === null;
}

/** Whether there is nothing more: the end of the last chapter. */
export function isOver(state: Playing, plans: readonly Plan[]): boolean {
  return state.chapter === plans.length - 1 && isAtEnd(state, plans);
}

/** Space: plays, pauses, continues; at a chapter's end, goes on to the next. */
export function toggled(state: Playing, plans: readonly Plan[]): Playing {
  if (state.playing) return { ...state, playing: false, rate: 1 };
  if (isOver(state, plans)) return state;
  if (isAtEnd(state, plans)) return opened(state, plans, state.chapter + 1);
  return going(state, plans);
}

/** Backspace: the chapter again from its start. */
export function replayed(state: Playing, plans: readonly Plan[]): Playing {
  return opened(state, plans, state.chapter);
}

/** A chapter from its start, playing. */
export function opened(state: Playing, plans: readonly Plan[], chapter: number): Playing {
  const to = Math.min(plans.length - 1, Math.max(0, chapter));
  return going({ ...state, chapter: to, seconds: 0, rate: 1 }, plans);
}

/** One passage from its start; its own button pauses it, and goes on with it. */
export function played(state: Playing, plans: readonly Plan[], passage: number): Playing {
  const { starts, stops } = plans[state.chapter]!;
  const [start, stop] = [starts[passage]!, stops[passage]!];
  const within = state.seconds > start + NEAR && state.seconds < stop - NEAR;
  if (within && state.playing) return { ...state, playing: false, rate: 1 };
  return going(within ? state : { ...state, seconds: start, rate: 1 }, plans);
}

/** A scrubber was drawn to a moment. */
export function sought(state: Playing, plans: readonly Plan[], seconds: number): Playing {
  const plan = plans[state.chapter]!;
  const within = Math.min(plan.seconds, Math.max(0, seconds));
  return { ...state, seconds: state.reduced ? nearest(plan, within) : within, playing: false, rate: 1 };
}

/** The rest of the passage at once, without leaving anything out. */
export function skipped(state: Playing, plans: readonly Plan[]): Playing {
  if (state.reduced || isAtEnd(state, plans)) return toggled({ ...state, playing: false }, plans);
  const rest = next(plans[state.chapter]!.stops, state.seconds)! - state.seconds;
  return { ...state, playing: true, rate: Math.max(1, rest / SKIP) };
}

/** Time passes. */
export function ticked(state: Playing, plans: readonly Plan[], elapsed: number): Playing {
  if (!state.playing) return state;
  const stop = next(plans[state.chapter]!.stops, state.seconds);
  if (stop === null) return { ...state, playing: false, rate: 1 };
  const seconds = state.seconds + elapsed * state.rate;
  if (seconds < stop) return { ...state, seconds };
  return { ...state, seconds: stop, playing: false, rate: 1 };
}

/** Playing on; where motion is unwelcome, at the end of the next step instead. */
function going(state: Playing, plans: readonly Plan[]): Playing {
  if (!state.reduced) return { ...state, playing: true };
  const step = next(plans[state.chapter]!.steps, state.seconds);
  return { ...state, seconds: step ?? state.seconds, playing: false };
}

/** The end of the step that a moment is in. */
function nearest(plan: Plan, seconds: number): number {
  return seconds <= NEAR ? 0 : (plan.steps.find((end) => end >= seconds - NEAR) ?? plan.seconds);
}
