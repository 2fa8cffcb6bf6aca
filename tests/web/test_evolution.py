"""How the model decides, as a person meets it: followed, played, hovered, named, linked to."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import quote

import numpy as np
import pytest
from playwright.sync_api import Browser, Locator, Page

from logitscope.scope import Scope
from logitscope.trace import Trace
from logitscope.view.evolution import evolution
from logitscope.view.histogram import histogram
from tests.web.conftest import read

Open = Callable[[str], Page]

TEXT = "The fisherman put out to sea, and the sea put out to the fisherman."
HASH = f"#v=evolution&t={quote(TEXT)}"
POSITION = 8
"""It foretells token 9."""


def followed(tales: Scope, **asked: object) -> Trace:
    return tales.follow(TEXT, position=POSITION, histogram=True, **asked)  # type: ignore[arg-type]


def settled(page: Page) -> Page:
    """Waits until the figures are of the place that is chosen."""
    page.wait_for_selector(".evolution[aria-busy=false] .figures")
    return page


def standings(page: Page) -> dict[str, tuple[str, str]]:
    """Of each followed token in the table, its rank and logit."""
    rows = [[cell.inner_text() for cell in row.locator("td").all()] for row in page.locator("table tbody tr").all()]
    return {label.split(" ★")[0].split("★")[0].strip(): (rank, logit) for label, rank, _, logit, *_ in rows}


def expected(trace: Trace, stage: str) -> dict[str, tuple[str, str]]:
    spec = evolution(trace, position=POSITION)
    at = trace.stages.index(stage)
    return {curve.label: (f"{curve.ranks[at]:,}", f"{curve.logits[at]:.2f}".replace("-", "−")) for curve in spec.curves}


def figure(page: Page, name: str) -> Locator:
    return page.get_by_role("figure", name=name)


@pytest.mark.parametrize("stage", ["7.mlp", "3.attn", "embed"])
def test_scores_and_ranks_at_a_stage_are_those_of_the_library(stage: str, opened: Open, tales: Scope) -> None:
    page = settled(opened(f"{HASH}&p={POSITION + 1}&s={stage}"))
    found = followed(tales)
    page.wait_for_selector("table tbody tr")
    assert standings(page) == expected(found, stage)
    labels = [str(one.get_attribute("aria-label")) for one in figure(page, "Ranks").get_by_role("button").all()]
    for label, (rank, _) in expected(found, stage).items():
        assert any(said.startswith(f"{label}, rank {rank} at {stage}") for said in labels)
    labels = [str(one.get_attribute("aria-label")) for one in figure(page, "Scores").get_by_role("button").all()]
    for label, (_, logit) in expected(found, stage).items():
        assert any(said.startswith(f"{label}, logit {logit} at {stage}") for said in labels)


def test_log_probabilities_are_a_third_scale(opened: Open, tales: Scope) -> None:
    page = settled(opened(f"{HASH}&p={POSITION + 1}&score=logprob"))
    spec = evolution(followed(tales), position=POSITION, value="logprob")
    labels = [
        str(one.get_attribute("aria-label")) for one in figure(page, "Log-probabilities").get_by_role("button").all()
    ]
    for curve in spec.curves:
        number = f"{curve.logprobs[-1]:.2f}".replace("-", "−")
        assert any(said.startswith(f"{curve.label}, logprob {number} at") for said in labels)


def test_bins_say_how_many_tokens_they_hold_and_name_some(opened: Open, tales: Scope) -> None:
    page = settled(opened(f"{HASH}&p={POSITION + 1}&s=5.mlp"))
    panel = histogram(followed(tales), position=POSITION, stage="5.mlp").panels[0]
    chart = figure(page, "All tokens at this stage")
    assert f"mean {panel.mean:.2f}, deviation {panel.deviation:.2f}".replace("-", "−") in chart.inner_text()
    chart.get_by_role("group").first.focus()
    page.keyboard.press("End")
    last = panel.bins[-1]
    said = chart.locator("[aria-live=polite]").inner_text()
    assert f"{last.count:,} token{'' if last.count == 1 else 's'}" in said
    assert all(sample in said for sample in last.samples)
    page.keyboard.press("Home")
    assert f"{panel.bins[0].count:,} token" in chart.locator("[aria-live=polite]").inner_text()


def test_space_plays_to_the_end_and_the_slider_stops_it(opened: Open, tales: Scope) -> None:
    page = settled(opened(f"{HASH}&p={POSITION + 1}&s=7.attn"))
    page.locator("#view").focus()
    page.keyboard.press(" ")
    page.wait_for_function("() => document.querySelector('table caption').textContent.includes('7.mlp')")
    page.get_by_role("button", name="Play through the stages").click()
    page.wait_for_function("() => document.querySelector('table caption').textContent.includes('embed')")
    slider = page.get_by_role("slider", name="stage", exact=True).first
    slider.focus()
    page.keyboard.press("End")
    page.get_by_role("button", name="Play through the stages").wait_for()
    page.keyboard.press("Home")
    page.wait_for_function("() => document.querySelector('table caption').textContent.includes('embed')")
    page.keyboard.press("ArrowRight")
    page.wait_for_function("() => location.hash.includes('s=0.attn')")
    assert standings(page) == expected(followed(tales), "0.attn")


def test_another_token_is_chosen_and_shared_with_the_text(opened: Open, tales: Scope) -> None:
    page = settled(opened(f"{HASH}&p=4"))
    page.get_by_role("slider", name="token", exact=True).focus()
    for _ in range(POSITION - 3):
        page.keyboard.press("ArrowRight")
    page.get_by_text(f"after token {POSITION} of").wait_for()
    page.wait_for_selector("text=came next")
    settled(page)
    page.wait_for_function(
        "rank => document.querySelector('table tbody tr td.number').textContent === rank",
        arg=next(iter(expected(followed(tales), "7.mlp").values()))[0],
    )
    assert standings(page) == expected(followed(tales), "7.mlp")
    page.get_by_role("tab", name="Text").click()
    read(page)
    page.wait_for_function(f"() => location.hash.includes('p={POSITION + 1}')")


def test_a_token_that_is_named_joins_the_followed_ones(opened: Open, tales: Scope) -> None:
    page = settled(opened(f"{HASH}&p={POSITION + 1}&s=4.mlp"))
    page.get_by_label("Token to follow").fill(" fish")
    page.get_by_role("button", name="Follow", exact=True).click()
    page.wait_for_function("() => document.querySelector('table').textContent.includes('␣fish')")
    ten = followed(tales)
    trace = tales.trace(TEXT, positions=[POSITION], subblocks=True, watch=[*ten.watched, " fish"])
    assert standings(page) == expected(trace, "4.mlp")
    again = settled(opened(page.evaluate("location.hash")))
    again.wait_for_function("() => document.querySelector('table').textContent.includes('␣fish')")
    assert standings(again) == expected(trace, "4.mlp")
    again.get_by_role("button", name="Stop following ␣fish").click()
    again.wait_for_function("() => !document.querySelector('table').textContent.includes('␣fish')")


def test_without_a_norm_the_caption_says_so_and_the_tokens_are_still_the_models(opened: Open, tales: Scope) -> None:
    page = settled(opened(f"{HASH}&p={POSITION + 1}&norm=none"))
    assert "projected straight onto the output matrix" in page.locator(".caption").inner_text()
    trace = followed(tales, norm="none")
    assert standings(page) == expected(trace, "7.mlp")
    assert np.isfinite(trace["watch_logit"]).all()


def test_one_character_and_no_text_say_what_there_is(opened: Open) -> None:
    page = settled(opened("#v=evolution&t=a"))
    assert page.locator("table tbody tr").count() == 10
    page.goto(page.url.split("#")[0] + "#v=evolution&t=")
    page.get_by_text("There is no text yet").wait_for()


def test_on_a_phone_nothing_is_wider_than_the_screen(browser: Browser, server: str) -> None:
    context = browser.new_context(
        viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True, reduced_motion="reduce"
    )
    page = context.new_page()
    page.goto(f"{server}/{HASH}&p=9")
    read(page)
    settled(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.get_by_role("button", name="The token after").tap()
    page.get_by_text("after token 9 of").wait_for()
    context.close()


def test_what_was_pointed_at_and_is_gone_leaves_no_curve_pale(opened: Open) -> None:
    page = opened("#t=The+old+man+looked+at+the+sea&v=evolution&p=5")
    page.get_by_role("heading", name="Scores").wait_for()
    page.locator("tbody tr").first.hover()
    page.wait_for_selector(".curve.other")
    # Another place has other tokens, without the pointer having left the row.
    page.get_by_label("The token before").focus()
    page.keyboard.press("Enter")
    page.wait_for_function("() => !document.querySelector('.figures.loading')")
    page.mouse.move(5, 5)
    page.wait_for_function("() => !document.querySelector('.curve.other')")


def test_a_curve_that_is_clicked_stays_in_front(opened: Open) -> None:
    page = opened("#t=The+old+man+looked+at+the+sea&v=evolution&p=5")
    name = page.locator(".name").nth(3)
    name.focus()
    page.keyboard.press("Enter")
    page.locator("h2").first.hover()
    page.get_by_label("Play through the stages").focus()
    page.wait_for_function("() => document.querySelectorAll('.figures figure:first-child .curve.other').length === 9")
    name.focus()
    page.keyboard.press("Enter")
    page.get_by_label("Play through the stages").focus()
    page.wait_for_function("() => !document.querySelector('.curve.other')")
