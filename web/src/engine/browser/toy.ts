// A model that can be computed by hand, for tests: what it is at a position depends on every token up to there.

import type { Values } from "../../trace";
import type { Graphs, KeyValues, ReadoutInput } from "./graphs";
import type { Manifest } from "./manifest";
import { Pace, type Model } from "./reader";
import { Tokeniser } from "./tokenise";

const STAGES = ["embed", "0.attn", "0.mlp", "1.mlp"];
const VOCAB = 26;

/** What the toy was asked to compute. */
export interface Work {
  /** Tokens that were fed, run by run. */
  readonly fed: number[];
  /** Stages times positions, run by run. */
  readonly read: number[];
}

/** A toy that reads `context` letters at once; its keys are the tokens themselves, its values twice that. */
export function toy(context = 0): { model: Model; work: Work } {
  const work: Work = { fed: [], read: [] };
  const io = {
    n_blocks: 2,
    n_key_heads: 1,
    d_head: 1,
    d_model: 2,
    n_rows: VOCAB,
    stages: STAGES,
    eos_ids: [],
    bos_id: null,
  };
  const graphs = {
    io,
    async forward(ids: readonly number[], past: KeyValues) {
      work.fed.push(ids.length);
      const before = [...past.keys.subarray(0, past.length)];
      if (!before.every((key, i) => past.values[past.length + i] === 2 * key))
        throw new Error("keys and values mixed up");
      const stages = new Float32Array(STAGES.length * ids.length * 2);
      STAGES.forEach((_, stage) =>
        ids.forEach((id, t) => {
          const all = [...before, ...ids.slice(0, t + 1)];
          const sum = all.reduce((total, one, i) => total + (one + 1) * (i + 1), 0);
          stages.set([Math.sin(sum + stage), id], (stage * ids.length + t) * 2);
        }),
      );
      const both = (scale: number) => Float32Array.from([...ids, ...ids], (id) => scale * id);
      return { stages, length: ids.length, keys: both(1), values: both(2) };
    },
    async readout({ nStages, nPositions, vectors, last, embed, nextIds, k }: ReadoutInput) {
      work.read.push(nStages * nPositions);
      const cells = nStages * nPositions;
      const each = (of: (x: number, position: number) => number): Values => ({
        data: Float32Array.from({ length: cells }, (_, i) => of(vectors[2 * i]!, i % nPositions)),
        shape: [nStages, nPositions],
      });
      return new Map<string, Values>([
        ["next_logprob", each((x, t) => -Math.abs(x) - nextIds[t]!)],
        [
          "next_rank",
          {
            data: Int32Array.from({ length: cells }, (_, i) => 1 + (nextIds[i % nPositions]! % 5)),
            shape: [nStages, nPositions],
          },
        ],
        ["kl_from_final", each((x, t) => Math.abs(x - last[2 * t]!))],
        ["kl_from_input", each((x, t) => Math.abs(x - embed[2 * t]!))],
        ["top_ids", { data: Int32Array.from({ length: cells * k }, (_, i) => i % k), shape: [nStages, nPositions, k] }],
      ]);
    },
  };
  const bytes = Array.from({ length: VOCAB }, (_, i) => (97 + i).toString(16));
  const table = { bytes, special: [], byte_tokens: [], puts_a_space_first: false, prefix: [] };
  const encode = (text: string) => [...text].map((letter) => letter.charCodeAt(0) - 97);
  const limits = {
    characters: 1e5,
    tokens: 4096,
    top_k: 100,
    watch: 64,
    new_tokens: 64,
    tried: 200,
    trace_bytes: 1e9,
    upload_bytes: 1e9,
  };
  const card = {
    name: "toy", model_class: "Toy", n_vocab: VOCAB, context_window: context, stages: STAGES, last_stage: "1.mlp",
    lenses: ["logit"], norms: ["final"], limits,
  }; // prettier-ignore
  const header = {
    model: "toy", model_class: "Toy", dtype: "float32", revision: null, content_hash: null, self_check: 0,
    last_stage: "1.mlp", length_dependent: false, versions: {},
  }; // prettier-ignore
  const manifest = { card, io, header } as unknown as Manifest;
  const model: Model = {
    manifest,
    tokeniser: new Tokeniser(encode, table, null),
    graphs: graphs as unknown as Graphs,
    pace: new Pace(),
  };
  return { model, work };
}
