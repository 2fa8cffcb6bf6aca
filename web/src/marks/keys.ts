// Which keys a mark or a view answers, as data beside the handler: the page's help lists them, and tests press them.

export interface KeyHelp {
  /** Names as in `KeyboardEvent.key`; modifiers before them, such as `Ctrl+Home`. */
  readonly keys: readonly string[];
  readonly what: string;
}

/** Keys that belong together: those of one mark, or of the whole page. */
export interface KeyGroup {
  readonly title: string;
  readonly keys: readonly KeyHelp[];
}

const SIGNS: Readonly<Record<string, string>> = {
  ArrowLeft: "←",
  ArrowRight: "→",
  ArrowUp: "↑",
  ArrowDown: "↓",
  Escape: "Esc",
  " ": "Space",
  PageUp: "Page ↑",
  PageDown: "Page ↓",
};

/** A key as it is printed on keyboards, such as `Ctrl-Home`. */
export function keyWords(key: string): string {
  return (key.length > 1 ? key.split("+") : [key])
    .map((one) => SIGNS[one] ?? (one.length === 1 ? one.toUpperCase() : one))
    .join("-");
}
