// Whether a browser can run what computes. Knows nothing of models.

/** A module with one SIMD instruction, which browsers that have none find invalid. */
const SIMD = Uint8Array.of(
  ...[0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11],
);

/** Why nothing can be computed in this browser; empty where it can. */
export function withoutWasm(): string {
  if (typeof WebAssembly !== "object")
    return "This browser runs no WebAssembly (some turn it off in a lockdown or high-security mode), so no model can be computed in it. Allow it for this site, or use another browser.";
  if (!WebAssembly.validate(SIMD))
    return "This browser's WebAssembly has no SIMD instructions, which the model is computed with. Update the browser, or use another one.";
  return "";
}
