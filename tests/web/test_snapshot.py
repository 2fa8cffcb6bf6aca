"""Pages of one file in a browser: opened from disk without a network, with the library's numbers, and in frames."""

from __future__ import annotations

import html
import math
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

import logitscope as ls
from logitscope.render.page import EMBEDDED
from logitscope.scope import Scope
from logitscope.trace import Trace
from logitscope.view import alternatives, likelihood
from tests.traces import make_trace
from tests.web.conftest import figures

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
        context.set_default_timeout(20_000)
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
    page.wait_for_selector("main .run")
    return [text.replace("\u200b", "") for text in page.locator("main .run").all_inner_texts()]


def test_without_its_numbers_a_page_has_less_than_a_megabyte(trace: Trace) -> None:
    page = ls.to_html(trace)
    (numbers,) = re.findall(f'<script type="{re.escape(EMBEDDED)}">([^<]*)</script>', page)
    assert 0 < len(page.encode()) - len(numbers) < MIB


def test_a_page_shows_the_librarys_numbers_offline(opened: Opened, trace: Trace) -> None:
    page = opened(ls.to_html(trace))
    spec = likelihood(trace)
    assert "".join(runs(page)) == TEXT
    drawn = page.evaluate("[...document.querySelectorAll('main .run')].map(e => getComputedStyle(e).backgroundColor)")
    for run, colour in zip(spec.runs[1:], drawn[1:], strict=True):
        assert colour == "rgb({}, {}, {})".format(*(int(run.colour[i : i + 2], 16) for i in (1, 3, 5))), run.text
    assert f"{spec.summary.total_bits:,.1f}" in page.get_by_label("Totals of the text").inner_text()
    assert page.locator("main script, main b, h1 script").count() == 0
    assert page.get_by_role("textbox").count() == 0
    found = alternatives(trace, 3)
    page.locator("main .run").nth(3).click()
    page.wait_for_selector("[data-figure=bits]")
    assert page.locator(".sheet").get_attribute("aria-busy") == "false"
    assert found.actual is not None
    assert figures(page)["bits"] == f"{found.actual.bits:.2f}"
    assert figures(page)["rank"] == f"{found.actual.rank:,}"


def test_a_link_into_a_page_reopens_what_was_seen(opened: Opened, trace: Trace) -> None:
    content = ls.to_html(trace)
    page = opened(content)
    page.get_by_role("tab", name="Lens").click()
    page.wait_for_function("() => location.hash.includes('v=lens')")
    grid = page.get_by_role("grid")
    grid.wait_for()
    rows = page.evaluate("document.querySelector('[role=grid]').getAttribute('aria-rowcount')")
    grid.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    page.wait_for_function("() => location.hash.includes('pin=1')")
    said = page.locator("aside").inner_text()
    again = opened(content, page.evaluate("location.hash"))
    again.get_by_role("grid").wait_for()
    again.wait_for_function("said => document.querySelector('aside').innerText === said", arg=said)
    assert again.evaluate("document.querySelector('[role=grid]').getAttribute('aria-rowcount')") == rows
    again.go_back()
    assert page.url != again.url


def test_followed_tokens_are_shown_with_their_scores(opened: Opened, tales: Scope) -> None:
    followed = tales.follow(TEXT, -1, histogram=True)
    page = opened(ls.to_html([followed, tales.trace(TEXT)], view="evolution"))
    page.get_by_role("heading", name="Ranks").wait_for()
    table = page.get_by_role("table").last
    table.wait_for()
    said = " ".join(table.inner_text().split())
    for i in range(len(followed.watched)):
        assert f"{followed['watch_logit'][-1, 0, i]:.2f}" in said
        assert re.search(rf"\b{followed['watch_rank'][-1, 0, i]}\b", said)
    assert page.locator(".slide").count() == 0  # tokens were followed at one place: there is no other to go to
    page.get_by_role("tab", name="Text").click()
    assert "".join(runs(page)) == TEXT


def test_only_what_a_trace_holds_is_shown(opened: Opened, tales: Scope) -> None:
    page = opened(ls.to_html(tales.trace(TEXT, stages=tales.stages()[-1:], statistics=["next_logprob"])))
    assert "".join(runs(page)) == TEXT
    assert page.get_by_role("tab").all_inner_texts() == ["Text"]
    totals = page.get_by_label("Totals of the text").inner_text()
    assert f"{tales.trace(TEXT).summary().total_bits:,.1f}" in totals


@pytest.mark.parametrize("text", ["A", "\n", "老人看着大海，大海也看着老人。", "def f(x):\n\treturn x\n"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_any_text_on_a_phone_in_light_and_dark(opened: Opened, tales: Scope, text: str, scheme: str) -> None:
    page = opened(
        ls.to_html(tales.trace(text)), viewport={"width": 390, "height": 844}, color_scheme=scheme, has_touch=True
    )
    for tab in page.get_by_role("tab").all():
        tab.click()
        page.wait_for_selector("#view > *")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
    dark = page.evaluate("getComputedStyle(document.documentElement).backgroundColor") == "rgb(20, 21, 26)"
    assert dark == (scheme == "dark")


def test_lone_bytes_and_reversed_lines_stay_where_they_are(opened: Opened) -> None:
    trace = make_trace([b"a", b"\xff", b"\xe2\x80\xae", b"<!--", b"\xd7\xa9", b"\x00"])
    page = opened(ls.to_html(trace))
    assert len(runs(page)) == len(likelihood(trace).runs)
    assert page.get_by_role("alert").count() == 0
    page.get_by_role("tab", name="Lens").click()
    page.get_by_role("grid").wait_for()


def test_a_printed_page_has_no_controls_and_keeps_its_colours(opened: Opened, trace: Trace) -> None:
    page = opened(ls.to_html(trace), color_scheme="dark")
    runs(page)
    page.emulate_media(media="print")
    assert page.evaluate("getComputedStyle(document.documentElement).backgroundColor") == "rgb(255, 255, 255)"
    assert not page.get_by_role("tab", name="Text").is_visible()
    assert not page.locator(".controls").first.is_visible()
    assert page.locator("main .run").first.is_visible()


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
    second.locator("[data-figure=bits]").wait_for()
    found = alternatives(other, 2).actual
    assert found is not None
    assert second.locator("[data-figure=bits]").inner_text().startswith(f"{found.bits:.2f}")
    second.get_by_role("button", name="Help").click()
    second.get_by_role("dialog").get_by_role("button", name="Close").click()
    second.get_by_role("dialog").wait_for(state="hidden")
    assert page.evaluate("[history.length, location.href]") == before
    assert not math.isnan(other.summary().total_bits)
