"""Pages of one file in a browser: opened from disk without a network, with the library's numbers, and in frames."""

from __future__ import annotations

import html
import math
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

import logitscope as ls
from logitscope.render.page import EMBEDDED
from logitscope.scope import Scope
from logitscope.trace import Trace
from logitscope.view import alternatives, likelihood
from tests.traces import make_trace
from tests.web.conftest import PATIENCE, address_has, as_css, becomes, colours_drawn, figures, fits, says

pytestmark = pytest.mark.usefixtures("page_is_built")

Opened = Callable[..., Page]

TEXT = "The sea </script><script>alert(1)</script> & <b>rest</b>, 👩‍🔬 قال."
MIB = 1024 * 1024


@pytest.fixture(scope="module")
def trace(tales: Scope) -> Trace:
    return tales.trace(TEXT, subblocks=True)


@pytest.fixture
def opened(browser: Browser, tmp_path: Path) -> Iterator[Opened]:
    """Writes a page and opens it from disk; any complaint of the browser, and any further request, fails the test."""
    complaints: list[str] = []
    asked: list[str] = []
    contexts = []

    def open_(content: str, address: str = "", **options: object) -> Page:
        file = tmp_path / f"{len(contexts)}.html"
        file.write_bytes(content.encode())
        context = browser.new_context(offline=True, **{"viewport": {"width": 1280, "height": 860}, **options})
        context.set_default_timeout(PATIENCE)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(file.as_uri() + address)
        return page

    yield open_
    assert complaints == []
    assert [url for url in asked if not url.startswith(("file:", "about:srcdoc"))] == []
    assert len([url for url in asked if url.startswith("file:")]) == len(contexts)
    for context in contexts:
        context.close()


def runs(page: Page) -> list[str]:
    return [text.replace("\u200b", "") for text in page.locator("main .run").all_inner_texts()]


def reads(page: Page, text: str) -> None:
    """Waits until a text stands there, token by token."""
    becomes(page, lambda: "".join(runs(page)), text)


def test_without_its_numbers_a_page_has_less_than_a_megabyte(trace: Trace) -> None:
    page = ls.to_html(trace)
    (numbers,) = re.findall(f'<script type="{re.escape(EMBEDDED)}">([^<]*)</script>', page)
    assert 0 < len(page.encode()) - len(numbers) < MIB


def test_a_page_shows_the_librarys_numbers_offline(opened: Opened, trace: Trace) -> None:
    page = opened(ls.to_html(trace))
    spec = likelihood(trace)
    reads(page, TEXT)
    becomes(page, lambda: colours_drawn(page, "main .run")[1:], [as_css(run.colour) for run in spec.runs[1:]])
    says(page.get_by_label("Totals of the text"), f"{spec.summary.total_bits:,.1f}")
    expect(page.locator("main script, main b, h1 script")).to_have_count(0)
    expect(page.get_by_role("textbox")).to_have_count(0)
    found = alternatives(trace, 3)
    page.locator("main .run").nth(3).click()
    expect(page.locator(".sheet")).to_have_attribute("aria-busy", "false")
    assert found.actual is not None
    wanted = {"bits": f"{found.actual.bits:.2f}", "rank": f"{found.actual.rank:,}"}
    becomes(page, lambda: {name: figures(page).get(name) for name in wanted}, wanted)


def test_a_link_into_a_page_reopens_what_was_seen(opened: Opened, trace: Trace) -> None:
    content = ls.to_html(trace)
    page = opened(content)
    page.get_by_role("tab", name="Lens").click()
    address_has(page, "v=lens")
    grid = page.get_by_role("grid")
    rows = str(grid.get_attribute("aria-rowcount"))
    grid.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    address_has(page, "pin=1")
    said = page.locator("aside").inner_text()
    again = opened(content, page.evaluate("location.hash"))
    again.get_by_role("grid").wait_for()
    becomes(again, lambda: again.locator("aside").inner_text(), said)
    expect(again.get_by_role("grid")).to_have_attribute("aria-rowcount", rows)
    again.go_back()
    assert page.url != again.url


def test_followed_tokens_are_shown_with_their_scores(opened: Opened, tales: Scope) -> None:
    followed = tales.follow(TEXT, -1, histogram=True)
    page = opened(ls.to_html([followed, tales.trace(TEXT)], view="evolution"))
    page.get_by_role("heading", name="Ranks").wait_for()
    table = page.get_by_role("table").last
    for i in range(len(followed.watched)):
        expect(table).to_contain_text(f"{followed['watch_logit'][-1, 0, i]:.2f}")
        expect(table).to_contain_text(re.compile(rf"\b{followed['watch_rank'][-1, 0, i]}\b"), use_inner_text=True)
    expect(page.locator(".slide")).to_have_count(0)  # tokens were followed at one place: there is no other to go to
    page.get_by_role("tab", name="Text").click()
    reads(page, TEXT)


def test_only_what_a_trace_holds_is_shown(opened: Opened, tales: Scope) -> None:
    page = opened(ls.to_html(tales.trace(TEXT, stages=tales.stages()[-1:], statistics=["next_logprob"])))
    reads(page, TEXT)
    expect(page.get_by_role("tab")).to_have_text(["Text"])
    says(page.get_by_label("Totals of the text"), f"{tales.trace(TEXT).summary().total_bits:,.1f}")


@pytest.mark.parametrize("text", ["A", "\n", "老人看着大海，大海也看着老人。", "def f(x):\n\treturn x\n"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_any_text_on_a_phone_in_light_and_dark(opened: Opened, tales: Scope, text: str, scheme: str) -> None:
    page = opened(
        ls.to_html(tales.trace(text)), viewport={"width": 390, "height": 844}, color_scheme=scheme, has_touch=True
    )
    page.wait_for_selector("[role=tab][aria-selected=true]")
    for tab in page.get_by_role("tab").all():
        tab.click()
        expect(tab).to_have_attribute("aria-selected", "true")
        page.wait_for_selector("#view > *")
        fits(page)
    dark = page.evaluate("getComputedStyle(document.documentElement).backgroundColor") == "rgb(20, 21, 26)"
    assert dark == (scheme == "dark")


def test_lone_bytes_and_reversed_lines_stay_where_they_are(opened: Opened) -> None:
    trace = make_trace([b"a", b"\xff", b"\xe2\x80\xae", b"<!--", b"\xd7\xa9", b"\x00"])
    page = opened(ls.to_html(trace))
    becomes(page, lambda: len(runs(page)), len(likelihood(trace).runs))
    expect(page.get_by_role("alert")).to_have_count(0)
    page.get_by_role("tab", name="Lens").click()
    page.get_by_role("grid").wait_for()


def test_a_printed_page_has_no_controls_and_keeps_its_colours(opened: Opened, trace: Trace) -> None:
    page = opened(ls.to_html(trace), color_scheme="dark")
    reads(page, TEXT)
    page.emulate_media(media="print")
    expect(page.locator("html")).to_have_css("background-color", "rgb(255, 255, 255)")
    expect(page.locator("[role=tab]").first).to_be_hidden()
    expect(page.locator(".controls").first).to_be_hidden()
    expect(page.locator("main .run").first).to_be_visible()


def test_frames_of_a_notebook_are_apart_from_it_and_from_each_other(opened: Opened, trace: Trace, tales: Scope) -> None:
    other = tales.trace("Once upon a time.")
    shown = "".join(f"<p>{html.escape(repr(one))}</p>{one._repr_html_()}" for one in (trace, other))
    page = opened(f"<!doctype html><title>notebook</title><body>{shown}")
    before = page.evaluate("[history.length, location.href]")
    first, second = (page.frame_locator("iframe").nth(i) for i in (0, 1))
    second.locator("main .run").first.wait_for()
    first.locator("main .run").first.wait_for()
    first.get_by_role("tab", name="Lens").click()
    first.get_by_role("grid").wait_for()
    second.locator("main .run").nth(2).click()
    found = alternatives(other, 2).actual
    assert found is not None
    expect(second.locator("[data-figure=bits]")).to_have_text(f"{found.bits:.2f}bits")
    second.get_by_role("button", name="Help").click()
    second.get_by_role("dialog").get_by_role("button", name="Close").click()
    second.get_by_role("dialog").wait_for(state="hidden")
    assert page.evaluate("[history.length, location.href]") == before
    assert not math.isnan(other.summary().total_bits)
