// Sizes as people read them.

/** Bytes in words: `13.3 MB`. */
export function inWords(bytes: number): string {
  if (bytes < 1e3) return `${bytes} bytes`;
  if (bytes < 1e6) return `${Math.round(bytes / 1e3)} kB`;
  if (bytes < 1e9) return `${(bytes / 1e6).toFixed(1)} MB`;
  return `${(bytes / 1e9).toFixed(2)} GB`;
}

/** How far a download is: `8.4 of 17.0 MB`. */
export function farInWords(done: number, total: number): string {
  const [number, unit] = inWords(total).split(" ");
  const scale = { bytes: 1, kB: 1e3, MB: 1e6, GB: 1e9 }[unit!] ?? 1;
  return `${(done / scale).toFixed((number!.split(".")[1] ?? "").length)} of ${inWords(total)}`;
}
