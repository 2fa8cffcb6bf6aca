// Paints the visible part of a lens grid: cells, the tokens below and above them at 45 degrees, and the stages.
//
// Labels stand fixed at the edges while cells scroll under them. Knows a canvas and a view spec, no events.

import { changeWords, numberWords, type Grid, type GridDifference } from "../view";
import { Fitter, hatch, type Chrome } from "./canvas";

export type GridSpec = Grid | GridDifference;

/** A cell, by its row and column in the spec. */
export interface At {
  readonly row: number;
  readonly column: number;
}

/** Sizes in CSS pixels. */
export interface Layout {
  /** Of the whole canvas, which is the visible part. */
  readonly width: number;
  readonly height: number;
  readonly cellWidth: number;
  readonly cellHeight: number;
  /** Of the stage labels. */
  readonly left: number;
  /** Of the next tokens. */
  readonly top: number;
  /** Of the input tokens. */
  readonly bottom: number;
  /** Past the last column, into which its label leans. */
  readonly right: number;
}

export interface Painting {
  readonly spec: GridSpec;
  readonly layout: Layout;
  readonly scrollLeft: number;
  readonly scrollTop: number;
  readonly outlines: boolean;
  readonly stars: boolean;
  /** What a cell says: the guess, the number, or both where there is room. */
  readonly write: "guess" | "number" | "both";
  readonly hovered: At | null;
  readonly cursor: At | null;
  readonly pinned: At | null;
  readonly focused: boolean;
  readonly chrome: Chrome;
}

const SIZE = 12;
const SMALL = 10;
const SLANT = -Math.PI / 4;
const fitter = new Fitter();

/** Whether a cell is outlined: its guess is the final one, or the same in both grids. */
export function isOutlined(cell: GridSpec["rows"][number]["cells"][number]): boolean {
  return "same" in cell ? cell.same : cell.matches_final;
}

/** Whether a cell was not read yet: neither a number nor a missing one. */
export function isUnread(cell: GridSpec["rows"][number]["cells"][number]): boolean {
  return "unread" in cell;
}

/** The number of a cell, as written. */
export function cellNumber(spec: GridSpec, cell: GridSpec["rows"][number]["cells"][number]): string {
  return spec.view === "grid" ? numberWords(cell.number, spec.legend.unit) : changeWords(cell.number, spec.legend.unit);
}

/** The size of everything around the cells. */
export function layoutOf(
  spec: GridSpec,
  context: CanvasRenderingContext2D,
  chrome: Chrome,
  size: Pick<Layout, "width" | "height" | "cellWidth" | "cellHeight">,
): Layout {
  const widest = (labels: readonly string[]) =>
    Math.max(0, ...[...new Set(labels)].map((label) => context.measureText(label).width));
  context.font = `600 ${SIZE}px ${chrome.sans}`;
  const stages = spec.rows.map((row) => stageLabel(row));
  const left = Math.min(size.width * 0.3, Math.max(widest(stages), context.measureText("input").width) + 16);
  const leaning = (labels: readonly string[]) => Math.min(74, widest(labels) * Math.SQRT1_2 + 16);
  const next = spec.columns.map((column) => `${column.next ?? ""}★`);
  const top = leaning(next);
  return {
    ...size,
    left,
    top,
    bottom: leaning(spec.columns.map((column) => column.input)),
    right: Math.max(0, top - size.cellWidth / 2),
  };
}

function stageLabel(row: GridSpec["rows"][number]): string {
  return "stage_before" in row && row.stage_before !== row.stage ? `${row.stage_before} | ${row.stage}` : row.stage;
}

/** The range of rows and columns that are at least partly visible. */
function visible({ spec, layout, scrollLeft, scrollTop }: Painting) {
  const { cellWidth, cellHeight, width, height, left, top, bottom } = layout;
  return {
    firstColumn: Math.max(0, Math.floor(scrollLeft / cellWidth)),
    lastColumn: Math.min(spec.columns.length - 1, Math.floor((scrollLeft + width - left) / cellWidth)),
    firstRow: Math.max(0, Math.floor(scrollTop / cellHeight)),
    lastRow: Math.min(spec.rows.length - 1, Math.floor((scrollTop + height - top - bottom) / cellHeight)),
  };
}

export function paint(context: CanvasRenderingContext2D, painting: Painting): void {
  const { layout } = painting;
  context.save();
  context.beginPath();
  context.rect(layout.left, layout.top, layout.width - layout.left, layout.height - layout.top - layout.bottom);
  context.clip();
  cells(context, painting);
  context.restore();
  stages(context, painting);
  tokens(context, painting, "next");
  tokens(context, painting, "input");
}

function cells(context: CanvasRenderingContext2D, painting: Painting): void {
  const { spec, layout, chrome, outlines, write, scrollLeft, scrollTop } = painting;
  const { cellWidth, cellHeight } = layout;
  const { firstColumn, lastColumn, firstRow, lastRow } = visible(painting);
  const missing = hatch(context, chrome.muted);
  const font = `${SIZE}px ${chrome.sans}`;
  const small = `${SMALL}px ${chrome.sans}`;
  context.textBaseline = "middle";
  context.textAlign = "center";
  const both = write === "both" && cellHeight >= 30;
  for (let r = firstRow; r <= lastRow; r++)
    for (let c = firstColumn; c <= lastColumn; c++) {
      const cell = spec.rows[r]!.cells[c]!;
      const x = Math.round(layout.left + c * cellWidth - scrollLeft);
      const y = Math.round(layout.top + r * cellHeight - scrollTop);
      const [w, h] = [cellWidth - 1, cellHeight - 1];
      context.fillStyle = cell.place === null ? chrome.panel : cell.colour;
      context.fillRect(x, y, w, h);
      if (isUnread(cell)) {
        context.fillStyle = chrome.hairline;
        context.fillRect(x + w / 2 - 1, y + h / 2 - 1, 2, 2);
        continue;
      }
      if (cell.place === null) {
        context.globalAlpha = 0.35;
        context.fillStyle = missing;
        context.fillRect(x, y, w, h);
        context.globalAlpha = 1;
      }
      const ink = cell.place === null ? chrome.ink : cell.ink;
      if (outlines && isOutlined(cell)) {
        context.strokeStyle = ink;
        context.lineWidth = 1.25;
        context.strokeRect(x + 1.5, y + 1.5, w - 3, h - 3);
      }
      if (cellWidth < 14) continue; // too narrow for a letter: colours alone
      context.fillStyle = ink;
      const number = cellNumber(spec, cell);
      const room = cellWidth - (outlines ? 9 : 5);
      if (both || write !== "number") {
        context.font = font;
        const text = fitter.fit(context, font, cell.text, room);
        if (text) context.fillText(text, x + w / 2, y + h * (both ? 0.34 : 0.5) + 0.5);
      }
      if (both || write === "number") {
        context.font = small;
        const text = fitter.fit(context, small, number, room);
        if (text) context.fillText(text, x + w / 2, y + h * (both ? 0.72 : 0.5) + 0.5);
      }
    }
  const frame = (at: At | null, colour: string, thick: number, around: string) => {
    if (!at) return;
    const x = Math.round(layout.left + at.column * cellWidth - scrollLeft);
    const y = Math.round(layout.top + at.row * cellHeight - scrollTop);
    context.lineWidth = thick + 2;
    context.strokeStyle = around;
    context.strokeRect(x, y, cellWidth - 1, cellHeight - 1);
    context.lineWidth = thick;
    context.strokeStyle = colour;
    context.strokeRect(x, y, cellWidth - 1, cellHeight - 1);
  };
  frame(painting.hovered, chrome.accent, 1, chrome.panel);
  if (painting.focused) frame(painting.cursor, chrome.accent, 2, chrome.panel);
  frame(painting.pinned, chrome.accent, 2.5, chrome.panel);
}

function stages(context: CanvasRenderingContext2D, painting: Painting): void {
  const { spec, layout, chrome, scrollTop, hovered, cursor, focused } = painting;
  const { firstRow, lastRow } = visible(painting);
  // Where cells are low, every so many-th label only.
  const every = Math.max(1, Math.ceil((SIZE + 2) / layout.cellHeight));
  context.save();
  context.beginPath();
  context.rect(0, layout.top, layout.left, layout.height - layout.top - layout.bottom);
  context.clip();
  context.textAlign = "right";
  context.textBaseline = "middle";
  for (let r = firstRow; r <= lastRow; r++) {
    const strong = hovered?.row === r || (focused && cursor?.row === r);
    if (!strong && (spec.top_down ? spec.rows.length - 1 - r : r) % every) continue;
    const font = `${strong ? "600 " : ""}${SIZE}px ${chrome.sans}`;
    context.font = font;
    context.fillStyle = strong ? chrome.ink : chrome.muted;
    const y = layout.top + (r + 0.5) * layout.cellHeight - scrollTop;
    context.fillText(fitter.fit(context, font, stageLabel(spec.rows[r]!), layout.left - 10), layout.left - 7, y);
  }
  context.restore();
}

function tokens(context: CanvasRenderingContext2D, painting: Painting, which: "next" | "input"): void {
  const { spec, layout, chrome, scrollLeft, hovered, cursor, focused, stars } = painting;
  const { firstColumn, lastColumn } = visible(painting);
  const above = which === "next";
  const edge = above ? layout.top - 6 : layout.height - layout.bottom + 8;
  const room = (above ? layout.top : layout.bottom) * Math.SQRT2 - 18;
  const every = Math.max(1, Math.ceil((SIZE + 3) / layout.cellWidth));
  context.textBaseline = "middle";
  context.fillStyle = chrome.muted;
  context.font = `${SMALL}px ${chrome.sans}`;
  context.textAlign = "right";
  context.fillText(which, layout.left - 7, above ? layout.top - 9 : layout.height - layout.bottom + 10);
  context.save();
  context.beginPath();
  // A label leans over its neighbours: above to the right, below to the left.
  context.rect(
    above ? layout.left - 2 : 0,
    above ? 0 : layout.height - layout.bottom,
    layout.width,
    above ? layout.top : layout.bottom,
  );
  context.clip();
  // Labels of columns just outside still reach in.
  const reach = Math.ceil(80 / layout.cellWidth);
  const from = Math.max(0, firstColumn - (above ? reach : 0));
  const to = Math.min(spec.columns.length - 1, lastColumn + (above ? 0 : reach));
  for (let c = from; c <= to; c++) {
    const column = spec.columns[c]!;
    const strong = hovered?.column === c || (focused && cursor?.column === c);
    if (!strong && c % every) continue;
    const right = above && stars && "right" in column && column.right;
    const label = above ? (column.next ?? "") : column.input;
    const font = `${strong || right ? "600 " : ""}${SIZE}px ${chrome.sans}`;
    const x = layout.left + (c + 0.5) * layout.cellWidth - scrollLeft;
    // Input labels end under their column; one that would run into the word "input" is left out.
    if (!above && x < layout.left) continue;
    context.save();
    context.translate(x, edge);
    context.rotate(SLANT);
    context.font = font;
    context.fillStyle = strong ? chrome.accent : right ? chrome.ink : chrome.muted;
    context.textAlign = above ? "left" : "right";
    context.fillText(fitter.fit(context, font, label, room - (right ? 12 : 0)) + (right ? "★" : ""), 0, 0);
    context.restore();
    if (above && "seam" in column && column.seam) {
      context.fillStyle = chrome.ink;
      context.fillRect(Math.round(x - layout.cellWidth / 2), layout.top - 10, 1, 10);
    }
  }
  context.restore();
}
