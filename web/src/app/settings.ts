// What a reader can set, with what holds where nothing was set. Only what differs goes into the address.

/** Names are those of requests and views where these have one. */
export const DEFAULTS = {
  /** What the text is coloured by: a reading of `view/readings`. */
  value: "surprisal_bits",
  /** `bits`, absolute, or `relative` to this text. */
  scale: "bits",
  /** What is drawn as one: `token`, `word`, `line` or `sentence`. */
  by: "token",
  /** What the cells of the lens are coloured by: a statistic of the numeric contract. */
  cell: "top_prob",
  /** `auto`, `serif` or `mono`. */
  font: "auto",
  lens: "logit",
  norm: "final",
  bos: false,
  subblocks: false,
  top_k: 10,
};

export type Settings = { -readonly [Name in keyof typeof DEFAULTS]: (typeof DEFAULTS)[Name] };

/** The settings that differ from their defaults, as texts. */
export function changed(settings: Settings): [name: string, value: string][] {
  return Object.entries(settings)
    .filter(([name, value]) => value !== DEFAULTS[name as keyof Settings])
    .map(([name, value]) => [name, typeof value === "boolean" ? (value ? "1" : "0") : String(value)]);
}

/** Settings from texts; names that are none, and values of another type, are left out. */
export function settingsFrom(said: ReadonlyMap<string, string>): Settings {
  const settings: Record<string, string | number | boolean> = { ...DEFAULTS };
  for (const [name, value] of Object.entries(DEFAULTS)) {
    const text = said.get(name);
    if (text === undefined) continue;
    if (typeof value === "boolean") settings[name] = text === "1";
    else if (typeof value === "number") settings[name] = Number.isFinite(Number(text)) && text ? Number(text) : value;
    else settings[name] = text;
  }
  return settings as Settings;
}
