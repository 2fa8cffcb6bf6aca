// A text with one blank in it, taken apart; as Python's `editing/blank.py`. `____` is a blank, a longer run of underscores
// too; `\____` is those underscores themselves.

import { refused } from "./failures";
import { isSpace } from "./tokenise";

export const BLANK = "____";

/** What stands before a blank, and what after it, escapes resolved. */
export interface Blank {
  readonly before: string;
  readonly after: string;
}

/** The one blank of a text. */
export function findBlank(template: string, blank: string = BLANK): Blank {
  if (!blank || isSpace(blank) || blank.includes("\\"))
    throw refused(`${JSON.stringify(blank)} cannot mark a blank; take something that is seen, such as ${BLANK}.`);
  const characters = [...blank];
  const same = new Set(characters).size === 1;
  const run = same ? `(?:${escaped(characters[0]!)}){${characters.length},}` : escaped(blank);
  const parts = [""];
  const places: number[] = [];
  let at = 0;
  for (const match of template.matchAll(new RegExp(`(\\\\*)(${run})`, "gu"))) {
    const [, slashes = "", mark = ""] = match;
    parts[parts.length - 1] += template.slice(at, match.index) + "\\".repeat(slashes.length >> 1);
    if (slashes.length % 2) parts[parts.length - 1] += mark;
    else {
      places.push([...template.slice(0, match.index)].length + slashes.length);
      parts.push("");
    }
    at = match.index + match[0].length;
  }
  parts[parts.length - 1] += template.slice(at);
  if (!places.length)
    throw refused(`the text has no blank; put ${BLANK} where the model shall fill something in.`.replace(BLANK, blank));
  if (places.length > 1)
    throw refused(
      `the text has ${places.length} blanks, at characters ${places.join(", ")}; one can be filled at a time. ` +
        `Fill the others, or write \\${blank} for those that are meant as they stand.`,
    );
  return { before: parts[0]!, after: parts[1]! };
}

function escaped(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&");
}
