// What a query finds: the keys that it may look at, with their shares and values; small ones together. Draws nothing.

/** A key with what it hands over. */
export interface Key {
  readonly label: string;
  /** How much of its value is taken. */
  readonly share: number;
  /** The first number of its value; of several together, their mean by their shares. Null while it is not here. */
  readonly value: number | null;
  /** Several keys in one. */
  readonly several: boolean;
}

/**
 * @param shares of the keys up to the query's own position, in their order.
 * @param valueOf the first number of a key's value.
 * @param mixed what attention made of all values; null while it is not here.
 * @param most keys that are named.
 */
export function keysOf(
  shares: readonly number[],
  labels: readonly string[],
  valueOf: (key: number) => number | null,
  mixed: number | null,
  most = 5,
): Key[] {
  const all = shares.map((share, key) => ({ share, key }));
  const named = new Set([...all].sort((a, b) => b.share - a.share).slice(0, most));
  const keys = all
    .filter((one) => named.has(one))
    .map(({ share, key }) => ({ label: `${key} ${labels[key]}`, share, value: valueOf(key), several: false }));
  const rest = all.filter((one) => !named.has(one));
  if (!rest.length) return keys;
  // What is left of the mixture, by what is left of the shares: no other values need to be fetched for it.
  const share = rest.reduce((sum, one) => sum + one.share, 0);
  const known = keys.every(({ value }) => value !== null) && mixed !== null && share > 1e-6;
  const value = known ? (mixed - keys.reduce((sum, one) => sum + one.share * one.value!, 0)) / share : null;
  return [...keys, { label: `${rest.length} others`, share, value, several: true }];
}

/** Which key fits best, of those that are single. */
export function fitting(keys: readonly Key[]): number {
  return keys.reduce((best, one, i) => (!one.several && one.share > (keys[best]?.share ?? -1) ? i : best), 0);
}
