"""The guide as a student meets it: read, played with the space bar, scrubbed, linked to, its numbers held against ours.

Frames are compared by their names, which the page shows; `web/src/chapters` has the tests of what is in them.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Locator, Page, expect

import logitscope
from logitscope.graph import Activations
from logitscope.scope import Scope
from logitscope.view.labels import id_label
from tests.web.conftest import ANSWERED, address_has, address_lacks, at_rest, becomes, fits, listening, visitor

SORT, TALES, LETTERS = "embedded:sort", "embedded:tales", "CBABBC"
CHAPTERS = (
    "overview", "preliminaries", "tokens", "embedding", "norm", "attention", "projection", "mlp", "transformer",
    "softmax", "output", "half-way",
)  # fmt: skip

Open = Callable[..., Page]


@pytest.fixture(params=["no-preference"])
def moving(request: pytest.FixtureRequest, browser: Browser) -> Iterator[BrowserContext]:
    screen = {"width": 1280, "height": 860}
    with visitor(browser, viewport=screen, color_scheme="light", reduced_motion=request.param) as made:
        yield made


AT_REST = '.guide[data-playing=false]:not([data-frame=""])'
"""Nothing plays, and the numbers that the picture needs are there."""


@pytest.fixture
def guide(moving: BrowserContext, server: str) -> Iterator[Open]:
    """Opens the guide beside a table; anything that the browser complains of fails the test."""
    complaints: list[str] = []

    def complain(said: ConsoleMessage) -> None:
        if said.type == "error" and not ANSWERED.search(said.text):
            complaints.append(said.text)

    def open_(at: str = server, **place: str) -> Page:
        page = moving.new_page()
        page.on("console", complain)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        asked = {"v": "walkthrough", "inside": "table", "m": SORT, "t": LETTERS, **place}
        page.goto(f"{at}/#{urlencode(asked)}")
        page.wait_for_selector(AT_REST)
        return page

    yield open_
    assert complaints == []


def chapter(page: Page) -> str:
    return str(page.locator(".guide").get_attribute("data-chapter"))


def moment(page: Page) -> float:
    return float(str(page.locator(".guide").get_attribute("data-moment")))


def frame(page: Page) -> str:
    """The name of the picture, at rest."""
    return str(page.locator(AT_REST).get_attribute("data-frame"))


def plays(page: Page, whether: bool) -> None:
    expect(page.locator(".guide")).to_have_attribute("data-playing", str(whether).lower())


def scrub(page: Page, seconds: float) -> None:
    """Draws the chapter's line to a moment."""
    page.locator(".guide footer input[type=range]").fill(str(seconds))
    page.wait_for_function(
        "s => Math.abs(Number(document.querySelector('.guide').dataset.moment) - s) < 0.006", arg=seconds
    )


def length(page: Page) -> float:
    return float(str(page.locator(".guide footer input[type=range]").get_attribute("max")))


def ends(page: Page) -> list[float]:
    """Where the passages of the chapter end."""
    lines = page.locator(".passages article > .scrubber input[type=range]")
    return [float(most) for most in lines.evaluate_all("all => all.map(one => one.max)")]


@pytest.mark.parametrize("moving", ["reduce"], indirect=True)
def test_space_goes_through_every_step_of_every_chapter(guide: Open) -> None:
    page = guide()
    seen: dict[str, list[str]] = {}
    for _ in range(400):
        page.keyboard.press("Space")
        seen.setdefault(chapter(page), []).append(frame(page))
        if page.get_by_text("That was the guide.").is_visible():
            break
    assert tuple(seen) == CHAPTERS
    for name, frames in seen.items():
        assert all(frames), name
        assert len(set(frames)) == len(frames) >= 3, name
    before = moment(page)
    page.keyboard.press("Space")
    assert (chapter(page), moment(page)) == ("half-way", before)
    page.keyboard.press("Backspace")
    assert (chapter(page), frame(page)) == ("half-way", seen["half-way"][0])


def test_space_plays_pauses_and_goes_on_and_backspace_begins_again(moving: BrowserContext, guide: Open) -> None:
    # The test's own clock: a passage of three seconds is over before a slow machine has pressed the next key.
    moving.clock.install()
    page = guide()
    at_rest(page)
    assert moment(page) == 0
    page.keyboard.press("Space")
    plays(page, True)
    page.clock.run_for(500)
    page.keyboard.press("Space")
    plays(page, False)
    paused = moment(page)
    stops = ends(page)
    assert 0.1 < paused < stops[0]
    page.clock.run_for(5000)
    assert moment(page) == paused
    page.keyboard.press("Space")
    page.clock.run_for(100)
    assert paused < moment(page) < stops[0]
    page.get_by_role("button", name=re.compile("^Pause: Chapter")).click()
    plays(page, False)
    page.keyboard.press("Space")
    page.clock.run_for(1000 * stops[0])
    plays(page, False)
    assert moment(page) == stops[0]
    # The rest of each passage at once; then the next chapter, all by itself.
    for stop in stops[1:]:
        page.get_by_role("button", name="Skip").click()
        plays(page, True)
        page.clock.run_for(1000)
        plays(page, False)
        assert moment(page) == stop
    page.get_by_role("button", name="for the next chapter: Preliminaries").click()
    page.wait_for_selector(".guide[data-chapter=preliminaries][data-playing=true]")
    page.clock.run_for(300)
    before = moment(page)
    assert before > 0.2
    page.keyboard.press("Backspace")
    assert moment(page) < before
    assert chapter(page) == "preliminaries"


@pytest.mark.parametrize("moving", ["reduce"], indirect=True)
def test_where_motion_is_unwelcome_scrubbing_lands_on_steps(guide: Open) -> None:
    page = guide(g="norm@0.01")
    whole = length(page)
    frames = [scrubbed(page, round(part * whole, 2)) for part in (0.05, 0.5, 0.98, 0.5, 0.05)]
    assert frames[:2] == frames[:2:-1]
    assert len(set(frames)) == 3


def test_scrubbing_there_and_back_gives_the_same_frames(guide: Open) -> None:
    page = guide(g="overview@0.01")
    for name in CHAPTERS:
        assert chapter(page) == name
        whole = length(page)
        frames = [scrubbed(page, round(part * whole, 2)) for part in (0.05, 0.5, 0.98, 0.5, 0.05)]
        assert frames[:2] == frames[:2:-1], name
        assert len(set(frames)) == 3, name
        if name != CHAPTERS[-1]:
            page.get_by_role("button", name="Next chapter").click()


def scrubbed(page: Page, seconds: float) -> str:
    """Draws the chapter's line to a moment; the name of the picture there."""
    page.locator(".guide footer input[type=range]").fill(str(seconds))
    return frame(page)


def followed(page: Page, what: str) -> Locator:
    return page.get_by_role("group", name="What the guide follows").get_by_label(what)


def test_a_link_reopens_chapter_moment_and_what_was_followed(guide: Open) -> None:
    page = guide()
    page.get_by_role("button", name="1 of 12").click()
    page.get_by_role("navigation", name="Chapters").get_by_role("button", name="Self-attention").click()
    scrub(page, 22.4)
    followed(page, "head").select_option("2")
    followed(page, "token").select_option("5")
    seen = frame(page)
    page.wait_for_function("() => /g=attention@[0-9.]+~0[.]2[.]5/.test(decodeURIComponent(location.hash))")
    address = dict(
        pair.split("=", 1) for pair in page.evaluate("decodeURIComponent(location.hash.slice(1))").split("&")
    )
    again = guide(**address)
    assert chapter(again) == "attention"
    assert moment(again) == pytest.approx(moment(page), abs=0.006)
    expect(followed(again, "head")).to_have_value("2")
    scrub(page, moment(again))
    assert frame(again) == frame(page)
    assert seen


@pytest.mark.parametrize("moving", ["reduce"], indirect=True)
def test_every_number_of_the_words_is_the_run_s(guide: Open) -> None:
    run: Activations = logitscope.load(SORT).activations(LETTERS)
    seen = numbers_held(guide(g="overview@0.01~1.0.4"), run)
    assert min(seen[name] for name in ("tokens", "embedding", "norm", "attention", "projection", "mlp", "softmax")) > 0
    assert sum(seen.values()) > 40


def numbers_held(page: Page, run: Activations) -> dict[str, int]:
    """How many numbers of each chapter's words were held against the run's, where nothing plays by itself."""
    seen: dict[str, int] = {}
    said: list[tuple[str, str]] = []

    def wrong() -> list[tuple[str, str]]:
        # Not one of them is still on its way.
        waiting = page.locator(".passages .waiting").count()
        said[:] = page.locator(".passages .number[data-cell]").evaluate_all(
            "all => all.map(one => [one.dataset.cell, one.textContent])"
        )
        return [("", "…")] * waiting + [one for one in said if one[1] not in spellings(number_of(run, one[0]))]

    for name in CHAPTERS:
        assert chapter(page) == name
        becomes(page, wrong, [])
        seen[name] = len(said)
        if name != CHAPTERS[-1]:
            page.get_by_role("button", name="Next chapter").click()
    return seen


def number_of(run: Activations, cell: str) -> float:
    block, *index = cell.split(":")
    return run.cell(block, [int(at) for at in index])


def spellings(number: float) -> set[str]:
    """How a number may stand in the words: as one, as a whole one, as a probability."""
    size = abs(number)
    digits = f"{size:.3f}" if size < 10 else f"{size:.1f}"
    if size < 1e-3:
        mantissa, power = f"{size:.1e}".split("e-")
        raised = "".join("⁰¹²³⁴⁵⁶⁷⁸⁹"[int(digit)] for digit in str(int(power)))
        digits = f"{mantissa.removesuffix('.0')}·10⁻{raised}" if size else "0"
    found = {f"−{digits}" if number < 0 else digits}
    if number == round(number):
        found.add(f"{round(number):,}")
    if 0 <= number <= 1:
        percent = 100 * number
        found |= {f"{percent:.1f}%", f"{percent:.2f}%"} | ({">99.9%"} if percent >= 99.95 else set())
        found |= {f"1 in {float(f'{1 / number:.2g}'):,.0f}"} if 0 < percent < 0.1 else set()
    return found


def test_a_number_leads_to_its_cell_and_the_keys_stay_the_guide_s(moving: BrowserContext, guide: Open) -> None:
    moving.clock.install()
    page = guide(g="norm@1~1.0.4")
    page.locator('.number[data-cell="1.attn.norm.mean:4"]').first.click()
    expect(page.locator(".cell h2")).to_have_text("Mean")
    address_has(page, "c=1.attn.norm.mean")
    at_rest(page)
    page.keyboard.press("Space")
    plays(page, True)


def test_keys_that_are_typed_into_a_text_are_not_the_guide_s(guide: Open) -> None:
    page = guide(m=TALES, t="Once upon")
    text = page.get_by_label("Text", exact=True)
    text.focus()
    before = page.locator(".guide").get_attribute("data-chapter"), moment(page)
    text.press("End")
    page.keyboard.type(" a time")
    page.keyboard.press("Backspace")
    expect(text).to_have_value("Once upon a tim")
    plays(page, False)
    assert (chapter(page), moment(page)) == before


def test_the_lens_half_way_is_the_library_s(guide: Open, tales: Scope) -> None:
    text = "Once upon a time there was a little"
    trace = tales.trace(text, subblocks=True, top_k=5)
    page = guide(m=TALES, t=text, g="half-way@3~0.0.3")
    rows = page.locator(".guide tr[data-stage]")
    expect(rows).to_have_count(len(trace.stages))
    lines = rows.evaluate_all(
        """rows => rows.map(row =>
            [row.dataset.stage, row.querySelector("bdi").innerText, row.querySelector(".chance").innerText])"""
    )
    for at, (stage, (of, label, said)) in enumerate(zip(trace.stages, lines, strict=True)):
        assert of == stage
        assert label == id_label(trace.vocabulary, int(trace["top_ids"][at, 3, 0]))
        probability = math.exp(float(trace["top_logprobs"][at, 3, 0]))
        if said.endswith("%") and not said.startswith(">"):
            assert float(said[:-1]) == pytest.approx(100 * probability, rel=0.02, abs=0.06)
        else:
            assert probability > 0.999 or probability < 0.001


def test_words_and_cells_light_each_other_up(guide: Open) -> None:
    page = guide(g="embedding@3")
    word = page.locator('.word[data-blocks="embed.positions"]').first
    expect(word).not_to_have_class(re.compile("glows"))
    page.get_by_role("searchbox", name="Find a tensor").fill("position embedding")
    page.get_by_role("treeitem", name="Position embedding").click()
    page.wait_for_selector('.word.glows[data-blocks="embed.positions"]')
    word.click()
    page.wait_for_selector('.word.kept[data-blocks="embed.positions"]')
    word.press("Enter")
    expect(page.locator(".word.kept")).to_have_count(0)


def test_a_token_of_the_words_glows_with_its_position_and_can_be_kept_lit(guide: Open) -> None:
    page = guide(g="tokens@5.5~0.0.3")
    token = page.locator("article[aria-current=step] .token.pointing").first
    expect(token).to_have_text(LETTERS[3])
    # The table stands at what the guide speaks of: the id at position 3, then the first.
    expect(token).to_have_class(re.compile("glows"))
    scrub(page, 0.9)
    expect(token).not_to_have_class(re.compile("glows"))
    token.click()
    expect(token).to_have_class(re.compile("kept"))


def test_the_lens_opens_at_any_depth(guide: Open, tales: Scope) -> None:
    text = "Once upon a time there was a little"
    trace = tales.trace(text, subblocks=True, top_k=5)
    page = guide(m=TALES, t=text, g="half-way@3~0.0.3")
    lens = page.locator(".guide .lens")
    rows = lens.locator("tr[data-stage]")
    expect(rows).to_have_count(len(trace.stages))
    shown = lens.locator("table").first.locator("bdi")
    for at in (0, 5, len(trace.stages) - 1):
        lens.get_by_label("depth").fill(str(at))
        expect(rows.nth(at)).to_have_class(re.compile("open"))
        labels = [id_label(trace.vocabulary, int(one)) for one in trace["top_ids"][at, 3, :5]]
        becomes(page, lambda: [one.removesuffix(" ★") for one in shown.all_inner_texts()], labels)


@pytest.mark.parametrize("moving", ["reduce"], indirect=True)
def test_a_llama_is_told_of_as_a_llama(guide: Open, shared: Path) -> None:
    scope = logitscope.load(shared / "models" / "stories260k")
    with listening([scope]) as url:
        text = "Once upon a time"
        page = guide(at=url, m=scope.model.name, t=text, g="norm@2")
        expect(page.locator(".guide h2")).to_have_text("RMS norm")
        page.get_by_role("button", name="Next chapter").click()
        expect(page.locator(".passages")).to_contain_text("turned by an angle that grows with the position")
        expect(page.locator(".passages")).to_contain_text("heads that ask share")
        again = guide(at=url, m=scope.model.name, t=text, g="overview@0.01~3.5.2")
        seen = numbers_held(again, scope.activations(text))
        assert seen["attention"] > 10


def test_a_dictionary_stands_beside_attention_with_the_run_s_numbers(guide: Open) -> None:
    run: Activations = logitscope.load(SORT).activations(LETTERS)
    head, position = 1, 4
    page = guide(g=f"attention@9~0.{head}.{position}")
    shares = [run.cell("0.attn.pattern", [head, position, key]) for key in range(position + 1)]
    values = [run.cell("0.attn.v", [head, key, 0]) for key in range(position + 1)]
    best = max(range(len(shares)), key=shares.__getitem__)
    hard, soft = page.locator("[data-way='a dictionary']"), page.locator("[data-way=attention]")
    expect(hard.locator("[data-share]")).to_have_count(1)
    expect(hard.locator("[data-share]")).to_have_attribute("data-share", str(best))
    becomes(page, lambda: str(hard.locator("[data-out]").text_content()).strip() in spellings(values[best]), True)
    mixed = run.cell("0.attn.mix", [head, position, 0])
    assert mixed == pytest.approx(sum(a * b for a, b in zip(shares, values, strict=True)), rel=1e-4)
    becomes(page, lambda: str(soft.locator("[data-out]").text_content()).strip() in spellings(mixed), True)

    def right() -> list[bool]:
        said = soft.locator("[data-share]").all_text_contents()
        return [one in spellings(share) for one, share in zip(said, shares, strict=False)]

    becomes(page, right, [True] * len(shares))
    expect(soft.locator("[data-share]")).to_have_count(len(shares))


def test_words_for_a_direction_have_its_colour(guide: Open) -> None:
    page = guide(g="attention@9~0.1.4")
    colour = "one => getComputedStyle(one).color"
    words = {name: page.locator(f".passages [data-dimension={name}]").first for name in ("d_model", "d_head")}
    for size, word in zip((48, 16), words.values(), strict=True):
        expect(word).to_have_text(str(size))
    light = [word.evaluate(colour) for word in words.values()]
    assert len({*light, page.locator(".passages .word").first.evaluate(colour)}) == 3
    page.emulate_media(color_scheme="dark")
    becomes(page, lambda: len({*light, *(word.evaluate(colour) for word in words.values())}), 4)


def test_the_words_are_made_wider_by_hand_and_by_keys_and_a_link_keeps_it(guide: Open) -> None:
    page = guide(g="overview@1")
    edge = page.get_by_role("separator", name="Width of the words")
    box = edge.bounding_box()
    assert box is not None
    came = int(str(edge.get_attribute("aria-valuenow")))
    page.mouse.move(box["x"] + 8, box["y"] + 200)
    page.mouse.down()
    page.mouse.move(box["x"] - 62, box["y"] + 230, steps=3)
    page.mouse.up()
    expect(edge).to_have_attribute("aria-valuenow", str(came - 70))
    address_has(page, f"words={came - 70}")
    edge.focus()
    edge.press("ArrowRight")
    expect(edge).to_have_attribute("aria-valuenow", str(came - 54))
    address_has(page, f"words={came - 54}")
    again = guide(g="overview@1", words=str(came - 54))
    expect(again.get_by_role("separator", name="Width of the words")).to_have_attribute("aria-valuenow", str(came - 54))
    edge.press("Home")
    expect(edge).to_have_attribute("aria-valuenow", "260")
    edge.press("End")
    expect(edge).to_have_attribute("aria-valuenow", str(edge.get_attribute("aria-valuemax")))
    edge.press("Enter")
    expect(edge).to_have_attribute("aria-valuenow", str(came))
    address_lacks(page, "words=")


def test_the_giants_are_told_of_with_their_real_sizes(guide: Open) -> None:
    page = guide(g="preliminaries@30")
    expect(page.locator("[aria-current=step] h3")).to_have_text("As large as they come")
    lines = page.locator("[aria-current=step] li")
    expect(lines).to_have_count(3)
    for line, parts in zip(
        lines.all(),
        (
            ("GPT-2", "12 blocks", "124,439,808"),
            ("GPT-2 XL", "48", "1,557,611,200"),
            ("GPT-3", "96", "174,604,259,328"),
        ),
        strict=True,
    ):
        for part in parts:
            expect(line).to_contain_text(part)
    ends_at = frame(page)
    scrub(page, 5)
    assert frame(page) != ends_at
    scrub(page, length(page))
    assert frame(page) == ends_at


def test_where_nothing_is_lit_what_was_computed_last_is_explained(guide: Open) -> None:
    page = guide(g="projection@0.01~0.1.4")
    page.goto(page.url.replace("projection%400.01", "projection%4099").replace("projection@0.01", "projection@99"))
    expect(page.locator(".cell h2")).to_have_text("Residual stream")
    expect(page.locator("[data-told=place]")).to_contain_text("position 4")


def test_the_output_chapter_takes_steps(guide: Open) -> None:
    page = guide(g="output@4")
    inside = page.locator(".guide .next")
    step = inside.get_by_role("button", name="Step", exact=True)
    expect(step).to_be_enabled()
    step.press("Enter")  # by its key: the words above it may move it away under a pointer
    expect(page.get_by_label("Letters that came out")).to_have_text("A")
    expect(inside.locator("[data-work]")).to_contain_text("Reading all 7 tokens")
    assert chapter(page) == "output"


def test_it_can_be_left_and_taken_up_again_and_fits_a_phone(guide: Open) -> None:
    page = guide(g="mlp@2")
    page.get_by_role("button", name="Look around without the guide").click()
    expect(page.locator(".guide")).to_have_count(0)
    page.get_by_role("button", name="Guide me through it").click()
    page.wait_for_selector(".guide[data-chapter=overview]")
    page.set_viewport_size({"width": 390, "height": 844})
    fits(page)
