"""The text as a person meets it: typed, coloured, pointed at, kept, walked through, linked to."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from contextlib import closing
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, Page, expect

from logitscope.scope import Scope
from logitscope.trace import Trace
from logitscope.view import alternatives, likelihood
from tests.web.conftest import (
    address_has,
    address_lacks,
    as_css,
    await_tokens,
    becomes,
    colours_drawn,
    figures,
    listening,
    read,
    says,
    tokens_drawn,
    type_text,
    visitor,
)
from tests.web.hosting import Port

Open = Callable[[str], Page]

TEXT = "The fisherman put out to sea, and the sea put out to the fisherman."


def inspected(trace: Trace, position: int, stage: str | int = -1) -> dict[str, str]:
    """What the inspector has to say of a token, by the library alone."""
    found = alternatives(trace, position, stage)
    assert found.actual is not None
    assert found.actual.bits is not None
    assert found.expected_bits is not None
    return {
        "bits": f"{found.actual.bits:.2f}",
        "rank": f"{found.actual.rank:,}",
        "entropy": f"{found.expected_bits:.2f}",
    }


def shown(page: Page) -> dict[str, str]:
    return {name: value for name, value in figures(page).items() if name != "chance"}


def test_a_typed_text_is_coloured_token_by_token_with_the_numbers_of_the_library(opened: Open, tales: Scope) -> None:
    page = opened("")
    type_text(page, TEXT)
    await_tokens(page, TEXT)
    read(page)
    trace = tales.trace(TEXT)
    spec = likelihood(trace)
    becomes(page, lambda: tokens_drawn(page), [run.text for run in spec.runs])
    becomes(page, lambda: colours_drawn(page)[1:], [as_css(run.colour) for run in spec.runs[1:]])
    totals = page.get_by_label("Totals of the text")
    expect(totals).to_contain_text(f"{spec.summary.total_bits:.1f} bits", use_inner_text=True)
    for position in (1, 5, len(trace.ids) - 1):
        page.locator(".layer .run").nth(position).hover(force=True)
        inspecting(page, alternatives(trace, position).actual.label)  # type: ignore[union-attr]
        becomes(page, lambda: shown(page), inspected(trace, position))


def test_the_first_token_is_hatched_and_said_to_be_unscored(opened: Open) -> None:
    page = opened("#t=Once+upon")
    first = page.locator(".layer .run").first
    expect(first).to_have_css("background-image", re.compile("repeating-linear-gradient"))
    first.hover(force=True)
    says(page.locator(".inspector"), "Not scored: nothing stood before the text")


def test_alternatives_have_the_librarys_probabilities_and_the_rest(opened: Open, tales: Scope) -> None:
    page = opened(f"#t={quote(TEXT)}&p=3&pin=1")
    found = alternatives(tales.trace(TEXT), 3)
    rows = page.locator(".inspector tbody tr")
    expect(rows).to_have_count(len(found.choices) + 1)
    said = [" ".join(row.split()) for row in rows.all_inner_texts()]
    assert found.rest is not None
    for choice, row in zip(found.choices, said, strict=False):
        assert choice.probability is not None
        assert choice.label.strip("␣") in row
        if choice.probability >= 0.0995:
            assert f"{100 * choice.probability:.1f}%" in row
    assert any("all others" in row for row in said)


def test_a_click_keeps_a_token_and_a_link_reopens_it(opened: Open, tales: Scope) -> None:
    page = opened(f"#t={quote(TEXT)}")
    page.locator(".layer .run").nth(4).click(force=True)
    address_has(page, "pin=1")
    heading = page.locator(".inspector h2")
    label = alternatives(tales.trace(TEXT), 4).actual.label  # type: ignore[union-attr]
    expect(heading).to_have_text(label)
    page.locator(".layer .run").nth(9).hover(force=True)
    page.wait_for_selector(".layer .run.hovered")
    expect(heading).to_have_text(label)
    again = opened(page.evaluate("location.hash"))
    expect(again.locator(".inspector h2")).to_have_text(label)
    expect(again.locator("textarea")).to_have_value(TEXT)
    page.go_back()
    address_lacks(page, "pin=1")
    expect(page.locator(".run.selected")).to_have_count(0)


def test_keys_walk_from_token_to_token(opened: Open, tales: Scope) -> None:
    page = opened(f"#t={quote(TEXT)}")
    trace = tales.trace(TEXT)
    labels = [run.label for run in likelihood(trace).runs]
    page.get_by_role("textbox", name="Text").focus()
    page.keyboard.press("Control+Home")
    page.keyboard.press("Escape")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    inspecting(page, labels[2])
    focused = page.locator(":focus")
    expect(focused).to_have_attribute("aria-label", re.compile(rf"token 2 of {len(trace.ids)}\b"))
    bits = f"{-trace['next_logprob'][-1, 1] / math.log(2):.1f} bits"
    expect(focused).to_have_attribute("aria-label", re.compile(re.escape(bits)))
    page.keyboard.press("Enter")
    address_has(page, "pin=1")
    page.keyboard.press("ArrowLeft")
    inspecting(page, labels[1])
    page.keyboard.press("Control+End")
    inspecting(page, labels[-1])
    page.keyboard.press("Escape")
    address_lacks(page, "pin=1")
    page.keyboard.press("Escape")
    expect(page.get_by_role("textbox", name="Text")).to_be_focused()
    page.keyboard.press("Control+End")
    page.keyboard.type("!")
    expect(page.locator("textarea")).to_have_value(TEXT + "!")


def inspecting(page: Page, label: str) -> None:
    """Waits until the inspector shows a token."""
    page.wait_for_function("label => document.querySelector('.inspector h2')?.textContent.trim() === label", arg=label)


@pytest.mark.parametrize(
    "text",
    [
        '<script>alert(1)</script> <b>bold</b> &amp; & "quoted"',
        "A scientist 👩‍🔬 and a family 👨‍👩‍👧‍👦, é and e\u0301.",
        "قال البحر: السلام عليكم (ثلاثاً).\nEnglish again.\nשלום לים.",
        "one\r\ntwo\r\n\r\n  three  \r\n",
        "\tdef f(x):\n\t\treturn x\n\n\n",
        " ",
    ],
)
def test_any_text_stands_there_exactly_and_letter_lies_on_letter(text: str, opened: Open, tales: Scope) -> None:
    page = opened(f"#t={quote(text)}")
    becomes(page, lambda: "".join(page.locator(".layer .run").all_text_contents()), re.sub("[\r\n]", "", text))
    expect(page.locator(".layer b, .layer script")).to_have_count(0)
    measured = page.evaluate(
        """() => {
            const area = document.querySelector("textarea"), layer = document.querySelector(".layer");
            area.style.blockSize = area.style.minBlockSize = "0";
            const lines = [...layer.querySelectorAll(".line")].map(line => line.getBoundingClientRect().height);
            return [area.scrollHeight, lines.reduce((a, b) => a + b, 0)];
        }"""
    )
    assert math.isclose(measured[0], measured[1], abs_tol=1.5)
    bits = likelihood(tales.trace(text)).summary.total_bits
    if not math.isnan(bits):
        says(page.get_by_label("Totals of the text"), f"{bits:,.1f}")


def test_typing_keeps_the_line_breaks_of_the_rest(opened: Open, tales: Scope) -> None:
    page = opened(f"#t={quote('one' + chr(13) + chr(10) + 'two')}")
    page.get_by_role("textbox", name="Text").focus()
    page.keyboard.press("Control+End")
    page.keyboard.type("!")
    address_has(page, "%0D%0Atwo%21")
    read(page)
    bits = tales.trace("one" + chr(13) + chr(10) + "two!").summary().total_bits
    says(page.get_by_label("Totals of the text"), f"{bits:.1f}")


def test_another_model_reads_the_same_text(opened: Open) -> None:
    page = opened("#t=CBABBC")
    page.get_by_label("Model", exact=True).select_option("embedded:sort")
    expect(page.locator(".caption")).to_contain_text("embedded:sort")
    read(page)
    becomes(page, lambda: tokens_drawn(page)[:1], ["C"])
    page.get_by_label("Model", exact=True).select_option("embedded:tales")
    type_text(page, "a text")
    page.get_by_label("Model", exact=True).select_option("embedded:sort")
    says(page.get_by_role("alert"), "Try again")


def test_the_lens_shows_what_every_stage_would_say_and_shares_the_selection(opened: Open, tales: Scope) -> None:
    page = opened(f"#t={quote(TEXT)}&p=5&pin=1")
    page.get_by_role("tab", name="Lens").click()
    address_has(page, "v=lens")
    page.wait_for_selector("[role=grid]")
    read(page)
    trace = tales.trace(TEXT)
    inspecting(page, alternatives(trace, 5).actual.label)  # type: ignore[union-attr]
    page.locator("[role=grid]").focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    address_has(page, "s=6.mlp")
    found = alternatives(trace, 6, "6.mlp")
    assert found.actual is not None
    inspecting(page, found.actual.label)
    becomes(page, lambda: shown(page), inspected(trace, 6, "6.mlp"))
    page.get_by_role("tab", name="Text").click()
    read(page)
    expect(page.get_by_label("read at")).to_have_value("6.mlp")
    becomes(page, lambda: shown(page), inspected(trace, 6, "6.mlp"))


def test_a_server_that_is_gone_is_said_and_waited_for(browser: Browser, page_is_built: None, tales: Scope) -> None:
    with visitor(browser) as context, closing(Port()) as port:
        page = context.new_page()
        with listening([tales], port.number) as url:
            page.goto(f"{url}/#t=Once+upon+a+time")
            read(page)
        page.get_by_role("textbox", name="Text").fill("Once upon a time there was")
        says(page.get_by_role("alert"), "logitscope serve")
        with listening([tales], port.number):
            page.get_by_role("alert").wait_for(state="detached")
            read(page)
            becomes(page, lambda: "".join(tokens_drawn(page)), "Once upon a time there was")


def test_two_pages_do_not_disturb_each_other(opened: Open, tales: Scope) -> None:
    one, other = opened("#t=The+sea"), opened("#t=The+land")
    for page, text in ((one, "The sea was calm"), (other, "The land was dry"), (one, "The sea was calm.")):
        type_text(page, text)
    await_tokens(one, "The sea was calm.")
    await_tokens(other, "The land was dry")


def test_a_long_text_is_pasted_at_once_and_cut_where_it_has_to_be(opened: Open) -> None:
    page = opened("#t=Once+upon")
    page.get_by_role("textbox", name="Text").focus()
    page.keyboard.press("Control+End")
    page.evaluate(
        """n => {
            const data = new DataTransfer();
            data.setData("text/plain", " a time".repeat(n));
            const pasted = new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true });
            document.querySelector("textarea").dispatchEvent(pasted);
        }""",
        20_000,
    )
    page.get_by_text("Here are the first 100,000 characters").wait_for()
    expect(page.get_by_role("textbox", name="Text")).to_have_value(("Once upon" + " a time" * 20_000)[:100_000])


@pytest.mark.parametrize("view", ["text", "lens", "evolution", "walkthrough"])
def test_help_lists_the_keys_of_the_view_and_begins_at_its_top(opened: Open, view: str) -> None:
    page = opened(f"#t={quote(TEXT)}&v={view}&inside=table")
    page.get_by_role("button", name="Help", exact=True).click()
    dialog = page.get_by_role("dialog")
    wanted = {
        "text": ["Enter", "Esc", "Ctrl-Z", "Home"],
        "lens": ["E", "Enter", "Page ↓"],
        "evolution": ["Space", "←"],
        "walkthrough": ["Space", "Backspace"],
    }[view]
    becomes(page, lambda: set(wanted) - set(dialog.locator("kbd").all_inner_texts()), set())
    expect(dialog).to_have_text(re.compile("^How to read this"), use_inner_text=True)
    assert dialog.evaluate("one => one.scrollTop") == 0
    page.keyboard.press("Escape")
    dialog.wait_for(state="hidden")
