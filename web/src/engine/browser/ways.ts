// By what a model is computed: the fastest way that a device has, and what is left where that goes wrong.

import type { ModelCard } from "../contract";
import type { Manifest } from "./manifest";

/** What a model's card says: as it was exported, and by what it is computed since it was loaded. */
export function cardOf({ manifest: { card }, computed }: { manifest: Manifest; computed: Computed | null }): ModelCard {
  if (!computed?.said) return card;
  const { way, said } = computed;
  return {
    ...card,
    device: way.program === "webgpu" ? "this browser's graphics processor" : card.device,
    dtype: way.halved ? HALVED : card.dtype,
    notes: [...card.notes, said],
  };
}

/** What the numbers of such a way are computed in, as traces say it. */
export const HALVED = "float16 products in float32";

/** What computes: in WebAssembly alone, or on a graphics processor through WebGPU. Each is a download of its own. */
export type Program = "wasm" | "webgpu";

/** A graphics processor that the browser offers. */
export interface Graphics {
  /** As the browser calls it. */
  readonly name: string;
  /** Whether it multiplies in half precision. */
  readonly halves: boolean;
}

export interface Way {
  readonly program: Program;
  /** Multiplying by weights in half precision. */
  readonly halved: boolean;
}

/** What a model is computed by since it was loaded. */
export interface Computed {
  readonly way: Way;
  /** What computes by name, for the header of traces. */
  readonly versions: Readonly<Record<string, string>>;
  /** One sentence for the reader; empty where nothing was tried but the ordinary. */
  readonly said: string;
}

export const WASM: Way = { program: "wasm", halved: false };

/** The ways of a model on a device, the first to be tried first; the last one always works. */
export function waysOf({ weights, graphs }: Manifest, graphics: Graphics | null): readonly Way[] {
  if (!graphics || !weights.graphics) return [WASM];
  const halved = graphics.halves && weights.halved !== undefined && graphs.forward_fp16 !== undefined;
  const ways: Way[] = halved ? [{ program: "webgpu", halved: true }] : [];
  return [...ways, { program: "webgpu", halved: false }, WASM];
}

/** How far a page may be from Python's check. */
export function toleranceOf({ weights, check }: Manifest, way: Way): number {
  return way.halved ? (weights.halved?.tolerance ?? check.tolerance) : check.tolerance;
}

/**
 * What a reader is told of a model's way.
 *
 * @param figure the largest difference that its check found, in nats.
 * @param refusals why ways before it were left, in the order in which they were tried.
 */
export function said(
  { card }: Manifest,
  way: Way,
  graphics: Graphics | null,
  figure: number,
  refusals: readonly string[],
): string {
  const off = `its numbers are within ${figure.toPrecision(2)} nats of Python's on the check text`;
  const left = refusals.join(" ");
  if (way.program === "webgpu") {
    const how = way.halved ? ", multiplying in half precision" : "";
    return `${card.name} is computed by this device's graphics processor (WebGPU, ${graphics?.name ?? ""})${how}; ${off}. ${left}`.trim();
  }
  return refusals.length ? `${card.name} is computed by WebAssembly; ${off}. ${left}`.trim() : "";
}
