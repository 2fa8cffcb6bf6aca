"""The lens as a person meets it: walked through, coloured by anything, kept, asked for every number, linked to."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import quote

import numpy as np
import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from logitscope.scope import Scope
from logitscope.trace import Trace
from logitscope.view import difference, grid, grid_difference
from logitscope.view.words import number_words
from tests.web.conftest import address_has, address_lacks, fits, read, says, visitor

Open = Callable[[str], Page]

TEXT = "The fisherman put out to sea, and the sea put out to the fisherman."
OTHER = "The fisherman put out to war, and the sea put out to the fisherman."
HASH = f"#v=lens&t={quote(TEXT)}"


def written(name: str, number: float) -> str:
    """A number as the page writes it in full."""
    unit = "rank" if name.endswith("rank") else "probability" if name.endswith("_prob") else ""
    if np.isnan(number) or (unit == "rank" and number < 1):
        return "–"
    if unit == "rank":
        return f"{int(number):,}"
    if unit != "probability":
        return f"{number:.3f}".replace("-", "−")
    if number == 0 or number >= 1e-3:
        return f"{number:.4f}"
    digits, _, power = f"{number:.2e}".partition("e")
    return f"{digits}e{int(power)}".replace("-", "−")


def choice(page: Page, name: str) -> Locator:
    return page.get_by_role("combobox", name=name)


def times(ratio: float) -> str:
    """How often a rank changed, as the page writes it."""
    if ratio == 1:
        return "same"
    factor = ratio if ratio > 1 else 1 / ratio
    return f"{'×' if ratio > 1 else '÷'}{factor:.1f}" if factor < 9.95 else f"{'×' if ratio > 1 else '÷'}{factor:,.0f}"


def said(page: Page) -> Locator:
    """The cell that the keyboard is at, in words."""
    return page.locator("[role=gridcell]").first


def wait_said(page: Page, *parts: str) -> None:
    says(said(page), *parts)


def number_said(page: Page, trace: Trace, value: str, stage: str, position: int) -> None:
    """The cell under the keyboard says the number that the library's own grid has there."""
    spec = grid(trace, value=value)
    row = next(row for row in spec.rows if row.stage == stage)
    cell = row.cells[position]
    wait_said(
        page,
        f"{stage}, after {spec.columns[position].input}: guesses {cell.text}",
        f" {number_words(cell.number, spec.legend.unit)}; ",
    )


@pytest.mark.parametrize("value", ["top_prob", "final_rank", "next_logit", "surprisal_bits", "kl_from_final"])
def test_a_cell_has_the_numbers_of_the_library(value: str, opened: Open, tales: Scope) -> None:
    page = opened(f"{HASH}&cell={value}&p=5&s=3.mlp")
    number_said(page, tales.trace(TEXT), value, "3.mlp", 4)


def test_all_numbers_of_a_cell_are_those_of_the_trace(opened: Open, tales: Scope) -> None:
    page = opened(f"{HASH}&p=5&s=3.mlp&pin=1")
    page.get_by_text("All numbers of this cell").click()
    trace = tales.trace(TEXT)
    row = trace.stages.index("3.mlp")
    numbers = page.locator("[data-number]")
    numbers.first.wait_for()
    shown = dict(numbers.evaluate_all("all => all.map(one => [one.dataset.number, one.innerText.trim()])"))
    assert {"kl_to_input", "logsumexp", "surprisal_bits", "final_rank", "input_prob", "top_logits"} <= shown.keys()
    for name, text in shown.items():
        number = np.asarray(trace[name][row, 4]).ravel()[0]
        assert text == written(name, float(number)), name


def test_a_kept_cell_says_what_became_of_its_guesses(opened: Open, tales: Scope) -> None:
    page = opened(f"{HASH}&p=5&s=3.mlp&pin=1")
    trace = tales.trace(TEXT)
    early, last = trace.stages.index("3.mlp"), len(trace.stages) - 1
    ids = list(dict.fromkeys([*trace["top_ids"][early, 4].tolist(), *trace["top_ids"][last, 4].tolist()]))
    followed = tales.trace(TEXT, watch=ids, stages=["3.mlp", trace.stages[-1]], positions=[4])
    # Those that neither stage holds likeliest are asked for and come a moment later.
    rows = page.locator(".guesses tbody tr:has(td)")
    expect(rows).to_have_count(len(ids))
    expect(page.locator(".guesses .bound")).to_have_count(0)
    lines = rows.evaluate_all("rows => rows.map(row => [...row.querySelectorAll('td')].map(cell => cell.innerText))")
    assert len(lines) == len(ids)
    for i, (rank, token, _, percent, end, change) in enumerate(lines):
        here, there = followed["watch_rank"][:, 0, i]
        assert rank == f"{here:,}"
        assert followed.vocabulary.pieces[ids[i]].decode().strip() in token.replace("␣", "")
        before, after = np.exp(followed["watch_logprob"][:, 0, i].astype(float))
        if before >= 0.0995:
            assert percent == f"{100 * before:.1f}"
        elif before >= 1e-4:
            assert percent == f"{100 * before:.2f}"
        arrow = "=" if here == there else "▲" if there < here else "▼"
        assert end.replace("\u00a0", " ") == f"{arrow} {there:,}"
        moved = 100 * (after - before)
        assert change == f"{'±' if f'{abs(moved):.1f}' == '0.0' else '+' if moved > 0 else '−'}{abs(moved):.1f}"


def test_the_keyboard_walks_keeps_and_goes_on_to_the_evolution(opened: Open, tales: Scope) -> None:
    page = opened(HASH)
    cells = page.locator("[role=grid]")
    cells.focus()
    for key in ("Home", "ArrowDown", "ArrowDown", "ArrowRight"):
        page.keyboard.press(key)
    number_said(page, tales.trace(TEXT), "top_prob", "5.mlp", 1)
    expect(page.locator("p[aria-live=polite]", has_text="5.mlp")).to_have_count(1)
    page.keyboard.press("Enter")
    address_has(page, "pin=1")
    page.keyboard.press("Escape")
    address_lacks(page, "pin=1")
    page.keyboard.press("e")
    page.wait_for_function("() => location.hash.includes('v=evolution') && location.hash.includes('s=5.mlp')")
    page.get_by_text("after token 1 of").wait_for()


def test_whatever_is_set_is_in_the_link_that_reopens_it(opened: Open, tales: Scope) -> None:
    page = opened(HASH)
    choice(page, "colour by").select_option(label="the final guess")
    choice(page, "number").select_option(label="rank")
    page.get_by_label("after attention too").check()
    page.get_by_label("first stage on top").check()
    choice(page, "show").select_option(label="guesses and numbers")
    page.get_by_text("More", exact=True).click()
    choice(page, "every").select_option(label="2 blocks")
    choice(page, "then").select_option(label="a norm without scale and shift")
    choice(page, "run first").select_option(label="the last block (tail:7)")
    page.get_by_label("first token shown").fill("3")
    page.get_by_label("first token shown").press("Enter")
    page.get_by_label("last token shown").fill("8")
    page.get_by_label("last token shown").press("Enter")
    address_has(page, "window=3%3A9")
    again = opened(page.evaluate("location.hash"))
    cells = again.locator("[role=grid]")
    expect(cells).to_have_attribute("aria-colcount", "6")
    trace = tales.trace(TEXT, lens="tail:7", norm="plain", subblocks=True)
    spec = grid(trace, value="final_rank", every=2, window=(3, 9), top_down=True)
    expect(cells).to_have_attribute("aria-rowcount", str(len(spec.rows)))
    cells.focus()
    again.keyboard.press("Control+Home")
    wait_said(
        again,
        f"embed, after {spec.columns[0].input}: guesses {spec.rows[0].cells[0].text}",
        f" {number_words(spec.rows[0].cells[0].number, 'rank')}; ",
    )
    says(again.locator(".caption").first, "tail:7", "without its scale and shift")


def test_a_named_token_colours_every_cell(opened: Open, tales: Scope) -> None:
    page = opened(f"{HASH}&p=6&s=6.mlp")
    choice(page, "colour by").select_option(label="a token you name")
    choice(page, "number").select_option(label="rank")
    says(page.locator("main"), "Name a token")
    page.get_by_label("Token to follow").fill("␣sea")
    page.keyboard.press("Enter")
    trace = tales.trace(TEXT, watch=[" sea"])
    page.wait_for_selector("[role=grid]")
    number_said(page, trace, "watch_rank", "6.mlp", 5)
    page.get_by_label("Token to follow").fill("seasickness")
    page.keyboard.press("Enter")
    page.get_by_text("no token of this model is exactly").wait_for()
    expect(page.get_by_role("list", name="Followed tokens").get_by_role("listitem")).to_have_count(1)
    page.get_by_role("button", name="colour by").first.click()
    address_has(page, "followed=")


def test_a_text_without_a_second_token_is_a_lens_too(opened: Open, tales: Scope) -> None:
    page = opened("#v=lens&t=a")
    number_said_alone = grid(tales.trace("a")).rows[0].cells[0]
    wait_said(page, f"guesses {number_said_alone.text}, as in the end")
    expect(page.locator(".inspector h2")).to_have_text("What would come next")


def test_markup_in_cells_is_text(opened: Open) -> None:
    page = opened(f"#v=lens&t={quote('<b>&amp;</b><script>alert(1)</script>')}&p=2&pin=1")
    page.wait_for_selector(".inspector")
    wait_said(page, "guesses")
    expect(page.locator("main script, main .inspector b")).to_have_count(0)


def test_two_texts_are_held_against_each_other(opened: Open, tales: Scope) -> None:
    before, after = tales.trace(TEXT), tales.trace(OTHER)
    spec = grid_difference(before, after, value="final_rank")
    cells = [(row.stage, i, cell) for row in spec.rows for i, cell in enumerate(row.cells) if cell.number is not None]
    stage, column, cell = max(cells, key=lambda one: abs(np.log(one[2].number or 1)))
    page = opened(f"{HASH}&cell=final_rank&p={spec.columns[column].position_before + 1}&s={stage}")
    page.get_by_role("button", name="Compare", exact=True).click()
    page.get_by_label("The other text").fill(OTHER)
    page.get_by_text(f"{len(spec.columns)} tokens are in both").wait_for()
    expect(page.locator("[role=grid]")).to_have_count(2)
    page.get_by_role("button", name="difference").click()
    expect(page.locator("[role=grid]")).to_have_count(1)
    assert cell.number is not None
    assert cell.number != 1
    # All stages of both have come, so the words are the last ones.
    read(page)
    wait_said(page, f"{stage}, after {spec.columns[column].input}", f" {times(cell.number)}; ")
    address_has(page, "compare=difference")
    again = opened(page.evaluate("location.hash"))
    again.wait_for_selector("[role=grid]")
    wait_said(again, said(page).inner_text().strip())
    expect(again.get_by_label("The other text")).to_have_value(OTHER)
    again.get_by_role("button", name="Stop comparing").click()
    address_lacks(again, "t2=")


def test_what_has_no_token_in_common_is_said_to(opened: Open) -> None:
    page = opened(f"{HASH}&t2={quote('日本')}&compare=difference")
    page.get_by_text("share no token").wait_for()


def test_the_text_says_what_changed_in_bits(opened: Open, tales: Scope) -> None:
    page = opened(f"#t={quote(TEXT)}&t2={quote(OTHER)}&compare=difference")
    page.get_by_text("Second: what each token costs more or less").wait_for()
    kept = difference(tales.trace(TEXT), tales.trace(OTHER)).kept
    words = page.get_by_label("The other one")
    expect(words).to_contain_text(f"({kept.bits_before:.1f} before, {kept.bits:.1f} after)", use_inner_text=True)


def test_another_model_beside_this_one(opened: Open) -> None:
    page = opened("#v=lens&t=CBABBC&m=embedded:sort")
    page.get_by_role("button", name="Compare", exact=True).click()
    choice(page, "reading").select_option(label="the same text")
    page.get_by_text("Both sides are the same").wait_for()
    page.get_by_label("Comparison").get_by_role("combobox", name="model").select_option("embedded:tales")
    page.get_by_text("Second: embedded:tales").wait_for()
    expect(page.locator("[role=grid]")).to_have_count(2)
    read(page)


def test_the_lens_can_be_touched_on_a_phone(browser: Browser, server: str, tales: Scope) -> None:
    with visitor(browser, viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True) as context:
        page = context.new_page()
        page.goto(f"{server}/{HASH}")
        read(page)
        page.wait_for_selector("[role=grid]")
        fits(page)
        page.locator("[role=grid] canvas").tap(position={"x": 130, "y": 120})
        address_has(page, "pin=1")
        expect(page.locator(".inspector")).to_be_visible()
        page.get_by_role("button", name="Release this cell").tap()
        address_lacks(page, "pin=1")
