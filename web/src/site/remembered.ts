// What the reader agreed to before, on this device: so many bytes of a model. Kept for this site alone.

const KEY = "logitscope-download";

/** How many bytes of a model were agreed to; 0 where nobody was asked. */
export function agreedBytes(base: string, model: string): number {
  try {
    const kept: unknown = JSON.parse(localStorage.getItem(key(base)) ?? "{}");
    const bytes: unknown = kept && typeof kept === "object" ? (kept as Record<string, unknown>)[model] : 0;
    return typeof bytes === "number" ? bytes : 0;
  } catch {
    return 0;
  }
}

export function agreeTo(base: string, model: string, bytes: number): void {
  try {
    const kept: unknown = JSON.parse(localStorage.getItem(key(base)) ?? "{}");
    localStorage.setItem(key(base), JSON.stringify({ ...(kept as object), [model]: bytes }));
  } catch {
    // A browser that keeps nothing asks again.
  }
}

function key(base: string): string {
  return `${KEY} ${new URL(base).pathname}`;
}
