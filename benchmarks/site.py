"""The static site in headless Chromium: the download, the time to the first colours, to all stages at one place and to
the whole lens, memory.

    python -m benchmarks.site                both models
    python -m benchmarks.site --quick        embedded:tales alone, one visit of each kind
    python -m benchmarks.site --json         the same for the file of results

A fresh browser comes to a site served from this machine, so that the network counts for nothing: what a download takes
elsewhere is its size by the speed of the line. Times run from the click, or from the address for a second visit; each
is the shortest of a few fresh browsers. One thread computes, as on hosts that send no isolation headers.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote

import torch
from playwright.sync_api import BrowserContext, Page, sync_playwright
from tokenizers import Tokenizer
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

import logitscope
from benchmarks.report import table
from benchmarks.shapes import EMBEDDED
from logitscope.export import export_site
from logitscope.export.weights import Form
from logitscope.scope import Scope

MIB, MB = 1 << 20, 1_000_000
N_TOKENS = 128
SCRATCH = Path(__file__).parents[1] / ".peers" / "models"
PASSAGE = EMBEDDED.parent / "passage.txt"
BROWSERS = (os.environ.get("LOGITSCOPE_CHROMIUM", ""), "chromium", "chromium-browser", "google-chrome")
OPTIONS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update")
PATIENCE = 600_000
"""Milliseconds."""

HEADINGS = (
    "model",
    "tokens",
    "download, MB",
    "first colour",
    "an evolution",
    "a kept column",
    "the whole lens",
    "visited again",
    "a token typed",
    "most memory, MiB",
    "of an empty page",
)

KEPT = 100
"""The token that is looked at: its column is read at every stage before the rest of the lens."""

COLOURED = """text => {
    const runs = [...document.querySelectorAll(".layer .run")];
    return runs.map(one => one.textContent).join("") === text && !document.querySelector(".layer.stale")
        && runs.some(one => getComputedStyle(one).backgroundColor !== "rgba(0, 0, 0, 0)");
}"""


EVOLVED = """() => document.querySelector(".evolution[aria-busy=false] .figures")"""

COLUMN = """() => /^embed, after .*: guesses/.test(document.querySelector("[role=gridcell]")?.textContent.trim())"""


@dataclass(frozen=True)
class Visits:
    """What one fresh browser took, in seconds, bytes and MiB; `column` and `lens` from the same moment."""

    download: int
    first_colour: float
    evolution: float
    column: float
    lens: float
    again: float
    typed: float
    memory: float
    empty: float


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """A plain static host; its address."""

    class Silent(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *arguments: object) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Silent, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def most_memory(profile: str) -> float:
    """The most MiB that any page's process of a browser held so far, by the kernel's own high-water mark."""
    most = 0.0
    for process in Path("/proc").glob("[0-9]*"):
        try:
            line = (process / "cmdline").read_bytes()
            if profile.encode() not in _family(process) or b"--type=renderer" not in line:
                continue
            status = (process / "status").read_text()
        except (OSError, ValueError):
            continue  # it ended meanwhile
        kilobytes = next(int(one.split()[1]) for one in status.splitlines() if one.startswith("VmHWM:"))
        most = max(most, kilobytes / 1024)
    return most


def _family(process: Path) -> bytes:
    """The command lines of a process and of those that started it."""
    said = b""
    while process.name not in ("0", "1"):
        said += (process / "cmdline").read_bytes()
        parent = (process / "stat").read_text().rpartition(")")[2].split()[1]
        process = process.parent / parent
    return said


def visit(context: BrowserContext, profile: str, url: str, text: str) -> Visits:
    """A first visit, the lens, a second visit, and a token more."""
    page = context.pages[0] if context.pages else context.new_page()
    page.set_default_timeout(PATIENCE)
    page.goto("about:blank")
    empty = most_memory(profile)
    page.goto(f"{url}#t={quote(text)}&p={KEPT}")
    button = page.get_by_role("button", name="Download and begin")
    button.wait_for()
    download = _stated(page)
    began = time.perf_counter()
    button.click()
    page.wait_for_function(COLOURED, arg=text, polling=20)
    first = time.perf_counter() - began
    page.wait_for_selector("[data-status=done]")
    began = time.perf_counter()
    page.get_by_role("tab", name="Evolution").click()
    page.wait_for_function(EVOLVED, polling=20)
    evolution = time.perf_counter() - began
    began = time.perf_counter()
    page.evaluate("hash => { location.hash = hash }", f"v=lens&t={quote(text)}&p={KEPT}&s=embed&pin=1")
    page.wait_for_function(COLUMN, polling=20)
    column = time.perf_counter() - began
    page.wait_for_selector("[data-status=done]")
    lens = time.perf_counter() - began
    page.evaluate("navigator.serviceWorker.ready")
    memory = most_memory(profile)
    page.close()

    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    began = time.perf_counter()
    page.goto(f"{url}#t={quote(text)}")
    page.wait_for_function(COLOURED, arg=text, polling=20)
    again = time.perf_counter() - began
    page.wait_for_selector("[data-status=done]")
    more = text + " sea"
    began = time.perf_counter()
    page.get_by_role("textbox", name="Text").fill(more)
    page.wait_for_function(COLOURED, arg=more, polling=20)
    typed = time.perf_counter() - began
    return Visits(download, first, evolution, column, lens, again, typed, max(memory, most_memory(profile)), empty)


def _stated(page: Page) -> int:
    """Bytes that the page says it will download, from the same lists that it reads."""
    found = page.evaluate(
        r"""async () => {
            const site = await (await fetch("site.json")).json();
            const model = site.models.find(one => one.name === site.default_model);
            const program = site.files.filter(one => /^ort\/(?!webgpu-)/.test(one.path));  // no graphics processor here
            return model.bytes + program.reduce((sum, one) => sum + one.bytes, 0);
        }"""
    )
    return int(found)


def measured(url: str, text: str, repeats: int) -> Visits:
    """The shortest times, and the most memory, of so many fresh browsers."""
    browser = next((found for name in BROWSERS if name and (found := shutil.which(name))), None)
    if browser is None:
        raise SystemExit("There is no chromium here; install it (apt-get install chromium).")
    runs = []
    for _ in range(repeats):
        with tempfile.TemporaryDirectory() as profile, sync_playwright() as playwright:
            context = playwright.chromium.launch_persistent_context(
                profile, executable_path=browser, args=list(OPTIONS), viewport={"width": 1280, "height": 860}
            )
            runs.append(asdict(visit(context, profile, url, text)))
            context.close()
    most = {"memory", "empty"}
    return Visits(**{name: (max if name in most else min)(run[name] for run in runs) for name in runs[0]})


def tales() -> Scope:
    """The embedded model."""
    return logitscope.load("embedded:tales")


def gpt2() -> Scope:
    """A model of GPT-2 small's size with random weights in fp32, and a tokenizer with as many tokens."""
    torch.manual_seed(0)
    config = GPT2Config(bos_token_id=0, eos_token_id=0)
    model: Any = GPT2LMHeadModel(config)
    return logitscope.load(model.requires_grad_(False), tokenizer=_wide_tokeniser(config.vocab_size))


def _wide_tokeniser(n_vocab: int) -> Any:
    """The embedded model's, with further merges after its own until it has so many tokens."""
    said = json.loads((EMBEDDED / "tokenizer.json").read_text(encoding="utf-8"))
    vocab, merges = said["model"]["vocab"], said["model"]["merges"]
    known = [token for token in list(vocab) if token not in {one["content"] for one in said["added_tokens"]}]
    pairs = ((a, b) for a in known for b in known if a + b not in vocab)
    while len(vocab) < n_vocab:
        a, b = next(pairs)
        if a + b not in vocab:
            vocab[a + b] = len(vocab)
            merges.append([a, b])
    return PreTrainedTokenizerFast(tokenizer_object=Tokenizer.from_str(json.dumps(said)))  # type: ignore[no-untyped-call]


def passage(scope: Scope) -> str:
    """So many tokens of a text."""
    tokens = scope.model.tokeniser.encode(PASSAGE.read_text() * 3)[0]
    return tokens.text[: int(tokens.spans[N_TOKENS - 1][1])]


PLAN: tuple[tuple[str, Callable[[], Scope], Form, int], ...] = (
    ("embedded:tales", tales, "stored", 3),
    ("GPT-2 small, random weights", gpt2, "stored", 1),
    ("the same as int8", gpt2, "int8", 1),
)
"""What is measured, how its weights are kept, and in how many fresh browsers."""


def row(words: str, found: Visits) -> list[str]:
    seconds = (found.first_colour, found.evolution, found.column, found.lens, found.again, found.typed)
    times = [f"{one:.2f}" for one in seconds]
    return [words, str(N_TOKENS), f"{found.download / MB:.1f}", *times, f"{found.memory:.0f}", f"{found.empty:.0f}"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="for the file of results")
    parser.add_argument("--quick", action="store_true", help="embedded:tales alone, once")
    options = parser.parse_args()
    SCRATCH.mkdir(parents=True, exist_ok=True)
    rows, exports = [], []
    for words, make, form, repeats in PLAN:
        if options.quick and make is gpt2:
            continue
        scope = make()
        text = passage(scope)
        with tempfile.TemporaryDirectory(dir=SCRATCH) as folder:
            began = time.perf_counter()
            report = export_site([scope], Path(folder) / "site", form)
            exports.append(f"{words}: {report.n_bytes / MB:.0f} MB written in {time.perf_counter() - began:.0f} s")
            with served(Path(folder) / "site") as url:
                rows.append(row(words, measured(url, text, 1 if options.quick else repeats)))
    notes: list[str] = [
        "Seconds. The program that computes every model is part of the download; the page itself is not.",
        f"Exported: {'; '.join(exports)}.",
    ]
    found: dict[str, Any] = {"tables": [{"headings": HEADINGS, "rows": rows}], "notes": notes}
    if options.json:
        json.dump(found, sys.stdout)
        return
    print(table(HEADINGS, rows), *notes, sep="\n")


if __name__ == "__main__":
    main()
