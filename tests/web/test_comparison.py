"""Two texts in the Text view: beside each other, typed where they stand, each with its numbers, words asked in both."""

from __future__ import annotations

import json
from collections.abc import Callable
from urllib.parse import quote

from playwright.sync_api import Browser, Page

from logitscope.scope import Scope
from logitscope.view import alternatives, likelihood
from tests.web.conftest import read

Open = Callable[[str], Page]

FIRST = "The old man looked at the sea, and the sea looked at him."
SECOND = "The old man looked at the moon, and the sea looked at him."
BOTH = f"#t={quote(FIRST)}&t2={quote(SECOND)}"


def second_runs(page: Page) -> list[str]:
    return page.locator(".comparison .run").all_inner_texts()


def await_second(page: Page, text: str) -> None:
    joined = "[...document.querySelectorAll('.comparison .run')].map(e => e.textContent).join('')"
    page.wait_for_function(f"text => {joined} === text", arg=text)
    page.wait_for_selector(".comparison[aria-busy=false]")


def test_two_texts_stand_side_by_side_each_with_its_totals(opened: Open, tales: Scope) -> None:
    page = opened(BOTH)
    await_second(page, SECOND)
    first, second = (page.locator(name).bounding_box() for name in (".first .sheet", ".comparison .sheet"))
    assert first is not None
    assert second is not None
    assert abs(first["y"] - second["y"]) < 2
    assert second["x"] > first["x"] + first["width"]
    assert second["y"] < 500
    for text, name in ((FIRST, "Totals of the text"), (SECOND, "Totals of the second text")):
        bits = likelihood(tales.trace(text)).summary.total_bits
        assert f"{bits:,.1f}" in page.get_by_label(name).inner_text()
    # The same axis and the same colours.
    drawn = page.evaluate(
        "[...document.querySelectorAll('.comparison .run')].map(e => getComputedStyle(e).backgroundColor)"
    )
    for run, colour in zip(likelihood(tales.trace(SECOND)).runs[1:], drawn[1:], strict=True):
        assert colour == "rgb({}, {}, {})".format(*(int(run.colour[i : i + 2], 16) for i in (1, 3, 5))), run.text


def test_the_second_text_is_typed_where_it_stands(opened: Open, tales: Scope) -> None:
    page = opened(f"#t={quote(FIRST)}")
    page.get_by_role("button", name="Compare", exact=True).click()
    other = page.get_by_role("textbox", name="The other text")
    assert other.input_value() == FIRST
    other.fill(SECOND)
    await_second(page, SECOND)
    bits = likelihood(tales.trace(SECOND)).summary.total_bits
    page.wait_for_function(
        "said => document.querySelector('[aria-label=\"Totals of the second text\"]').innerText.includes(said)",
        arg=f"{bits:,.1f}",
    )
    assert page.get_by_role("textbox", name="Text", exact=True).input_value() == FIRST
    page.wait_for_function("() => location.hash.includes('moon')")
    again = opened(page.evaluate("location.hash"))
    await_second(again, SECOND)


def test_a_named_word_is_asked_for_in_both_texts(opened: Open, tales: Scope) -> None:
    trace, other = tales.trace(FIRST), tales.trace(SECOND)
    page = opened(f"{BOTH}&p=9&pin=1&ask={quote(json.dumps([' moon', ' sea']))}")
    page.locator("[data-change]").nth(1).wait_for()
    page.wait_for_function("() => [...document.querySelectorAll('[data-change]')].every(e => e.textContent)")
    for name in (" moon", " sea"):
        (then,) = tales.ask(other.ids[:9].tolist(), -1, name)
        (now,) = tales.ask(trace.ids[:9].tolist(), -1, name)
        row = page.locator(f"[data-asked='{name}']")
        change = then.bits - now.bits
        said = row.locator("[data-change]").inner_text()
        assert said == ("±0.00" if abs(change) < 0.005 else f"{'+' if change > 0 else '−'}{abs(change):.2f}")


def test_a_token_of_the_second_text_alone_can_be_looked_at(opened: Open, tales: Scope) -> None:
    page = opened(BOTH)
    await_second(page, SECOND)
    page.locator(".comparison .run").nth(6).click(force=True)
    found = alternatives(tales.trace(SECOND), 6).actual
    assert found is not None
    assert found.bits is not None
    second = page.locator("aside .second")
    page.wait_for_function("() => document.querySelector('aside .second h2').textContent.includes('moon')")
    assert second.locator("[data-figure=bits]").inner_text().startswith(f"{found.bits:.2f}")
    page.locator(".first .run").nth(4).click(force=True)
    page.wait_for_function("() => document.querySelector('aside .second h2').textContent.includes('at')")


def test_on_a_phone_they_stand_below_each_other(browser: Browser, server: str) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    page = context.new_page()
    page.goto(f"{server}/{BOTH}")
    read(page)
    await_second(page, SECOND)
    first, second = (page.locator(name).bounding_box() for name in (".first .sheet", ".comparison .sheet"))
    assert first is not None
    assert second is not None
    assert second["y"] > first["y"] + first["height"]
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    context.close()


def test_bars_can_tell_small_probabilities_apart(opened: Open) -> None:
    page = opened(f"#t={quote(FIRST)}&p=6&pin=1")
    lengths = "() => [...document.querySelectorAll('.inspector .fill')].map(e => e.getBoundingClientRect().width)"
    before = page.evaluate(lengths)
    page.get_by_role("button", name="log scale").click()
    page.wait_for_function("() => location.hash.includes('bars=log')")
    after = page.evaluate(lengths)
    assert min(after[1:10]) > min(before[1:10])
    assert page.locator(".inspector .axis").inner_text().replace("\n", " ").endswith("100%")
