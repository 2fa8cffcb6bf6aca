// A model's ONNX graphs as functions over plain arrays; the one file that touches ONNX Runtime.
//
// What goes in and comes out is fp32 and row after row. Inputs and outputs by name:
// forward: ids [T], past_keys and past_values [B, H, P, hd] → stages [S, T, d], keys and values [B, H, T, hd] (of these T).
// readout: vectors [S, N, d], last and embed [N, d], next_ids and input_ids [N], watch [W], k [1], norm → by name.
// histogram: vectors [M, d], norm → counts [M, 64], samples [M, 64, 3]. next: vectors [N, d], norm → logits [N, rows].
// activations: ids [T] → one output per computed block.

import type { InferenceSession, Tensor, TypedTensor } from "onnxruntime-web";

import type { Values } from "../../trace";
import { EngineError } from "../engine";
import { plainly, refused } from "./failures";
import type { GraphName, Manifest, ModelIo } from "./manifest";
import { WASM, type Way } from "./ways";

/** What is used of the package; its builds for pages and for Node share it. */
export type Ort = Pick<typeof import("onnxruntime-web"), "InferenceSession" | "Tensor">;

/** Keys and values of the tokens that were read: `[block, head, position, d_head]`. */
export interface KeyValues {
  readonly length: number;
  readonly keys: Float32Array;
  readonly values: Float32Array;
}

export const NOTHING: KeyValues = { length: 0, keys: new Float32Array(0), values: new Float32Array(0) };

export interface ReadoutInput {
  readonly nStages: number;
  readonly nPositions: number;
  /** `[stage, position, d_model]`. */
  readonly vectors: Float32Array;
  /** `[position, d_model]`: what KL and the final token are measured by. */
  readonly last: Float32Array;
  readonly embed: Float32Array;
  readonly nextIds: ArrayLike<number>;
  readonly inputIds: ArrayLike<number>;
  readonly watch: readonly number[];
  readonly k: number;
  readonly norm: number;
}

/** A graphics processor that did not go on: its driver was changed, the device slept, its memory is full. */
export class GraphicsLost extends EngineError {
  constructor(readonly reason: string) {
    super("failed", `the graphics processor gave up (${reason}). Ask again: from now on WebAssembly computes.`);
  }
}

/** Bytes of a graph, and the external data that its weights lie in. */
export interface GraphFiles {
  readonly graph: Uint8Array;
  readonly weights: readonly { readonly path: string; readonly data: Uint8Array }[];
}

export class Graphs {
  readonly #ort: Ort;
  readonly #manifest: Manifest;
  readonly #files: (name: GraphName) => Promise<GraphFiles>;
  readonly #way: Way;
  readonly #sessions = new Map<GraphName, Promise<InferenceSession>>();

  /**
   * @param files what a graph is made of; asked for when it is first run.
   * @param way one that `ort` has.
   */
  constructor(ort: Ort, manifest: Manifest, files: (name: GraphName) => Promise<GraphFiles>, way: Way = WASM) {
    this.#ort = ort;
    this.#manifest = manifest;
    this.#files = files;
    this.#way = way;
  }

  get io(): ModelIo {
    return this.#manifest.io;
  }

  has(name: GraphName): boolean {
    return this.#manifest.graphs[name] !== undefined;
  }

  /** Makes what reads a text ready, so that running it takes no longer than it must. */
  async open(): Promise<void> {
    await this.#session(this.#way.halved ? "forward_fp16" : "forward");
    await this.#session("readout");
  }

  async forward(ids: readonly number[], past: KeyValues): Promise<{ stages: Float32Array } & KeyValues> {
    const { n_blocks: blocks, n_key_heads: heads, d_head: width } = this.io;
    const shape = [blocks, heads, past.length, width];
    const found = await this.#run(this.#way.halved ? "forward_fp16" : "forward", {
      ids: this.#whole(ids),
      past_keys: this.#real(past.keys, shape),
      past_values: this.#real(past.values, shape),
    });
    return {
      stages: realOf(found, "stages"),
      length: ids.length,
      keys: realOf(found, "keys"),
      values: realOf(found, "values"),
    };
  }

  /** Every statistic that the graph has: `[stage, position]` and any further axes. */
  async readout(asked: ReadoutInput): Promise<Map<string, Values>> {
    const { nStages, nPositions, watch } = asked;
    const width = this.io.d_model;
    const found = await this.#run("readout", {
      vectors: this.#real(asked.vectors, [nStages, nPositions, width]),
      last: this.#real(asked.last, [nPositions, width]),
      embed: this.#real(asked.embed, [nPositions, width]),
      next_ids: this.#whole(asked.nextIds),
      input_ids: this.#whole(asked.inputIds),
      watch: this.#whole(watch.length ? watch : [0]),
      k: this.#whole([asked.k]),
      norm: this.#whole([asked.norm], []),
    });
    return new Map(
      this.io.readout_outputs.map((name) => {
        const tensor = tensorOf(found, name);
        return [name, { data: numbersOf(tensor), shape: tensor.dims }];
      }),
    );
  }

  async histogram(
    vectors: Float32Array,
    n: number,
    norm: number,
  ): Promise<{ counts: Int32Array; samples: Int32Array }> {
    const found = await this.#run("histogram", {
      vectors: this.#real(vectors, [n, this.io.d_model]),
      norm: this.#whole([norm], []),
    });
    return { counts: wholeOf(found, "counts"), samples: wholeOf(found, "samples") };
  }

  /** Logits `[row, vocab]` of what the head reads, padding included. */
  async next(vectors: Float32Array, n: number): Promise<Float32Array> {
    const found = await this.#run("next", {
      vectors: this.#real(vectors, [n, this.io.d_model]),
      norm: this.#whole([0], []),
    });
    return realOf(found, "logits");
  }

  /** Some blocks of a text read from its beginning. */
  async activations(ids: readonly number[], blocks: readonly string[]): Promise<Map<string, Values>> {
    const found = await this.#run("activations", { ids: this.#whole(ids) }, blocks);
    return new Map(
      blocks.map((name) => {
        const tensor = tensorOf(found, name);
        return [name, { data: numbersOf(tensor), shape: tensor.dims }];
      }),
    );
  }

  /** What activations can give. */
  async blocks(): Promise<ReadonlySet<string>> {
    return new Set((await this.#session("activations")).outputNames);
  }

  /** Gives back what the sessions hold. */
  async release(): Promise<void> {
    const open = [...this.#sessions.values()];
    this.#sessions.clear();
    for (const session of open)
      await session.then((one) => alone(this.#ort, () => one.release())).catch(() => undefined);
  }

  async #run(
    name: GraphName,
    feeds: Record<string, Tensor>,
    wanted?: readonly string[],
  ): Promise<InferenceSession.OnnxValueMapType> {
    const session = await this.#session(name);
    try {
      return await alone(this.#ort, () => (wanted ? session.run(feeds, wanted) : session.run(feeds)));
    } catch (error) {
      throw this.#plainly(error);
    } finally {
      for (const tensor of Object.values(feeds)) tensor.dispose();
    }
  }

  #session(name: GraphName): Promise<InferenceSession> {
    let session = this.#sessions.get(name);
    if (!session) {
      session = this.#opened(name);
      this.#sessions.set(name, session);
      // A failure is not kept: what was missing may be there the next time.
      session.catch(() => this.#sessions.delete(name));
    }
    return session;
  }

  async #opened(name: GraphName): Promise<InferenceSession> {
    if (!this.has(name)) {
      const { card } = this.#manifest;
      throw new EngineError("cannot", `${card.name} was exported without its ${name} graph; export it again.`);
    }
    const { graph, weights } = await this.#files(name);
    try {
      const options: InferenceSession.SessionOptions = {
        executionProviders: this.#providers(name),
        externalData: [...weights],
        graphOptimizationLevel: "all",
        // Lengths differ from run to run: plans of memory for each would only pile up.
        enableMemPattern: false,
        logSeverityLevel: 3,
      };
      return await alone(this.#ort, () => this.#ort.InferenceSession.create(graph, options));
    } catch (error) {
      const plain = this.#plainly(error);
      if (!(plain instanceof EngineError) || plain instanceof GraphicsLost) throw plain;
      if (plain.trouble === "refused")
        throw refused(
          `there is not enough memory in this browser for ${this.#manifest.card.name}. Close other pages, or take a smaller model.`,
        );
      if (/WebAssembly|SIMD|no available backend/i.test(plain.message))
        throw refused("this browser could not start what computes the model; update it, or use another one.");
      throw plain;
    }
  }

  #plainly(error: unknown): Error {
    // Where a graphics processor gives up, WebAssembly goes on.
    return this.#way.program === "webgpu" ? new GraphicsLost(plainly(error, false).message) : plainly(error);
  }

  #providers(name: GraphName): InferenceSession.ExecutionProviderConfig[] {
    // The walkthrough's tensors are many and small.
    if (this.#way.program === "wasm" || name === "activations") return ["wasm"];
    return [{ name: "webgpu", forceCpuNodeNames: this.io.on_processor ?? [] }];
  }

  #real(data: Float32Array, shape: readonly number[]): Tensor {
    return new this.#ort.Tensor("float32", data, shape);
  }

  #whole(numbers: ArrayLike<number>, shape: readonly number[] = [numbers.length]): Tensor {
    return new this.#ort.Tensor(
      "int64",
      BigInt64Array.from(numbers as ArrayLike<number> & Iterable<number>, BigInt),
      shape,
    );
  }
}

/** Of each runtime, the last thing that it was asked to do. */
const busy = new WeakMap<Ort, Promise<unknown>>();

/** One thing after the other: a runtime that waits for a graphics processor does nothing else meanwhile. */
function alone<Result>(ort: Ort, work: () => Promise<Result>): Promise<Result> {
  const result = (busy.get(ort) ?? Promise.resolve()).then(work);
  busy.set(
    ort,
    result.catch(() => undefined),
  );
  return result;
}

function tensorOf(found: InferenceSession.OnnxValueMapType, name: string): Tensor {
  const tensor = found[name];
  if (!tensor) throw new EngineError("failed", `the graph gives no "${name}"; export the model again.`);
  return tensor as Tensor;
}

function realOf(found: InferenceSession.OnnxValueMapType, name: string): Float32Array {
  return (tensorOf(found, name) as TypedTensor<"float32">).data;
}

function wholeOf(found: InferenceSession.OnnxValueMapType, name: string): Int32Array {
  return numbersOf(tensorOf(found, name)) as Int32Array;
}

/** fp32 as it is; whole numbers of any width as int32. */
function numbersOf(tensor: Tensor): Float32Array | Int32Array {
  const data = tensor.data;
  if (data instanceof Float32Array || data instanceof Int32Array) return data;
  return Int32Array.from(data as unknown as Iterable<bigint | number>, Number);
}
