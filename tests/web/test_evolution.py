"""How the model decides, as a person meets it: followed, played, hovered, named, linked to."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import quote

import numpy as np
import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from logitscope.scope import Scope
from logitscope.trace import Trace
from logitscope.view.evolution import evolution
from logitscope.view.histogram import histogram
from tests.web.conftest import address_has, at_rest, becomes, fits, names, read, says, visitor

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
    rows = page.locator("table tbody tr").evaluate_all(
        "rows => rows.map(row => [...row.querySelectorAll('td')].map(cell => cell.innerText))"
    )
    return {label.split(" ★")[0].split("★")[0].strip(): (rank, logit) for label, rank, _, logit, *_ in rows}


def expected(trace: Trace, stage: str) -> dict[str, tuple[str, str]]:
    spec = evolution(trace, position=POSITION)
    at = trace.stages.index(stage)
    return {curve.label: (f"{curve.ranks[at]:,}", f"{curve.logits[at]:.2f}".replace("-", "−")) for curve in spec.curves}


def stands(page: Page, trace: Trace, stage: str) -> None:
    """The table has the library's ranks and logits."""
    becomes(page, lambda: standings(page), expected(trace, stage))


def figure(page: Page, name: str) -> Locator:
    return page.get_by_role("figure", name=name)


def drawn(page: Page, name: str, beginnings: list[str]) -> None:
    """Each of these begins the name of a curve of a figure."""
    curves = figure(page, name).get_by_role("button")

    def missing() -> list[str]:
        said = names(curves)
        return [one for one in beginnings if not any(name.startswith(one) for name in said)]

    becomes(page, missing, [])


def caption(page: Page) -> Locator:
    return page.locator("table caption")


@pytest.mark.parametrize("stage", ["7.mlp", "3.attn", "embed"])
def test_scores_and_ranks_at_a_stage_are_those_of_the_library(stage: str, opened: Open, tales: Scope) -> None:
    page = settled(opened(f"{HASH}&p={POSITION + 1}&s={stage}"))
    found = followed(tales)
    stands(page, found, stage)
    curves = expected(found, stage).items()
    drawn(page, "Ranks", [f"{label}, rank {rank} at {stage}" for label, (rank, _) in curves])
    drawn(page, "Scores", [f"{label}, logit {logit} at {stage}" for label, (_, logit) in curves])


def test_log_probabilities_are_a_third_scale(opened: Open, tales: Scope) -> None:
    page = settled(opened(f"{HASH}&p={POSITION + 1}&score=logprob"))
    spec = evolution(followed(tales), position=POSITION, value="logprob")
    numbers = [(curve.label, f"{curve.logprobs[-1]:.2f}".replace("-", "−")) for curve in spec.curves]
    drawn(page, "Log-probabilities", [f"{label}, logprob {number} at" for label, number in numbers])


def test_bins_say_how_many_tokens_they_hold_and_name_some(opened: Open, tales: Scope) -> None:
    page = settled(opened(f"{HASH}&p={POSITION + 1}&s=5.mlp"))
    panel = histogram(followed(tales), position=POSITION, stage="5.mlp").panels[0]
    chart = figure(page, "All tokens at this stage")
    says(chart, f"mean {panel.mean:.2f}, deviation {panel.deviation:.2f}".replace("-", "−"))
    chart.get_by_role("group").first.focus()
    page.keyboard.press("End")
    last = panel.bins[-1]
    said = chart.locator("[aria-live=polite]")
    says(said, f"{last.count:,} token{'' if last.count == 1 else 's'}", *last.samples)
    page.keyboard.press("Home")
    says(said, f"{panel.bins[0].count:,} token")


def test_space_plays_to_the_end_and_the_slider_stops_it(context: BrowserContext, opened: Open, tales: Scope) -> None:
    context.clock.install()
    page = settled(opened(f"{HASH}&p={POSITION + 1}&s=6.mlp"))
    at_rest(page)
    play = page.get_by_role("button", name="Play through the stages")
    page.locator("#view").focus()
    page.keyboard.press(" ")
    expect(caption(page)).to_contain_text("7.attn")
    expect(play).to_have_count(0)
    page.clock.run_for(600)
    expect(caption(page)).to_contain_text("7.mlp")
    play.click()
    expect(caption(page)).to_contain_text("embed")
    page.clock.run_for(600)
    expect(caption(page)).to_contain_text("0.attn")
    slider = page.get_by_role("slider", name="stage", exact=True).first
    slider.focus()
    page.keyboard.press("End")
    play.wait_for()
    page.clock.run_for(1200)
    expect(caption(page)).to_contain_text("7.mlp")
    page.keyboard.press("Home")
    expect(caption(page)).to_contain_text("embed")
    page.keyboard.press("ArrowRight")
    stands(page, followed(tales), "0.attn")
    page.clock.run_for(1000)
    address_has(page, "s=0.attn")


def test_another_token_is_chosen_and_shared_with_the_text(opened: Open, tales: Scope) -> None:
    page = settled(opened(f"{HASH}&p=4"))
    page.get_by_role("slider", name="token", exact=True).focus()
    for _ in range(POSITION - 3):
        page.keyboard.press("ArrowRight")
    page.get_by_text(f"after token {POSITION} of").wait_for()
    settled(page)
    stands(page, followed(tales), "7.mlp")
    page.get_by_role("tab", name="Text").click()
    read(page)
    address_has(page, f"p={POSITION + 1}")


def test_a_token_that_is_named_joins_the_followed_ones(opened: Open, tales: Scope) -> None:
    page = settled(opened(f"{HASH}&p={POSITION + 1}&s=4.mlp"))
    page.get_by_label("Token to follow").fill(" fish")
    page.get_by_role("button", name="Follow", exact=True).click()
    ten = followed(tales)
    trace = tales.trace(TEXT, positions=[POSITION], subblocks=True, watch=[*ten.watched, " fish"])
    stands(page, trace, "4.mlp")
    address_has(page, "watch=")
    again = settled(opened(page.evaluate("location.hash")))
    stands(again, trace, "4.mlp")
    again.get_by_role("button", name="Stop following ␣fish").click()
    expect(again.locator("table")).not_to_contain_text("␣fish")


def test_without_a_norm_the_caption_says_so_and_the_tokens_are_still_the_models(opened: Open, tales: Scope) -> None:
    page = settled(opened(f"{HASH}&p={POSITION + 1}&norm=none"))
    says(page.locator(".caption"), "projected straight onto the output matrix")
    trace = followed(tales, norm="none")
    stands(page, trace, "7.mlp")
    assert np.isfinite(trace["watch_logit"]).all()


def test_one_character_and_no_text_say_what_there_is(opened: Open) -> None:
    page = settled(opened("#v=evolution&t=a"))
    expect(page.locator("table tbody tr")).to_have_count(10)
    page.goto(page.url.split("#")[0] + "#v=evolution&t=")
    page.get_by_text("There is no text yet").wait_for()


def test_on_a_phone_nothing_is_wider_than_the_screen(browser: Browser, server: str) -> None:
    phone = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
    with visitor(browser, **phone, reduced_motion="reduce") as context:
        page = context.new_page()
        page.goto(f"{server}/{HASH}&p=9")
        read(page)
        settled(page)
        fits(page)
        page.get_by_role("button", name="The token after").tap()
        page.get_by_text("after token 9 of").wait_for()


def test_what_was_pointed_at_and_is_gone_leaves_no_curve_pale(opened: Open) -> None:
    page = opened("#t=The+old+man+looked+at+the+sea&v=evolution&p=5")
    settled(page).get_by_role("heading", name="Scores").wait_for()
    page.locator("tbody tr").first.hover()
    page.wait_for_selector(".curve.other")
    # Another place has other tokens, without the pointer having left the row.
    page.get_by_label("The token before").focus()
    page.keyboard.press("Enter")
    page.get_by_text("after token 3 of").wait_for()
    settled(page)
    page.mouse.move(5, 5)
    expect(page.locator(".curve.other")).to_have_count(0)


def test_a_curve_that_is_clicked_stays_in_front(opened: Open) -> None:
    page = settled(opened("#t=The+old+man+looked+at+the+sea&v=evolution&p=5"))
    name = page.locator(".name").nth(3)
    name.focus()
    page.keyboard.press("Enter")
    page.locator("h2").first.hover()
    page.get_by_label("Play through the stages").focus()
    expect(page.locator(".figures figure:first-child .curve.other")).to_have_count(9)
    name.focus()
    page.keyboard.press("Enter")
    page.get_by_label("Play through the stages").focus()
    expect(page.locator(".curve.other")).to_have_count(0)
