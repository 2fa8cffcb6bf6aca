// What the page and the worker say to each other: questions by number, their answers, and files that the worker needs.
//
// Traces travel as the bytes of their files, numbers in transferred buffers; everything else is plain data.

import type { Trouble } from "../engine";
import type { Shape } from "../contract";
import type { Manifest, Site, StoredFile } from "./manifest";
import type { Graphics, Program } from "./ways";

/** Questions with one answer. */
export type One =
  | "models" | "texts" | "shapes" | "tokenise" | "replace" | "fill" | "ask" | "graph" | "run" | "tile" | "explain" | "save"; // prettier-ignore

/** Questions with a row of answers. */
export type Many = "trace" | "sample";

export type ToWorker =
  | { readonly kind: "one"; readonly id: number; readonly method: One; readonly with: readonly unknown[] }
  | { readonly kind: "many"; readonly id: number; readonly method: Many; readonly with: readonly unknown[] }
  | { readonly kind: "prepare"; readonly id: number; readonly model: string }
  | { readonly kind: "cancel"; readonly id: number }
  | { readonly kind: "prefer"; readonly id: number; readonly first: readonly number[]; readonly lane: string }
  /** What the worker asked the store for. */
  | { readonly kind: "stored"; readonly id: number; readonly value: FromStore }
  | { readonly kind: "progress"; readonly id: number; readonly done: number; readonly total: number }
  | { readonly kind: "lost"; readonly id: number; readonly failure: Failure };

export type FromWorker =
  | { readonly kind: "answer"; readonly id: number; readonly value: unknown }
  /** One of a row. A trace's piece comes as `bytes`. */
  | { readonly kind: "next"; readonly id: number; readonly value: unknown; readonly bytes?: Uint8Array<ArrayBuffer> }
  | { readonly kind: "end"; readonly id: number }
  | { readonly kind: "failed"; readonly id: number; readonly failure: Failure }
  | { readonly kind: "step"; readonly id: number; readonly said: string; readonly done: number; readonly total: number }
  | { readonly kind: "store"; readonly id: number; readonly asked: Stored }
  | { readonly kind: "leave"; readonly id: number }
  /** What a model is computed by, as one sentence; empty where that is the ordinary way. */
  | { readonly kind: "computed"; readonly model: string; readonly said: string }
  /** The program that computes has given up; nothing more comes of this worker. */
  | { readonly kind: "broken" };

/** What the store has. */
export type FromStore = Site | Manifest | ArrayBuffer | readonly Shape[] | Graphics | null;

/** What a worker needs of the store. */
export type Stored =
  | { readonly what: "site" }
  | { readonly what: "shapes" }
  | { readonly what: "graphics" }
  | { readonly what: "program"; readonly which: Program }
  | { readonly what: "manifest"; readonly model: string }
  | { readonly what: "file"; readonly model: string; readonly file: StoredFile };

/** An error in plain data. */
export interface Failure {
  readonly trouble: Trouble | "abort";
  readonly message: string;
  readonly retryAfter: number | null;
}
