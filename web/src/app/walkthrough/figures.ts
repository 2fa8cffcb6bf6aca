// Numbers of cells as people read them. Knows nothing of where they come from.

import { raised } from "../../view";

/** Up to five digits that count, an exponent where it is needed, and a true minus sign. */
export function figure(value: number | null, digits = 5): string {
  if (value === null || Number.isNaN(value)) return "–";
  if (!Number.isFinite(value)) return value < 0 ? "−∞" : "∞";
  if (value === 0) return "0";
  const size = Math.abs(value);
  const said = size < 1e-4 || size >= 1e7 ? exponent(size, digits) : plain(size, digits);
  return value < 0 ? `−${said}` : said;
}

/** As it is stored, so that copying it gives the same fp32 number. */
export function exact(value: number | null): string {
  if (value === null || !Number.isFinite(value)) return figure(value);
  for (let digits = 6; digits < 9; digits++)
    if (Math.fround(Number(value.toPrecision(digits))) === Math.fround(value)) return figure(value, digits);
  return figure(value, 9);
}

/** In as few letters as a table's cell has room for. */
export function brief(value: number): string {
  const size = Math.abs(value);
  if (size > 0 && size < 1e-3) return `${value < 0 ? "−" : ""}${exponent(size, 2)}`;
  return [4, 3, 2].map((digits) => figure(value, digits)).find((said) => said.length <= 8) ?? figure(value, 2);
}

function plain(size: number, digits: number): string {
  const said = Number(size.toPrecision(digits));
  const after = Math.max(0, digits - 1 - Math.floor(Math.log10(said)));
  return said
    .toFixed(Math.min(12, after))
    .replace(/(\.\d*?)0+$/, "$1")
    .replace(/\.$/, "");
}

function exponent(size: number, digits: number): string {
  const [mantissa, power] = size.toExponential(digits - 1).split("e");
  const short = mantissa!.replace(/(\.\d*?)0+$/, "$1").replace(/\.$/, "");
  return `${short}·10${raised(Number(power))}`;
}
