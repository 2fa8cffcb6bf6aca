// @vitest-environment happy-dom
//
// Every key that the help lists is answered by the mark's own handler, and no key is answered that it does not list.

import { flushSync, mount, unmount, type Component } from "svelte";
import { afterEach, describe, expect, it, vi } from "vitest";

import { goldenTrace } from "../trace/goldens";
import { evolution, grid, histogram, likelihood, strip } from "../view";
import Curves, { KEYS as CURVE_KEYS, NAME_KEYS } from "./Curves.svelte";
import Grid, { KEYS as GRID_KEYS } from "./Grid.svelte";
import Histogram, { KEYS as HISTOGRAM_KEYS } from "./Histogram.svelte";
import { keyWords, type KeyHelp } from "./keys";
import Legend, { KEYS as LEGEND_KEYS } from "./Legend.svelte";
import Strip, { KEYS as STRIP_KEYS } from "./Strip.svelte";
import TextRuns, { KEYS as TEXT_KEYS } from "./TextRuns.svelte";

/** Keys that somebody may press. */
const EVERY = [
  ..."abcefgz0 +-/?[]".split(""),
  ...["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "Home", "End", "PageUp", "PageDown"],
  ...["Enter", "Escape", "Tab", "Backspace", "Delete", "F1"],
];

let mounted: Record<string, unknown> | null = null;
function draw<Props extends Record<string, any>>(component: Component<Props>, props: Props): HTMLElement {
  const target = document.createElement("div");
  document.body.append(target);
  mounted = mount(component, { target, props }) as Record<string, unknown>;
  flushSync();
  return target;
}
afterEach(() => {
  if (mounted) void unmount(mounted);
  mounted = null;
  document.body.replaceChildren();
});

/** Whether a key is taken: its default is prevented. */
function takes(element: Element, key: string): boolean {
  const parts = key.length > 1 ? key.split("+") : [key];
  const event = new KeyboardEvent("keydown", {
    key: parts.at(-1)!,
    ctrlKey: parts.includes("Ctrl"),
    shiftKey: parts.includes("Shift"),
    bubbles: true,
    cancelable: true,
  });
  element.dispatchEvent(event);
  flushSync();
  return event.defaultPrevented;
}

function check(find: () => Element, keys: readonly KeyHelp[]): void {
  const listed = keys.flatMap((one) => one.keys);
  for (const key of listed) expect(takes(find(), key), `${key} is listed`).toBe(true);
  for (const key of EVERY) expect(takes(find(), key), key).toBe(listed.includes(key));
}

const prose = () => goldenTrace("prose");
const following = () => goldenTrace("following");

describe("the keys that are listed are those that are answered", () => {
  it("in the text", () => {
    const box = draw(TextRuns, { runs: likelihood(prose()).runs, label: "text", selected: 2 });
    check(() => box.querySelector("[tabindex='0']")!, TEXT_KEYS);
  });

  it("in the strip", () => {
    const box = draw(Strip, { strip: strip(prose()) });
    check(() => box.querySelector("[role=slider]")!, STRIP_KEYS);
  });

  it("in the grid", () => {
    const box = draw(Grid, { grid: grid(prose()), label: "lens" });
    check(() => box.querySelector("[role=grid]")!, GRID_KEYS);
  });

  it("on the axis of colours", () => {
    const box = draw(Legend, { legend: likelihood(prose()).legend, brush: [0.25, 0.75], onbrush: vi.fn() });
    check(() => box.querySelector("[role=slider]")!, LEGEND_KEYS);
  });

  it("on the curves", () => {
    const trace = following();
    const position = trace.positions[0]!;
    const box = draw(Curves, { evolution: evolution(trace, { position, value: "logit" }), onpick: vi.fn() });
    check(() => box.querySelector("[role=slider]")!, CURVE_KEYS);
  });

  it("in the histogram", () => {
    const trace = following();
    const { panels, highest } = histogram(trace, { position: trace.positions[0]!, stage: trace.stages });
    const box = draw(Histogram, { panel: panels.at(-1)!, highest });
    check(() => box.querySelector("svg[tabindex='0']")!, HISTOGRAM_KEYS);
  });

  it("names them as keyboards do", () => {
    expect(["ArrowLeft", "Ctrl+Home", " ", "e", "+", "Ctrl+Shift+z"].map(keyWords)).toEqual([
      "←",
      "Ctrl-Home",
      "Space",
      "E",
      "+",
      "Ctrl-Shift-Z",
    ]);
    expect(NAME_KEYS.flatMap((one) => one.keys)).toEqual(["Enter", " "]);
  });
});
