// What the static site says of itself and of its models: the files that Python's `export/` writes and the page reads.
//
// Types alone. The names are those of the Python side; bytes are counted, hashes are SHA-256 in lower-case hexadecimal.

import type { ModelCard as ApiModelCard, StartingText } from "../../contract/types";
import type { Shape } from "../contract";

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
  /** Known models without numbers, for the sense of size. */
  readonly shapes: readonly Shape[];
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
export type GraphName = "forward" | "readout" | "histogram" | "next" | "activations";

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
  /** ONNX Runtime's WebAssembly, unpacked: it is handed over, so that the runtime fetches nothing by itself. */
  program(signal: AbortSignal): Promise<ArrayBuffer>;
  manifest(model: string, signal: AbortSignal): Promise<Manifest>;
  /** One file of the model's folder, its length and hash checked. */
  file(model: string, file: StoredFile, signal: AbortSignal, onProgress?: OnProgress): Promise<ArrayBuffer>;
}
