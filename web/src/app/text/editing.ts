// What somebody typed into a text area, as a change of the text itself.
//
// A text area knows one kind of line break: CRLF becomes LF in it. Here the text stays what it was outside of what was
// typed. Knows no DOM.

import type { KeyHelp } from "../../marks/keys";

/** Keys that take edits back, wherever nothing is being typed. */
export const EDIT_KEYS: readonly KeyHelp[] = [
  { keys: ["Ctrl+z"], what: "undo a replaced token" },
  { keys: ["Ctrl+Shift+z", "Ctrl+y"], what: "redo it" },
];

/** The text as a text area shows it. */
export function shown(text: string): string {
  return text.replace(/\r\n?/g, "\n");
}

/** The text after a text area that showed it was changed to show `value`. */
export function edited(text: string, value: string): string {
  if (!text.includes("\r")) return value;
  const old = shown(text);
  const [from, to] = changed(old, value);
  const [start, end] = [source(text, from), source(text, old.length - to)];
  return text.slice(0, start) + value.slice(from, value.length - to) + text.slice(end);
}

/** How many code units two texts have in common at their beginnings, and then at their ends. */
export function changed(a: string, b: string): [prefix: number, suffix: number] {
  const most = Math.min(a.length, b.length);
  let prefix = 0;
  while (prefix < most && a.charCodeAt(prefix) === b.charCodeAt(prefix)) prefix++;
  let suffix = 0;
  while (suffix < most - prefix && a.charCodeAt(a.length - 1 - suffix) === b.charCodeAt(b.length - 1 - suffix))
    suffix++;
  return [prefix, suffix];
}

/** Where a place of the shown text is in the text. */
function source(text: string, place: number): number {
  let at = 0;
  for (let seen = 0; seen < place; seen++) at += text[at] === "\r" && text[at + 1] === "\n" ? 2 : 1;
  return at;
}

/** Where a place of the text is in the shown text. */
export function place(text: string, at: number): number {
  return text.includes("\r") ? shown(text.slice(0, at)).length : at;
}

/** Whether a text is read best with every character as wide as the others: several of its lines are indented. */
export function looksLikeCode(text: string): boolean {
  return (text.match(/^[ \t]+\S/gm)?.length ?? 0) >= 2;
}

/** What was typed into a field: its marks for whitespace stand for what they show, as nobody sees whether a space was typed. */
export function spelled(typed: string): string {
  return typed.replaceAll("␣", " ").replaceAll("⏎", "\n").replaceAll("⇥", "\t");
}
