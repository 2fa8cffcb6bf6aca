// The engine of a page that lives in one file: it holds traces and no model. What it cannot do, it says.

import { atStages, readTrace, stageKey, type Trace } from "../trace";
import type { ModelCard, StartingText, TraceRequest } from "./contract";
import { EngineError, type Engine, type TracePiece } from "./engine";

/** The type of the script elements that hold a trace: base64 of its zlib-compressed file. */
export const EMBEDDED = "application/vnd.logitscope.trace";

const WHY = "this page holds what was computed when it was made, and no model; open the text in the Logitscope app.";

/** The traces that a page holds, in order. */
export async function embeddedTraces(page: Document): Promise<Trace[]> {
  const held = [...page.querySelectorAll(`script[type="${EMBEDDED}"]`)];
  return Promise.all(held.map(async (element) => readTrace(await inflated(element.textContent.trim()))));
}

export class SnapshotEngine implements Engine {
  readonly #traces: readonly Trace[];

  constructor(traces: readonly Trace[]) {
    this.#traces = traces;
  }

  async models(): Promise<readonly ModelCard[]> {
    const names = new Set(this.#traces.map((trace) => trace.provenance.model));
    return [...names].map((name) => card(this.#traces.filter((trace) => trace.provenance.model === name)));
  }

  async texts(): Promise<readonly StartingText[]> {
    const texts = [...new Set(this.#traces.map((trace) => trace.tokens.text))];
    return texts.map((text, i) => ({
      name: `${i}`,
      title: titleOf(text),
      text,
      focus: Math.max(0, [...text].length - 1),
    }));
  }

  async *trace(request: TraceRequest): AsyncGenerator<TracePiece> {
    const { model, text, ids } = request;
    const held = this.#traces.filter(
      (trace) =>
        trace.provenance.model === model &&
        (ids
          ? ids.length === trace.ids.length && ids.every((id, i) => id === trace.ids[i])
          : text === trace.tokens.text),
    );
    const found = fittest(held, request);
    if (!found) throw new EngineError("cannot", WHY);
    const after = found.stages.filter((name) => !name.endsWith(".attn"));
    const shown = request.subblocks || request.stages || !after.length ? found.stages : after;
    yield { kind: "piece", piece: atStages(found, shown) };
  }

  /** Everything is there at once. */
  prefer(): void {}

  tokenise = refusing;
  replace = refusing;
  fill = refusing;
  ask = refusing;
  save = refusing;
  graph = refusing;
  shapes = refusing;
  run = refusing;
  tile = refusing;
  explain = refusing;

  async *sample(): AsyncGenerator<never> {
    throw new EngineError("cannot", WHY);
  }

  async *open(): AsyncGenerator<never> {
    throw new EngineError("cannot", WHY);
  }
}

/**
 * The trace that answers best: it follows tokens where some are asked for, was read as it was asked, and holds most of the
 * stages and places. What it lacks, views leave out; a page shows what it has.
 */
function fittest(traces: readonly Trace[], request: TraceRequest): Trace | null {
  const { stages, positions, lens, norm } = request;
  const share = <T>(of: readonly T[], asked: readonly T[] | null | undefined) =>
    asked ? of.filter((one) => asked.includes(one)).length : of.length;
  const fit = (trace: Trace): readonly number[] => [
    request.watch?.length ? Number(trace.has("watch_logit")) : 0,
    Number(lens === undefined || lens === trace.provenance.lens),
    Number(norm === undefined || norm === trace.provenance.norm),
    share(trace.stages, stages) * share([...trace.positions], positions),
  ];
  const better = (a: readonly number[], b: readonly number[]) => {
    const i = a.findIndex((number, i) => number !== b[i]);
    return i >= 0 && a[i]! > b[i]!;
  };
  return traces.reduce<Trace | null>((best, one) => (best && !better(fit(one), fit(best)) ? best : one), null);
}

/** The beginning of a text, as a button can hold it. */
function titleOf(text: string): string {
  const line = text.trim().split(/\s+/).slice(0, 6).join(" ");
  return line.length < text.trim().length ? `${line} …` : line;
}

async function refusing(): Promise<never> {
  throw new EngineError("cannot", WHY);
}

/** What traces say of the model that made them. */
function card(traces: readonly Trace[]): ModelCard {
  const { provenance } = traces[0]!;
  const cannot = ["tokenise", "sample", "replace", "fill", "ask", "save", "graph", "tile", "explain"];
  return {
    name: provenance.model,
    model_class: provenance.model_class,
    dtype: provenance.dtype,
    revision: provenance.revision,
    context_window: provenance.context_window,
    length_dependent: provenance.length_dependent,
    stages: [...new Set(traces.flatMap((trace) => trace.stages))].sort((a, b) => stageKey(a) - stageKey(b)),
    last_stage: provenance.last_stage,
    lenses: [...new Set(traces.map((trace) => trace.provenance.lens))],
    norms: [...new Set(traces.map((trace) => trace.provenance.norm))],
    has_subblocks: traces.some((trace) => trace.stages.some((name) => name.endsWith(".attn"))),
    can: ["trace"],
    cannot: Object.fromEntries(cannot.map((ability) => [ability, WHY])),
  };
}

async function inflated(base64: string): Promise<Uint8Array> {
  const text = atob(base64);
  const packed = Uint8Array.from(text, (character) => character.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}
