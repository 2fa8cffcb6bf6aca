"""The scene in a real browser, drawn in software: cells are pointed at where they are drawn, and explained.

What the panel says of them is held against `logitscope.graph.explain`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Locator, Page, expect, sync_playwright

import logitscope
from logitscope.graph import Activations, explain
from tests.web.conftest import OPTIONS

SORT, LETTERS = "embedded:sort", "CBABBC"
SOFTWARE = ("--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader")
CELL = 45
"""Pixels from a cell to the next, where a link to one opens."""

Open = Callable[..., Page]


@pytest.fixture(scope="module")
def drawing(chromium: str) -> Iterator[Browser]:
    options = [option for option in OPTIONS if option != "--disable-gpu"]
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium, args=[*options, *SOFTWARE])
        yield running
        running.close()


@pytest.fixture
def still(drawing: Browser) -> Iterator[BrowserContext]:
    """Motion is not wanted: the eye jumps, and a test waits for nothing but the numbers."""
    made = drawing.new_context(viewport={"width": 1280, "height": 860}, color_scheme="light", reduced_motion="reduce")
    made.set_default_timeout(60_000)
    yield made
    made.close()


@pytest.fixture
def scene(still: BrowserContext, server: str) -> Iterator[Open]:
    """Opens the walkthrough at a place, drawn; anything that the browser complains of fails the test."""
    complaints: list[str] = []

    def complain(said: ConsoleMessage) -> None:
        # A context that the test itself has lost is lost.
        if said.type == "error" and "CONTEXT_LOST" not in said.text:
            complaints.append(said.text)

    def open_(**place: str) -> Page:
        page = still.new_page()
        page.on("console", complain)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(f"{server}/#{urlencode({'v': 'walkthrough', 'm': SORT, 't': LETTERS, **place})}")
        drawn(page)
        return page

    yield open_
    assert complaints == []


@pytest.fixture(scope="module")
def run() -> Activations:
    return logitscope.load(SORT).activations(LETTERS)


def drawn(page: Page) -> Locator:
    """The canvas, when all numbers that its picture needs are drawn."""
    canvas = page.locator("canvas[data-drawn=all]")
    canvas.wait_for()
    return canvas


def point(page: Page, right: int, down: int) -> None:
    """Points so far from the middle of the canvas."""
    box = page.locator("canvas").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] / 2 + right, box["y"] + box["height"] / 2 + down)


def shows(page: Page, run: Activations, block: str, index: list[int]) -> None:
    """The panel explains this cell with the library's numbers."""
    told = explain(run, block, index)
    assert told.stored is not None
    panel = page.get_by_label("The cell, explained")
    expect(panel.locator("h2")).to_have_text(run.graph[block].title)
    for name, at in zip(run.graph[block].names, index, strict=True):
        expect(panel.locator("[data-told=place]")).to_contain_text(f"{name} {at}")
    expect(panel).to_have_attribute("aria-busy", "false")
    number = panel.locator("[data-told=value]").inner_text().replace("−", "-")
    assert float(number) == pytest.approx(told.stored, rel=1e-6, abs=1e-12)
    sources = [one.get_attribute("data-source") for one in panel.locator(".source").all()]
    cells = [cell for term in told.terms[:10] for cell in term.cells] + list(told.cells)
    assert sources == [":".join([cell.block, *map(str, cell.index)]) for cell in cells]


def test_a_cell_that_is_pointed_at_in_space_is_explained_exactly(scene: Open, run: Activations) -> None:
    page = scene(c="0.attn.pattern:0:4:2", pin="1")
    shows(page, run, "0.attn.pattern", [0, 4, 2])
    page.get_by_role("button", name="Pinned").click()
    # The panel shows what the link named; its neighbours can only come from the scene.
    point(page, CELL, 0)
    shows(page, run, "0.attn.pattern", [0, 4, 3])
    point(page, -CELL, 0)
    shows(page, run, "0.attn.pattern", [0, 4, 1])
    point(page, 0, CELL)
    shows(page, run, "0.attn.pattern", [0, 5, 2])
    page.mouse.down()
    page.mouse.up()
    page.wait_for_function("() => location.hash.includes('c=0.attn.pattern%3A0%3A5%3A2')")
    point(page, CELL, 0)
    shows(page, run, "0.attn.pattern", [0, 5, 2])


def test_keys_walk_from_cell_to_cell_and_block_to_block(scene: Open, run: Activations) -> None:
    page = scene(c="0.attn.q:0:2:3", pin="1")
    page.get_by_role("button", name="Pinned").click()
    point(page, 0, 0)
    page.get_by_role("application").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("ArrowRight")
    shows(page, run, "0.attn.q", [0, 3, 3])
    page.keyboard.press("ArrowDown")
    shows(page, run, "0.attn.q", [0, 3, 4])
    page.keyboard.press("PageDown")
    shows(page, run, "0.attn.q", [1, 3, 4])
    page.keyboard.press("[")
    shows(page, run, "0.attn.q.bias", [1, 4])
    page.keyboard.press("Enter")
    page.wait_for_function("() => location.hash.includes('c=0.attn.q.bias%3A1%3A4')")


def test_a_lost_drawing_context_comes_back_with_the_same_picture(scene: Open) -> None:
    page = scene(c="0.attn.pattern:0:4:2", pin="1")
    before = drawn(page).screenshot()
    page.evaluate(
        """() => {
            const context = document.querySelector("canvas").getContext("webgl2");
            window.lost = context.getExtension("WEBGL_lose_context");
            window.lost.loseContext();
        }"""
    )
    page.locator("canvas[data-drawn=part]").wait_for()
    page.evaluate("() => window.lost.restoreContext()")
    assert drawn(page).screenshot() == before


def test_without_webgl_there_are_the_tables_and_the_reason(
    still: BrowserContext, server: str, run: Activations
) -> None:
    page = still.new_page()
    page.add_init_script(
        """const given = HTMLCanvasElement.prototype.getContext;
        HTMLCanvasElement.prototype.getContext = function (kind, ...more) {
            return kind.startsWith("webgl") ? null : given.call(this, kind, ...more);
        };"""
    )
    page.goto(f"{server}/#{urlencode({'v': 'walkthrough', 'm': SORT, 't': LETTERS, 'c': '0.attn.q:1:3:7'})}")
    expect(page.get_by_text("this browser gives no WebGL 2")).to_be_visible()
    expect(page.get_by_role("grid")).to_be_visible()
    shows(page, run, "0.attn.q", [1, 3, 7])
