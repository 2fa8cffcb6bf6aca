// What bytes hold, as a name: their SHA-256.

/** In lower-case hexadecimal; null where the browser works none out, as on pages that came over plain HTTP. */
export const sha256 = globalThis.crypto?.subtle
  ? async (bytes: ArrayBuffer): Promise<string> => {
      const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
      return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
    }
  : null;
