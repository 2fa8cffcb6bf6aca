// Words as plain data: text with words that name parts of the model, numbers of the run, and tokens. Knows no page.

import type { CellRef } from "../scene";
import { fixed, grouped, raised } from "../view";

/** What a word points at in the scene. */
export interface Target {
  /** Blocks that light up; the word glows while one of them is pointed at. */
  readonly blocks: readonly string[];
  /** Only a line of cells along this axis is lit. */
  readonly axis: string | null;
  /** Only this cell is lit, and opened by a click. */
  readonly cell: CellRef | null;
  /** What is computed at this position is lit, wherever it is in the picture. */
  readonly position?: number;
}

export type Piece =
  | string
  /** Leads to a part of the scene. */
  | { readonly kind: "link"; readonly text: string; readonly target: Target }
  /** A number of the run; null while it is not here yet. */
  | { readonly kind: "number"; readonly text: string | null; readonly cell: CellRef | null }
  /** A token, ready to be drawn: of the text at some position, or of the vocabulary. */
  | { readonly kind: "token"; readonly text: string | null; readonly target: Target | null }
  /** A word that is used from here on. */
  | { readonly kind: "term"; readonly text: string }
  | { readonly kind: "key"; readonly text: string };

/** Instruments that stand between paragraphs; the page draws them. */
export type Widget = "tokens" | "sizes" | "lookup" | "attention" | "activation" | "softmax" | "sampling" | "lens";

export type Paragraph =
  | { readonly kind: "words"; readonly pieces: readonly Piece[] }
  | { readonly kind: "formula"; readonly pieces: readonly Piece[] }
  | { readonly kind: "list"; readonly items: readonly (readonly Piece[])[] }
  | { readonly kind: "widget"; readonly name: Widget };

type Part = Piece | number | readonly Piece[];

function pieces(strings: readonly string[], parts: readonly Part[], whole = true): Piece[] {
  const found: Piece[] = [];
  strings.forEach((raw, i) => {
    let text = raw.replace(/\s+/g, " ");
    if (whole && i === 0) text = text.trimStart();
    if (whole && i === strings.length - 1) text = text.trimEnd();
    if (text) found.push(text);
    const part = parts[i];
    if (part === undefined) return;
    if (Array.isArray(part)) found.push(...(part as readonly Piece[]));
    else if (typeof part === "number") found.push(count(part));
    else found.push(part as Piece);
  });
  return found;
}

/** A paragraph; whole numbers in it are written with their thousands apart. */
export function say(strings: TemplateStringsArray, ...parts: Part[]): Paragraph {
  return { kind: "words", pieces: pieces(strings, parts) };
}

/** Part of a paragraph, with the spaces at its ends. */
export function bit(strings: TemplateStringsArray, ...parts: Part[]): Piece[] {
  return pieces(strings, parts, false);
}

/** A line of its own; a number below zero stands in parentheses where something is done with it. */
export function formula(strings: TemplateStringsArray, ...parts: Part[]): Paragraph {
  const all = pieces(strings, parts);
  const apart = all.flatMap((piece, i): Piece[] => {
    const before = all[i - 1];
    const below = typeof piece !== "string" && piece.kind === "number" && piece.text?.startsWith("−");
    return below && typeof before === "string" && /[+−×/]\s*$/.test(before) ? ["(", piece, ")"] : [piece];
  });
  return { kind: "formula", pieces: apart };
}

export function list(...items: readonly (readonly Piece[])[]): Paragraph {
  return { kind: "list", items };
}

export function widget(name: Widget): Paragraph {
  return { kind: "widget", name };
}

/** A word for blocks. */
export function link(text: string, ...blocks: readonly (string | null)[]): Piece {
  return {
    kind: "link",
    text,
    target: { blocks: blocks.filter((id): id is string => id !== null), axis: null, cell: null },
  };
}

/** A word for one cell. */
export function place(text: string, cell: CellRef): Piece {
  return { kind: "link", text, target: { blocks: [cell.block], axis: null, cell } };
}

/** A word for a direction in blocks. */
export function along(text: string, axis: string, ...blocks: readonly string[]): Piece {
  return { kind: "link", text, target: { blocks, axis, cell: null } };
}

export function term(text: string): Piece {
  return { kind: "term", text };
}

export function key(text: string): Piece {
  return { kind: "key", text };
}

/** A token of the vocabulary. */
export function token(text: string | null): Piece {
  return { kind: "token", text, target: null };
}

/** The token of the text at a position. */
export function tokenOf(text: string | null, position: number, ids: string): Piece {
  return { kind: "token", text, target: { blocks: [ids], axis: null, cell: null, position } };
}

/** A whole number, its thousands apart. */
export function count(n: number): string {
  return grouped(n);
}

/** `one token`, `6 tokens`. */
export function many(n: number, one: string, more = `${one}s`): string {
  return n === 1 ? `one ${one}` : `${count(n)} ${more}`;
}

/** Three digits that count, and a true minus sign. */
export function short(value: number): string {
  if (Number.isNaN(value)) return "–";
  const size = Math.abs(value);
  if (size === 0) return "0";
  const said = size < 0.001 ? tiny(size) : size >= 1000 ? fixed(size, 0) : fixed(size, size < 10 ? 3 : 1);
  return value < 0 ? `−${said}` : said;
}

function tiny(size: number): string {
  const [digits, power] = size.toExponential(1).split("e");
  return `${digits!.replace(/\.0$/, "")}·10${raised(Number(power))}`;
}

/** All the text of paragraphs: for tests, and for those who read without pointing. */
export function plain(paragraphs: readonly Paragraph[]): string {
  const text = (piece: Piece) => (typeof piece === "string" ? piece : (piece.text ?? "…"));
  return paragraphs
    .map((paragraph) => {
      if (paragraph.kind === "widget") return "";
      if (paragraph.kind === "list") return paragraph.items.map((item) => item.map(text).join("")).join("\n");
      return paragraph.pieces.map(text).join("");
    })
    .filter(Boolean)
    .join("\n");
}

/** Every target that a text points at. */
export function targetsIn(paragraphs: readonly Paragraph[]): Target[] {
  const found: Target[] = [];
  for (const paragraph of paragraphs) {
    if (paragraph.kind === "widget") continue;
    const all = paragraph.kind === "list" ? paragraph.items.flat() : paragraph.pieces;
    for (const piece of all) {
      if (typeof piece === "string") continue;
      if ((piece.kind === "link" || piece.kind === "token") && piece.target) found.push(piece.target);
      if (piece.kind === "number" && piece.cell)
        found.push({ blocks: [piece.cell.block], axis: null, cell: piece.cell });
    }
  }
  return found;
}
