// The graphics processor of this device, where it may compute: what the browser offers, and what the reader said.

import type { Graphics } from "../engine/browser/ways";

/** What is used of the browser's interface, which TypeScript does not know. */
interface Gpu {
  requestAdapter(options?: { powerPreference?: "high-performance" }): Promise<Adapter | null>;
}

interface Adapter {
  readonly features: ReadonlySet<string>;
  readonly info?: { readonly vendor?: string; readonly architecture?: string; readonly isFallbackAdapter?: boolean };
}

/** What the page's address may say after `?program=`; anything else is nothing. */
export type Wish = "wasm" | "webgpu" | null;

export function wishOf(address: string): Wish {
  const said = new URL(address).searchParams.get("program");
  return said === "wasm" || said === "webgpu" ? said : null;
}

/**
 * The graphics processor that may compute; null where there is none.
 *
 * @param wish `wasm` wants none; `webgpu` also wants one that the browser only plays in software, which is slow.
 */
export async function findGraphics(wish: Wish, navigator: object = globalThis.navigator): Promise<Graphics | null> {
  const { gpu } = navigator as { gpu?: Gpu };
  if (!gpu || wish === "wasm") return null;
  try {
    const adapter = await gpu.requestAdapter({ powerPreference: "high-performance" });
    if (!adapter || (adapter.info?.isFallbackAdapter && wish !== "webgpu")) return null;
    const { vendor = "", architecture = "" } = adapter.info ?? {};
    return { name: `${vendor} ${architecture}`.trim() || "unnamed", halves: adapter.features.has("shader-f16") };
  } catch {
    return null;
  }
}
