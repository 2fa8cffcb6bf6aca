// What is said of a model before anything was read with it. Knows no page.

import { grouped } from "../view";

/** How large it is: `4.8 M`, `1.5 B`; a small one to the last parameter. */
export function parameterWords(n: number): string {
  if (n >= 1e9) return `${(n / 1e9).toFixed(1)} B`;
  return n >= 1e6 ? `${(n / 1e6).toFixed(1)} M` : grouped(n);
}
