// A frame as a short name: the same for the same picture, however it was reached. For tests and for those who compare.

import type { Frame } from "../scene";

/** FNV-1a over the frame with its names in order. Source: Fowler, Noll and Vo. */
export function hashOf(frame: Frame): string {
  const text = JSON.stringify(frame, (_, value: unknown) => (isRecord(value) ? inOrder(value) : value));
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return (hash >>> 0).toString(16).padStart(8, "0");
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function inOrder(record: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.keys(record)
      .sort()
      .map((name) => [name, record[name]]),
  );
}
