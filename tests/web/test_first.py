"""What is kept and what is in sight is on the page at every stage while the rest of the text is still being read."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote

import pytest
from playwright.sync_api import BrowserContext, Request, expect

from logitscope.errors import Cancelled
from logitscope.scope import Scope, pieces
from logitscope.trace import Trace
from logitscope.view import grid
from logitscope.view.words import number_words
from tests.web.conftest import Visit, listening
from tests.web.hosting import Host

TEXT = "The fisherman put out to sea, and the sea put out to the fisherman."
LONG = " ".join([TEXT] * 20)
STAGE = "3.mlp"


@dataclass(frozen=True)
class Stepwise(Scope):
    """A model that reads by places only as far as it is let, and all else at once."""

    may: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))

    def pieces(self, text: str | None = None, **options: Any) -> Iterator[Trace]:  # type: ignore[override]
        for piece in Scope.pieces(self, text, **options):
            while options.get("first") is not None and not self.may.acquire(timeout=0.02):
                if options["cancelled"]():
                    raise Cancelled("nobody wants it")
            yield piece


@pytest.fixture
def stepwise(tales: Scope, monkeypatch: pytest.MonkeyPatch) -> Stepwise:
    """Its pieces hold one place each."""
    for name in ("_ROWS", "_AT_ONCE", "PIECE_SECONDS", "_LONGEST"):
        monkeypatch.setattr(pieces, name, 0)
    return Stepwise(replace(tales.model, name="stepwise"))


def let(scope: Stepwise, n: int) -> None:
    for _ in range(n):
        scope.may.release()


def said(trace: Trace, position: int) -> tuple[str, str]:
    """How the page says the cell at a place: what is guessed, and how sure that is."""
    spec = grid(trace)
    row = next(row for row in spec.rows if row.stage == STAGE)
    cell = row.cells[position]
    number = number_words(cell.number, spec.legend.unit)
    return f"{STAGE}, after {spec.columns[position].input}: guesses {cell.text}", f" {number}; "


def looks_at(request: Request, position: int) -> bool:
    """Whether a page says with it that a place is wanted before all others."""
    asked = request.post_data_json if request.url.endswith("/api/first") else None
    return asked is not None and asked["first"][0] == position


def test_a_kept_column_is_whole_while_the_rest_is_being_read(
    page_is_built: None, context: BrowserContext, tales: Scope, stepwise: Stepwise
) -> None:
    trace = tales.trace(TEXT)
    n = len(trace.tokens)
    with listening([stepwise]) as url:
        page = context.new_page()
        let(stepwise, 2)  # the likelihood, and the kept column
        page.goto(f"{url}/#v=lens&t={quote(TEXT)}&p=9&s={STAGE}&pin=1")
        cell = page.locator("[role=gridcell]").first
        status = page.locator("[data-status]").first
        words, number = said(trace, 8)
        expect(cell).to_contain_text(words)
        expect(cell).to_contain_text(number)
        expect(status).to_contain_text(f"every stage at 1 of {n} tokens")
        expect(status).to_have_attribute("data-status", "working")
        # The inspector has the kept cell's own stage.
        inspector = page.get_by_role("region", name="Selected cell")
        expect(inspector).to_contain_text(f"read at {STAGE}")
        expect(page.locator("[data-unread]")).to_have_count(0)
        # A place out of the order: not read, and not said to be anything.
        cells = page.get_by_role("grid")
        cells.focus()
        with page.expect_response(lambda answer: looks_at(answer.request, 14)):
            for _ in range(6):
                cells.press("ArrowRight")
        after = grid(trace).columns[14].input
        expect(cell).to_have_text(f"{STAGE}, after {after}: not read yet")
        expect(page.locator("[data-unread]")).to_have_text(f"{STAGE} is not read here yet.")
        expect(inspector).to_contain_text(f"read at {trace.stages[-1]}")
        # The one that was begun before, and this one.
        let(stepwise, 2)
        words, number = said(trace, 14)
        expect(cell).to_contain_text(words)
        expect(cell).to_contain_text(number)
        expect(status).to_have_attribute("data-status", "working")
        let(stepwise, n)
        expect(status).to_have_attribute("data-status", "done")
        for _ in range(3):
            cells.press("ArrowLeft")
        words, number = said(trace, 11)
        expect(cell).to_contain_text(words)
        expect(cell).to_contain_text(number)
        page.close()


WATCH = """() => {
    window.seen = [];
    const look = () => {
        const status = document.querySelector("[data-status]");
        const cell = document.querySelector("[role=gridcell]");
        if (status && cell) window.seen.push([status.dataset.status, status.textContent, cell.textContent.trim()]);
    };
    new MutationObserver(look).observe(document, { subtree: true, childList: true, characterData: true,
        attributes: true, attributeFilter: ["data-status"] });
}"""


def test_on_a_site_a_kept_column_is_whole_while_the_rest_is_being_read(host: Host, visit: Visit, tales: Scope) -> None:
    page = visit(host.url)
    page.evaluate(WATCH)
    position = 200
    page.evaluate("hash => { location.hash = hash }", f"v=lens&t={quote(LONG)}&p={position + 1}&s={STAGE}&pin=1")
    cell = page.locator("[role=gridcell]").first
    expect(cell).to_contain_text(f"{STAGE}, after")
    expect(page.locator("[data-status=done]").first).to_be_attached(timeout=60_000)
    words, _ = said(tales.trace(LONG), position)
    expect(cell).to_contain_text(words)
    # Every state of the page was seen: in one of them this cell was there, and most of the text was not.
    seen = page.evaluate("window.seen")
    known = [status for kind, status, shown in seen if kind == "working" and words in shown]
    read = [found for status in known if (found := re.match(r"every stage at (\d+) of (\d+) tokens", status))]
    assert read, seen
    assert int(read[0][1]) < int(read[0][2]) == len(tales.trace(LONG).tokens)
