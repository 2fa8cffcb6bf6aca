// The numbers of one run: every block of the walkthrough's graph for one text; as Python's `graph/activations.py`.
//
// Computed blocks come from the exported graph, as many at once as fit; what is held is bounded, and what was asked for
// longest ago is computed again when it is needed. Weights are read from where they lie in the model's own files.

import type { Graph, GraphBlock } from "../contract";
import type { Range, Tile } from "../engine";
import { refused, requireWanted } from "./failures";
import type { Graphs } from "./graphs";
import type { WalkthroughGraph, WeightPlace } from "./manifest";

/** Computed blocks of one run that are held at once. */
const RUN_BYTES = 192 << 20;

/** Weights that are held as fp32 at once. */
const WEIGHT_BYTES = 96 << 20;

const ITEM = 4;

/** Where the bytes of a model's weights are got. */
export type WeightBytes = (file: string, signal: AbortSignal) => Promise<Uint8Array>;

/** Blocks by id; the longest unused go first. */
class Blocks {
  readonly #held = new Map<string, Float32Array>();
  readonly #limit: number;
  #bytes = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get(id: string): Float32Array | undefined {
    const block = this.#held.get(id);
    if (block) {
      this.#held.delete(id);
      this.#held.set(id, block);
    }
    return block;
  }

  set(id: string, block: Float32Array): void {
    this.#held.set(id, block);
    this.#bytes += block.byteLength;
    for (const [other, { byteLength }] of this.#held) {
      if (this.#bytes <= this.#limit) return;
      if (other === id) continue;
      this.#held.delete(other);
      this.#bytes -= byteLength;
    }
  }

  get bytes(): number {
    return this.#bytes;
  }
}

/** The parts of a model that its runs share. */
export class Inside {
  readonly graph: Graph;
  readonly #weights: Readonly<Record<string, WeightPlace>>;
  readonly #bytes: WeightBytes;
  readonly #held = new Blocks(WEIGHT_BYTES);
  readonly #blocks: ReadonlyMap<string, GraphBlock>;

  constructor(
    { graph, weights }: WalkthroughGraph,
    bytes: WeightBytes,
    readonly graphs: Graphs,
  ) {
    this.graph = graph;
    this.#weights = weights;
    this.#bytes = bytes;
    this.#blocks = new Map(graph.blocks.map((block) => [block.id, block]));
  }

  find(id: string): GraphBlock {
    const block = this.#blocks.get(id);
    if (!block) throw refused(`this model has no block "${id}"; \`graph\` lists what there is.`);
    return block;
  }

  async weight(id: string, signal: AbortSignal): Promise<Float32Array> {
    const held = this.#held.get(id);
    if (held) return held;
    const place = this.#weights[id];
    if (!place) throw refused(`the weights of "${id}" are not in this export.`);
    const weight = placed(await this.#bytes(place.file, signal), place);
    this.#held.set(id, weight);
    return weight;
  }
}

export class Activations {
  readonly nPositions: number;
  readonly #held = new Blocks(RUN_BYTES);
  readonly #spread = new Map<string, readonly [number, number]>();

  /** Computes nothing yet. */
  constructor(
    readonly inside: Inside,
    readonly ids: readonly number[],
  ) {
    this.nPositions = ids.length;
    const { sizes } = inside.graph;
    const most = sizes["context"]!;
    if (ids.length > most)
      throw refused(
        `the text is ${ids.length.toLocaleString("en")} tokens long; the walkthrough reads what the model reads at once, at most ${most.toLocaleString("en")}.`,
      );
    if (ids.some((id) => id < 0 || id >= sizes["vocab"]!))
      throw refused(`an id outside 0 to ${sizes["vocab"]! - 1} was given; it is none of the vocabulary.`);
    for (const block of inside.graph.blocks) {
      const size = ITEM * product(this.shape(block));
      if (block.kind === "value" && size > RUN_BYTES)
        throw refused(
          `of a text of ${ids.length.toLocaleString("en")} tokens, "${block.id}" alone would take ${Math.round(size / 2 ** 20)} MiB; at most ${RUN_BYTES / 2 ** 20} are kept here. Give a shorter text.`,
        );
    }
  }

  get bytes(): number {
    return this.#held.bytes;
  }

  shape(block: GraphBlock): number[] {
    return block.axes.map(({ size }) => size ?? this.nPositions);
  }

  /** All numbers of a block, in the order of its axes; NaN where the mask leaves a cell out. */
  async block(id: string, signal: AbortSignal): Promise<Float32Array> {
    const block = this.inside.find(id);
    if (block.kind === "weight") return this.inside.weight(id, signal);
    if (id === "ids") return Float32Array.from(this.ids);
    const held = this.#held.get(id);
    if (held) return held;
    requireWanted(signal);
    const wanted = await this.#together(id);
    const found = await this.inside.graphs.activations(this.ids, wanted);
    // What was asked for comes last, so that it is the last to go.
    for (const name of [...wanted.filter((one) => one !== id), id])
      if (!this.#held.get(name)) this.#held.set(name, Float32Array.from(found.get(name)!.data));
    return this.#held.get(id)!;
  }

  /** A part of a block, or honest averages of it. */
  async tile(id: string, ranges: readonly Range[], level: number, signal: AbortSignal): Promise<Tile> {
    const shape = this.shape(this.inside.find(id));
    if (!Number.isInteger(level) || level < 0 || ranges.length !== shape.length)
      throw refused(`block "${id}" takes ${shape.length} ranges and a level of at least 0.`);
    ranges.forEach(([first, stop], i) => {
      if (!(0 <= first && first < stop && stop <= shape[i]!))
        throw refused(`range ${first}:${stop} was asked for, but block "${id}" has shape [${shape.join(", ")}].`);
    });
    const data = await this.block(id, signal);
    let spread = this.#spread.get(id);
    if (!spread) {
      spread = spreadOf(data);
      this.#spread.set(id, spread);
    }
    return { ...averaged(data, shape, ranges, 2 ** level), rms: spread[0], largest: spread[1] };
  }

  /** The blocks that one run of the graph gives: all of them if they fit, else those that follow as long as they do. */
  async #together(id: string): Promise<string[]> {
    const given = await this.inside.graphs.blocks();
    const all = this.inside.graph.blocks.filter((block) => block.kind !== "weight" && given.has(block.id));
    const wanted: string[] = [];
    let size = 0;
    const start = all.findIndex((block) => block.id === id);
    for (const block of [...all.slice(start), ...all.slice(0, start)]) {
      size += ITEM * product(this.shape(block));
      if (wanted.length && size > RUN_BYTES) break;
      wanted.push(block.id);
    }
    return wanted;
  }
}

/** How far numbers are from 0: the root of their mean square, and the largest absolute value; NaN does not count. */
export function spreadOf(data: Float32Array): readonly [number, number] {
  let [total, count, largest] = [0, 0, 0];
  for (const one of data) {
    if (!Number.isFinite(one)) continue;
    total += one * one;
    count++;
    largest = Math.max(largest, Math.abs(one));
  }
  return [Math.fround(Math.sqrt(total / Math.max(1, count))), largest];
}

/** A range of an array, each cell the mean of `step` × `step` along the last two axes; what is no number does not count. */
export function averaged(
  data: Float32Array,
  shape: readonly number[],
  ranges: readonly Range[],
  step: number,
): { data: Float32Array; shape: number[] } {
  const nAxes = shape.length;
  const steps = shape.map((_, i) => (i >= nAxes - 2 ? step : 1));
  const sizes = ranges.map(([first, stop], i) => Math.ceil((stop - first) / steps[i]!));
  const strides = shape.map((_, i) => product(shape.slice(i + 1)));
  const cells = new Float32Array(product(sizes));
  const index = ranges.map(() => 0);
  const [rows, columns] = [nAxes - 2, nAxes - 1];
  for (let cell = 0; cell < cells.length; cell++) {
    let base = 0;
    for (let axis = 0; axis < rows; axis++) base += (ranges[axis]![0] + index[axis]!) * strides[axis]!;
    const [r0, r1] = rows >= 0 ? stretch(ranges[rows]!, index[rows]!, step) : [0, 1];
    const [c0, c1] = columns >= 0 ? stretch(ranges[columns]!, index[columns]!, step) : [0, 1];
    let [sum, count] = [0, 0];
    for (let row = r0; row < r1; row++) {
      let line = 0;
      for (let column = c0; column < c1; column++) {
        const one = data[base + (rows >= 0 ? row * strides[rows]! : 0) + column]!;
        if (!Number.isFinite(one)) continue;
        line += one;
        count++;
      }
      sum += line;
    }
    cells[cell] = count ? sum / count : NaN;
    for (let axis = nAxes - 1; axis >= 0; axis--) {
      if (++index[axis]! < sizes[axis]!) break;
      index[axis] = 0;
    }
  }
  return { data: cells, shape: sizes };
}

function stretch([first, stop]: Range, index: number, step: number): [number, number] {
  const from = first + index * step;
  return [from, Math.min(stop, from + step)];
}

/** Weights as fp32 in the order of their axes, from where they lie in a file. */
export function placed(bytes: Uint8Array, { offset, dtype, shape, strides }: WeightPlace): Float32Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const read: Readonly<Record<WeightPlace["dtype"], (at: number) => number>> = {
    float32: (at) => view.getFloat32(offset + 4 * at, true),
    float16: (at) => half(view.getUint16(offset + 2 * at, true)),
    bfloat16: (at) => brain(view.getUint16(offset + 2 * at, true)),
  };
  const number = read[dtype];
  const whole = new Float32Array(product(shape));
  const index = shape.map(() => 0);
  let at = 0;
  for (let cell = 0; cell < whole.length; cell++) {
    whole[cell] = number(at);
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      at += strides[axis]!;
      if (++index[axis]! < shape[axis]!) break;
      at -= strides[axis]! * shape[axis]!;
      index[axis] = 0;
    }
  }
  return whole;
}

/** An IEEE half. */
function half(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (1024 + fraction) * 2 ** (exponent - 25);
}

const WORD = new DataView(new ArrayBuffer(4));

/** The upper half of an fp32. */
function brain(bits: number): number {
  WORD.setUint32(0, bits << 16);
  return WORD.getFloat32(0);
}

function product(sizes: readonly number[]): number {
  return sizes.reduce((a, b) => a * b, 1);
}
