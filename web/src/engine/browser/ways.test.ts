import { describe, expect, it, vi } from "vitest";

import { EngineError } from "../engine";
import { loadModel, ModelFiles, type Device } from "./loading";
import type { Ort } from "./graphs";
import type { Manifest, Store } from "./manifest";
import { Tokeniser } from "./tokenise";
import { cardOf, said, toleranceOf, waysOf, WASM, type Computed, type Graphics } from "./ways";

const never = () => new AbortController().signal;
const graphics: Graphics = { name: "amd rdna-3", halves: true };
const plainGraphics: Graphics = { ...graphics, halves: false };

/** A model of one block whose readout says what `RIGHT` says, or what it is told to. */
const RIGHT = [-1, -2];
const names = ["next_logprob", "entropy", "kl_from_final", "final_rank"];

function manifestOf(weights: Partial<Manifest["weights"]> = {}): Manifest {
  const file = { path: "x", bytes: 0, sha256: "" };
  const rows = [[...RIGHT]];
  return {
    card: { name: "m", device: "this browser", dtype: "float32", notes: [], n_vocab: 3, context_window: 8, stages: ["0.mlp"], last_stage: "0.mlp", lenses: ["logit"], length_dependent: false, model_class: "M", limits: { characters: 99, tokens: 9, top_k: 9, watch: 9, trace_bytes: 99999 } }, // prettier-ignore
    graphs: { forward: file, readout: file, forward_fp16: file },
    weights: { computed: "float32", graphics: true, files: [], ...weights },
    io: { n_blocks: 1, n_key_heads: 1, d_head: 1, d_model: 1, n_rows: 3, stages: ["0.mlp"], eos_ids: [], bos_id: null, readout_outputs: names, on_processor: ["on_processor_1"] }, // prettier-ignore
    header: { dtype: "float32", last_stage: "0.mlp", length_dependent: false, versions: {} },
    check: {
      text: "ab",
      ids: [0, 1],
      stages: ["0.mlp"],
      // Nothing comes after the last token.
      arrays: { next_logprob: [[RIGHT[0]!, null]], entropy: rows, kl_from_final: rows, final_rank: rows },
      tolerance: 1e-4,
    },
  } as unknown as Manifest;
}

const halvedWeights = { halved: { errors: { logprob: 0.01, kl: 0.01, mean: 0.002 }, tolerance: 0.04 } };

interface Made {
  readonly providers: unknown;
  readonly released: () => boolean;
}

/** A runtime whose numbers are off by so much, or that fails at some step. */
function runtime(off: number, failing: "create" | "run" | "" = ""): { ort: Ort; made: Made[] } {
  const made: Made[] = [];
  const ort = {
    Tensor: class {
      constructor(
        readonly type: string,
        readonly data: ArrayLike<number>,
        readonly dims: readonly number[],
      ) {}
      dispose() {}
    },
    InferenceSession: {
      async create(_: Uint8Array, options: { executionProviders: unknown }) {
        if (failing === "create") throw new Error("no device");
        let released = false;
        made.push({ providers: options.executionProviders, released: () => released });
        return {
          outputNames: [],
          async release() {
            released = true;
          },
          async run(feeds: Record<string, { dims: readonly number[] }>) {
            if (failing === "run") throw new Error("the device was lost");
            const n = feeds["ids"]?.dims[0] ?? feeds["vectors"]!.dims[1]!;
            const real = (data: number[], dims: number[]) => ({ data: Float32Array.from(data), dims });
            if (feeds["ids"]) {
              const each = real(Array(n).fill(1), [1, n, 1]);
              return { stages: each, keys: each, values: each };
            }
            const values = RIGHT.slice(0, n).map((one) => one + off);
            return Object.fromEntries(names.map((name) => [name, real(values, [1, n])]));
          },
        };
      },
    },
  };
  return { ort: ort as unknown as Ort, made };
}

const tokeniser = new Tokeniser(
  (text) => [...text].map((letter) => letter.charCodeAt(0) - 97),
  { bytes: ["61", "62", "63"], special: [], byte_tokens: [], puts_a_space_first: false, prefix: [] },
  null,
);

/** Loads the model on a device with these runtimes. */
async function load(
  programs: { webgpu: ReturnType<typeof runtime>; wasm?: ReturnType<typeof runtime> },
  { lost = "", manifest = manifestOf(), graphics: found = plainGraphics as Graphics | null, file = fine } = {},
) {
  const { webgpu, wasm = runtime(0) } = programs;
  const device: Device = {
    graphics: lost ? null : found,
    lost,
    runtime: async (program) => ({ ort: (program === "webgpu" ? webgpu : wasm).ort, versions: { ort: program } }),
  };
  const store = { file } as unknown as Store;
  const model = await loadModel(device, manifest, tokeniser, new ModelFiles(store, manifest), never(), () => undefined);
  return { model, webgpu, wasm };
}

const fine = async () => new ArrayBuffer(0);

describe("the ways of a model", () => {
  it("end with WebAssembly, and begin with what the device has", () => {
    expect(waysOf(manifestOf(), null)).toEqual([WASM]);
    expect(waysOf(manifestOf({ graphics: false }), graphics)).toEqual([WASM]);
    expect(waysOf(manifestOf(), graphics)).toEqual([{ program: "webgpu", halved: false }, WASM]);
    const halved = manifestOf(halvedWeights);
    expect(waysOf(halved, graphics).map((way) => way.halved)).toEqual([true, false, false]);
    expect(waysOf(halved, plainGraphics).map((way) => way.halved)).toEqual([false, false]);
  });

  it("are each held to what was measured of them", () => {
    const manifest = manifestOf(halvedWeights);
    expect(toleranceOf(manifest, { program: "webgpu", halved: true })).toBe(0.04);
    expect(toleranceOf(manifest, { program: "webgpu", halved: false })).toBe(1e-4);
    expect(toleranceOf(manifest, WASM)).toBe(1e-4);
  });

  it("are said to the reader with the figure, and nothing where all is as ever", () => {
    expect(said(manifestOf(), WASM, null, 1e-6, [])).toBe("");
    const way = { program: "webgpu", halved: true } as const;
    expect(said(manifestOf(), way, graphics, 0.0123, [])).toBe(
      "m is computed by this device's graphics processor (WebGPU, amd rdna-3), multiplying in half precision; its numbers are within 0.012 nats of Python's on the check text.",
    );
    expect(said(manifestOf(), WASM, graphics, 1.5e-5, ["The graphics processor was left: no device."])).toBe(
      "m is computed by WebAssembly; its numbers are within 0.000015 nats of Python's on the check text. The graphics processor was left: no device.",
    );
  });

  it("stand on the card once they are known", () => {
    const manifest = manifestOf();
    expect(cardOf({ manifest, computed: null })).toBe(manifest.card);
    const computed: Computed = { way: { program: "webgpu", halved: true }, versions: {}, said: "so" };
    expect(cardOf({ manifest, computed })).toMatchObject({
      device: "this browser's graphics processor",
      dtype: "float16 products in float32",
      notes: ["so"],
    });
  });
});

describe("a model with a graphics processor", () => {
  it("is computed by it where its numbers are right, and traces say so", async () => {
    const { model, webgpu, wasm } = await load({ webgpu: runtime(0) });
    expect(model.computed.way).toEqual({ program: "webgpu", halved: false });
    expect(model.computed.versions).toEqual({ ort: "webgpu", webgpu: "amd rdna-3" });
    expect(webgpu.made[0]!.providers).toEqual([{ name: "webgpu", forceCpuNodeNames: ["on_processor_1"] }]);
    expect(wasm.made).toEqual([]);
  });

  it("is computed by WebAssembly where its numbers are wrong, with the figure, and what it held is given back", async () => {
    const { model, webgpu, wasm } = await load({ webgpu: runtime(0.02) });
    expect(model.computed.way).toEqual(WASM);
    expect(model.computed.versions).toEqual({ ort: "wasm" });
    expect(model.computed.said).toMatch(/computed by WebAssembly.*left: its numbers differ from Python's by 0.020/);
    expect(webgpu.made.every((one) => one.released())).toBe(true);
    expect(wasm.made.some((one) => one.released())).toBe(false);
  });

  it.each(["create", "run"] as const)("is computed by WebAssembly where it fails to %s", async (step) => {
    const { model } = await load({ webgpu: runtime(0, step) });
    expect(model.computed.way).toEqual(WASM);
    expect(model.computed.said).toMatch(step === "create" ? /no device/ : /the device was lost/);
  });

  it("is tried in fp32 where half precision is too far off", async () => {
    const manifest = manifestOf(halvedWeights);
    const near = await load({ webgpu: runtime(0.02) }, { manifest, graphics });
    expect(near.model.computed.way).toEqual({ program: "webgpu", halved: true });
    expect(near.model.manifest.header.dtype).toBe("float16 products in float32");
    const far = await load({ webgpu: runtime(0.2) }, { manifest, graphics });
    expect(far.model.computed.way).toEqual(WASM);
    expect(far.model.manifest.header.dtype).toBe("float32");
    expect(far.model.computed.said).toMatch(/left in half precision: .*0\.20 .*left: .*0\.20/);
  });

  it("is refused where WebAssembly is wrong as well", async () => {
    const asked = load({ webgpu: runtime(0.02), wasm: runtime(0.02) });
    await expect(asked).rejects.toMatchObject({ trouble: "refused", message: expect.stringMatching(/cannot be used/) });
  });

  it("waits for its files, whatever computes", async () => {
    const gone = vi.fn(async () => Promise.reject(new EngineError("gone", "nobody answers")));
    await expect(load({ webgpu: runtime(0) }, { file: gone })).rejects.toMatchObject({ trouble: "gone" });
    expect(gone).toHaveBeenCalledTimes(1);
  });

  it("that was lost is not tried again", async () => {
    const { model, webgpu } = await load({ webgpu: runtime(0) }, { lost: "The graphics processor was left: asleep." });
    expect(model.computed.said).toMatch(/computed by WebAssembly.*asleep/);
    expect(webgpu.made).toEqual([]);
  });
});
