// @vitest-environment happy-dom

import { flushSync, mount, unmount, type Component } from "svelte";
import { afterEach, describe, expect, it, vi } from "vitest";

import { atPositions, atStages } from "../trace";
import { goldenTrace } from "../trace/goldens";
import {
  alternatives,
  difference,
  evolution,
  flowing,
  grid,
  gridDifference,
  histogram,
  likelihood,
  type LikelihoodOptions,
} from "../view";
import Alternatives from "./Alternatives.svelte";
import Curves from "./Curves.svelte";
import Grid, { cellWords } from "./Grid.svelte";
import Histogram from "./Histogram.svelte";
import Legend from "./Legend.svelte";
import TextRuns from "./TextRuns.svelte";

/** A canvas on which every letter is 6 pixels wide. */
function paper(): any {
  const measureText = (text: string) => ({ width: 6 * text.length });
  return new Proxy(
    { measureText },
    { get: (own, name) => Reflect.get(own, name) ?? (() => undefined), set: () => true },
  );
}

let mounted: Record<string, unknown>[] = [];
function draw<Props extends Record<string, any>>(component: Component<Props>, props: Props): HTMLElement {
  const target = document.createElement("div");
  document.body.append(target);
  mounted.push(mount(component, { target, props }) as Record<string, unknown>);
  flushSync();
  return target;
}
afterEach(() => {
  for (const one of mounted) void unmount(one);
  mounted = [];
  document.body.replaceChildren();
  vi.restoreAllMocks();
});
function press(element: Element, key: string, more: KeyboardEventInit = {}): void {
  element.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true, ...more }));
  flushSync();
}

describe("the text", () => {
  const read = (name: string, options: LikelihoodOptions = {}) => likelihood(goldenTrace(name), options);

  it.each(["prose", "code", "scripts"])("of %s is there letter by letter, and nothing else is", (name) => {
    const { runs } = read(name);
    const box = draw(TextRuns, { runs, label: "text" }).querySelector(".text")!;
    const lines = [...box.querySelectorAll(".line")].map((line) => line.textContent).join("");
    const drawn = runs.map((run) => (run.partial || !run.text ? run.label : flowing(run.text))).join("");
    expect(lines).toBe(drawn);
    expect(box.textContent!.replace(lines, "").trim()).toBe("");
  });

  it("draws markup as text", () => {
    const box = draw(TextRuns, { runs: read("code").runs, label: "text" });
    expect(box.querySelector("b")).toBeNull();
    expect(box.textContent).toContain(" <b>&");
  });

  it("has lines that find their own direction, and no token that is isolated", () => {
    const box = draw(TextRuns, { runs: read("scripts").runs, label: "text" });
    const lines = [...box.querySelectorAll(".line")];
    expect(lines.map((line) => line.getAttribute("dir"))).toEqual(["auto", "auto", "auto"]);
    expect(box.querySelectorAll("[data-run][dir], bdi")).toHaveLength(0);
  });

  it("colours runs as the spec says, and hatches what has no number", () => {
    const { runs } = read("prose");
    const box = draw(TextRuns, { runs, label: "text" });
    const part = (index: number) => box.querySelector<HTMLElement>(`[data-run="${index}"]`)!;
    expect(part(0).classList.contains("missing")).toBe(true);
    expect(part(1).style.backgroundColor).toBe(runs[1]!.colour);
    expect(part(1).style.color).toBe(runs[1]!.ink);
  });

  it("has one tab stop, which moves with the selection and says what stands there", () => {
    const onselect = vi.fn();
    const onpick = vi.fn();
    const onrelease = vi.fn();
    const { runs } = read("prose");
    const box = draw(TextRuns, { runs, label: "text", selected: 1, pinned: 1, onselect, onpick, onrelease });
    const stops = box.querySelectorAll("[tabindex]");
    expect(stops).toHaveLength(1);
    expect(stops[0]!.getAttribute("aria-label")).toBe("␣tide: 11.2 bits");
    expect(stops[0]!.getAttribute("aria-pressed")).toBe("true");
    press(stops[0]!, "ArrowRight");
    press(stops[0]!, "End", { ctrlKey: true });
    press(stops[0]!, "Enter");
    press(stops[0]!, "Escape");
    expect(onselect.mock.calls).toEqual([[2], [8]]);
    expect(onpick.mock.calls).toEqual([[1]]);
    expect(onrelease).toHaveBeenCalledOnce();
  });

  it("picks what is clicked, and says what the pointer is over", () => {
    const onpick = vi.fn();
    const onhover = vi.fn();
    const box = draw(TextRuns, { runs: read("prose").runs, label: "text", onpick, onhover });
    const part = box.querySelector('[data-run="2"]')!;
    part.dispatchEvent(new MouseEvent("click", { bubbles: true }));
    part.dispatchEvent(new PointerEvent("pointerover", { bubbles: true, pointerType: "mouse" }));
    expect(onpick).toHaveBeenCalledWith(2);
    expect(onhover).toHaveBeenCalledWith(2);
  });

  it("lets runs stand back", () => {
    const box = draw(TextRuns, { runs: read("prose").runs, label: "text", dimmed: (run) => run.start === 3 });
    expect([...box.querySelectorAll<HTMLElement>(".dimmed")].map((part) => part.textContent)).toEqual([" tide"]);
  });

  it("names what is gone outside the text, and marks what is new", () => {
    const { runs, removed } = difference(goldenTrace("prose"), goldenTrace("retold"));
    const box = draw(TextRuns, { runs, removed, label: "what changed" });
    expect(box.querySelector(".text")!.textContent).toContain("The tide ran far in.");
    const gone = [...box.querySelectorAll("[data-gone]")].map((one) => one.getAttribute("data-gone"));
    expect(gone[0]).toBe("␣came");
    expect([...box.querySelectorAll(".new")].map((one) => one.textContent)).toEqual([" ran", " far"]);
  });

  it("copies the source and not what is drawn", () => {
    const { runs } = read("scripts");
    const box = draw(TextRuns, { runs, label: "text" }).querySelector(".text")!;
    const range = document.createRange();
    range.selectNodeContents(box);
    getSelection()!.removeAllRanges();
    getSelection()!.addRange(range);
    const event = new ClipboardEvent("copy", { bubbles: true, clipboardData: new DataTransfer() });
    box.dispatchEvent(event);
    expect(event.clipboardData!.getData("text/plain")).toBe(goldenTrace("scripts").tokens.text);
  });
});

describe("the legend", () => {
  const { legend, runs } = likelihood(goldenTrace("prose"));
  const places = runs.map((run) => run.place);

  it("says its title, ends and what is not scored", () => {
    const box = draw(Legend, { legend, places });
    expect(box.textContent).toMatch(/bits per token.*0.*16\+.*not scored/su);
    expect(box.querySelectorAll("[role=slider]")).toHaveLength(0);
  });

  it("is brushed by keys", () => {
    const onbrush = vi.fn();
    const box = draw(Legend, { legend, places, brush: [0.25, 0.5], onbrush });
    const [from, to] = box.querySelectorAll("[role=slider]");
    expect(from!.getAttribute("aria-valuetext")).toBe("4.0 bits");
    press(from!, "ArrowRight", { shiftKey: true });
    press(to!, "End");
    press(from!, "End"); // no further than the other end
    press(to!, "Escape");
    expect(onbrush.mock.calls).toEqual([[[0.375, 0.5]], [[0.25, 1]], [[0.5, 0.5]], [null]]);
    const within = places.filter((place) => place !== null && place >= 0.25 && place <= 0.5).length;
    expect(box.textContent).toContain(`4.0 to 8.0 bits: ${within}`);
  });
});

describe("the alternatives", () => {
  it("show the actual token with its rank beyond the kept guesses, and the mass of the rest", () => {
    const spec = alternatives(goldenTrace("prose"), 1);
    expect(spec.choices.some((choice) => choice.actual)).toBe(false);
    const box = draw(Alternatives, { alternatives: spec });
    const rows = [...box.querySelectorAll("tbody tr")].map((row) => row.textContent!.replace(/\s+/g, " ").trim());
    expect(rows).toHaveLength(spec.choices.length + 2);
    expect(rows.at(-2)).toContain(`${spec.actual!.rank}␣tide ★`);
    expect(rows.at(-1)).toMatch(/^all others/);
  });

  it("are buttons where they can be picked, and markup in them is text", () => {
    const onpick = vi.fn();
    const trace = goldenTrace("code");
    const at = [...trace.positions].find((t) =>
      alternatives(trace, t + 1).choices.some((choice) => choice.label.includes("<b>")),
    )!;
    const box = draw(Alternatives, { alternatives: alternatives(trace, at + 1), action: "replace by", onpick });
    expect(box.querySelector("b")).toBeNull();
    const button = [...box.querySelectorAll("button")].find((one) => one.textContent!.includes("<b>"))!;
    expect(button.getAttribute("aria-label")).toMatch(/^replace by ␣<b>, /);
    button.click();
    expect(onpick.mock.calls[0]![0].label).toBe("␣<b>");
  });

  it("say why there are none", () => {
    const box = draw(Alternatives, { alternatives: alternatives(goldenTrace("code"), 0) });
    expect(box.textContent).toContain("Not scored: the tokenizer's own prefix stood before the text.");
  });
});

describe("the grid", () => {
  const spec = grid(goldenTrace("prose"));

  it("has the cell at the cursor in the DOM", () => {
    const box = draw(Grid, { grid: spec, label: "lens", cursor: { row: 0, column: 1 } });
    const cell = box.querySelector("[role=gridcell]")!;
    expect(cell.textContent!.trim()).toBe(cellWords(spec, { row: 0, column: 1 }));
    expect(cell.textContent).toMatch(/^\s*2\.mlp, after ␣tide: guesses .*, as in the end; probability/);
    expect(box.querySelector("[role=grid]")!.getAttribute("aria-activedescendant")).toBe(cell.id);
  });

  it("moves by keys, never out of itself", () => {
    const onmove = vi.fn();
    const onpick = vi.fn();
    const box = draw(Grid, { grid: spec, label: "lens", cursor: { row: 0, column: 1 }, onmove, onpick });
    const own = box.querySelector("[role=grid]")!;
    press(own, "ArrowUp");
    press(own, "ArrowDown");
    press(own, "End", { ctrlKey: true });
    press(own, "Enter");
    expect(onmove.mock.calls.map(([at]) => [at.row, at.column])).toEqual([
      [0, 1],
      [1, 1],
      [3, 8],
    ]);
    expect(onpick).toHaveBeenCalledWith({ row: 0, column: 1 });
  });

  it("of a text that is being read has every cell that is known, and says of the others that they are not", () => {
    const whole = goldenTrace("prose");
    const trace = atStages(whole, ["2.mlp"]);
    const near = atPositions(whole, Int32Array.of(1, 4));
    const growing = grid(trace, { near, value: "kl_from_final" });
    expect(growing.rows.map((row) => row.stage)).toEqual(["2.mlp", "1.mlp", "0.mlp", "embed"]);
    expect(growing.columns).toEqual(grid(whole, { value: "kl_from_final" }).columns);
    const known = grid(whole, { value: "kl_from_final" });
    growing.rows.forEach((row, r) =>
      row.cells.forEach((cell, column) => {
        const words = cellWords(growing, { row: r, column });
        if (r && ![1, 4].includes(column)) {
          // Not a number, and no missing one either.
          expect(cell).toMatchObject({ id: null, number: null, place: null, matches_final: false, unread: true });
          return expect(words).toMatch(/: not read yet$/);
        }
        const { id, text, number, matches_final } = known.rows[r]!.cells[column]!;
        expect(cell).toMatchObject({ id, text, number, matches_final });
        expect(words).toBe(cellWords(known, { row: r, column }));
      }),
    );
    expect(JSON.stringify(grid(whole, { near: null }))).toBe(JSON.stringify(grid(whole)));
    const some = grid(trace, { near, every: 2, window: [3, 6] });
    expect(some.rows.map((row) => row.stage)).toEqual(["2.mlp", "0.mlp", "embed"]);
    expect(some.skipped).toEqual(["1.mlp"]);
    expect(some.rows[1]!.cells.map((cell) => cell.unread ?? false)).toEqual([true, false, true]);
  });

  it("says which columns are in sight, and again when others are", () => {
    const onsight = vi.fn();
    vi.spyOn(HTMLCanvasElement.prototype, "getContext").mockReturnValue(paper());
    const width = vi.spyOn(HTMLElement.prototype, "clientWidth", "get").mockReturnValue(400);
    const box = draw(Grid, { grid: spec, label: "lens", cellWidth: 100, onsight });
    const scroller = box.querySelector("[role=grid]")!;
    expect(onsight).toHaveBeenLastCalledWith(0, 4);
    scroller.scrollLeft = 250;
    scroller.dispatchEvent(new Event("scroll"));
    flushSync();
    expect(onsight).toHaveBeenLastCalledWith(2, 7);
    width.mockRestore();
  });

  it("of a difference says both guesses", () => {
    const changed = gridDifference(goldenTrace("prose"), goldenTrace("retold"));
    expect(cellWords(changed, { row: 0, column: 1 })).toMatch(/^3\.mlp, after ␣tide: guess(ed .*, now |es .* in both)/);
  });
});

describe("curves and histogram", () => {
  const trace = goldenTrace("following");

  it("have a slider over the stages that says what is likeliest there", () => {
    const onstage = vi.fn();
    const box = draw(Curves, { evolution: evolution(trace, { position: 3, value: "rank" }), stage: "1.attn", onstage });
    const slider = box.querySelector("[role=slider]")!;
    expect(slider.getAttribute("aria-valuenow")).toBe("3");
    press(slider, "ArrowRight");
    press(slider, "Home");
    expect(onstage.mock.calls).toEqual([["1.mlp"], ["embed"]]);
    expect(box.textContent).toContain("★ came next in the text");
  });

  it("read a bin and its tokens by keys", () => {
    const [panel] = histogram(trace, { position: 3, stage: "2.mlp" }).panels;
    const onhover = vi.fn();
    const box = draw(Histogram, { panel: panel!, highest: 10, onhover });
    press(box.querySelector("svg")!, "Home");
    expect(onhover).toHaveBeenLastCalledWith(panel!.bins[0]);
    const said = box.querySelector("p")!.textContent!;
    expect(said).toContain(`${panel!.bins[0]!.count} token`);
    for (const sample of panel!.bins[0]!.samples) expect(said).toContain(sample);
    press(box.querySelector("svg")!, "ArrowRight");
    expect(onhover).toHaveBeenLastCalledWith(panel!.bins[1]);
  });
});
