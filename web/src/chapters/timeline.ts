// A chapter in time: its steps one after the other, and the frame at every moment. Keeps nothing from moment to moment.
//
// What is there at a moment follows from the steps before it, worked out once; so playing, scrubbing back and jumping all
// give the same frame.

import {
  around,
  between,
  cellBox,
  clamped,
  eased,
  frameOf,
  lookedAt,
  meetingBox,
  poseAround,
  poseOf,
  sectionKey,
  WHOLE,
  type Apart,
  type Box,
  type BracketRef,
  type CellArrow,
  type CellRef,
  type Frame,
  type Layout,
  type LitCell,
  type LitRange,
  type Look,
  type Point,
  type Pose,
} from "../scene";
import { flight } from "../scene/camera";
import { centre } from "../scene/geometry";
import { keyHeadOf, type Context } from "./context";
import type { Numbers } from "./numbers";
import { cell, computing } from "./shots";
import type { Paragraph } from "./words";

/** What is lit at a moment. */
export interface Lit {
  readonly cells?: readonly LitCell[];
  readonly ranges?: readonly LitRange[];
  readonly arrows?: readonly CellArrow[];
  readonly apart?: Apart;
  readonly caption?: string;
  readonly brackets?: readonly BracketRef[];
}

/** A block that is computed. */
export interface Computed {
  readonly block: string;
  /** Up to which part of its columns; all of them where nothing is said. */
  readonly to?: number;
}

/** A look at some cells, and at the room in which sums of theirs are taken apart. */
export interface Close {
  readonly cells: readonly LitRange[];
  readonly sums?: readonly CellRef[];
}

/** One movement: fly, then act. */
export interface Step {
  /** What happens, for ticks, captions and those who cannot see it. */
  readonly title: string;
  readonly seconds: number;
  /** What is looked at in the end; where nothing is said, what was. */
  readonly look?: Partial<Omit<Look, "look">> & (Pick<Look, "look"> | Close | { readonly box: Box });
  /** What stays solid: block ids and section keys; all others fade. `all` lets everything be solid again. */
  readonly show?: readonly string[] | "all";
  /** What is computed in this step, one after the other; before it, it is not there. */
  readonly computes?: readonly Computed[];
  /** @param t from 0 to 1, after the flight. */
  readonly lit?: (t: number) => Lit;
  /** Known models stand beside, as shapes. */
  readonly beside?: boolean;
}

export interface Passage {
  /** Within its chapter. */
  readonly id: string;
  readonly title: string;
  readonly words: (numbers: Numbers) => readonly Paragraph[];
  readonly steps: readonly Step[];
}

export interface Chapter {
  /** In addresses. */
  readonly id: string;
  readonly group: string;
  readonly title: (context: Context) => string;
  readonly passages: (context: Context) => readonly Passage[];
}

/** A passage with its place in time, in seconds from the chapter's start. */
export interface Span {
  readonly passage: Passage;
  readonly start: number;
  readonly end: number;
  /** Where its steps end. */
  readonly ticks: readonly number[];
}

/** How solid what is not spoken of stays. */
const FADED = 0.07;
/** How many times as wide as high something is looked at, and how high it is at least taken to be, in cells. */
const WIDEST = 5;
const LOWEST = 16;

/** From where the guide sets out. */
const FAR: Look = { look: [], yaw: -50, pitch: 20, zoom: 0.5 };

/** Where the camera is and what is there between two steps. */
interface State {
  readonly pose: Pose;
  readonly opacity: Frame["opacity"];
  /** By block: how much of it is computed. */
  readonly reveal: Frame["reveal"];
  /** The cell that is spoken of where a step lights none. */
  readonly spoken: CellRef | null;
}

interface Placed {
  readonly step: Step;
  readonly start: number;
  readonly end: number;
  readonly before: State;
  readonly after: State;
}

export class Timeline {
  readonly id: string;
  readonly title: string;
  readonly group: string;
  readonly spans: readonly Span[];
  readonly seconds: number;
  readonly #context: Context;
  readonly #steps: readonly Placed[];

  /** @param from where the chapter before it left the camera; null for the first. */
  constructor(chapter: Chapter, context: Context, from: Timeline | null) {
    this.id = chapter.id;
    this.group = chapter.group;
    this.title = chapter.title(context);
    this.#context = context;
    const passages = chapter.passages(context);
    const all = passages.flatMap((passage) => passage.steps);
    let state: State = {
      pose: from ? from.end.pose : poseOf(FAR, context.layout, context.aspect),
      opacity: from ? from.end.opacity : {},
      // What this chapter computes is not there before it does.
      reveal: Object.fromEntries(all.flatMap((step) => (step.computes ?? []).map(({ block }) => [block, 0]))),
      spoken: null,
    };
    const spans: Span[] = [];
    const steps: Placed[] = [];
    let now = 0;
    for (const passage of passages) {
      const start = now;
      const ticks: number[] = [];
      for (const step of passage.steps) {
        const after = reached(step, state, context);
        // Whole milliseconds: moments are written into addresses and compared.
        const end = Math.round(1000 * (now + step.seconds)) / 1000;
        steps.push({ step, start: now, end, before: state, after });
        state = after;
        now = end;
        ticks.push(now);
      }
      spans.push({ passage, start, end: now, ticks });
    }
    this.spans = spans;
    this.seconds = now;
    this.#steps = steps;
  }

  /** What is left when the chapter has ended. */
  get end(): State {
    return this.#steps.at(-1)!.after;
  }

  /** Which passage a moment belongs to; where one ends, the one that ends. */
  passageAt(seconds: number): number {
    const found = this.spans.findIndex((span) => seconds <= span.end);
    return found < 0 ? this.spans.length - 1 : found;
  }

  /** What happens at a moment, in words. */
  titleAt(seconds: number): string {
    return this.#at(seconds).step.title;
  }

  /** @param seconds from the chapter's start; moments before and after it are its ends. */
  frame(seconds: number): Frame {
    const { step, start, end, before, after } = this.#at(seconds);
    const passed = Math.min(end, Math.max(start, seconds)) - start;
    const fly = step.look || step.show ? Math.min(flight(before.pose, after.pose).seconds, (end - start) / 2) : 0;
    const flown = fly ? eased(passed / fly) : 1;
    const wait = 0.6 * fly;
    const t = clamped((passed - wait) / (end - start - wait));
    const { layout, aspect } = this.#context;
    const [from, to] = [frameOf(cameraOf(before)), frameOf(cameraOf(after))];
    const moved = between(from, to, flown, layout, aspect);
    const run = running(step, before.reveal, t, this.#context);
    const lit: Lit = { caption: step.title, ...run.lit, ...step.lit?.(t) };
    return {
      camera: arched(before.pose, after.pose, moved.camera as Pose, flown),
      opacity: moved.opacity,
      reveal: { ...before.reveal, ...run.reveal },
      cells: lit.cells ?? [],
      ranges: lit.ranges ?? [],
      arrows: lit.arrows ?? [],
      ...(lit.apart ? { apart: lit.apart } : {}),
      ...(lit.caption ? { caption: lit.caption } : {}),
      ...(lit.brackets ? { brackets: lit.brackets } : {}),
      beside: Boolean(step.beside),
      ...(after.spoken ? { spoken: after.spoken } : {}),
    };
  }

  #at(seconds: number): Placed {
    return this.#steps.find((placed) => seconds <= placed.end) ?? this.#steps.at(-1)!;
  }
}

/** All chapters in time, each going on where the one before it ended. */
export function timelinesOf(chapters: readonly Chapter[], context: Context): Timeline[] {
  const found: Timeline[] = [];
  for (const chapter of chapters) found.push(new Timeline(chapter, context, found.at(-1) ?? null));
  return found;
}

function cameraOf({ pose, opacity }: State): Partial<Frame> {
  return { camera: pose, opacity };
}

/** A pose on the way to a place that is far off: further back, so that what is passed does not rush by. */
function arched(from: Pose, to: Pose, pose: Pose, t: number): Pose {
  const { x, y, z } = from.centre;
  const far = Math.hypot(to.centre.x - x, to.centre.y - y, to.centre.z - z) / Math.max(from.span, to.span);
  const back = Math.min(3, far / 4);
  return t <= 0 || t >= 1 ? pose : { ...pose, span: pose.span * (1 + 4 * back * t * (1 - t)) };
}

function reached(step: Step, before: State, context: Context): State {
  const { parts } = context;
  const shown = step.show === "all" ? {} : step.show && faded(parts.sections, step.show);
  const reveal = { ...before.reveal };
  for (const { block, to = 1 } of step.computes ?? []) reveal[block] = to;
  return {
    pose: step.look ? posed(step.look, context) : before.pose,
    opacity: shown ?? before.opacity,
    reveal,
    spoken: spokenOf(step, context) ?? before.spoken,
  };
}

/** What a step computes last, or looks at or shows first, where the guide follows it; of a section, what it ends with. */
function spokenOf({ computes, look, show }: Step, context: Context): CellRef | null {
  const { byId, sections } = context.layout;
  const close = look && "cells" in look ? look : null;
  if (close?.sums?.[0]) return close.sums[0];
  const computed = (computes ?? []).map(({ block }) => block).reverse();
  const looked = look && "look" in look ? look.look : (close?.cells.map(({ block }) => block) ?? []);
  const shown = show === "all" ? [] : (show ?? []);
  for (const name of [...computed, ...looked, ...shown]) {
    const blocks = sections.find(({ path, head }) => head === null && sectionKey(path) === name)?.blocks;
    const last = blocks?.findLast((id) => byId.get(id)!.block.kind === "value");
    const box = byId.get(name) ?? byId.get(last ?? "");
    if (!box) continue;
    const { position, head } = context.followed;
    const alone = !box.block.axes.some((axis) => axis.name === "position");
    const at = { position, head, key_head: keyHeadOf(context), key: alone ? position : 0 };
    return cell(context, box.block.id, at);
  }
  return null;
}

function posed(look: NonNullable<Step["look"]>, { layout, ids, aspect }: Context): Pose {
  const from = { ...(WHOLE.camera as Look), ...look };
  if ("cells" in look) {
    const cells = look.cells.flatMap(({ block, from: first, to }) => {
      const box = layout.byId.get(block)!;
      return [first, to.map((end) => end - 1)].map((index) => cellBox(box, index));
    });
    const rooms = (look.sums ?? []).flatMap((sum) => meetingBox(layout, ids, sum) ?? []);
    return poseAround(around([...cells, ...rooms]), from, aspect);
  }
  if ("box" in look) return poseAround(look.box, from, aspect);
  if (!from.look.length) return poseOf(from, layout, aspect);
  return poseAround(near(lookedAt(layout, from.look), layout), from, aspect);
}

/** Of what is so wide that its rows would be threads in the picture, the part that is next to the stream. */
function near(box: Box, { stream, byId }: Layout): Box {
  const most = WIDEST * Math.max(box.size.y, LOWEST);
  if (box.size.x <= most) return box;
  const [middle, last] = [centre(box), box.origin.x + box.size.x - most];
  const beside = stream
    .map((id) => centre(byId.get(id)!))
    .reduce((best, one) => (apart(one, middle, box) < apart(best, middle, box) ? one : best));
  const from = Math.min(last, Math.max(box.origin.x, beside.x - most / 2));
  return { origin: { ...box.origin, x: from }, size: { ...box.size, x: most } };
}

/** How far a point is from a box to the side, and from its middle in height. */
function apart(point: Point, middle: Point, { origin, size }: Box): number {
  const aside = Math.max(0, origin.x - point.x, point.x - origin.x - size.x);
  return Math.abs(point.y - middle.y) + aside;
}

function faded(sections: readonly string[], shown: readonly string[]): Record<string, number> {
  return {
    ...Object.fromEntries(sections.map((section) => [sectionKey([section]), FADED])),
    ...Object.fromEntries(shown.map((name) => [name, 1])),
  };
}

/** Blocks computed one after the other: how far each is, and what the cell that is being computed reads. */
function running(
  step: Step,
  before: Frame["reveal"],
  t: number,
  context: Context,
): { reveal: Record<string, number>; lit: Lit } {
  const reveal: Record<string, number> = {};
  const { computes } = step;
  if (!computes?.length) return { reveal, lit: {} };
  // Larger blocks take longer, but not as much longer as they are larger.
  const weights = computes.map(({ block, to = 1 }) => {
    const { shape } = context.layout.byId.get(block)!;
    return shape.reduce((size, n) => size * n, 1) ** 0.25 * (0.3 + Math.abs(to - (before[block] ?? 0)));
  });
  const whole = weights.reduce((sum, weight) => sum + weight, 0);
  let passed = 0;
  let lit: Lit = {};
  computes.forEach(({ block, to = 1 }, i) => {
    const share = weights[i]! / whole;
    const own = clamped((t - passed) / share);
    const from = before[block] ?? 0;
    reveal[block] = own >= 1 ? to : from + (to - from) * own;
    if (own > 0 && own < 1) lit = computing(context, block, reveal[block]!, context.followed.head);
    passed += share;
  });
  return { reveal, lit };
}
