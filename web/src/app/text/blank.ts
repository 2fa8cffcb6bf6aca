// A blank in a text, as `logitscope.editing.blank` finds it: `____` or a longer run; `\____` is those underscores themselves.

/** What marks it. */
export const BLANK = "____";

/** How many blanks a text has, and where the first one begins and ends (code units). */
export interface Blanks {
  readonly n: number;
  readonly start: number;
  readonly end: number;
  /** How many runs of underscores are meant as they stand. */
  readonly literal: number;
}

export function blanksOf(text: string): Blanks {
  let [n, start, end, literal] = [0, -1, -1, 0];
  for (const match of text.matchAll(/(\\*)(_{4,})/g)) {
    // Two backslashes are one, and escape nothing.
    if (match[1]!.length % 2) literal++;
    else if (!n++) {
      start = match.index + match[1]!.length;
      end = match.index + match[0].length;
    }
  }
  return { n, start, end, literal };
}
