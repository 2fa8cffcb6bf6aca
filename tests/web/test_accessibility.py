"""What a machine can find of what keeps a reader out: names, roles, contrast, order; light, dark and on a phone."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

import logitscope as ls
from logitscope.scope import Scope
from tests.web.conftest import read, visitor

AXE = Path(__file__).parents[2] / "web" / "node_modules" / "axe-core" / "axe.min.js"
TEXT = "#t=The+fisherman+put+out+to+sea%2C+and+the+sea+put+out+to+the+fisherman."


def violations(page: Page) -> list[str]:
    """What axe finds wrong at this moment, an element of each."""
    page.evaluate(AXE.read_text(encoding="utf-8"))  # evaluated, not loaded: the page's own policy stays as it is
    # A curve's label in the drawing is two texts without a space between; its name has both, in words.
    rules = "{ 'label-content-name-mismatch': { enabled: false } }"
    found = page.evaluate(f"axe.run({{ resultTypes: ['violations'], rules: {rules} }})")["violations"]
    return [f"{one['id']}: {one['help']} ({one['nodes'][0]['html'][:160]})" for one in found]


@pytest.mark.parametrize("view", ["text", "lens", "evolution", "walkthrough", "walkthrough&m=embedded:sort&g=off"])
@pytest.mark.parametrize(
    ("width", "height", "scheme"),
    [(1280, 860, "light"), (1280, 860, "dark"), (390, 844, "light"), (390, 844, "dark")],
)
def test_axe_finds_nothing(browser: Browser, server: str, view: str, width: int, height: int, scheme: str) -> None:
    screen = {"width": width, "height": height}
    with visitor(browser, viewport=screen, color_scheme=scheme, reduced_motion="reduce") as context:
        page = context.new_page()
        page.goto(f"{server}/{TEXT}&v={view}")
        read(page)
        assert violations(page) == []


SEA = "&t2=The+fisherman+put+out+to+the+moon."
BLANK = "#t=The+old+man+looked+at+the+____%2C+and+the+sea+looked+at+him."


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize(
    ("address", "then"),
    [
        (f"{TEXT}&p=5&pin=1&ask=%5B%22+moon%22%5D&bars=log", ""),
        (f"{TEXT}{SEA}&p=5&pin=1&ask=%5B%22+moon%22%5D", "[data-second]"),
        (f"{TEXT}{SEA}&compare=difference", ""),
        (f"{TEXT}{SEA}&v=lens&p=5&pin=1", ""),
        (BLANK, ".fill ol"),
    ],
)
def test_axe_finds_nothing_where_something_is_done(
    browser: Browser, server: str, address: str, then: str, width: int
) -> None:
    with visitor(browser, viewport={"width": width, "height": 860}, reduced_motion="reduce") as context:
        page = context.new_page()
        page.goto(f"{server}/{address}")
        read(page)
        if then:
            page.wait_for_selector(then)
        assert violations(page) == []


@pytest.mark.parametrize("name", ["Help", "Save"])
def test_axe_finds_nothing_in_dialogs(browser: Browser, server: str, name: str) -> None:
    with visitor(browser, reduced_motion="reduce") as context:
        page = context.new_page()
        page.goto(f"{server}/{TEXT}")
        read(page)
        page.get_by_role("button", name=name, exact=True).click()
        page.get_by_role("dialog").wait_for()
        assert violations(page) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_axe_finds_nothing_in_a_page_of_one_file(
    browser: Browser, page_is_built: None, tales: Scope, tmp_path: Path, width: int, scheme: str
) -> None:
    text = "The fisherman put out to sea."
    file = tmp_path / "page.html"
    ls.to_html([tales.trace(text), tales.follow(text, -1, histogram=True)], file)
    screen = {"width": width, "height": 860}
    with visitor(browser, viewport=screen, color_scheme=scheme, reduced_motion="reduce") as context:
        page = context.new_page()
        page.goto(file.as_uri())
        page.wait_for_selector("[role=tab][aria-selected=true]")
        for tab in page.get_by_role("tab").all():
            tab.click()
            expect(tab).to_have_attribute("aria-selected", "true")
            page.wait_for_selector("#view > *")
            assert violations(page) == []


def test_axe_can_find_something(browser: Browser, server: str) -> None:
    with visitor(browser) as context:
        page = context.new_page()
        page.goto(f"{server}/{TEXT}")
        read(page)
        page.evaluate("document.querySelector('textarea, select').removeAttribute('aria-label')")
        page.evaluate("document.body.insertAdjacentHTML('beforeend', '<img src=\"icon.svg\"><button></button>')")
        assert any(one.startswith(("image-alt", "button-name")) for one in violations(page))
