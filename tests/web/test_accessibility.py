"""What a machine can find of what keeps a reader out: names, roles, contrast, order; light, dark and on a phone."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.web.conftest import read

AXE = Path(__file__).parents[2] / "web" / "node_modules" / "axe-core" / "axe.min.js"
TEXT = "#t=The+fisherman+put+out+to+sea%2C+and+the+sea+put+out+to+the+fisherman."


def violations(page: Page) -> list[str]:
    """What axe finds wrong, an element of each."""
    page.evaluate(AXE.read_text(encoding="utf-8"))  # evaluated, not loaded: the page's own policy stays as it is
    # A curve's label in the drawing is two texts without a space between; its name has both, in words.
    rules = "{ 'label-content-name-mismatch': { enabled: false } }"
    found = page.evaluate(f"axe.run({{ resultTypes: ['violations'], rules: {rules} }})")["violations"]
    return [f"{one['id']}: {one['help']} ({one['nodes'][0]['html'][:160]})" for one in found]


@pytest.mark.parametrize("view", ["text", "lens", "evolution", "walkthrough", "walkthrough&m=embedded:sort&g=off"])
@pytest.mark.parametrize(
    ("width", "height", "scheme"), [(1280, 860, "light"), (1280, 860, "dark"), (390, 844, "light")]
)
def test_axe_finds_nothing(browser: Browser, server: str, view: str, width: int, height: int, scheme: str) -> None:
    context = browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme=scheme,  # type: ignore[arg-type]
        reduced_motion="reduce",
    )
    page = context.new_page()
    page.goto(f"{server}/{TEXT}&v={view}")
    read(page)
    assert violations(page) == []
    context.close()


def test_axe_can_find_something(browser: Browser, server: str) -> None:
    page = browser.new_page()
    page.goto(f"{server}/{TEXT}")
    read(page)
    page.evaluate("document.querySelector('textarea, select').removeAttribute('aria-label')")
    page.evaluate("document.body.insertAdjacentHTML('beforeend', '<img src=\"icon.svg\"><button></button>')")
    assert any(one.startswith(("image-alt", "button-name")) for one in violations(page))
