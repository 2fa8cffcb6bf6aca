"""How the walkthrough's scene flies: frames in a headless browser that draws in software, which no reader has to.

    python -m benchmarks.scene_frames
    python -m benchmarks.scene_frames --models sort tales --seconds 4
    python -m benchmarks.scene_frames --json      the same for the file of results

A server of this process shows a model; a browser opens the scene and flies through it, driven by keys, for so many
seconds. Noted are the time from the page's first request to a complete picture (with an empty cache, and again), what
one frame takes of the page's own thread, how far frames are apart, how much memory the page's scripts allocate for
each, and what the page holds at the end. Needs the development installation (Playwright) and a Chromium.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from benchmarks.report import table
from benchmarks.shapes import SHAPES, folder_of, word_tokeniser

SCRATCH = Path(__file__).parents[1] / ".peers" / "models"
NAMES = (os.environ.get("LOGITSCOPE_CHROMIUM", ""), "chromium", "chromium-browser", "google-chrome")
SOFTWARE = (
    "--no-sandbox", "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader",
    "--disable-background-networking", "--disable-component-update",
)  # fmt: skip
SIZE = (1280, 860)
TEXTS = {
    "sort": "CBABBC",
    "tales": "The tide was out, and the boats lay on the sand. The old man looked at the sea.",
    "gpt2": " ".join(f"w{7919 * i % 50257}" for i in range(1, 33)),
}
WORDS = {"sort": "embedded:sort", "tales": "embedded:tales", "gpt2": "the shape of GPT-2 small, random weights"}

# Every callback that the page asks for before the next picture, and whether something was drawn in it.
NOTED = """
window.frames_ = [];
const ask = window.requestAnimationFrame.bind(window);
let drawn = 0;
for (const name of ["drawElementsInstanced", "drawArraysInstanced", "drawElements", "drawArrays"]) {
  const given = WebGL2RenderingContext.prototype[name];
  WebGL2RenderingContext.prototype[name] = function (...more) { drawn++; return given.apply(this, more); };
}
window.requestAnimationFrame = (callback) => ask((now) => {
  const before = drawn, began = performance.now();
  callback(now);
  if (drawn > before) window.frames_.push([now, performance.now() - began]);
});
"""

# A key every quarter of a second: a new flight begins before the last one ends.
FLOWN = """
async (seconds) => {
  const keys = ["+", "e", "+", "ArrowDown", "q", "+", "ArrowRight", "-", "e", "-", "ArrowUp", "q", "-", "ArrowLeft"];
  const hold = document.querySelector("[role=application]");
  const began = performance.now();
  window.frames_.length = 0;
  for (let n = 0; performance.now() - began < 1000 * seconds; n++) {
    hold.dispatchEvent(new KeyboardEvent("keydown", { key: keys[n % keys.length], bubbles: true }));
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
  return window.frames_;
}
"""


@contextmanager
def serving(name: str) -> Iterator[tuple[str, str]]:
    """A server of one model; its address, and what the model is called there."""
    import logitscope
    from logitscope.server import Settings, create_app
    from logitscope.server.listen import Listener, bind, url_of

    if name == "gpt2":
        shape = SHAPES["gpt2"]
        SCRATCH.mkdir(parents=True, exist_ok=True)
        scope = logitscope.load(folder_of(shape, SCRATCH), tokenizer=word_tokeniser(shape.n_vocab))
    else:
        scope = logitscope.load(f"embedded:{name}")
    settings, started = Settings(stop_seconds=2), threading.Event()
    listener = Listener(create_app([scope], settings), settings, started.set)
    socket = bind("127.0.0.1", 0)
    thread = threading.Thread(target=listener.run, args=(socket,), daemon=True)
    thread.start()
    started.wait(60)
    try:
        yield url_of(socket, "127.0.0.1"), scope.model.name
    finally:
        listener.stop()
        thread.join(30)


def measured(name: str, browser: Any, seconds: float) -> dict[str, float]:
    """One model's numbers: seconds, milliseconds, bytes."""
    with serving(name) as (url, model):
        place = {"v": "walkthrough", "m": model, "t": TEXTS[name], "g": "off"}
        context = browser.new_context(viewport={"width": SIZE[0], "height": SIZE[1]})
        context.add_init_script(NOTED)
        context.set_default_timeout(180_000)
        opened = [_first_picture(context, f"{url}/#{urlencode(place)}") for _ in range(2)]
        page = opened[-1][0]
        opened[0][0].close()
        session = context.new_cdp_session(page)
        session.send("HeapProfiler.enable")
        page.evaluate(FLOWN, 1.0)  # compilers and caches warm up
        frames = page.evaluate(FLOWN, seconds)
        session.send(
            "HeapProfiler.startSampling",
            {
                "samplingInterval": 512,
                "includeObjectsCollectedByMinorGC": True,
                "includeObjectsCollectedByMajorGC": True,
            },
        )
        counted = page.evaluate(FLOWN, min(3.0, seconds))
        head = session.send("HeapProfiler.stopSampling")["profile"]["head"]
        page.wait_for_selector("canvas[data-drawn=all]")
        session.send("HeapProfiler.collectGarbage")
        held = session.send("Runtime.getHeapUsage")
        context.close()
    apart = [after[0] - before[0] for before, after in pairwise(frames)]
    own = [took for _, took in frames]
    return {
        "first_seconds": opened[0][1],
        "again_seconds": opened[1][1],
        "frames": len(frames),
        "apart_median_ms": statistics.median(apart),
        "apart_p95_ms": _percentile(apart, 0.95),
        "own_median_ms": statistics.median(own),
        "own_p95_ms": _percentile(own, 0.95),
        "bytes_per_frame": _sampled(head) / max(1, len(counted)),
        "heap_bytes": held["usedSize"],
        "buffer_bytes": held.get("backingStorageSize", 0),
    }


def _first_picture(context: Any, address: str) -> tuple[Any, float]:
    page = context.new_page()
    page.goto(address)
    page.wait_for_selector("canvas[data-drawn=all]")
    # When the attribute was set, and not when this side heard of it.
    seconds = page.evaluate("() => window.frames_.at(-1)[0] / 1000")
    return page, float(seconds)


def _percentile(numbers: list[float], share: float) -> float:
    return sorted(numbers)[min(len(numbers) - 1, int(share * len(numbers)))]


def _sampled(node: dict[str, Any]) -> int:
    """Bytes that the page's own scripts have allocated, in a node of a sampled heap profile and all below it."""
    own = int(node["selfSize"]) if node["callFrame"]["url"].startswith("http") else 0
    return own + sum(_sampled(child) for child in node["children"])


def tables(found: dict[str, dict[str, float]]) -> dict[str, Any]:
    rows = [
        [
            WORDS[name],
            f"{one['first_seconds']:.1f}",
            f"{one['again_seconds']:.1f}",
            f"{one['own_median_ms']:.1f}",
            f"{one['own_p95_ms']:.1f}",
            f"{one['apart_median_ms']:.0f}",
            f"{one['apart_p95_ms']:.0f}",
            f"{one['bytes_per_frame'] / 1024:.1f}",
            f"{(one['heap_bytes'] + one['buffer_bytes']) / 2**20:.0f}",
        ]
        for name, one in found.items()
    ]
    headings = [
        "model", "first picture, s", "again, s", "own work of a frame, ms", "of 95 %", "between frames, ms", "of 95 %",
        "allocated for one, KiB", "held, MiB",
    ]  # fmt: skip
    return {
        "tables": [{"headings": headings, "rows": rows}],
        "notes": [
            f"Headless Chromium, {SIZE[0]} × {SIZE[1]}, drawn in software by the processor that also serves the model: "
            "what lies between frames is that drawing, which a graphics card does in a fraction of it. The page's own "
            "work is the same on both."
        ],
        "measured": found,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", choices=list(TEXTS), default=list(TEXTS))
    parser.add_argument("--seconds", type=float, default=8.0, help="of flight")
    parser.add_argument("--quick", action="store_true", help="two models, three seconds")
    parser.add_argument("--json", action="store_true", help="for the file of results")
    options = parser.parse_args()
    names = ["sort", "tales"] if options.quick else options.models
    path = next((there for name in NAMES if name and (there := shutil.which(name))), None)
    if path is None:
        sys.exit("there is no Chromium; install one, or name it in LOGITSCOPE_CHROMIUM.")
    from playwright.sync_api import sync_playwright

    found: dict[str, dict[str, float]] = {}
    with sync_playwright() as playwright:
        for name in names:
            browser = playwright.chromium.launch(executable_path=path, args=list(SOFTWARE))
            found[name] = measured(name, browser, 3.0 if options.quick else options.seconds)
            browser.close()
    said = tables(found)
    if options.json:
        json.dump(said, sys.stdout)
        return
    for part in said["tables"]:
        print(table(part["headings"], part["rows"]), end="\n\n")
    print(*said["notes"], sep="\n")


if __name__ == "__main__":
    main()
