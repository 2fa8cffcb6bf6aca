// Texts cut to a number of letters, where a letter is what a reader takes for one.

const segmenter = new Intl.Segmenter("und", { granularity: "grapheme" });

export function lettersOf(text: string): string[] {
  return Array.from(segmenter.segment(text), ({ segment }) => segment);
}

/** The text, or its first letters with an ellipsis after them, `most` in all. */
export function shortened(text: string, most: number): string {
  // Nothing that is cut looks further than this.
  const letters = lettersOf(text.slice(0, 40 * most));
  return letters.length > most ? `${letters.slice(0, most - 1).join("")}…` : text;
}
