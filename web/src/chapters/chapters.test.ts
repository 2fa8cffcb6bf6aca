import { describe, expect, it, vi } from "vitest";

import { besideEachOther, isPose, layoutOf, placeOf, underCards, type Frame, type Pose } from "../scene";
import { apartCells, apartSigns, apartTerms } from "../scene/apart";
import { goldenGraph, GRAPHS } from "../scene/goldens";
import { View } from "../scene/survey";
import type { Context } from "./context";
import { hashOf } from "./hash";
import { CHAPTERS, diagramOf, STREAM_CHAPTERS, tells } from "./index";
import { NOTHING, number } from "./numbers";
import { lighting } from "./shots";
import { contextFor, LETTERS, somehow } from "./testing";
import { timelinesOf, type Timeline } from "./timeline";
import { formula, plain, short, targetsIn } from "./words";

// Every frame of every chapter: on a busy machine that takes its time.
vi.setConfig({ testTimeout: 120_000 });

const NAMES = ["sort", "gpt2", "llama", "qwen3"] as const;

/** Moments of a chapter: its ends, both sides of every step's end, and some between. */
function moments({ spans, seconds }: Timeline): number[] {
  const found = [0, seconds, seconds + 1, -1];
  let before = 0;
  for (const end of spans.flatMap((span) => span.ticks)) {
    found.push(before + 1e-4, before + 0.37 * (end - before), before + 0.82 * (end - before), end - 1e-4, end);
    before = end;
  }
  return found;
}

/** Whether something is lit, taken apart, computed or turned to, other than before. */
function acts(timeline: Timeline, start: number, end: number): boolean {
  const [a, b] = [timeline.frame(start + 1e-4), timeline.frame(end)];
  const lit = [0.2, 0.5, 0.8].some((t) => {
    const { cells, ranges, arrows, apart } = timeline.frame(start + t * (end - start));
    return cells.length + ranges.length + arrows.length > 0 || apart !== undefined;
  });
  const named = (frame: Frame) => JSON.stringify([frame.camera, frame.opacity, frame.reveal]);
  return lit || named(a) !== named(b);
}

function namesIn(frame: Frame): { blocks: string[]; keys: string[] } {
  return {
    blocks: [
      ...Object.keys(frame.reveal),
      ...frame.cells.map((cell) => cell.block),
      ...frame.ranges.map((range) => range.block),
      ...frame.arrows.flatMap(({ from, to }) => [from.block, to.block]),
      ...(frame.apart ? [frame.apart.block] : []),
    ],
    keys: Object.keys(frame.opacity),
  };
}

function poseIn(frame: Frame): Pose {
  if (!isPose(frame.camera)) throw new TypeError("a chapter's frame says where the eye is");
  return frame.camera;
}

describe.each(NAMES)("the chapters of %s", (name) => {
  const context = contextFor(name, { layer: 1, head: 3, position: 4 });
  const timelines = timelinesOf(CHAPTERS, context);
  const sections = new Set(context.layout.sections.map((section) => section.path.join("/")));

  it("are twelve, every one of them moving, every passage with time of its own", () => {
    expect(timelines.map((timeline) => timeline.id)).toEqual([
      "overview",
      "preliminaries",
      "tokens",
      "embedding",
      "norm",
      "attention",
      "projection",
      "mlp",
      "transformer",
      "softmax",
      "output",
      "half-way",
    ]);
    for (const timeline of timelines)
      for (const { passage, start, end, ticks } of timeline.spans) {
        expect(end - start, `${timeline.id} ${passage.id}`).toBeGreaterThan(1);
        expect(ticks.at(-1)).toBe(end);
        const frames = [0.05, 0.3, 0.6, 0.95].map((t) => hashOf(timeline.frame(start + t * (end - start))));
        expect(new Set(frames).size, `${timeline.id} ${passage.id}`).toBeGreaterThan(1);
        let before = start;
        for (const tick of ticks) {
          expect(acts(timeline, before, tick), `${timeline.id} ${passage.id} until ${tick}`).toBe(true);
          expect(tick - before, `${timeline.id} ${passage.id} until ${tick}`).toBeGreaterThan(0.5);
          before = tick;
        }
      }
  });

  it("are of lengths that can be sat through", () => {
    for (const { id, seconds, spans } of timelines) {
      expect(seconds, id).toBeGreaterThan(4);
      expect(seconds, id).toBeLessThan(120);
      for (const { passage, start, end } of spans) expect(end - start, `${id} ${passage.id}`).toBeLessThan(30);
    }
  });

  it("are all in the diagram, or are about the whole of it", () => {
    const { parts, blocks } = diagramOf(context);
    expect(blocks).toBe(context.parts.layers.length);
    for (const { chapter } of parts) expect(timelines.map(({ id }) => id)).toContain(chapter);
    for (const { id } of timelines)
      expect(STREAM_CHAPTERS.includes(id) || parts.some((part) => tells(id, part)), id).toBe(true);
  });

  it("name only what is in the graph, and cells within it", () => {
    for (const timeline of timelines)
      for (const moment of moments(timeline)) {
        const frame = timeline.frame(moment);
        const { blocks, keys } = namesIn(frame);
        for (const block of blocks) expect(context.layout.byId.has(block), `${timeline.id}: ${block}`).toBe(true);
        for (const key of keys)
          expect(context.layout.byId.has(key) || sections.has(key), `${timeline.id}: ${key}`).toBe(true);
        const cells = [...frame.cells, ...frame.arrows.flatMap(({ from, to }) => [from, to])];
        for (const { block, index } of [...cells, ...(frame.apart ? [frame.apart] : [])]) {
          const { shape } = context.layout.byId.get(block)!;
          expect(index.length, block).toBe(shape.length);
          index.forEach((at, axis) => {
            expect(at, `${timeline.id} at ${moment}: ${block} [${index.join()}]`).toBeGreaterThanOrEqual(0);
            expect(at, `${timeline.id} at ${moment}: ${block} [${index.join()}]`).toBeLessThan(shape[axis]!);
          });
        }
        for (const { block, from, to } of frame.ranges) {
          const { shape } = context.layout.byId.get(block)!;
          to.forEach((end, axis) => {
            expect(from[axis]!, `${timeline.id} at ${moment}: ${block}`).toBeLessThan(end);
            expect(end, `${timeline.id} at ${moment}: ${block}`).toBeLessThanOrEqual(shape[axis]!);
          });
        }
        for (const value of [...Object.values(frame.opacity), ...Object.values(frame.reveal)]) {
          expect(value).toBeGreaterThanOrEqual(0);
          expect(value).toBeLessThanOrEqual(1);
        }
      }
  });

  it("give the same frame at the same moment, forwards, backwards and from the beginning", () => {
    const again = timelinesOf(CHAPTERS, contextFor(name, { layer: 1, head: 3, position: 4 }));
    timelines.forEach((timeline, i) => {
      const all = moments(timeline);
      const forwards = all.map((moment) => timeline.frame(moment));
      const backwards = [...all].reverse().map((moment) => timeline.frame(moment));
      expect(backwards.reverse()).toEqual(forwards);
      expect(all.map((moment) => again[i]!.frame(moment))).toEqual(forwards);
      expect(all.map((moment) => hashOf(again[i]!.frame(moment)))).toEqual(forwards.map(hashOf));
    });
  });

  it("move the eye without a jump, from chapter to chapter too", () => {
    let last: Pose | null = null;
    for (const timeline of timelines) {
      const fastest = { moved: 0, grown: 0, turned: 0 };
      let start = 0;
      for (const end of timeline.spans.flatMap((span) => span.ticks)) {
        // No flight is longer; afterwards the eye rests.
        for (let moment = start; moment <= Math.min(end, start + 1.3); moment += 1 / 60) {
          const pose = poseIn(timeline.frame(moment));
          if (last) {
            const { x, y, z } = pose.centre;
            const moved = Math.hypot(x - last.centre.x, y - last.centre.y, z - last.centre.z);
            fastest.moved = Math.max(fastest.moved, moved / Math.max(pose.span, last.span));
            fastest.grown = Math.max(fastest.grown, Math.abs(Math.log(pose.span / last.span)));
            fastest.turned = Math.max(fastest.turned, Math.abs(pose.yaw - last.yaw));
          }
          last = pose;
        }
        expect(poseIn(timeline.frame(end)), `${timeline.id} at ${end}`).toEqual(last);
        start = end;
      }
      expect(fastest.moved, timeline.id).toBeLessThan(0.4);
      expect(fastest.grown, timeline.id).toBeLessThan(0.25);
      expect(fastest.turned, timeline.id).toBeLessThan(6);
    }
  });

  it("compute every block that they say they compute, and none that they do not", () => {
    for (const timeline of timelines) {
      const whole = timeline.frame(timeline.seconds);
      for (const [block, computed] of Object.entries(whole.reveal)) expect(computed, `${timeline.id} ${block}`).toBe(1);
      const start = timeline.frame(0);
      for (const computed of Object.values(start.reveal)) expect(computed).toBe(0);
    }
    const overview = timelines[0]!.frame(0);
    const values = context.graph.blocks.filter((block) => block.kind === "value").map((block) => block.id);
    expect(Object.keys(overview.reveal).sort()).toEqual([...values].sort());
  });

  it("have words for everything, whose links lead to what there is", () => {
    const asked: string[] = [];
    const numbers = somehow(context, asked);
    for (const timeline of timelines)
      for (const { passage } of timeline.spans) {
        const words = passage.words(numbers);
        const text = plain(words);
        expect(text.length, `${timeline.id} ${passage.id}`).toBeGreaterThan(80);
        expect(text).not.toMatch(/undefined|NaN|null|\[object|  |\s[,.;:]/);
        expect(plain(passage.words(NOTHING)).length).toBeGreaterThan(80);
        for (const target of targetsIn(words)) {
          for (const block of target.blocks)
            expect(context.layout.byId.has(block), `${passage.id}: ${block}`).toBe(true);
          const lit = lighting(context, target);
          expect((lit.ranges?.length ?? 0) + (lit.cells?.length ?? 0), `${passage.id} ${target.axis}`).toBeGreaterThan(
            0,
          );
        }
      }
    expect(asked.length).toBeGreaterThan(20);
  });
});

/** What a chapter says, all of it. */
function said(name: (typeof NAMES)[number], chapter: string): string {
  const context = contextFor(name);
  const timeline = timelinesOf(CHAPTERS, context).find((one) => one.id === chapter)!;
  return [timeline.title, ...timeline.spans.map(({ passage }) => plain(passage.words(somehow(context))))].join("\n");
}

describe("what the words say of a family", () => {
  it("is what the model has: norms, positions, heads, gates", () => {
    expect(said("gpt2", "norm")).toContain("Layer norm");
    expect(said("gpt2", "norm")).toContain("variance");
    expect(said("llama", "norm")).toContain("RMS norm");
    expect(said("llama", "norm")).not.toContain("variance");
    expect(said("gpt2", "embedding")).toContain("position table");
    expect(said("llama", "embedding")).toContain("rotary positions");
    expect(said("gpt2", "attention")).not.toMatch(/turned|heads that answer/);
    expect(said("llama", "attention")).toMatch(/turned by an angle/);
    expect(said("llama", "attention")).toContain("4 heads that ask share 2 heads that answer: 2 to each");
    expect(said("qwen3", "attention")).toContain("an RMS norm for every head");
    expect(said("llama", "attention")).not.toContain("an RMS norm for every head");
    expect(said("gpt2", "mlp")).toContain("GELU");
    expect(said("llama", "mlp")).toMatch(/SiLU[^]*gate/);
    expect(said("gpt2", "mlp")).not.toContain("gate");
    expect(said("gpt2", "softmax")).toContain("the very table");
    expect(said("sort", "softmax")).toContain("the output matrix");
    expect(said("llama", "transformer")).toContain("at the top only what it is, further");
    expect(said("gpt2", "transformer")).toContain("what it is and where it stands");
    expect(said("gpt2", "half-way")).toContain("table of tokens, used backwards");
    expect(said("sort", "half-way")).toContain("the output matrix are used");
  });

  it("has the sizes of the graph", () => {
    expect(said("sort", "overview")).toContain("85,728 learned numbers");
    expect(said("gpt2", "overview")).toContain("49,824 learned numbers");
    // 2 × 3 blocks × 3 heads × 16 numbers for each token.
    expect(said("sort", "output")).toContain("288 numbers for every token");
    expect(said("llama", "output")).toContain("96 numbers for every token");
  });
});

describe("what a word lights up", () => {
  const context = contextFor("llama");

  it("is the blocks that it names, one line of them, or one cell", () => {
    const [block] = context.parts.stream as [string];
    const target = { blocks: [block], axis: null, cell: null };
    expect(lighting(context, target).ranges).toEqual([
      { block, from: [0, 0], to: [6, context.graph.sizes["d_model"]], tone: "focus" },
    ]);
    expect(lighting(context, { ...target, axis: "position" }).ranges).toEqual([
      { block, from: [0, 0], to: [6, 1], tone: "focus" },
    ]);
    expect(lighting(context, { ...target, axis: "position" }).brackets).toEqual([{ block, axis: "position" }]);
    const cell = { block, index: [2, 1] };
    expect(lighting(context, { ...target, cell }).cells).toEqual([{ ...cell, tone: "focus" }]);
  });

  it("is everything that is computed at a token's position, and nothing else", () => {
    const { ranges = [] } = lighting(context, { blocks: [], axis: null, cell: null, position: 2 });
    const { attention } = context.parts.layers[0]!;
    for (const id of [context.parts.ids, ...context.parts.stream, attention.k.last, attention.pattern])
      expect(
        ranges.some(({ block }) => block === id),
        id,
      ).toBe(true);
    for (const { block, from, to } of ranges) {
      const { axes, kind } = context.layout.byId.get(block)!.block;
      expect(kind, block).not.toBe("weight");
      const axis = axes.findIndex(({ name }) => name === "position");
      const at = axis < 0 ? axes.findIndex(({ name }) => name === "key") : axis;
      expect([from[at], to[at]], block).toEqual([2, 3]);
    }
  });
});

describe("what is likeliest after the text", () => {
  it("is where the last chapters look", () => {
    const context = contextFor("gpt2", {}, LETTERS, 1.5, 5);
    for (const id of ["overview", "softmax", "output"]) {
      const timeline = timelinesOf(CHAPTERS, context).find((one) => one.id === id)!;
      const { probabilities } = context.parts;
      const lit = moments(timeline).flatMap((moment) => timeline.frame(moment).cells);
      expect(lit, id).toContainEqual(expect.objectContaining({ block: probabilities, index: [5, 5] }));
    }
  });
});

describe("the passage to known models", () => {
  const own = contextFor("sort");
  const layout = layoutOf(goldenGraph("gpt2-xl"), 1024);
  const [first, second] = besideEachOther([own.layout, layout, layout]).slice(1);
  const shape = { name: "GPT-2 XL", n_parameters: 1557611200, n_positions: 1024, graph: goldenGraph("gpt2-xl") };
  const giants = [first!, second!].map((offset) => ({ layout, offset, shape, words: [] }));
  const preliminaries = (context: Context) => timelinesOf(CHAPTERS, context)[1]!;
  const known = preliminaries(contextFor("sort", {}, LETTERS, 1.5, 1, giants));
  const span = known.spans.find(({ passage }) => passage.id === "giants")!;

  it("has them in the picture one after the other, and stands them nowhere else", () => {
    span.ticks.forEach((tick, i) => {
      const frame = known.frame(tick);
      expect(frame.beside).toBe(true);
      const view = new View(poseIn(frame), { width: 600, height: 400 });
      for (const { origin, size } of [own.layout, ...giants.slice(0, i + 1).map(placeOf)])
        for (const x of [origin.x, origin.x + size.x])
          for (const y of [origin.y, origin.y + size.y]) {
            const at = view.project({ x, y, z: origin.z + size.z })!;
            expect(at.x).toBeGreaterThan(0);
            expect(at.x).toBeLessThan(600);
            expect(at.y).toBeGreaterThan(0);
            expect(at.y).toBeLessThan(400);
          }
    });
    expect(known.frame(span.start - 1).beside).toBe(false);
  });

  it("takes as long where they have not come, and says their sizes where they have", () => {
    const unknown = preliminaries(own);
    expect(unknown.seconds).toBe(known.seconds);
    expect(plain(unknown.spans.at(-1)!.passage.words(NOTHING))).toContain("have not come");
    const said = plain(span.passage.words(NOTHING));
    expect(said).toContain("48 blocks, columns 1,600 numbers long and 1,024 of them, 1,557,611,200 weights");
    expect(said).toContain("18,169 times yours");
  });

  it("leaves room above for cards, but not all of it", () => {
    const box = { origin: { x: 0, y: 10, z: 0 }, size: { x: 5, y: 20, z: 1 } };
    const [few, many] = [underCards(box, 2), underCards(box, 99)];
    expect(few.origin.y + few.size.y).toBeCloseTo(30);
    expect(20 / few.size.y).toBeCloseTo(0.76);
    expect(20 / many.size.y).toBeCloseTo(0.5);
  });
});

describe("a rotation", () => {
  it("is told with its partner, and taken apart as the sum of two products", () => {
    const context = contextFor("llama", { layer: 1, head: 3, position: 4 });
    const half = context.graph.sizes["d_head"]! / 2;
    expect(said("llama", "attention")).toContain(`turned together with number ${half}, counted from 0`);
    const attention = timelinesOf(CHAPTERS, context)[5]!;
    const frames = moments(attention).map((moment) => attention.frame(moment));
    const { rotated } = context.parts.layers[1]!.attention.q;
    const apart = frames.map((frame) => frame.apart).find((one) => one?.block === rotated)!;
    expect(apart.index).toEqual([3, 4, 0]);
    const terms = apartTerms(context.layout, context.ids, apart);
    expect(terms.map(({ block, index }) => [block, ...index])).toEqual([
      ["1.attn.q", 3, 4, 0],
      ["rotary.cos", 4, 0],
      ["1.attn.q", 3, 4, half],
      ["rotary.sin", 4, 0],
    ]);
    const met = apartCells(context.layout, context.ids, { ...apart, progress: 0.5 }, () => 1);
    // Two columns of two.
    for (const side of ["x", "y"] as const) expect(new Set(met.map((one) => one[side].toFixed(6))).size).toBe(2);
    const signs = apartSigns(context.layout, context.ids, { ...apart, progress: 0.5 }).map(({ text }) => text);
    expect(signs.sort()).toEqual(["+", "×", "×"]);
  });
});

describe("what is spoken of where nothing is lit", () => {
  it.each(NAMES)("is a cell of what was computed or looked at last, in %s", (name) => {
    const context = contextFor(name, { layer: 0, head: 1, position: 3 });
    for (const timeline of timelinesOf(CHAPTERS, context).slice(2))
      for (const moment of moments(timeline)) {
        const { spoken } = timeline.frame(moment);
        const { shape } = context.layout.byId.get(spoken!.block)!;
        expect(spoken!.index.length).toBe(shape.length);
        spoken!.index.forEach((at, axis) => expect(at < shape[axis]!, `${timeline.id} ${spoken!.block}`).toBe(true));
      }
    const projection = timelinesOf(CHAPTERS, context)[6]!;
    const end = projection.frame(projection.seconds);
    expect(end.spoken).toEqual({ block: context.parts.layers[0]!.attention.residual, index: [3, 0] });
  });
});

describe("numbers in words", () => {
  it("have three digits that count, and parentheses where something is done with one below zero", () => {
    expect([0, 0.5, -12.34, 1234.5, 0.00001, -0.00025].map((n) => short(n))).toEqual([
      "0",
      "0.500",
      "−12.3",
      "1234",
      "1·10⁻⁵",
      "−2.5·10⁻⁴",
    ]);
    const numbers = { ...NOTHING, row: () => Float32Array.of(-1, 2) };
    const [below, above] = [number(numbers, "x", [0]), number(numbers, "x", [1])];
    const line = plain([formula`${below} × ${above} + ${below} = ${below}`]);
    expect(line).toBe("−1.000 × 2.000 + (−1.000) = −1.000");
  });
});

describe("any size", () => {
  it("one token, and a model of forty-eight blocks", () => {
    for (const [name, tokens] of [
      ["sort", ["C"]],
      ["llama", ["C"]],
      ["gpt2-xl", LETTERS],
    ] as const) {
      const context = contextFor(name, { layer: 99, head: 99, position: 99 }, tokens);
      expect(context.followed.position).toBe(tokens.length - 1);
      for (const timeline of timelinesOf(CHAPTERS, context)) {
        for (const { passage, ticks } of timeline.spans) {
          expect(plain(passage.words(somehow(context)))).not.toMatch(/undefined|NaN|null/);
          // Sentences are made of parts; no word sticks to the next.
          for (const paragraph of passage.words(somehow(context)))
            if (paragraph.kind === "words")
              paragraph.pieces.slice(1).forEach((piece, i) => {
                const [before, after] = [paragraph.pieces[i]!, piece].map((one) =>
                  typeof one === "string" ? one : (one.text ?? "x"),
                );
                expect(`${before}|${after}`).not.toMatch(/[a-z]\|[a-z]/);
              });
          for (const tick of ticks) expect(Number.isFinite(poseIn(timeline.frame(tick)).span)).toBe(true);
        }
      }
    }
    expect(GRAPHS).toContain("gpt2-xl");
  });

  it("every block, head and token can be followed", () => {
    for (let layer = 0; layer < 3; layer++)
      for (let head = 0; head < 4; head++) {
        const context = contextFor("llama", { layer, head, position: (layer + head) % 6 });
        const attention = timelinesOf(CHAPTERS, context)[5]!;
        const text = attention.spans.map(({ passage }) => plain(passage.words(somehow(context)))).join("\n");
        expect(text).toContain(`we follow head ${head}`);
        expect(text).toContain(`Head ${head} uses number ${Math.floor(head / 2)}`);
      }
  });
});
