// What tests ask of the site's engine in a real browser: the site's own sources without its screens. No part of the site.

import type { Engine, TraceRequest } from "../engine";
import { BrowserEngine } from "../engine/browser";
import { merge, type Trace } from "../trace";
import { lookAround } from "./device";
import { Parts } from "./parts";
import { SiteStore } from "./store";

/** Arrays as the bytes that they are, little-endian, in base64. */
interface Read {
  readonly ids: readonly number[];
  readonly tokens: readonly string[];
  readonly spans: readonly number[];
  readonly stages: readonly string[];
  readonly arrays: Readonly<
    Record<string, { readonly shape: readonly number[]; readonly kind: string; readonly data: string }>
  >;
}

/** An engine on the site that a folder holds. */
export async function open(base: string): Promise<Engine> {
  const device = await lookAround(base);
  return new BrowserEngine(new SiteStore(base, new Parts(base, device), device.graphics));
}

/** A whole trace, its pieces merged. */
export async function read(engine: Engine, request: TraceRequest): Promise<Read> {
  const pieces: Trace[] = [];
  for await (const said of engine.trace(request, new AbortController().signal))
    if (said.kind === "piece") pieces.push(said.piece);
  const trace = merge(pieces);
  const arrays = [...trace.arrays].map(([name, { data, shape }]) => {
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    return [name, { shape, kind: data instanceof Float32Array ? "<f4" : "<i4", data: base64(bytes) }] as const;
  });
  return {
    ids: [...trace.ids],
    tokens: trace.tokens.texts,
    spans: [...trace.tokens.spans],
    stages: [...trace.stages],
    arrays: Object.fromEntries(arrays),
  };
}

function base64(bytes: Uint8Array): string {
  let text = "";
  for (let i = 0; i < bytes.length; i += 8192) text += String.fromCharCode(...bytes.subarray(i, i + 8192));
  return btoa(text);
}
