"""The page on a phone: the text begins near the top, and what it makes room for is one tap away."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from logitscope.scope import Scope
from tests.web.conftest import fits, read, visitor
from tests.web.test_accessibility import violations

TEXT = "#t=The+fisherman+put+out+to+sea%2C+and+the+sea+put+out+to+the+fisherman."

Open = Callable[[str], Page]


@pytest.fixture
def phone(browser: Browser, server: str) -> Iterator[Open]:
    """Opens the page at a hash."""
    with visitor(
        browser, viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True, reduced_motion="reduce"
    ) as context:

        def open_(address: str) -> Page:
            page = context.new_page()
            page.goto(f"{server}/{address}")
            read(page)
            return page

        yield open_


@pytest.mark.parametrize(("view", "first"), [("text", ".sheet"), ("lens", "[role=grid]"), ("evolution", ".places")])
def test_what_is_read_begins_near_the_top(phone: Open, view: str, first: str) -> None:
    page = phone(f"{TEXT}&v={view}")
    box = page.locator(f"main {first}").first.bounding_box()
    assert box is not None
    assert box["y"] < 200
    fits(page)


def test_the_menu_holds_what_the_page_has_no_room_for(phone: Open) -> None:
    page = phone(TEXT)
    names = ("Compare", "Save", "Open", "Share", "Help", "Python")
    for name in names:
        expect(page.get_by_role("button", name=name, exact=True)).to_be_hidden()
    page.get_by_role("button", name="Menu").tap()
    for name in names:
        expect(page.get_by_role("button", name=name, exact=True)).to_be_visible()
    expect(page.get_by_text("8 blocks")).to_be_visible()
    assert violations(page) == []
    fits(page)

    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Share")).to_be_hidden()
    expect(page.get_by_role("button", name="Menu")).to_be_focused()


def test_what_is_chosen_in_the_menu_closes_it(phone: Open) -> None:
    page = phone(TEXT)
    menu = page.get_by_role("button", name="Menu")
    menu.tap()
    page.get_by_role("button", name="Python", exact=True).tap()
    expect(page.get_by_role("button", name="Share")).to_be_hidden()
    expect(page.locator(".sheet")).to_contain_text("def ")

    menu.tap()
    page.get_by_role("button", name="Compare").tap()
    expect(page.get_by_text("Compare with")).to_be_visible()
    expect(page.get_by_role("button", name="Share")).to_be_hidden()

    menu.tap()
    page.get_by_role("button", name="Help", exact=True).tap()
    expect(page.get_by_role("dialog")).to_be_visible()
    page.get_by_role("dialog").get_by_role("button", name="Close").tap()
    expect(menu).to_be_focused()

    menu.tap()
    page.get_by_role("button", name="Save", exact=True).tap()
    expect(page.get_by_role("dialog")).to_be_visible()


def test_what_can_be_chosen_for_a_view_is_a_line_that_opens(phone: Open) -> None:
    page = phone(TEXT)
    colours = page.get_by_role("group", name="Colours", exact=True)
    chooser = colours.get_by_label("colour by")
    expect(chooser).to_be_hidden()
    colours.get_by_text("Coloured by surprisal").tap()
    chooser.select_option("entropy")
    expect(colours.get_by_text("Coloured by entropy", exact=True)).to_be_visible()
    colours.get_by_role("combobox", name=re.compile("^per")).select_option("word")
    expect(colours.get_by_text("Coloured by entropy per word", exact=True)).to_be_visible()
    fits(page)
    assert violations(page) == []


def test_a_page_without_a_text_shows_where_to_begin(phone: Open) -> None:
    page = phone(TEXT)
    page.get_by_role("button", name="edit").tap()
    page.get_by_role("textbox", name="Text").fill("")
    start = page.get_by_role("group", name="Texts to start from")
    expect(start).to_be_visible()
    start.get_by_role("button", name="Python").tap()
    expect(page.get_by_role("textbox", name="Text")).to_have_value(re.compile("def "))
    expect(start).to_be_hidden()


def test_a_saved_trace_that_an_address_names_is_one_tap_away(phone: Open, tales: Scope, tmp_path: Path) -> None:
    file = tmp_path / "sea.trace.safetensors"
    tales.trace("The sea and the moon.").save(file)
    page = phone(TEXT)
    page.evaluate("location.hash += '&f=sea.trace.safetensors'")
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Open it").tap()
    chooser.value.set_files(file)
    expect(page.get_by_role("region", name="Saved trace")).to_be_visible()
