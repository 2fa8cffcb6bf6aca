// What the static site says of itself and of its models: the files that Python's `export/` writes and the page reads.
//
// Types alone. The names are those of the Python side; bytes are counted, hashes are SHA-256 in lower-case hexadecimal.

import type { ModelCard as ApiModelCard, StartingText } from "../../contract/types";
import type { Shape } from "../contract";
import type { Graphics, Program } from "./ways";

/** One file beside the manifest that names it. */
export interface StoredFile {
  /** Relative to the folder of the manifest, with forward slashes. */
  readonly path: string;
  readonly bytes: number;
  readonly sha256: string;
}

/** `site.json`: what the page reads before anything else. */
export interface Site {
  readonly version: 1;
  /** Such as `logitscope 0.1.0`. */
  readonly made_by: string;
  /** The `name` of one of the models. */
  readonly default_model: string;
  /** Everything but the models' folders, for the service worker. */
  readonly files: readonly StoredFile[];
  readonly models: readonly SiteModel[];
  /** The gallery. */
  readonly texts: readonly StartingText[];
}

export interface SiteModel {
  /** As in its card, such as `embedded:tales`. */
  readonly name: string;
  /** Relative to `site.json`, such as `models/embedded-tales`. */
  readonly folder: string;
  /** All that is fetched before the model can be used: its manifest, graphs, tokenizer and weights. */
  readonly bytes: number;
  /** One sentence for the start screen. */
  readonly title?: string;
}

/** The graphs of a model, by what they are for; see notes in `session.ts` for their inputs and outputs. */
export type GraphName = "forward" | "readout" | "histogram" | "next" | "activations" | "forward_fp16";

/** `models/<slug>/manifest.json`. */
export interface Manifest {
  readonly version: 1;
  /** Exactly as `GET /api/models` gives it, with what a browser can and cannot do. */
  readonly card: ApiModelCard;
  /** The ONNX graphs that exist, without weights. A name that is missing is explained in `card.cannot`. */
  readonly graphs: Readonly<Partial<Record<GraphName, StoredFile>>>;
  /** `tokenizer.json`. */
  readonly tokenizer: StoredFile;
  /** `tokenizer_config.json`. */
  readonly tokenizer_config: StoredFile;
  /** `token_bytes.json`: see TokenTable. */
  readonly token_bytes: StoredFile;
  /** `graph.json`: see WalkthroughGraph. Missing where the family has no graph. */
  readonly graph?: StoredFile;
  /** The external data of all graphs. */
  readonly weights: Weights;
  readonly io: ModelIo;
  /** What stands in the header of every trace that Python makes with this model; see HeaderFacts. */
  readonly header: HeaderFacts;
  /** Recomputed after loading. */
  readonly check: Check;
}

export interface Weights {
  /** What the file holds: as the model stores them, or rounded. */
  readonly stored: "stored" | "fp16" | "int8" | "int4";
  /** In which type the forward pass is computed: of small models, wider than their numbers. */
  readonly computed: "float32" | "float64";
  /** Whether graphics processors may compute it: they know no float64, and are of no use to a small model. */
  readonly graphics?: boolean;
  /** One per external-data file of the graphs; each at most 1 GiB. */
  readonly files: readonly WeightFile[];
  /** Measured at export against Python's fp32 on stated texts: the largest differences. */
  readonly errors: { readonly logprob: number; readonly kl: number; readonly texts: readonly string[] };
  /** The same where weights are multiplied in half precision, and how far a page may then be from the check. */
  readonly halved?: {
    readonly errors: { readonly logprob: number; readonly kl: number; readonly mean: number };
    readonly tolerance: number;
  };
}

export interface WeightFile {
  /** The external-data location inside the graphs, such as `weights.bin`. */
  readonly name: string;
  readonly bytes: number;
  /** In order; joined they are the file. Each below 10 MB. */
  readonly parts: readonly StoredFile[];
}

/** Numbers that the graphs' inputs need to be made. */
export interface ModelIo {
  /** Blocks whose keys and values `forward` takes and gives: the first axis of `past_keys`. */
  readonly n_blocks: number;
  readonly n_key_heads: number;
  readonly d_head: number;
  readonly d_model: number;
  /** Rows of the head, padding included; `card.n_vocab` is what is scored and shown. */
  readonly n_rows: number;
  /** What `forward` gives along the first axis of `stages`, `embed` first: the same as `card.stages`. */
  readonly stages: readonly string[];
  /** Ids that end a text, as `generate` takes them. */
  readonly eos_ids: readonly number[];
  /** The id of the BOS token; null where there is none. */
  readonly bos_id: number | null;
  /** The names of `readout.onnx`'s outputs, in order: the statistics of NUMERICS.md without the histogram. */
  readonly readout_outputs: readonly string[];
  /** Names of nodes, over all graphs, that no graphics processor is to compute: it would do so badly, or not at all. */
  readonly on_processor?: readonly string[];
}

/** What a trace's header says besides what depends on the request. */
export interface HeaderFacts {
  readonly model: string;
  readonly model_class: string;
  readonly dtype: string;
  readonly revision: string | null;
  readonly content_hash: string | null;
  readonly self_check: number | null;
  readonly last_stage: string;
  readonly length_dependent: boolean;
  /** Of the Python side that exported the model. */
  readonly versions: Readonly<Record<string, string>>;
}

/** A small trace that Python made at export (with the exported weights): `[stage][position]`, null where NaN. */
export interface Check {
  readonly text: string;
  readonly ids: readonly number[];
  /** Rows of the arrays below; the last one is the last stage. */
  readonly stages: readonly string[];
  readonly arrays: {
    readonly next_logprob: Rows;
    readonly entropy: Rows;
    readonly kl_from_final: Rows;
    readonly final_rank: Rows;
  };
  /** The largest difference of a log-probability or KL at which the model is used: 1e-4. */
  readonly tolerance: number;
}

export type Rows = readonly (readonly (number | null)[])[];

/** `token_bytes.json`: the table by which tokens become bytes, as Python's `Tokeniser.bytes_of` gives them. */
export interface TokenTable {
  /** By id, exact bytes in hexadecimal; those of a special token are its name; null where the tokenizer has no such id. */
  readonly bytes: readonly (string | null)[];
  /** `Tokeniser.special_ids`: ids that stand for no text. */
  readonly special: readonly number[];
  /** SentencePiece's tokens for single bytes (`<0x0A>`), which no text is named by where another token says the same. */
  readonly byte_tokens: readonly number[];
  /** `Tokeniser._puts_a_space_first`: a text is read as if a space stood before it. */
  readonly puts_a_space_first: boolean;
  /** What the tokenizer's own convention puts before every text: ids, usually none or BOS alone. */
  readonly prefix: readonly number[];
}

/** `graph.json`: Graph.to_dict, and where each weight block lies. */
export interface WalkthroughGraph {
  readonly graph: import("../contract").Graph;
  /** Elements of `dtype` from byte `offset` of the joined file `file`, strides in elements (views of one tensor). */
  readonly weights: Readonly<Record<string, WeightPlace>>;
}

export interface WeightPlace {
  readonly file: string;
  readonly offset: number;
  readonly dtype: "float32" | "float16" | "bfloat16";
  readonly shape: readonly number[];
  readonly strides: readonly number[];
}

/** How far a file is, in bytes of the whole model. */
export type OnProgress = (done: number, total: number) => void;

/**
 * Where the engine's files come from. The page's store fetches them, checks their hashes, keeps them for the next visit and
 * goes on where it was interrupted; a store of a test reads a folder.
 *
 * Errors are EngineErrors: `gone` where nobody answers (asking again may help), `failed` where what came is not what was
 * said (wrong hash or length).
 */
export interface Store {
  site(signal: AbortSignal): Promise<Site>;
  /** `shapes.json.deflate`: known models without numbers, for the sense of size. */
  shapes(signal: AbortSignal): Promise<readonly Shape[]>;
  /** The graphics processor that may compute; null where there is none, or the reader wants none. */
  graphics(signal: AbortSignal): Promise<Graphics | null>;
  /** ONNX Runtime's WebAssembly, unpacked: it is handed over, so that the runtime fetches nothing by itself. */
  program(which: Program, signal: AbortSignal): Promise<ArrayBuffer>;
  manifest(model: string, signal: AbortSignal): Promise<Manifest>;
  /** One file of the model's folder, its length and hash checked. */
  file(model: string, file: StoredFile, signal: AbortSignal, onProgress?: OnProgress): Promise<ArrayBuffer>;
}
