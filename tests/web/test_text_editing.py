"""What a person does to a text: tokens replaced, a text gone on with, a blank filled, words asked for, a brush."""

from __future__ import annotations

import itertools
import json
import math
import re
import threading
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import pytest
from playwright.sync_api import Locator, Page, expect

from logitscope.editing import Step
from logitscope.scope import Scope
from logitscope.view import alternatives, likelihood
from tests.web.conftest import address_has, address_lacks, becomes, read, says

Open = Callable[[str], Page]

TEXT = "The fisherman put out to sea, and the sea put out to the fisherman."
PLACE = 5


def signed(change: float) -> str:
    return f"{'+' if change > 0 else '−'}{abs(change):.2f}"


def await_text(page: Page, text: str) -> None:
    """Waits until the editor has a text, and it was read."""
    expect(page.get_by_role("textbox", name="Text", exact=True)).to_have_value(text)
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
    expect(later.locator("[data-later=change]")).to_have_text(signed(float(change.later_change.sum())))
    later.locator("summary").click()
    page.get_by_label("in the order of the text").check()
    later.get_by_role("button", name="All ").click()
    told = change.to_dict()["tokens"]
    expected = [[f"{one['bits_before']:.2f}", f"→ {one['bits_after']:.2f}"] for one in told if one["part"] == "later"]
    becomes(page, lambda: [row.split("\n")[1:3] for row in later.locator("li").all_inner_texts()], expected)
    # A token is underlined where it became likelier by more than a hundredth of the axis, which is 16 bits long.
    expect(page.locator(".layer .run.less")).to_have_count(int((change.later_change < -0.16).sum()))


def test_edits_are_undone_done_again_and_reopened_by_a_link(opened: Open, tales: Scope) -> None:
    page = opened(f"#t={quote(TEXT)}&p={PLACE}&pin=1")
    field = page.get_by_role("form", name="Replace this token").get_by_role("textbox")
    field.fill("␣the great")
    field.press("Enter")
    change = tales.replace(TEXT, PLACE, " the great")
    edited = change.after.tokens.text
    await_text(page, edited)
    total = signed(float(change.later_change.sum()))
    expect(page.locator("[data-later=change]")).to_have_text(total)
    address_has(page, "&e=")
    again = opened(page.evaluate("location.hash"))
    await_text(again, edited)
    expect(again.locator("[data-later=change]")).to_have_text(total)
    again.get_by_role("button", name="Undo").click()
    await_text(again, TEXT)
    again.locator(".inspector h2").focus()
    again.keyboard.press("Control+Shift+z")
    await_text(again, edited)
    again.keyboard.press("Control+z")
    await_text(again, TEXT)
    says(again.get_by_label("Totals"), f"{likelihood(tales.trace(TEXT)).summary.total_bits:.1f}")


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
    says(total, f"{likelihood(change.after).summary.total_bits:.1f}")
    page.get_by_role("button", name="Read it as typed").click()
    address_lacks(page, "i=")
    await_text(page, edited)
    says(total, f"{likelihood(tales.trace(edited)).summary.total_bits:.1f}")


def test_the_model_goes_on_from_the_end_and_from_an_alternative(opened: Open, tales: Scope) -> None:
    page = opened(f"#t={quote(TEXT)}&new_tokens=6")
    page.get_by_role("button", name="Continue", exact=True).click()
    keep = page.get_by_role("button", name="Keep", exact=True)
    keep.wait_for()
    steps = list(tales.sample(TEXT, n=6))
    written = page.get_by_label("Written token")
    expect(written.locator("[data-written=bits]")).to_have_text(f"{steps[-1].bits:.2f} bits")
    expect(written.locator("[data-written=rank]")).to_have_text(str(steps[-1].rank))
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


def test_what_is_written_can_be_stopped_and_discarded(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    written = Scope.sample

    def waits(self: Scope, *source: Any, **options: Any) -> Iterator[Step]:
        """Three tokens, and no more until it is stopped: else it might be at its end before a slow reader stops it."""
        yield from itertools.islice(written(self, *source, **options), 3)
        while not options["cancelled"]():
            threading.Event().wait(0.01)

    monkeypatch.setattr(Scope, "sample", waits)
    page = opened(f"#t={quote(TEXT)}&new_tokens=900")
    page.get_by_role("button", name="Continue", exact=True).click()
    expect(page.get_by_role("button", name="Stop", exact=True)).to_be_focused()
    expect(page.get_by_label("Continue", exact=True)).to_contain_text("writing … 3 tokens")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Discard", exact=True).click()
    page.get_by_role("button", name="Continue", exact=True).wait_for()
    await_text(page, TEXT)


def test_a_blank_is_filled_by_the_whole_text_and_says_how(opened: Open, tales: Scope) -> None:
    text = "The fisherman put out to ____, and the boat was lost."
    page = opened(f"#t={quote(text)}")
    found = tales.fill(text, n=50, max_tokens=1)
    panel = page.get_by_label("Fill the blank")
    expect(panel.locator("li")).to_have_count(20)
    words = [row.split("\n") for row in panel.locator("li").all_inner_texts()]
    for row, one in zip(words, found.candidates, strict=False):
        assert row[0] == one.text.replace(" ", "␣")
        assert row[2] == f"{one.total_bits:.1f} bits"
        if one.share >= 0.0995:
            assert row[1] == f"{100 * one.share:.1f}%"
    says(
        panel,
        "The 50 likeliest single tokens after what stands before the blank were tried",
        f"{100 * found.mass:.1f}% of the probability",
    )
    panel.locator("li button").first.click()
    await_text(page, found.filled(found.candidates[0]))
    expect(page.get_by_label("Fill the blank")).to_have_count(0)
    page.get_by_role("button", name="Undo").click()
    await_text(page, text)


def test_underscores_that_are_meant_are_no_blank(opened: Open) -> None:
    page = opened(f"#t={quote(chr(92) + '____ stands here.')}")
    expect(page.get_by_label("Fill the blank")).to_have_count(0)
    page = opened(f"#t={quote('A ____ and a ____.')}")
    says(page.get_by_label("Fill the blank"), "2 blanks")


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
        where = f"{len(answer.ids)} tokens" if answer.rank is None else f"rank {answer.rank:,}"
        says(page.locator(f"[data-asked='{name}']"), f"{answer.bits:.2f} bits", where)
    address_has(page, "lighthouse")
    again = opened(page.evaluate("location.hash"))
    again.wait_for_selector("[data-asked=' the lighthouse']")


def test_a_brushed_legend_leaves_only_tokens_of_so_many_bits(opened: Open, tales: Scope) -> None:
    page = opened(f"#t={quote(TEXT)}")
    handle = page.get_by_role("slider", name="show from")
    handle.focus()
    for _ in range(4):
        handle.press("PageUp")
    address_has(page, "brush=0.5")
    runs = likelihood(tales.trace(TEXT)).runs
    lit = [run.text for run in runs if run.bits is not None and run.bits >= 8]
    again = opened(page.evaluate("location.hash"))
    for one in (page, again):
        becomes(one, one.locator(".layer .run:not(.dimmed)").all_inner_texts, lit)
    handle.press("Escape")
    expect(page.locator(".run.dimmed")).to_have_count(0)


def test_the_slider_reads_the_text_at_every_depth(opened: Open, tales: Scope) -> None:
    page = opened(f"#t={quote(TEXT)}")
    slider = page.get_by_role("slider", name="Depth")
    slider.focus()
    slider.press("ArrowLeft")
    stage = tales.trace(TEXT).stages[-2]
    address_has(page, f"s={stage}")
    read(page)
    expect(page.locator(".caption")).to_contain_text(f"read at {stage}")
    total = likelihood(tales.trace(TEXT), stage=stage).summary.total_bits
    says(page.get_by_label("Totals of the text"), f"{total:.1f}")


def test_in_a_text_longer_than_the_window_words_are_asked_for_as_its_trace_was_read(opened: Open, tales: Scope) -> None:
    text = "The old man looked at the sea, and the sea looked at the old man. " * 40
    trace = tales.trace(text)
    position = len(trace.ids) - 20
    window = tales.model.anatomy.context_window
    assert len(trace.ids) > window
    word = trace.tokens.texts[position]
    page = opened(f"#t={quote(text)}&p={position}&pin=1&ask={quote(json.dumps([word]))}")
    bits = -float(trace["next_logprob"][-1, position - 1]) / math.log(2)
    says(page.locator(f"[data-asked='{word}']"), f"{bits:.2f} bits")
    seen = int(trace.context_lengths[position - 1])
    says(page.get_by_label("Ask for any word"), f"The {seen:,} tokens before it were read, of {position:,}")


def test_a_text_that_fills_the_window_goes_on_from_its_last_tokens(opened: Open, tales: Scope) -> None:
    text = "The old man looked at the sea, and the sea looked at the old man. " * 40
    ids = tales.trace(text).ids.tolist()
    window = tales.model.anatomy.context_window
    page = opened(f"#t={quote(text)}&new_tokens=4")
    says(page.get_by_label("Continue", exact=True), "tokens before it were read")
    page.get_by_role("button", name="Continue", exact=True).click()
    page.get_by_role("button", name="Keep", exact=True).wait_for()
    steps = list(tales.sample(ids[len(ids) - (window - 4) :], n=4))
    written = "".join(step.text for step in steps)
    drawn = "[...document.querySelectorAll('.sheet [data-run]')].map(e => e.textContent).join('').replaceAll('\\n', '')"
    page.wait_for_function(f"end => {drawn}.endsWith(end)", arg=written.replace("\n", ""))
