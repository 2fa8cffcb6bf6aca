// Where words lie in the sheet that they are drawn into. Pure.

/** Where a word is in the sheet: pixels of the sheet. */
export interface Word {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** Places for words: rows of one height each, filled from the left. Null where there is no room left. */
export class Shelves {
  readonly #rows: { y: number; height: number; x: number }[] = [];
  #bottom = 0;

  constructor(readonly side: number) {}

  place(width: number, height: number): Word | null {
    if (width > this.side) return null;
    let row = this.#rows.find(
      (one) => one.height >= height && one.height <= 1.3 * height && one.x + width <= this.side,
    );
    if (!row) {
      if (this.#bottom + height > this.side) return null;
      row = { y: this.#bottom, height, x: 0 };
      this.#rows.push(row);
      this.#bottom += height;
    }
    const word = { x: row.x, y: row.y, width, height };
    row.x += width;
    return word;
  }
}
