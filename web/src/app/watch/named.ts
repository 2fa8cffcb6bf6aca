// The tokens that a reader named to have them followed, as they stand in the address: a JSON array of texts, `#12` is an id.

/** As many as fit on a screen, and fewer than any server takes. */
export const MOST_NAMED = 16;

const LONGEST = 200;

/** The names; what cannot be read is none. */
export function namedIn(said: string): string[] {
  if (!said) return [];
  try {
    const list: unknown = JSON.parse(said);
    if (!Array.isArray(list)) return [];
    const names = list.filter(
      (name): name is string => typeof name === "string" && name !== "" && name.length <= LONGEST,
    );
    return [...new Set(names)].slice(0, MOST_NAMED);
  } catch {
    return [];
  }
}

export function namedSaid(names: readonly string[]): string {
  return names.length ? JSON.stringify(names) : "";
}

/** The name of a token: its text, or its id where that is no text. */
export function nameOf(id: number, text: string | null): string {
  return text === null || text.startsWith("#") || !text.isWellFormed() ? `#${id}` : text;
}

/** The id that a name says outright; null for a text. */
export function idIn(name: string): number | null {
  return /^#\d{1,9}$/.test(name) ? Number(name.slice(1)) : null;
}

/** What else somebody may have meant: most words of a text begin with a space. */
export function otherwise(name: string): string | null {
  if (idIn(name) !== null) return null;
  const other = name.startsWith(" ") ? name.slice(1) : ` ${name}`;
  return other === "" ? null : other;
}
