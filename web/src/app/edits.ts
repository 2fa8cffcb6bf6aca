// What was replaced in a text, as splices of its token ids that can be taken back and done again. Knows no tokenizer.

/** Some tokens in the place of others. */
export interface Edit {
  readonly position: number;
  readonly removed: readonly number[];
  readonly inserted: readonly number[];
}

/** All edits of a text, in the order in which they were made; the first `done` of them are in its ids. */
export interface Edits {
  readonly list: readonly Edit[];
  readonly done: number;
}

export const NO_EDITS: Edits = { list: [], done: 0 };

export function sameIds(a: ArrayLike<number>, b: ArrayLike<number>): boolean {
  return a.length === b.length && Array.prototype.every.call(a, (id, i) => id === b[i]);
}

export function applied(ids: readonly number[], { position, removed, inserted }: Edit): number[] {
  return [...ids.slice(0, position), ...inserted, ...ids.slice(position + removed.length)];
}

export function reversed({ position, removed, inserted }: Edit): Edit {
  return { position, removed: inserted, inserted: removed };
}

/** A new edit; what had been taken back is forgotten. */
export function withEdit({ list, done }: Edits, edit: Edit): Edits {
  return { list: [...list.slice(0, done), edit], done: done + 1 };
}

/** A text that went on by some tokens: steps that follow each other are one edit. */
export function continued(ids: readonly number[], edits: Edits, more: readonly number[]): Edits {
  const n = endingOf(ids, edits);
  if (!n) return withEdit(edits, { position: ids.length, removed: [], inserted: more });
  const last = edits.list[edits.done - 1]!;
  return withEdit({ list: edits.list, done: edits.done - 1 }, { ...last, inserted: [...last.inserted, ...more] });
}

/** Tokens at the end of a text by which it went on, as its last edit has it. */
export function endingOf(ids: readonly number[], { list, done }: Edits): number {
  const last = done > 0 ? list[done - 1] : undefined;
  const ends = last && !last.removed.length && last.position + last.inserted.length === ids.length;
  return ends && fits(ids, reversed(last)) ? last.inserted.length : 0;
}

/** The ids before the last edit that is done; null where there is none, or it does not fit these ids. */
export function takenBack(ids: readonly number[], { list, done }: Edits): number[] | null {
  const last = done > 0 ? list[done - 1] : undefined;
  return last && fits(ids, reversed(last)) ? applied(ids, reversed(last)) : null;
}

/** The ids after the next edit that was taken back; null where there is none, or it does not fit. */
export function doneAgain(ids: readonly number[], { list, done }: Edits): number[] | null {
  const next = list[done];
  return next && fits(ids, next) ? applied(ids, next) : null;
}

/** What makes one row of ids of another, in one place; null where they are the same. */
export function between(before: readonly number[], after: readonly number[]): Edit | null {
  const shorter = Math.min(before.length, after.length);
  let head = 0;
  while (head < shorter && before[head] === after[head]) head++;
  let tail = 0;
  while (tail < shorter - head && before[before.length - 1 - tail] === after[after.length - 1 - tail]) tail++;
  if (head + tail === before.length && head + tail === after.length) return null;
  return {
    position: head,
    removed: before.slice(head, before.length - tail),
    inserted: after.slice(head, after.length - tail),
  };
}

/** An earlier text and, for each token of the later one, where it stood there; null for what was put in. */
export interface Earlier {
  readonly ids: readonly number[];
  readonly partners: readonly (number | null)[];
  /** Where the first of the edits begins in the later text. */
  readonly from: number;
}

/** The text before the last edit, or before all of them; null where nothing is done, or it does not fit. */
export function earlier(ids: readonly number[], edits: Edits, since: "last" | "all"): Earlier | null {
  const first = since === "all" ? 0 : edits.done - 1;
  if (edits.done < 1 || edits.done > edits.list.length) return null;
  let before: readonly number[] = ids;
  for (let i = edits.done - 1; i >= first; i--) {
    const back = takenBack(before, { list: edits.list, done: i + 1 });
    if (!back) return null;
    before = back;
  }
  let partners: (number | null)[] = before.map((_, i) => i);
  for (const { position, removed, inserted } of edits.list.slice(first, edits.done))
    partners = [
      ...partners.slice(0, position),
      ...inserted.map(() => null),
      ...partners.slice(position + removed.length),
    ];
  const from = Math.min(...edits.list.slice(first, edits.done).map((edit) => edit.position));
  return { ids: before, partners, from };
}

/** Everything as whole numbers from 0 on, for an address. */
export function numbersOf({ list, done }: Edits): number[] {
  return [
    done,
    ...list.flatMap(({ position, removed, inserted }) => [
      position,
      removed.length,
      ...removed,
      inserted.length,
      ...inserted,
    ]),
  ];
}

/** Edits from what `numbersOf` made; null for anything else. */
export function editsIn(numbers: readonly number[]): Edits | null {
  let at = 1;
  const list: Edit[] = [];
  const some = (): number[] | null => {
    const n = numbers[at++];
    if (n === undefined || at + n > numbers.length) return null;
    at += n;
    return numbers.slice(at - n, at);
  };
  while (at < numbers.length) {
    const position = numbers[at++]!;
    const [removed, inserted] = [some(), some()];
    if (!removed || !inserted) return null;
    list.push({ position, removed, inserted });
  }
  const done = numbers[0] ?? 0;
  return list.length && done <= list.length ? { list, done } : null;
}

function fits(ids: readonly number[], { position, removed }: Edit): boolean {
  return position + removed.length <= ids.length && removed.every((id, i) => ids[position + i] === id);
}
