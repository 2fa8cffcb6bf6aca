// Which tokens of two texts are the same ones: a longest common subsequence of their bytes. Ids are not looked at.

import type { Tokens } from "../trace";
import { InputError } from "./errors";
import { grouped } from "./numbers";

/** Cells of the table that is filled: two stretches of 5,000 tokens that differ. */
const MOST = 25_000_000;

/** Pairs of positions, ascending on both sides, whose tokens are equal; as many as there can be. */
export function align(before: Tokens, after: Tokens): [number, number][] {
  const numbers = new Map<string, number>();
  const [left, right] = [before, after].map((tokens) => keys(tokens, numbers)) as [Int32Array, Int32Array];
  const shortest = Math.min(left.length, right.length);
  let head = 0;
  while (head < shortest && left[head] === right[head]) head++;
  let tail = 0;
  while (tail < shortest - head && left[left.length - 1 - tail] === right[right.length - 1 - tail]) tail++;
  const middle = common(left.subarray(head, left.length - tail), right.subarray(head, right.length - tail));
  return [
    ...Array.from({ length: head }, (_, i): [number, number] => [i, i]),
    ...middle.map(([i, j]): [number, number] => [i + head, j + head]),
    ...Array.from({ length: tail }, (_, i): [number, number] => [left.length - tail + i, right.length - tail + i]),
  ];
}

/** What makes two tokens the same: their bytes; of those without text, their name. As numbers, which compare fast. */
function keys(tokens: Tokens, numbers: Map<string, number>): Int32Array {
  return Int32Array.from(tokens.pieces, (piece, t) => {
    const named = tokens.special[t] || !piece.length;
    const key = named ? `name ${tokens.texts[t]}` : `bytes ${piece.join(" ")}`;
    if (!numbers.has(key)) numbers.set(key, numbers.size);
    return numbers.get(key)!;
  });
}

/** A longest common subsequence; of several, the one that a walk from the end finds that drops from `left` first. */
function common(left: Int32Array, right: Int32Array): [number, number][] {
  if (left.length * right.length > MOST)
    throw new InputError(
      `the texts differ over ${grouped(left.length)} and ${grouped(right.length)} tokens, which is too long to align; ` +
        "compare shorter texts.",
    );
  const width = right.length + 1;
  const table = new Uint16Array((left.length + 1) * width);
  for (let i = 1; i <= left.length; i++)
    for (let j = 1; j < width; j++) {
      const at = i * width + j;
      table[at] =
        left[i - 1] === right[j - 1] ? table[at - width - 1]! + 1 : Math.max(table[at - width]!, table[at - 1]!);
    }
  const pairs: [number, number][] = [];
  let [i, j] = [left.length, right.length];
  while (i && j) {
    if (left[i - 1] === right[j - 1]) pairs.push([--i, --j]);
    else if (table[(i - 1) * width + j]! >= table[i * width + j - 1]!) i--;
    else j--;
  }
  return pairs.reverse();
}
