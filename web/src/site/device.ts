// What this browser offers a page that computes by itself, and what to say where it does not.

import { sha256 } from "../app/digest";
import { withoutWasm } from "../engine/browser/wasm";
import type { Graphics } from "../engine/browser/ways";
import { findGraphics, wishOf } from "./graphics";
import type { Digest } from "./parts";

export interface Device {
  /** Where files are kept; null where none can be. */
  readonly kept: Cache | null;
  readonly digest: Digest | null;
  readonly locks: LockManager | undefined;
  /** The graphics processor that may compute; null where there is none. */
  readonly graphics: Graphics | null;
  /** Why nothing can be computed here; empty where it can. */
  readonly unable: string;
  /** What is missing all the same; empty where nothing is. */
  readonly without: string;
}

/** @param base the address of the site's folder: what is kept is this site's own, also where one address has several. */
export async function lookAround(base: string): Promise<Device> {
  const kept = await opened(`logitscope kept ${new URL(base).pathname}`);
  return {
    kept,
    digest: sha256,
    locks: globalThis.isSecureContext ? navigator.locks : undefined,
    graphics: await findGraphics(wishOf(location.href)),
    unable: unable(),
    without: without(kept !== null),
  };
}

function unable(): string {
  const wasm = withoutWasm();
  if (wasm) return wasm;
  if (typeof DecompressionStream !== "function")
    return "This browser is too old to unpack what this site is made of. Update it, or use another one.";
  return "";
}

function without(keeps: boolean): string {
  if (!globalThis.isSecureContext)
    return "This page did not come over https (or from this very machine), and browsers then check no hashes and keep nothing: what is downloaded is checked by its size and by the model's self-test alone, and is downloaded again at every visit.";
  if (!keeps)
    return "This browser keeps nothing for this page (a private window, or storage that is turned off): the download is repeated at every visit.";
  return "";
}

async function opened(name: string): Promise<Cache | null> {
  try {
    return (await globalThis.caches?.open(name)) ?? null;
  } catch {
    return null;
  }
}
