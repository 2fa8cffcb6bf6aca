"""Two texts in the Text view: beside each other, typed where they stand, each with its numbers, words asked in both."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from urllib.parse import quote

from playwright.sync_api import Browser, Page, expect

from logitscope.scope import Scope
from logitscope.view import alternatives, likelihood
from tests.web.conftest import address_has, as_css, becomes, colours_drawn, fits, read, until, visitor

Open = Callable[[str], Page]

FIRST = "The old man looked at the sea, and the sea looked at him."
SECOND = "The old man looked at the moon, and the sea looked at him."
BOTH = f"#t={quote(FIRST)}&t2={quote(SECOND)}"


def await_second(page: Page, text: str) -> None:
    joined = "[...document.querySelectorAll('.comparison .run')].map(e => e.textContent).join('')"
    page.wait_for_function(f"text => {joined} === text", arg=text)
    page.wait_for_selector(".comparison[aria-busy=false]")


def sheets(page: Page) -> list[dict[str, float]]:
    """Where both texts stand on the screen, at one moment."""
    places = page.locator(".first .sheet, .comparison .sheet")
    return list(places.evaluate_all("all => all.map(one => one.getBoundingClientRect().toJSON())"))


def test_two_texts_stand_side_by_side_each_with_its_totals(opened: Open, tales: Scope) -> None:
    page = opened(BOTH)
    await_second(page, SECOND)
    read(page)
    first, second = sheets(page)
    assert abs(first["y"] - second["y"]) < 2
    assert second["x"] > first["x"] + first["width"]
    assert second["y"] < 500
    for text, name in ((FIRST, "Totals of the text"), (SECOND, "Totals of the second text")):
        bits = likelihood(tales.trace(text)).summary.total_bits
        expect(page.get_by_label(name)).to_contain_text(f"{bits:,.1f}")
    # The same axis and the same colours.
    colours = [as_css(run.colour) for run in likelihood(tales.trace(SECOND)).runs[1:]]
    becomes(page, lambda: colours_drawn(page, ".comparison .run")[1:], colours)


def test_the_second_text_is_typed_where_it_stands(opened: Open, tales: Scope) -> None:
    page = opened(f"#t={quote(FIRST)}")
    page.get_by_role("button", name="Compare", exact=True).click()
    other = page.get_by_role("textbox", name="The other text")
    expect(other).to_have_value(FIRST)
    other.fill(SECOND)
    await_second(page, SECOND)
    bits = likelihood(tales.trace(SECOND)).summary.total_bits
    expect(page.get_by_label("Totals of the second text")).to_contain_text(f"{bits:,.1f}")
    expect(page.get_by_role("textbox", name="Text", exact=True)).to_have_value(FIRST)
    address_has(page, "moon")
    again = opened(page.evaluate("location.hash"))
    await_second(again, SECOND)


def test_a_named_word_is_asked_for_in_both_texts(opened: Open, tales: Scope) -> None:
    trace, other = tales.trace(FIRST), tales.trace(SECOND)
    page = opened(f"{BOTH}&p=9&pin=1&ask={quote(json.dumps([' moon', ' sea']))}")
    for name in (" moon", " sea"):
        (then,) = tales.ask(other.ids[:9].tolist(), -1, name)
        (now,) = tales.ask(trace.ids[:9].tolist(), -1, name)
        row = page.locator(f"[data-asked='{name}']")
        change = then.bits - now.bits
        said = "±0.00" if abs(change) < 0.005 else f"{'+' if change > 0 else '−'}{abs(change):.2f}"
        expect(row.locator("[data-change]")).to_have_text(said)


def test_a_token_of_the_second_text_alone_can_be_looked_at(opened: Open, tales: Scope) -> None:
    page = opened(BOTH)
    await_second(page, SECOND)
    page.locator(".comparison .run").nth(6).click(force=True)
    found = alternatives(tales.trace(SECOND), 6).actual
    assert found is not None
    assert found.bits is not None
    second = page.locator("aside .second")
    expect(second.locator("h2")).to_contain_text("moon")
    expect(second.locator("[data-figure=bits]")).to_have_text(f"{found.bits:.2f}bits")
    page.locator(".first .run").nth(4).click(force=True)
    expect(second.locator("h2")).to_contain_text("at")


def test_on_a_phone_they_stand_below_each_other(browser: Browser, server: str) -> None:
    with visitor(browser, viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True) as context:
        page = context.new_page()
        page.goto(f"{server}/{BOTH}")
        await_second(page, SECOND)
        read(page)
        first, second = sheets(page)
        assert second["y"] > first["y"] + first["height"]
        fits(page)


def test_bars_can_tell_small_probabilities_apart(opened: Open) -> None:
    page = opened(f"#t={quote(FIRST)}&p=6&pin=1")
    lengths = "[...document.querySelectorAll('.inspector .fill')].map(e => e.getBoundingClientRect().width)"
    before = page.evaluate(lengths)
    assert len(before) >= 10
    page.get_by_role("button", name="log scale").click()
    address_has(page, "bars=log")
    until(page, f"Math.min(...{lengths}.slice(1, 10)) > {min(before[1:10])}")
    expect(page.locator(".inspector .axis")).to_have_text(re.compile("100%$"), use_inner_text=True)
