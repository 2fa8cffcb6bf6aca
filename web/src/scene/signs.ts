// Which words stand where: names of sections and blocks as far as there is room, the tokens above their ids, what the model
// says next below its end, and what the giants are.

import { chanceWords } from "../view";
import type { TermSign } from "./apart";
import type { BlockBox } from "./boxes";
import { bracketsOf } from "./brackets";
import { sizeWords } from "./dimensions";
import { opacityOf, type Frame } from "./frame";
import { end, type Point } from "./geometry";
import { BELOW, IN_PLANE, ON_SCREEN, UPWARDS, type Labels } from "./labels";
import type { Layout } from "./layout";
import { sectionKey } from "./sections";
import type { View } from "./survey";
import type { Ribbons } from "./ribbons";
import { axisColour, type Colour, type Theme } from "./theme";
import type { Giant } from "./giants";
import type { Pointed } from "./renderer";

/** A token that may come next. */
export interface Output {
  readonly id: number;
  /** Ready to be drawn. */
  readonly text: string;
  readonly probability: number;
}

/** What the scene is to say in words. */
export interface Spoken {
  /** The text's tokens, as they are to be read. */
  readonly tokens: readonly string[];
  /** What the model holds likeliest after them. */
  readonly outputs: readonly Output[];
}

/** Pixels of a section's name on the screen. */
const SECTION = 12;
const BLOCK = 11;
/** A picture that is less high has cards of fewer lines. */
const SMALL = 400;
/** Pixels from a block to its brackets. */
const AWAY = 9;
/** A block or section that is narrower on the screen is not named. */
const NARROW = 44;
/** Cells that a sign between terms is high. */
const TERM_SIGN = 0.75;

interface Sign {
  readonly text: string;
  readonly at: Point;
  /** Its least and its opposite corner of the front, to know how large it is on the screen. */
  readonly to: Point;
  readonly order: number;
  readonly id: string;
  readonly section: readonly string[];
  readonly bold: boolean;
  /** Rows of thin blocks that lie just above it, and leave a word no room where they are small. */
  readonly above?: number;
}

export class Signs {
  readonly #layout: Layout;
  readonly #labels: Labels;
  readonly #strokes: Ribbons;
  readonly #signs: readonly Sign[];
  #spoken: Spoken = { tokens: [], outputs: [] };

  constructor(layout: Layout, labels: Labels, strokes: Ribbons) {
    this.#layout = layout;
    this.#labels = labels;
    this.#strokes = strokes;
    const sections = layout.sections.map(({ path, label, origin, size, head }): Sign => ({
      text: label,
      at: { x: origin.x, y: origin.y, z: origin.z + size.z },
      to: { x: origin.x + size.x, y: origin.y + size.y, z: origin.z + size.z },
      order: head === null ? path.length : 4,
      id: sectionKey(path),
      section: path,
      bold: path.length === 1,
    }));
    const strips = layout.boxes.filter(({ strip }) => strip);
    const blocks = layout.boxes.map((box): Sign => ({
      text: box.block.title,
      at: { x: box.origin.x, y: box.origin.y, z: box.origin.z + box.size.z },
      to: { x: box.origin.x + box.size.x, y: box.origin.y + box.size.y, z: box.origin.z + box.size.z },
      order: box.strip ? 9 : 5,
      id: box.block.id,
      section: box.block.section,
      bold: false,
      above: box.strip ? 0 : rowsAbove(box, strips),
    }));
    this.#signs = [...sections, ...blocks].sort((a, b) => a.order - b.order);
  }

  say(spoken: Spoken): void {
    this.#spoken = spoken;
  }

  /** Puts up the words that a view has room for, and the lines that belong to words. */
  place(view: View, theme: Theme, frame: Frame, giants: readonly Giant[], pointed: readonly Pointed[]): void {
    const labels = this.#labels;
    labels.clear();
    this.#strokes.clear();
    const taken: Taken[] = [];
    this.#brackets(view, theme, frame, pointed, taken);
    const named = new Set(pointed.map(({ cell }) => cell.block));
    // A word is not cut by the right edge where there is room to its left.
    const edge = view.picture.width;
    const [ink, muted, paper] = [css(theme.ink), css(theme.muted), css(theme.paper)];
    // What is pointed at is named whatever else there is.
    for (const first of [true, false])
      for (const sign of this.#signs) {
        if (named.has(sign.id) !== first || (sign.id === "ids" && !first)) continue;
        const solid = opacityOf(frame, sign.id, sign.section);
        if (solid < 0.3) continue;
        const size = sign.order < 5 ? SECTION : BLOCK;
        let at = sign.at;
        let from = view.project(at);
        const to = view.project(sign.to);
        if (!from || !to) continue;
        const wide = Math.hypot(to.x - from.x, 0);
        const high = Math.abs(to.y - from.y);
        if (!first && Math.max(wide, high) < NARROW) continue;
        const word = labels.word(
          sign.text,
          2 * size,
          sign.order < 5 && !first ? muted : ink,
          sign.bold || first,
          paper,
        );
        if (!word) continue;
        const height = (word.height / 2) | 0;
        const width = (height * word.width) / word.height;
        if (!first && wide < 0.6 * width && high < 60) continue;
        if (sign.above && view.pixels(from.ahead) < height) {
          at = { ...at, y: at.y - sign.above };
          from = view.project(at) ?? from;
        }
        if (!first && sign.order > 2 && sign.order < 5 && wide < 2 * width) continue;
        // Above its corner; a section's also below it, where the name of what is around it stands above.
        for (const standing of sign.order < 5 ? ([ON_SCREEN, BELOW] as const) : ([ON_SCREEN] as const)) {
          const top = standing === BELOW ? from.y : from.y - height;
          const left = from.x < edge ? Math.min(from.x, edge - width) : from.x;
          const box: Taken = [left, top, left + width, top + height];
          if (box[2] < 0 || box[0] > view.picture.width || box[3] < 0 || box[1] > view.picture.height) continue;
          if (taken.some((other) => clash(other, box))) continue;
          taken.push(box);
          labels.add(word, at.x, at.y, at.z, height, standing, (from.x - left) / width, solid);
          break;
        }
      }
    this.#tokens(theme, frame);
    this.#outputs(theme, frame);
    this.#cards(view, theme, frame.beside === false ? [] : giants);
  }

  /** Between the terms of a sum that is taken apart. */
  between(signs: readonly TermSign[], theme: Theme): void {
    for (const { text, x, y, z, solid } of signs) {
      const word = this.#labels.word(text, 40, css(theme.ink), true);
      // A word hangs above its anchor.
      if (word) this.#labels.add(word, x, y + TERM_SIGN / 2, z, TERM_SIGN, IN_PLANE, 0.5, solid);
    }
  }

  /** What stands here and beside, above each: on the screen, as they are of very different sizes. */
  #cards(view: View, theme: Theme, giants: readonly Giant[]): void {
    if (!giants.length) return;
    const [ink, paper] = [css(theme.ink), css(theme.paper)];
    const small = view.picture.height < SMALL;
    const here = { layout: this.#layout, offset: { x: 0, y: 0, z: 0 }, words: this.#words, shape: null };
    const taken: Taken[] = [];
    for (const { layout, offset, words, shape } of [...[...giants].reverse(), here]) {
      const { origin, size } = layout;
      // Like a flag at the left edge: a line to a higher card, which is further left, passes no lower one.
      const at = { x: origin.x + offset.x, y: origin.y + offset.y, z: origin.z + size.z };
      const seen = view.project(at);
      const lines = small && shape ? [`${shape.name}, shape only`, words[1]!] : words;
      const word = this.#labels.word(lines.join("\n"), small ? 20 : 26, ink, false, paper);
      const most = view.picture.width;
      if (!seen || !word || seen.x < 0 || seen.x > most) continue;
      const [width, height] = [word.width / 2, word.height / 2];
      const left = Math.max(0, Math.min(seen.x, most - width));
      let lift = 8;
      const place = (): Taken => [left, seen.y - lift - height, left + width, seen.y - lift];
      // Cards that would lie on each other, or on the line to another, stand above it.
      while (taken.some((other) => clash(other, place()))) lift += 8;
      taken.push(place(), [seen.x - 3, seen.y - lift - height, seen.x + 3, seen.y]);
      this.#labels.add(word, at.x, at.y, at.z, height, ON_SCREEN, (seen.x - left) / width, 1, lift);
      const pole = left < seen.x ? lift : lift + height;
      this.#strokes.add(at, view.above(at, seen.ahead, pole), theme.muted, 0.9, true);
    }
  }

  /** How many cells there are along the sides of what is measured. */
  #brackets(view: View, theme: Theme, frame: Frame, pointed: readonly Pointed[], taken: Taken[]): void {
    const told = (frame.brackets ?? []).map((one) => ({ ...one, index: null }));
    const asked = [...told, ...pointed.map(({ cell }) => ({ ...cell, axis: null }))];
    const seen = new Set<string>();
    const inside = (point: Point) => {
      const at = view.project(point);
      return at && at.x > 0 && at.y > 0 && at.x < view.picture.width && at.y < view.picture.height;
    };
    for (const { block, axis, index } of asked) {
      const box = this.#layout.byId.get(block);
      if (!box || opacityOf(frame, block, box.block.section) < 0.3) continue;
      const front = view.project({ x: box.origin.x, y: end(box).y, z: end(box).z });
      if (!front) continue;
      const slab = index && box.axes.z !== null ? index[box.axes.z] : 0;
      for (const bracket of bracketsOf(box, axis, AWAY / view.pixels(front.ahead), slab)) {
        const name = `${block} ${bracket.axis}`;
        const [whole] = bracket.line;
        // Beside what is pointed at, only what can be seen from end to end.
        if (seen.has(name) || (index && !(inside(whole!.from) && inside(whole!.to)))) continue;
        seen.add(name);
        const colour = axisColour(theme, bracket.axis);
        for (const { from, to } of bracket.line) this.#strokes.add(from, to, colour, 1, true);
        const text = sizeWords(bracket.axis, bracket.size);
        const word = this.#labels.word(text, 2 * BLOCK, css(colour), true, css(theme.paper));
        const { x, y, z } = bracket.words;
        const at = view.project(bracket.words);
        if (!word || !at) continue;
        const height = (word.height / 2) | 0;
        const width = (height * word.width) / word.height;
        const left = Math.min(at.x - bracket.anchor * width, view.picture.width - width);
        const anchor = (at.x - left) / width;
        const below = bracket.side === "x";
        const top = below ? at.y : at.y - height / 2;
        taken.push([left, top, left + width, top + height]);
        this.#labels.add(word, x, y, z, height, below ? BELOW : ON_SCREEN, anchor, 1, below ? 0 : -height / 2);
      }
    }
  }

  get #words(): string[] {
    const n = this.#layout.graph.sizes["n_parameters"];
    return ["this model", n === undefined ? "" : `${n.toLocaleString("en")} parameters`];
  }

  #tokens(theme: Theme, frame: Frame): void {
    const { tokens } = this.#spoken;
    const box = this.#layout.byId.get("ids") ?? this.#layout.boxes.find(({ block }) => block.kind === "input");
    if (!box || box.axes.x === null) return;
    const solid = opacityOf(frame, box.block.id, box.block.section);
    const long = tokens.some((text) => text.length > 2);
    const ink = css(theme.ink);
    const z = box.origin.z + box.size.z;
    tokens.forEach((text, i) => {
      const word = this.#labels.word(text, tokens.length > 200 ? 24 : 40, ink);
      if (!word) return;
      const x = box.origin.x + i + 0.5;
      if (long) this.#labels.add(word, x, box.origin.y - 0.4, z, 0.95, UPWARDS, 0, solid);
      else this.#labels.add(word, x, box.origin.y - 0.25, z, 1.15, IN_PLANE, 0.5, solid);
    });
  }

  /** Below the last block, under its last position. */
  #outputs(theme: Theme, frame: Frame): void {
    const { outputs } = this.#spoken;
    const box = this.#layout.boxes.at(-1);
    if (!box || !outputs.length) return;
    const solid = opacityOf(frame, box.block.id, box.block.section);
    const along = box.axes.x !== null && box.block.axes[box.axes.x]!.name === "position";
    const height = Math.min(2, Math.max(1.2, 0.3 * this.#layout.gap));
    // Below the likeliest's own column, or below the last position.
    const [likeliest] = outputs;
    const x = box.origin.x + (along ? box.size.x - 0.5 : Math.min(likeliest!.id, box.size.x - 1));
    outputs.forEach(({ text, probability }, i) => {
      const word = this.#labels.word(`${text}  ${chanceWords(probability)}`, 40, css(i ? theme.muted : theme.ink), !i);
      const y = end(box).y + 0.5 + (i + 1.05) * height * 1.15;
      if (word) this.#labels.add(word, x, y, box.origin.z + box.size.z, height, IN_PLANE, 0, solid);
    });
  }
}

/** How far the thin blocks reach up that lie above a block, one above the other. */
function rowsAbove(box: BlockBox, strips: readonly BlockBox[]): number {
  let top = box.origin.y;
  const over = (strip: BlockBox) => strip.origin.x < end(box).x && box.origin.x < end(strip).x;
  for (;;) {
    const next = strips.find((one) => over(one) && end(one).y <= top && top - end(one).y <= 1);
    if (!next) return box.origin.y - top;
    top = next.origin.y;
  }
}

type Taken = readonly [left: number, top: number, right: number, bottom: number];

function clash(a: Taken, b: Taken): boolean {
  return a[0] < b[2] + 4 && b[0] < a[2] + 4 && a[1] < b[3] && b[1] < a[3];
}

function css([red, green, blue]: Colour): string {
  return `rgb(${Math.round(255 * red)} ${Math.round(255 * green)} ${Math.round(255 * blue)})`;
}
