// What the marks on a canvas have in common: pixels of the screen, colours of the page, texts cut to their room.

import { lettersOf } from "./letters";

/** Prepares a canvas for `width` by `height` CSS pixels at the screen's own resolution. */
export function prepare(canvas: HTMLCanvasElement, width: number, height: number): CanvasRenderingContext2D | null {
  const density = window.devicePixelRatio || 1;
  const [w, h] = [Math.max(1, Math.round(width * density)), Math.max(1, Math.round(height * density))];
  if (canvas.width !== w) canvas.width = w;
  if (canvas.height !== h) canvas.height = h;
  const context = canvas.getContext("2d");
  context?.setTransform(density, 0, 0, density, 0, 0);
  context?.clearRect(0, 0, width, height);
  return context;
}

/** Colours of the page, by their custom properties. */
export interface Chrome {
  readonly paper: string;
  readonly panel: string;
  readonly ink: string;
  readonly muted: string;
  readonly hairline: string;
  readonly accent: string;
  readonly sans: string;
  readonly mono: string;
}

export function chromeOf(element: Element): Chrome {
  const style = getComputedStyle(element);
  const read = (name: string, otherwise: string) => style.getPropertyValue(name).trim() || otherwise;
  return {
    paper: read("--paper", "#fbfaf7"),
    panel: read("--panel", "#ffffff"),
    ink: read("--ink", "#1c1b19"),
    muted: read("--muted", "#6b675f"),
    hairline: read("--hairline", "#e4e0d8"),
    accent: read("--accent", "#2b59c3"),
    sans: read("--sans", "sans-serif"),
    mono: read("--mono", "monospace"),
  };
}

/** Calls back when the page turns light or dark, or moves to a screen of another resolution. */
export function onLook(changed: () => void): () => void {
  const queries = [matchMedia("(prefers-color-scheme: dark)"), matchMedia(`(resolution: ${devicePixelRatio}dppx)`)];
  for (const query of queries) query.addEventListener("change", changed);
  const theme = new MutationObserver(changed);
  theme.observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme", "class", "style"] });
  return () => {
    for (const query of queries) query.removeEventListener("change", changed);
    theme.disconnect();
  };
}

const ELLIPSIS = "…";

/** Cuts texts to a width, and remembers how wide they are. */
export class Fitter {
  readonly #fitted = new Map<string, string>();

  /** The text, or as many of its graphemes as fit with an ellipsis after them. The context's font must be `font`. */
  fit(context: CanvasRenderingContext2D, font: string, text: string, width: number): string {
    const key = `${font}|${Math.floor(width)}|${text}`;
    let fitted = this.#fitted.get(key);
    if (fitted === undefined) {
      fitted = cut(context, text, width);
      if (this.#fitted.size > 20_000) this.#fitted.clear();
      this.#fitted.set(key, fitted);
    }
    return fitted;
  }
}

function cut(context: CanvasRenderingContext2D, text: string, width: number): string {
  if (context.measureText(text).width <= width) return text;
  // A label is short; what is longer than this does not fit anywhere.
  const letters = lettersOf(text.slice(0, 200));
  let [low, high] = [0, letters.length];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (context.measureText(letters.slice(0, middle).join("") + ELLIPSIS).width <= width) low = middle;
    else high = middle - 1;
  }
  return low ? letters.slice(0, low).join("") + ELLIPSIS : "";
}

/** Diagonal lines, for what is missing. */
export function hatch(context: CanvasRenderingContext2D, colour: string): CanvasPattern | string {
  const tile = document.createElement("canvas");
  tile.width = tile.height = 6;
  const pen = tile.getContext("2d");
  if (!pen) return colour;
  pen.strokeStyle = colour;
  pen.lineWidth = 1;
  pen.beginPath();
  for (const [x0, y0, x1, y1] of [
    [-1, 7, 7, -1],
    [-1, 1, 1, -1],
    [5, 7, 7, 5],
  ] as const) {
    pen.moveTo(x0, y0);
    pen.lineTo(x1, y1);
  }
  pen.stroke();
  return context.createPattern(tile, "repeat") ?? colour;
}

/** A third of the way to white. */
export function lighter(colour: string): string {
  const channels = [1, 3, 5].map((i) => parseInt(colour.slice(i, i + 2), 16));
  return `rgb(${channels.map((c) => Math.round(c + (255 - c) / 3)).join(" ")})`;
}
