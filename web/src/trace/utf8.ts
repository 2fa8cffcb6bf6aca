// Bytes that may hold parts of characters: token boundaries cut through them. Knows no tokens.

const STRICT = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** The text of bytes that are whole characters; null where they are not. */
export function decodeStrictly(bytes: Uint8Array): string | null {
  try {
    return STRICT.decode(bytes);
  } catch {
    return null;
  }
}

/** Bytes as runs of whole characters (strings) and runs of what is no whole character (bytes), in order. */
export function decodePartly(bytes: Uint8Array): (string | Uint8Array)[] {
  const whole = decodeStrictly(bytes);
  if (whole !== null) return bytes.length ? [whole] : [];
  const runs: (string | Uint8Array)[] = [];
  for (let start = 0; start < bytes.length;) {
    let end = start;
    const good = width(bytes, start) > 0;
    while (end < bytes.length && width(bytes, end) > 0 === good) end += good ? width(bytes, end) : 1;
    const run = bytes.subarray(start, end);
    runs.push(good ? STRICT.decode(run) : run);
    start = end;
  }
  return runs;
}

/** A text as Python's `surrogatepass` wrote it: halves of surrogate pairs stand in it by themselves. */
export function decodeWithHalves(bytes: Uint8Array): string | null {
  const plain = decodeStrictly(bytes);
  if (plain !== null) return plain;
  const parts: string[] = [];
  for (const run of decodePartly(bytes)) {
    if (typeof run === "string") {
      parts.push(run);
      continue;
    }
    for (let i = 0; i < run.length; i += 3) {
      if (run[i] !== 0xed || !(0xa0 <= run[i + 1]! && run[i + 1]! <= 0xbf) || (run[i + 2]! & 0xc0) !== 0x80)
        return null;
      parts.push(String.fromCharCode(0xd000 | ((run[i + 1]! & 0x3f) << 6) | (run[i + 2]! & 0x3f)));
    }
  }
  return parts.join("");
}

/** Where each character of a text begins, in UTF-16 code units, and where the last one ends. */
export function codeUnits(bytes: Uint8Array): Int32Array {
  let n = 0;
  for (const byte of bytes) if ((byte & 0xc0) !== 0x80) n++;
  const units = new Int32Array(n + 1);
  let character = 0;
  for (const byte of bytes) {
    if ((byte & 0xc0) === 0x80) continue;
    units[character + 1] = units[character]! + (byte >= 0xf0 ? 2 : 1);
    character++;
  }
  return units;
}

/** The bytes of a text, halves of surrogate pairs as Python's `surrogatepass` writes them. */
export function encodeWithHalves(text: string): Uint8Array {
  if (text.isWellFormed()) return new TextEncoder().encode(text);
  const bytes: number[] = [];
  for (const character of text) {
    const point = character.codePointAt(0)!;
    if (0xd800 <= point && point <= 0xdfff) bytes.push(0xed, 0x80 | ((point >> 6) & 0x3f), 0x80 | (point & 0x3f));
    else bytes.push(...new TextEncoder().encode(character));
  }
  return Uint8Array.from(bytes);
}

/** How many bytes the whole character at `at` has; 0 where none begins there. */
function width(bytes: Uint8Array, at: number): number {
  const lead = bytes[at]!;
  if (lead < 0x80) return 1;
  const n = lead >= 0xc2 && lead <= 0xdf ? 2 : lead >= 0xe0 && lead <= 0xef ? 3 : lead >= 0xf0 && lead <= 0xf4 ? 4 : 0;
  if (!n || at + n > bytes.length) return 0;
  // Overlong forms, surrogates and what lies beyond Unicode are told by the second byte.
  const low = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80;
  const high = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf;
  const second = bytes[at + 1]!;
  if (second < low || second > high) return 0;
  for (let i = 2; i < n; i++) if ((bytes[at + i]! & 0xc0) !== 0x80) return 0;
  return n;
}
