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
  /** What a cell of the lens says: `guess`, `number`, `both` or `colour`. */
  cells: "guess",
  /** The first stage on top. */
  down: false,
  /** Each so many-th block of the lens, counted from the last. */
  every: 1,
  /** Positions of the text that the lens shows, such as `12:40`; empty for all. */
  window: "",
  /** The lens's row of what enters block 0. */
  embed: true,
  outlines: true,
  stars: true,
  /** Tokens that are followed: a JSON array of their texts, or `#12` for an id. */
  watch: "",
  /** The one of them that the lens is coloured by. */
  followed: "",
  /** The axis of the evolution: `logit` or `logprob`. */
  score: "logit",
  /** How two texts or models are compared: `sides` or `difference`. */
  compare: "sides",
  /** `auto`, `serif` or `mono`. */
  font: "auto",
  /** Marks for `none` of the whitespace, for line `breaks`, or for `all`. */
  marks: "breaks",
  /** The stretch of the legend that is shown, such as `0.25:0.5` of its length; empty for all. */
  brush: "",
  /** How long the bars of alternatives are: `linear`, or `log`. */
  bars: "linear",
  /** An edited text is coloured by what the edit changed. */
  changes: true,
  /** What an edited text is held against: as it was before the `last` edit, or before `all` of them. */
  since: "last",
  /** What choosing another token for a place does: `replace` the one that stands there, or `continue` from it. */
  choose: "replace",
  /** Words whose probability is asked for at the selected place: a JSON array of their texts, or `#12` for an id. */
  ask: "",
  /** How a text goes on: by the likeliest token (`greedy`), or drawn (`sample`). */
  method: "greedy",
  new_tokens: 32,
  temperature: 0.8,
  /** Drawn from this many of the likeliest; 0 for all. */
  from_k: 0,
  from_p: 1,
  seed: 0,
  /** How the walkthrough shows the model's inside: as a `scene`, or as a `table` of one tensor. */
  inside: "scene",
  /** Pixels that the walkthrough's words are wide; 0 for as wide as they come. */
  words: 0,
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
