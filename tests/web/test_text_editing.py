"""What a person does to a text: tokens replaced, a text gone on with, a blank filled, words asked for, a brush."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from urllib.parse import quote

from playwright.sync_api import Locator, Page

from logitscope.scope import Scope
from logitscope.view import alternatives, likelihood
from tests.web.conftest import read

Open = Callable[[str], Page]

TEXT = "The fisherman put out to sea, and the sea put out to the fisherman."
PLACE = 5


def signed(change: float) -> str:
    return f"{'+' if change > 0 else '−'}{abs(change):.2f}"


def sheet(page: Page) -> str:
    """The text as the editor has it."""
    return page.get_by_role("textbox", name="Text", exact=True).input_value()


def await_text(page: Page, text: str) -> None:
    page.wait_for_function("text => document.querySelector('textarea').value === text", arg=text)
    read(page)


def choice(page: Page, label: str) -> Locator:
    return page.get_by_role("button", name=re.compile(f"^(replace by|continue (with|from)) {re.escape(label)},"))


def test_a_token_replaced_by_an_alternative_keeps_the_rest_and_shows_what_it_did(opened: Open, tales: Scope) -> None:
    page = opened(f"#t={quote(TEXT)}&p={PLACE}&pin=1")
    first = next(one for one in alternatives(tales.trace(TEXT), PLACE).choices if not one.actual)
    choice(page, first.label).click()
    change = tales.replace(TEXT, PLACE, first.id)
    await_text(page, change.after.tokens.text)
    later = page.get_by_label("What was edited")
    page.wait_for_selector("[data-later=change]")
    assert later.locator("[data-later=change]").inner_text() == signed(float(change.later_change.sum()))
    later.locator("summary").click()
    page.get_by_label("in the order of the text").check()
    later.get_by_role("button", name="All ").click()
    rows = [row.inner_text().split("\n") for row in later.locator("li").all()]
    told = change.to_dict()["tokens"]
    expected = [one for one in told if one["part"] == "later"]
    assert len(rows) == len(expected)
    for row, one in zip(rows, expected, strict=True):
        assert row[1:3] == [f"{one['bits_before']:.2f}", f"→ {one['bits_after']:.2f}"]
    # A token is underlined where it became likelier by more than a hundredth of the axis, which is 16 bits long.
    assert page.locator(".layer .run.less").count() == sum(bits < -0.16 for bits in change.later_change)


def test_edits_are_undone_done_again_and_reopened_by_a_link(opened: Open, tales: Scope) -> None:
    page = opened(f"#t={quote(TEXT)}&p={PLACE}&pin=1")
    field = page.get_by_role("form", name="Replace this token").get_by_role("textbox")
    field.fill("␣the great")
    field.press("Enter")
    change = tales.replace(TEXT, PLACE, " the great")
    edited = change.after.tokens.text
    await_text(page, edited)
    page.wait_for_selector("[data-later=change]")
    page.wait_for_function("() => location.hash.includes('e=')")
    again = opened(page.evaluate("location.hash"))
    await_text(again, edited)
    again.wait_for_selector("[data-later=change]")
    total = again.locator("[data-later=change]").inner_text()
    assert total == signed(float(change.later_change.sum())) == page.locator("[data-later=change]").inner_text()
    again.get_by_role("button", name="Undo").click()
    await_text(again, TEXT)
    again.locator(".inspector h2").focus()
    again.keyboard.press("Control+Shift+z")
    await_text(again, edited)
    again.keyboard.press("Control+z")
    await_text(again, TEXT)
    assert f"{likelihood(tales.trace(TEXT)).summary.total_bits:.1f}" in again.get_by_label("Totals").inner_text()


def test_what_typing_would_read_otherwise_is_said(opened: Open, tales: Scope) -> None:
    change = tales.replace(TEXT, 1, " wo")
    edited = change.after.tokens.text
    assert change.retokenised is not None
    page = opened(f"#t={quote(TEXT)}&p=1&pin=1")
    field = page.get_by_role("form", name="Replace this token").get_by_role("textbox")
    field.fill("␣wo")
    field.press("Enter")
    await_text(page, edited)
    total = page.get_by_label("Totals of the text")
    page.wait_for_selector("[data-later=change]")
    assert f"{likelihood(change.after).summary.total_bits:.1f}" in total.inner_text()
    page.get_by_role("button", name="Read it as typed").click()
    page.wait_for_function("() => !location.hash.includes('i=')")
    await_text(page, edited)
    assert f"{likelihood(tales.trace(edited)).summary.total_bits:.1f}" in total.inner_text()


def test_the_model_goes_on_from_the_end_and_from_an_alternative(opened: Open, tales: Scope) -> None:
    page = opened(f"#t={quote(TEXT)}&new_tokens=6")
    page.get_by_role("button", name="Continue", exact=True).click()
    keep = page.get_by_role("button", name="Keep", exact=True)
    keep.wait_for()
    steps = list(tales.sample(TEXT, n=6))
    written = page.get_by_label("Written token")
    assert written.locator("[data-written=bits]").inner_text() == f"{steps[-1].bits:.2f} bits"
    assert written.locator("[data-written=rank]").inner_text() == str(steps[-1].rank)
    keep.click()
    await_text(page, TEXT + "".join(step.text for step in steps))
    page.get_by_role("button", name="Undo").click()
    await_text(page, TEXT)

    page = opened(f"#t={quote(TEXT)}&p={PLACE}&pin=1&choose=continue&method=sample&temperature=0.7&seed=3&new_tokens=5")
    trace = tales.trace(TEXT)
    first = next(one for one in alternatives(trace, PLACE).choices if not one.actual)
    choice(page, first.label).click()
    page.get_by_role("button", name="Keep", exact=True).click()
    ids = trace.ids[:PLACE].tolist()
    steps = list(tales.sample(ids, n=5, method="sample", temperature=0.7, seed=3, first=first.id))
    kept = tales.trace(ids=[*ids, *(step.id for step in steps)]).tokens.text
    await_text(page, kept)


def test_what_is_written_can_be_stopped_and_discarded(opened: Open) -> None:
    page = opened(f"#t={quote(TEXT)}&new_tokens=900")
    page.get_by_role("button", name="Continue", exact=True).click()
    page.wait_for_function("() => document.activeElement.textContent.trim() === 'Stop'")
    page.wait_for_function("() => /writing … [1-9]/.test(document.querySelector('.go-on').textContent)")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Discard", exact=True).click()
    page.get_by_role("button", name="Continue", exact=True).wait_for()
    assert sheet(page) == TEXT


def test_a_blank_is_filled_by_the_whole_text_and_says_how(opened: Open, tales: Scope) -> None:
    text = "The fisherman put out to ____, and the boat was lost."
    page = opened(f"#t={quote(text)}")
    page.wait_for_selector("section.fill li")
    found = tales.fill(text, n=50, max_tokens=1)
    panel = page.get_by_label("Fill the blank")
    words = [row.inner_text().split("\n") for row in panel.locator("li").all()]
    assert len(words) == 20
    for row, one in zip(words, found.candidates, strict=False):
        assert row[0] == one.text.replace(" ", "␣")
        assert row[2] == f"{one.total_bits:.1f} bits"
        if one.share >= 0.0995:
            assert row[1] == f"{100 * one.share:.1f}%"
    said = panel.inner_text()
    assert "The 50 likeliest single tokens after what stands before the blank were tried" in said
    assert f"{100 * found.mass:.1f}% of the probability" in said
    panel.locator("li button").first.click()
    await_text(page, found.filled(found.candidates[0]))
    assert page.get_by_label("Fill the blank").count() == 0
    page.get_by_role("button", name="Undo").click()
    await_text(page, text)


def test_underscores_that_are_meant_are_no_blank(opened: Open) -> None:
    page = opened(f"#t={quote(chr(92) + '____ stands here.')}")
    assert page.get_by_label("Fill the blank").count() == 0
    page = opened(f"#t={quote('A ____ and a ____.')}")
    assert "2 blanks" in page.get_by_label("Fill the blank").inner_text()


def test_any_word_is_asked_for_at_the_kept_place(opened: Open, tales: Scope) -> None:
    page = opened(f"#t={quote(TEXT)}&p={PLACE}&pin=1")
    form = page.get_by_label("Ask for any word")
    form.get_by_role("textbox").fill("␣sea")
    form.get_by_role("button", name="Ask", exact=True).click()
    page.wait_for_selector("[data-asked=' sea']")
    form.get_by_role("textbox").fill(" the lighthouse")
    form.get_by_role("textbox").press("Enter")
    page.wait_for_selector("[data-asked=' the lighthouse']")
    for name, answer in zip(
        (" sea", " the lighthouse"), tales.ask(TEXT, PLACE - 1, [" sea", " the lighthouse"]), strict=True
    ):
        said = page.locator(f"[data-asked='{name}']").inner_text()
        assert f"{answer.bits:.2f} bits" in said
        assert (f"{len(answer.ids)} tokens" if answer.rank is None else f"rank {answer.rank:,}") in said
    again = opened(page.evaluate("location.hash"))
    again.wait_for_selector("[data-asked=' the lighthouse']")


def test_a_brushed_legend_leaves_only_tokens_of_so_many_bits(opened: Open, tales: Scope) -> None:
    page = opened(f"#t={quote(TEXT)}")
    handle = page.get_by_role("slider", name="show from")
    handle.focus()
    for _ in range(4):
        handle.press("PageUp")
    page.wait_for_function("() => location.hash.includes('brush=0.5')")
    runs = likelihood(tales.trace(TEXT)).runs
    lit = page.locator(".layer .run:not(.dimmed)").all_inner_texts()
    assert lit == [run.text for run in runs if run.bits is not None and run.bits >= 8]
    again = opened(page.evaluate("location.hash"))
    assert again.locator(".layer .run:not(.dimmed)").all_inner_texts() == lit
    handle.press("Escape")
    page.wait_for_function("() => !document.querySelector('.run.dimmed')")


def test_the_slider_reads_the_text_at_every_depth(opened: Open, tales: Scope) -> None:
    page = opened(f"#t={quote(TEXT)}")
    slider = page.get_by_role("slider", name="Depth")
    slider.focus()
    slider.press("ArrowLeft")
    stage = tales.trace(TEXT).stages[-2]
    page.wait_for_function("stage => location.hash.includes('s=' + stage)", arg=stage)
    read(page)
    page.wait_for_function(
        "stage => document.querySelector('.caption').textContent.includes('read at ' + stage)", arg=stage
    )
    total = likelihood(tales.trace(TEXT), stage=stage).summary.total_bits
    assert f"{total:.1f}" in page.get_by_label("Totals of the text").inner_text()


def test_in_a_text_longer_than_the_window_words_are_asked_for_as_its_trace_was_read(opened: Open, tales: Scope) -> None:
    text = "The old man looked at the sea, and the sea looked at the old man. " * 40
    trace = tales.trace(text)
    position = len(trace.ids) - 20
    window = tales.model.anatomy.context_window
    assert len(trace.ids) > window
    word = trace.tokens.texts[position]
    page = opened(f"#t={quote(text)}&p={position}&pin=1&ask={quote(json.dumps([word]))}")
    row = page.locator(f"[data-asked='{word}']")
    row.wait_for()
    bits = -float(trace["next_logprob"][-1, position - 1]) / math.log(2)
    assert f"{bits:.2f} bits" in row.inner_text()
    seen = int(trace.context_lengths[position - 1])
    assert (
        f"The {seen:,} tokens before it were read, of {position:,}"
        in page.get_by_label("Ask for any word").inner_text()
    )


def test_a_text_that_fills_the_window_goes_on_from_its_last_tokens(opened: Open, tales: Scope) -> None:
    text = "The old man looked at the sea, and the sea looked at the old man. " * 40
    ids = tales.trace(text).ids.tolist()
    window = tales.model.anatomy.context_window
    page = opened(f"#t={quote(text)}&new_tokens=4")
    assert "tokens before it were read" in page.get_by_label("Continue", exact=True).inner_text()
    page.get_by_role("button", name="Continue", exact=True).click()
    page.get_by_role("button", name="Keep", exact=True).wait_for()
    steps = list(tales.sample(ids[len(ids) - (window - 4) :], n=4))
    written = "".join(step.text for step in steps)
    drawn = "[...document.querySelectorAll('.sheet [data-run]')].map(e => e.textContent).join('').replaceAll('\\n', '')"
    page.wait_for_function(f"end => {drawn}.endsWith(end)", arg=written.replace("\n", ""))
