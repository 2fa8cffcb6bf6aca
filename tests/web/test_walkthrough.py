"""The inside of the model as a person meets it: tables, cells explained and stepped through, links, letters sorted.

What the page says of a cell is held against `logitscope.graph.explain` in the same test.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode

import pytest
from playwright.sync_api import BrowserContext, Locator, Page, expect

import logitscope
from logitscope.graph import Activations, explain
from logitscope.scope import Scope
from tests.families import shared_model, tiny_tokenizer
from tests.web.conftest import address_has, at_rest, becomes, fits, listening, says, until

SORT, TALES = "embedded:sort", "embedded:tales"
TEXT = "The tide was out, and the boats lay on the sand."
LETTERS = "CBABBC"

Go = Callable[..., Page]


@pytest.fixture(scope="module")
def sort() -> Scope:
    return logitscope.load(SORT)


@pytest.fixture
def inside(context: BrowserContext, server: str) -> Any:
    """Opens the walkthrough at a place; anything that the browser complains of fails the test."""
    complaints: list[str] = []

    def open_(at: str = server, **place: str) -> Page:
        page = context.new_page()
        page.set_viewport_size({"width": 1720, "height": 900})
        page.on(
            "console",
            lambda said: said.type == "error" and "status of 4" not in said.text and complaints.append(said.text),
        )
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(f"{at}/#{urlencode({'v': 'walkthrough', 'inside': 'table', **place})}")
        page.wait_for_selector(".walkthrough:is([data-status=done], [data-status=refused])")
        return page

    yield open_
    assert complaints == []


def push(page: Page, name: str) -> None:
    """Presses a button by its key: the words above it change with each text, and could move it away under a pointer."""
    button = page.get_by_role("button", name=name, exact=True)
    expect(button).to_be_enabled()
    button.press("Enter")


def number(said: str) -> float:
    """A figure of the page as a number; what is left out is none."""
    if said == "–":
        return float("nan")
    plain = said.replace("−", "-").replace(",", "")
    mantissa, _, power = plain.partition("·10")
    raised = power.replace("⁻", "-").translate(str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹", "0123456789"))
    return float(mantissa) * 10 ** int(raised or 0)


def shows(page: Page, run: Activations, block: str, index: list[int]) -> None:
    """The panel explains this cell, with the library's numbers."""
    told = explain(run, block, index)
    assert told.stored is not None
    panel = page.locator(".cell")
    expect(panel.locator("h2")).to_have_text(run.graph[block].title)
    expect(panel.locator("[data-told=place]")).to_contain_text(f"{run.graph[block].names[-1]} {index[-1]}")
    close = {"rel": 1e-4, "abs": 1e-12}
    becomes(
        page,
        lambda: said(panel),
        {
            "busy": "false",
            "value": pytest.approx(told.stored, rel=1e-6, abs=1e-12),
            "terms": [
                (
                    pytest.approx(term.value, **close),
                    [":".join([cell.block, *map(str, cell.index)]) for cell in term.cells],
                    [pytest.approx(cell.value, **close) for cell in term.cells],
                )
                for term in told.terms[:10]
            ],
        },
    )
    if len(told.terms) > 10:
        says(panel.locator("[data-rest]"), f"{len(told.terms) - 10:,} others together")


def said(panel: Locator) -> dict[str, Any]:
    """The numbers of the panel at one moment."""
    busy, value, terms = panel.evaluate(
        """one => [one.ariaBusy, one.querySelector("[data-told=value]").innerText,
            [...one.querySelectorAll("[data-term]")].map(term => [
                term.querySelector(".amount").innerText,
                [...term.querySelectorAll(".source")].map(source => source.dataset.source),
                [...term.querySelectorAll(".source .number")].map(source => source.innerText),
            ])]"""
    )
    rows = [(number(amount), sources, [number(one) for one in values]) for amount, sources, values in terms]
    return {"busy": busy, "value": number(value), "terms": rows}


def cell_of(page: Page, row: int, column: int) -> Any:
    return page.locator(f"#cell-{row}-{column}")


def test_a_known_cell_is_picked_in_the_table_and_explained_exactly(inside: Go, sort: Scope) -> None:
    page, run = inside(m=SORT, t=LETTERS, c="0.attn.q:1:3:0"), sort.activations(LETTERS)
    cell_of(page, 3, 7).click()
    shows(page, run, "0.attn.q", [1, 3, 7])
    told = explain(run, "0.attn.q", [1, 3, 7])
    equation = page.locator("[data-told=equation]").inner_text()  # it stands there with the rest
    first = told.terms[0]
    assert f"[{len(told.terms) - 3} others:" in equation
    assert number(equation.split(" × ")[0].strip("()")) == pytest.approx(first.cells[0].value, rel=1e-4)
    assert number(equation.split(" = ")[-1]) == pytest.approx(told.stored, rel=1e-4)
    expect(page.locator("[data-told=range]")).to_have_text("Depends on the token at its own position alone.")
    says(page.locator("[data-told=check]"), "double precision")


def test_every_number_of_the_table_is_the_tensor_s(inside: Go, tales: Scope) -> None:
    page, run = inside(m=TALES, t=TEXT, c="2.attn.pattern:1:5:2"), tales.activations(TEXT)
    page.locator("[role=gridcell]").nth(40).wait_for(state="attached")
    expect(page.locator(".scroller")).not_to_contain_text("…")
    pattern = run.block("2.attn.pattern")[1]
    drawn = page.locator("[role=gridcell]").evaluate_all("all => all.map(one => [one.id, one.innerText])")
    assert len(drawn) > 40
    for name, text in drawn:
        row, column = (int(n) for n in name.split("-")[1:])
        if column > row:
            assert text == "–"
        else:
            assert number(text) == pytest.approx(float(pattern[row, column]), rel=6e-2, abs=1e-12)


def test_keys_walk_and_the_explanation_follows(inside: Go, sort: Scope) -> None:
    page, run = inside(m=SORT, t=LETTERS, c="0.attn.pattern:2:3:1"), sort.activations(LETTERS)
    grid = page.get_by_role("grid")
    grid.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")
    shows(page, run, "0.attn.pattern", [2, 4, 2])
    expect(grid).to_have_attribute("aria-activedescendant", "cell-4-2")
    page.keyboard.press("Control+End")
    shows(page, run, "0.attn.pattern", [2, 5, 5])
    page.keyboard.press("Control+Home")
    page.keyboard.press("ArrowRight")
    expect(page.locator("[data-told=value]")).to_have_text("–")
    says(page.locator(".cell .words"), "mask")


def test_stepping_into_what_a_number_was_made_of_and_back(inside: Go, sort: Scope) -> None:
    page, run = inside(m=SORT, t=LETTERS, c="1.mlp.act:2:5"), sort.activations(LETTERS)
    shows(page, run, "1.mlp.act", [2, 5])
    page.locator("[data-term] .source").first.click()
    shows(page, run, "1.mlp.up", [2, 5])
    largest = explain(run, "1.mlp.up", [2, 5]).terms[0].cells[1]
    page.locator("[data-term]").first.locator(".source").nth(1).click()
    shows(page, run, largest.block, list(largest.index))
    says(page.locator(".cell .words"), "learned in training")
    expect(page.locator("[aria-current=true][role=treeitem]")).to_have_text("Expansion weight")
    page.get_by_role("button", name="Back").click()
    shows(page, run, "1.mlp.up", [2, 5])
    page.get_by_role("button", name="Back").click()
    shows(page, run, "1.mlp.act", [2, 5])
    expect(page.get_by_role("button", name="Back")).to_have_count(0)


def test_a_link_reopens_the_cell_and_an_edited_text_keeps_it(inside: Go, sort: Scope) -> None:
    page = inside(m=SORT, t=LETTERS)
    page.get_by_role("searchbox", name="Find a tensor").fill("block 2 variance mlp")
    page.get_by_role("treeitem", name="Variance").click()
    cell_of(page, 4, 0).click()
    shows(page, sort.activations(LETTERS), "2.mlp.norm.variance", [4])
    address_has(page, "2.mlp.norm.variance")
    again = inside(
        **dict(pair.split("=", 1) for pair in page.evaluate("decodeURIComponent(location.hash.slice(1))").split("&"))
    )
    shows(again, sort.activations(LETTERS), "2.mlp.norm.variance", [4])
    expect(again.get_by_role("button", name="Pinned")).to_be_visible()
    again.get_by_role("button", name="letter 1: C").press("a")
    shows(again, sort.activations("ABABBC"), "2.mlp.norm.variance", [4])


@pytest.mark.parametrize("given", ["CBABBC", "BACCAA"])
def test_letters_are_sorted_step_by_step(inside: Go, sort: Scope, given: str) -> None:
    page = inside(m=SORT, t=given)
    push(page, "Step")
    out = page.get_by_label("Letters that came out")
    expect(out).to_have_text(sorted(given)[0])
    push(page, "To the end")
    expect(page.get_by_text("Sorted.")).to_be_visible()
    becomes(page, lambda: re.sub(r"\s", "", out.inner_text()), "".join(sorted(given)))
    expect(page.get_by_role("button", name="Step", exact=True)).to_be_disabled()
    expect(page.get_by_role("button", name="To the end")).to_be_disabled()
    page.get_by_role("button", name="Start again").click()
    expect(out).to_have_text("")


def test_what_comes_next_is_the_model_s_own_distribution(inside: Go, tales: Scope) -> None:
    page, trace = inside(m=TALES, t=TEXT), tales.trace(TEXT, top_k=6)
    page.wait_for_selector(".next[aria-busy=false]")
    listed = page.locator(".next [data-id]").evaluate_all("all => all.map(one => [one.dataset.id, one.innerText])")
    assert [int(id_) for id_, _ in listed] == trace["top_ids"][-1, -1].tolist()
    for (_, share), logprob in zip(listed, trace["top_logprobs"][-1, -1], strict=True):
        assert float(share.strip("%")) == pytest.approx(100 * float(2.718281828459045**logprob), rel=0.02)
    n = len(trace.ids)
    expect(page.get_by_role("list", name="Its tokens").get_by_role("listitem")).to_have_count(n)
    push(page, "Step")
    expect(page.get_by_role("list", name="Its tokens").get_by_role("listitem")).to_have_count(n + 1)
    address_has(page, "i=")
    says(page.locator("[data-work]"), f"Reading all {n + 1} tokens")


def test_a_seed_draws_what_the_library_draws_with_it(inside: Go, tales: Scope) -> None:
    rules: dict[str, Any] = {"method": "sample", "temperature": 1.3, "top_k": 40, "top_p": 0.9, "seed": 12}
    drawn = [step.id for step in tales.sample(TEXT, n=3, **rules)]
    assert drawn != [step.id for step in tales.sample(TEXT, n=3)]
    given = tales.trace(TEXT, top_k=1).ids.tolist()
    settings = {"method": "sample", "temperature": "1.3", "from_k": "40", "from_p": "0.9", "seed": "12"}
    page = inside(m=TALES, t=TEXT, **settings)
    tokens = page.get_by_role("list", name="Its tokens").get_by_role("listitem")
    for n in range(1, 4):
        page.locator(".next[aria-busy=false]").wait_for()
        push(page, "Step")
        expect(tokens).to_have_count(len(given) + n)
    titles = tokens.locator("button")
    becomes(
        page,
        lambda: [int(title.rsplit(" ", 1)[1]) for title in titles.evaluate_all("all => all.map(one => one.title)")],
        [*given, *drawn],
    )
    # A link to it goes on where it stopped: the seed's next number is the fourth.
    until(
        page,
        """(async () => {
            const packed = new URLSearchParams(location.hash.slice(1)).get("e");
            if (!packed) return false;
            const small = Uint8Array.from(atob(packed.replaceAll("-", "+").replaceAll("_", "/")), c => c.charCodeAt(0));
            const plain = new Blob([small]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
            return new Uint8Array(await new Response(plain).arrayBuffer())[3] === 3;
        })()""",
    )
    again = inside(**dict(parse_qsl(page.evaluate("location.hash.slice(1)"))))
    again.locator(".next[aria-busy=false]").wait_for()
    push(again, "Step")
    fourth = list(tales.sample(TEXT, n=4, **rules))[-1].id
    last = again.get_by_role("list", name="Its tokens").get_by_role("listitem").nth(len(given) + 3)
    expect(last.locator("button")).to_have_attribute("title", f"position {len(given) + 3}, token {fourth}")


def test_texts_to_start_from_are_for_models_that_read_prose(inside: Go) -> None:
    page = inside(m=SORT, t=LETTERS)
    expect(page.get_by_role("group", name="Letters to be read")).to_be_visible()
    expect(page.get_by_role("group", name="Texts to start from")).to_have_count(0)
    page.get_by_label("Model", exact=True).select_option(TALES)
    expect(page.get_by_role("group", name="Texts to start from")).to_be_visible()


def test_what_kept_keys_and_values_save_is_counted_from_the_graph(inside: Go, sort: Scope) -> None:
    """Multiplications of dot products, counted here from the shapes: Q, K, V, scores, mix, projection, MLP and head."""
    page = inside(m=SORT, t=LETTERS)
    sizes = sort.activations(LETTERS).graph.sizes
    d, layers, vocab, n = sizes["d_model"], sizes["n_blocks"], sizes["vocab"], len(LETTERS)
    whole = layers * (n * (3 * d * d + d * d + 8 * d * d) + 2 * d * n * (n + 1) // 2) + n * d * vocab
    last = layers * (12 * d * d + 2 * d * n) + d * vocab
    kept = 2 * layers * d * (n - 1)
    work = page.locator("[data-work]").inner_text()
    for number_ in (whole, last, kept):
        assert f"{number_:,}" in work.replace("\u202f", ",").replace("\u2009", ","), work


def test_a_tensor_far_larger_than_the_screen_is_walked_to_its_end(inside: Go, tales: Scope) -> None:
    page, run = inside(m=TALES, t="Once upon a time", c="embed.tokens:0:0"), tales.activations("Once upon a time")
    grid = page.get_by_role("grid")
    expect(grid).to_have_attribute("aria-rowcount", str(run.graph.sizes["vocab"]))
    grid.focus()
    page.keyboard.press("Control+End")
    last = [run.graph.sizes["vocab"] - 1, run.graph.sizes["d_model"] - 1]
    shows(page, run, "embed.tokens", last)
    expect(cell_of(page, *last)).not_to_have_text("…")
    assert page.locator("[role=gridcell]").count() < 800


def test_a_copy_is_the_explanation_as_text(inside: Go, context: BrowserContext, sort: Scope) -> None:
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    context.clock.install()
    page = inside(m=SORT, t=LETTERS, c="0.attn.scores:0:4:2")
    value = page.locator("[data-told=value]").inner_text()
    # It says so for a moment, which lasts until it is seen.
    at_rest(page)
    page.get_by_role("button", name="Copy").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    text = page.evaluate("navigator.clipboard.readText()")
    assert "0.attn.scores [0, 4, 2]" in text
    assert f"value {value}" in text
    assert "Can depend on the first 5 of 6 tokens" in text


def test_hostile_text_is_text(inside: Go) -> None:
    page = inside(m=TALES, t='<img src=x onerror="alert(1)">\u202e&amp;', c="0.attn.pattern:0:3:2")
    page.wait_for_selector("[data-told=value]")
    expect(page.locator("img")).to_have_count(0)
    becomes(page, lambda: "".join(page.locator(".tokens button").all_inner_texts())[:4], "<img")
    assert "\u202e" not in page.locator(".tokens").inner_text()


def test_llama_models_are_walked_through_too(inside: Go, shared: Path) -> None:
    scope = logitscope.load(shared / "models" / "stories260k")
    with listening([scope]) as url:
        page = inside(at=url, m=scope.model.name, t="Once upon a time", c="1.attn.q.rotated:2:3:5")
        run = scope.activations("Once upon a time")
        shows(page, run, "1.attn.q.rotated", [2, 3, 5])
        page.locator("[data-term] .source").first.click()
        says(page.locator(".cell .section"), "block 1")


def test_families_without_a_graph_say_so(inside: Go) -> None:
    scope = logitscope.load(shared_model("gpt_neox"), tokenizer=tiny_tokenizer())
    with listening([scope]) as url:
        page = inside(at=url, m=scope.model.name, t="abc")
        expect(page.get_by_role("alert")).to_contain_text("Gpt_neox models have no graph yet")


def test_a_text_that_is_too_long_is_cut_when_asked(inside: Go, tales: Scope) -> None:
    most = tales.model.anatomy.context_window
    page = inside(m=TALES, t="word " * (most + 20))
    says(page.get_by_role("alert"), f"at most {most:,}")
    page.get_by_role("button", name=f"Read its first {most} tokens").click()
    page.wait_for_selector(".walkthrough[data-status=done]")
    expect(page.get_by_role("list", name="Its tokens").get_by_role("listitem")).to_have_count(most)


def test_other_views_bring_nothing_of_it(context: BrowserContext, server: str) -> None:
    page = context.new_page()
    fetched: list[str] = []
    page.on("request", lambda request: fetched.append(request.url))
    page.goto(f"{server}/#m={SORT}&t=ABC")
    page.wait_for_selector("[data-status=done]")
    assert not any("Walkthrough" in url or "Scene" in url for url in fetched), json.dumps(fetched)


def test_a_phone_shows_all_of_it(inside: Go, context: BrowserContext, sort: Scope) -> None:
    page = inside(m=SORT, t=LETTERS, c="0.attn.q:1:3:7")
    page.set_viewport_size({"width": 390, "height": 844})
    shows(page, sort.activations(LETTERS), "0.attn.q", [1, 3, 7])
    fits(page)


def test_a_cell_of_the_lens_opens_in_the_model(context: BrowserContext, server: str, tales: Scope) -> None:
    page = context.new_page()
    page.goto(f"{server}/#{urlencode({'v': 'lens', 'm': TALES, 't': TEXT, 'p': 5, 's': '3.mlp', 'inside': 'table'})}")
    page.wait_for_selector("[data-status=done]")
    page.get_by_role("button", name="Show this cell in the model").click()
    shows(page, tales.activations(TEXT), "3.mlp.residual", [4, 0])


def test_a_cell_of_the_lens_leads_to_the_vector_that_it_reads(inside: Go, tales: Scope) -> None:
    """What the lens foretells of token 5 after block 2's MLP is read from position 4 of the residual stream there."""
    page, run = inside(m=TALES, t=TEXT, p="5", s="2.mlp"), tales.activations(TEXT)
    shows(page, run, "2.mlp.residual", [4, 0])
