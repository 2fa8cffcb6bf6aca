// One part of a model in boxes: the residual stream in the middle, what is computed from it in a column beside it, the
// weights further out. Rows of a product lie beside the rows of its weights, columns below the columns of its source.
//
// What is wider than the stream lies down (its features along x), so that its weights stand above it. Knows no models.

import type { GraphBlock } from "../engine";
import { boxOf, type Axes, type BlockBox, type Depth } from "./boxes";
import { end, moved, overlap, type Box } from "./geometry";
import { isAlong, isReduction, type Roles } from "./roles";

export interface Measures {
  readonly roles: Roles;
  readonly nPositions: number;
  readonly depth: Depth;
  /** Cells between neighbours. */
  readonly gap: number;
  /** Cells for thin rows and columns beside a block. */
  readonly room: number;
}

type Operand = NonNullable<GraphBlock["formula"]>["operands"][number];

/** Rows or columns from one strip to the next. */
const STRIP = 2;

/** Where a column is: its edge towards the stream, and the way outwards. */
interface Column {
  readonly inner: number;
  readonly side: -1 | 1;
}

/** A part of a model, such as a block: its boxes around x = 0, from y = 0 downwards. */
export function placePart(blocks: readonly GraphBlock[], measures: Measures, alone: boolean): BlockBox[] {
  const part = new Part(measures);
  for (const sublayer of grouped(blocks, (block) => block.section[1] ?? "")) {
    const left = sublayer.some((block) => block.axes.some((axis) => axis.name === "key"));
    const { gap, nPositions } = measures;
    const column: Column = alone
      ? { inner: 0, side: 1 }
      : left
        ? { inner: -gap, side: -1 }
        : { inner: nPositions + gap, side: 1 };
    part.sublayer(sublayer, column);
  }
  part.rest(blocks);
  return [...part.placed.values()];
}

/** Neighbours of the same name together. */
export function grouped<Item>(items: readonly Item[], name: (item: Item) => string): Item[][] {
  const groups: Item[][] = [];
  let last: string | null = null;
  for (const item of items) {
    if (name(item) !== last) groups.push([]);
    groups.at(-1)!.push(item);
    last = name(item);
  }
  return groups;
}

class Part {
  readonly placed = new Map<string, BlockBox>();
  readonly #measures: Measures;
  #column: Column = { inner: 0, side: 1 };
  #top = 0;
  #own = new Set<string>();

  constructor(measures: Measures) {
    this.#measures = measures;
  }

  sublayer(blocks: readonly GraphBlock[], column: Column): void {
    this.#column = column;
    this.#own = new Set(blocks.map((block) => block.id));
    if (this.placed.size) this.#top = this.#bottom() + 2 * this.#measures.gap;
    for (const block of blocks) {
      if (block.kind !== "value" || isReduction(block)) continue;
      if (block.formula?.kind === "lookup") this.#lookup(block);
      else if (this.#measures.roles.stream.includes(block.id)) this.#addition(block);
      else if (this.#isWide(block)) this.#lying(block);
      else this.#standing(block);
    }
  }

  /** What nothing of this part was placed with, such as tables that later parts read: to the right. */
  rest(blocks: readonly GraphBlock[]): void {
    const { gap, nPositions } = this.#measures;
    const [first] = this.placed.values();
    for (const block of blocks) {
      if (this.placed.has(block.id)) continue;
      let x = nPositions + gap;
      const y = first?.origin.y ?? 0;
      for (;;) {
        const box = this.#boxOf(block, this.#axesOf(block));
        const tried = moved(box, { x, y });
        const hit = this.#hit(tried);
        if (!hit) {
          this.#put(tried);
          break;
        }
        x = end(hit).x + gap;
      }
    }
  }

  /** The start of the stream: its ids above it, the first table to the left, others to the right. */
  #lookup(block: GraphBlock): void {
    const { gap, nPositions, roles } = this.#measures;
    const looked = new Set(
      block.formula!.operands.flatMap((o) => o.index.map((index) => index.lookup)).filter(Boolean),
    );
    let y = this.#top;
    for (const id of looked) {
      const ids = roles.byId.get(id);
      if (!ids || this.placed.has(id)) continue;
      this.#put(moved(this.#boxOf(ids, this.#axesOf(ids), true), { y }));
      y += 1 + gap;
    }
    const embedded = this.#put(moved(this.#boxOf(block, this.#axesOf(block)), { y }));
    block.formula!.operands.forEach((operand, i) => {
      const table = roles.byId.get(operand.block);
      if (!table || this.placed.has(table.id)) return;
      const box = this.#boxOf(table, { x: 0, y: 1, z: null });
      const x = i === 0 ? -gap - box.size.x : nPositions + gap;
      this.#put(moved(box, { x, y: embedded.origin.y }));
    });
  }

  /** The stream after a sublayer: beside what is added to it. */
  #addition(block: GraphBlock): void {
    const { stream } = this.#measures.roles;
    const added = block.formula!.operands.find((operand) => !stream.includes(operand.block));
    const beside = added ? this.placed.get(added.block) : undefined;
    const box = this.#boxOf(block, this.#axesOf(block));
    this.#put(moved(box, { y: beside?.origin.y ?? this.#bottom() + this.#measures.gap }));
  }

  /** Positions along x: in the column, its weights outwards of it in the same rows. */
  #standing(block: GraphBlock): void {
    const { nPositions, gap } = this.#measures;
    const axes = this.#axesOf(block);
    const box = this.#boxOf(block, axes);
    const { matrices, biases, vectors } = this.#read(block);
    const sums = this.#reductions(block, axes);
    const weights = matrices.map((operand) =>
      this.#boxOf(this.#blockOf(operand), this.#matrixAxes(block, operand, false)),
    );
    const out = weights.reduce((width, weight) => width + weight.size.x + gap, 0) + STRIP * (biases.length + 1);
    const header = STRIP * Math.max(1, sums.filter(({ along }) => along === "x").length);
    const y =
      header +
      Math.max(
        this.#below(0, nPositions + this.#measures.room, block),
        weights.length ? this.#below(this.#outer, this.#outer + out, block) : -Infinity,
      );
    this.#out(box, 0, y);
    let strips = nPositions + 1;
    let above = y - header;
    for (const { block: sum, axes: sumAxes, along } of sums) {
      const strip = this.#boxOf(sum, sumAxes, true);
      if (along === "x") {
        this.#out(strip, 0, above);
        above += STRIP;
      } else {
        this.#out(strip, strips, y);
        strips += STRIP;
      }
    }
    let u = this.#outer;
    for (const weight of weights) {
      this.#out(weight, u, y);
      u += weight.size.x + gap;
    }
    if (weights.length) u += 1 - gap;
    for (const operand of [...vectors, ...biases]) {
      const vector = this.#blockOf(operand);
      const strip = this.#boxOf(vector, this.#vectorAxes(block, axes, operand), true);
      const isBias = weights.length > 0 && biases.includes(operand);
      this.#out(strip, isBias ? u : strips, y);
      if (isBias) u += STRIP;
      else strips += STRIP;
    }
  }

  /** Features along x: its weights above it, in the rows of what they are multiplied with. */
  #lying(block: GraphBlock): void {
    const { roles } = this.#measures;
    const axes = this.#axesOf(block);
    const box = this.#boxOf(block, axes);
    const { matrices, biases, vectors } = this.#read(block);
    const sums = this.#reductions(block, axes);
    const [matrix] = matrices;
    let u = this.#outer;
    let weight: BlockBox | null = null;
    if (matrix) {
      const source = block.formula!.operands.find((operand) => roles.byId.get(operand.block)?.kind === "value");
      weight = this.#beside(
        this.#boxOf(this.#blockOf(matrix), this.#matrixAxes(block, matrix, true)),
        source ? this.placed.get(source.block) : undefined,
      );
      u = this.#outwards(weight);
    } else {
      const before = this.placed.get(block.formula!.operands[0]?.block ?? "");
      if (before && this.#own.has(before.block.id) && this.#isWide(before.block)) u = this.#outwards(before);
    }
    // Heads of strips that lie along x; where the weights are, their bias is above them.
    const rows = vectors.length + (weight ? 0 : biases.length) + sums.filter(({ along }) => along === "x").length;
    const y = this.#below(u - this.#measures.room, u + box.size.x, block) + STRIP * Math.max(1, rows);
    this.#out(box, u, y);
    let above = y - STRIP;
    let inwards = u - STRIP;
    for (const { block: sum, axes: sumAxes, along } of sums) {
      const strip = this.#boxOf(sum, sumAxes, true);
      if (along === "y") {
        this.#out(strip, inwards, y);
        inwards -= STRIP;
      } else {
        this.#out(strip, u, above);
        above -= STRIP;
      }
    }
    for (const operand of [...vectors, ...biases]) {
      const strip = this.#boxOf(this.#blockOf(operand), this.#vectorAxes(block, axes, operand), true);
      if (weight && biases.includes(operand)) this.#out(strip, u, weight.origin.y - STRIP);
      else {
        this.#out(strip, u, above);
        above -= STRIP;
      }
    }
  }

  /** A matrix in the rows of its source, as far out as there is room; below everything where there is no source here. */
  #beside(matrix: BlockBox, source: BlockBox | undefined): BlockBox {
    const { gap } = this.#measures;
    if (source && this.#own.has(source.block.id)) {
      for (let u = this.#outer; ;) {
        const tried = moved(matrix, { x: this.#x(u, matrix.size.x), y: source.origin.y });
        const hit = this.#hit(tried, STRIP);
        if (!hit) return this.#put(tried);
        u = Math.max(u + 1, this.#outwards(hit) + hit.size.x + gap);
      }
    }
    return this.#out(matrix, this.#outer, this.#below(this.#outer, this.#outer + matrix.size.x) + STRIP);
  }

  /** What a block reads of this part's weights: matrices that it sums over, biases that it adds, and other vectors. */
  #read(block: GraphBlock): { matrices: Operand[]; biases: Operand[]; vectors: Operand[] } {
    const formula = block.formula!;
    const over = new Set(formula.over.map((axis) => axis.name));
    const found = { matrices: [] as Operand[], biases: [] as Operand[], vectors: [] as Operand[] };
    for (const operand of formula.operands) {
      const read = this.#blockOf(operand);
      if (read.kind !== "weight" || this.placed.has(read.id) || !this.#own.has(read.id)) continue;
      if (operand.index.some((index) => over.has(index.axis))) found.matrices.push(operand);
      else if (operand.role === "bias") found.biases.push(operand);
      else found.vectors.push(operand);
    }
    return found;
  }

  /** The sums that are drawn beside a block, each along the side where the block has its axis. */
  #reductions(owner: GraphBlock, axes: Axes): { block: GraphBlock; axes: Axes; along: "x" | "y" }[] {
    const { beside, byId } = this.#measures.roles;
    return [...this.#own]
      .filter((id) => beside.get(id) === owner.id && !this.placed.has(id))
      .map((id) => {
        const block = byId.get(id)!;
        const own = this.#like(block, owner, axes, (axis) => axis);
        return { block, axes: own, along: own.y === null ? ("x" as const) : ("y" as const) };
      });
  }

  #vectorAxes(owner: GraphBlock, axes: Axes, operand: Operand): Axes {
    const vector = this.#blockOf(operand);
    return this.#like(vector, owner, axes, (_, i) => operand.index[i]?.axis ?? "");
  }

  /** Axes of a block as those of the same name lie in another. */
  #like(block: GraphBlock, other: GraphBlock, axes: Axes, name: (own: string, i: number) => string): Axes {
    const found: { x: number | null; y: number | null; z: number | null } = { x: null, y: null, z: null };
    block.axes.forEach((axis, i) => {
      const there = other.axes.findIndex(({ name: theirs }) => theirs === name(axis.name, i));
      for (const side of ["x", "y", "z"] as const) if (there >= 0 && axes[side] === there) found[side] = i;
    });
    return found;
  }

  /** A matrix: what is summed over along its source's features, what it gives along its product's. */
  #matrixAxes(block: GraphBlock, operand: Operand, lying: boolean): Axes {
    const { depth } = this.#measures.roles;
    const over = new Set(block.formula!.over.map((axis) => axis.name));
    const found: { x: number | null; y: number | null; z: number | null } = { x: null, y: null, z: null };
    this.#blockOf(operand).axes.forEach((axis, i) => {
      if (depth.has(axis.name)) found.z = i;
      else if (over.has(operand.index[i]!.axis)) found[lying ? "y" : "x"] = i;
      else found[lying ? "x" : "y"] = i;
    });
    return found;
  }

  /** How a block lies by itself. */
  #axesOf(block: GraphBlock): Axes {
    const { depth } = this.#measures.roles;
    const z = block.axes.findIndex((axis) => depth.has(axis.name));
    const flat = block.axes.map((_, i) => i).filter((i) => i !== z);
    const found = { z: z < 0 ? null : z };
    const [first, second] = flat;
    if (first === undefined || second === undefined) return { ...found, x: first ?? null, y: null };
    const names = flat.map((i) => block.axes[i]!.name);
    // Queries downwards and keys to the right, as a mask is usually drawn.
    if (names.every(isAlong) || this.#isWide(block)) return { ...found, x: second, y: first };
    return { ...found, x: first, y: second };
  }

  /** Whether a block has more features than the stream. */
  #isWide(block: GraphBlock): boolean {
    const { depth, width } = this.#measures.roles;
    const flat = block.axes.filter((axis) => !depth.has(axis.name));
    return flat.length === 2 && isAlong(flat[0]!.name) && (flat[1]!.size ?? 0) > width;
  }

  #boxOf(block: GraphBlock, axes: Axes, strip = false): BlockBox {
    return boxOf(block, axes, this.#measures.nPositions, this.#measures.depth, strip);
  }

  #blockOf(operand: Operand): GraphBlock {
    return this.#measures.roles.byId.get(operand.block)!;
  }

  /** Where weights begin, outwards from the column's inner edge. */
  get #outer(): number {
    const { nPositions, room, gap } = this.#measures;
    return nPositions + room + gap;
  }

  #x(u: number, width: number): number {
    const { inner, side } = this.#column;
    return side > 0 ? inner + u : inner - u - width;
  }

  #outwards(box: Box): number {
    const { inner, side } = this.#column;
    return side > 0 ? box.origin.x - inner : inner - end(box).x;
  }

  #out(box: BlockBox, u: number, y: number): BlockBox {
    return this.#put(moved(box, { x: this.#x(u, box.size.x), y }));
  }

  /** The first row that is free, after a gap, below what this sublayer has between two columns and what a block reads. */
  #below(from: number, to: number, block?: GraphBlock): number {
    const { gap } = this.#measures;
    let y = this.#top;
    for (const box of this.placed.values()) {
      if (!this.#own.has(box.block.id)) continue;
      const u = this.#outwards(box);
      const reads = block?.formula?.operands.some(
        (operand) => operand.block === box.block.id && box.block.kind === "value",
      );
      if (reads || (u < to && u + box.size.x > from)) y = Math.max(y, end(box).y + gap);
    }
    return y;
  }

  #bottom(): number {
    return Math.max(...[...this.placed.values()].map((box) => end(box).y));
  }

  #hit(box: Box, header = 0): BlockBox | undefined {
    const tried = {
      origin: { ...box.origin, y: box.origin.y - header },
      size: { ...box.size, y: box.size.y + header },
    };
    return [...this.placed.values()].find((other) => overlap(tried, other));
  }

  #put(box: BlockBox): BlockBox {
    this.placed.set(box.block.id, box);
    return box;
  }
}
