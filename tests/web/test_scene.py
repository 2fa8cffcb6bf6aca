"""The scene in a real browser, drawn in software: cells are pointed at where they are drawn, and explained.

What the panel says of them is held against `logitscope.graph.explain`.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from urllib.parse import parse_qsl, urlencode

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Locator, Page, expect

import logitscope
from logitscope.graph import Activations, explain
from tests.web.conftest import (
    ANSWERED,
    OPTIONS,
    address_has,
    address_lacks,
    at_rest,
    becomes,
    fits,
    launched,
    until,
    visitor,
)

SORT, LETTERS = "embedded:sort", "CBABBC"
SOFTWARE = ("--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader")
CELL = 45
"""Pixels from a cell to the next, where a link to one opens."""

Open = Callable[..., Page]


@pytest.fixture(scope="module")
def drawing(chromium: str) -> Iterator[Browser]:
    options = [option for option in OPTIONS if option != "--disable-gpu"]
    with launched(chromium, [*options, *SOFTWARE]) as running:
        yield running


@pytest.fixture
def still(drawing: Browser) -> Iterator[BrowserContext]:
    """Motion is not wanted: the eye jumps, and a test waits for nothing but the numbers."""
    screen = {"width": 1280, "height": 860}
    with visitor(drawing, viewport=screen, color_scheme="light", reduced_motion="reduce") as made:
        yield made


@pytest.fixture
def scene(still: BrowserContext, server: str) -> Iterator[Open]:
    """Opens the walkthrough at a place, drawn; anything that the browser complains of fails the test."""
    complaints: list[str] = []

    def complain(said: ConsoleMessage) -> None:
        # A context that the test itself has lost is lost.
        if said.type == "error" and "CONTEXT_LOST" not in said.text and not ANSWERED.search(said.text):
            complaints.append(said.text)

    def open_(**place: str) -> Page:
        page = still.new_page()
        page.on("console", complain)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(f"{server}/#{urlencode({'v': 'walkthrough', 'm': SORT, 't': LETTERS, **place})}")
        rests(page)
        return page

    yield open_
    assert complaints == []


@pytest.fixture(scope="module")
def run() -> Activations:
    return logitscope.load(SORT).activations(LETTERS)


def drawn(page: Page) -> Locator:
    """The canvas, when all numbers that its picture needs are drawn."""
    canvas = page.locator("canvas[data-drawn=all]")
    canvas.wait_for()
    # What was just changed is drawn with the next picture, and only that one says whether it is all there.
    page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    canvas.wait_for()
    return canvas


def rests(page: Page) -> None:
    """All is drawn, nothing is still being read, and everything stands where it will stand."""
    drawn(page)
    expect(page.locator("[aria-busy=true]")).to_have_count(0)


def point(page: Page, right: int, down: int) -> None:
    """Points so far from the middle of the canvas."""
    box = page.locator("canvas").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] / 2 + right, box["y"] + box["height"] / 2 + down)


def eye(page: Page) -> str:
    """Where the scene is seen from, as the address has it."""
    page.wait_for_function("() => new URLSearchParams(location.hash.slice(1)).has('eye')")
    return str(page.evaluate("new URLSearchParams(location.hash.slice(1)).get('eye')"))


def eye_after(page: Page, before: str) -> str:
    """Where the scene is seen from, once it is seen from elsewhere than before."""
    page.wait_for_function("before => new URLSearchParams(location.hash.slice(1)).get('eye') !== before", arg=before)
    return eye(page)


def alike(one: bytes, other: bytes) -> bool:
    """Whether two pictures are the same but for the rounding of the eye's place in an address."""
    a, b = (np.asarray(Image.open(io.BytesIO(png)).convert("RGB"), dtype=np.int16) for png in (one, other))
    return a.shape == b.shape and float((np.abs(a - b).max(axis=-1) > 24).mean()) < 0.01


def shows(page: Page, run: Activations, block: str, index: list[int]) -> None:
    """The panel explains this cell with the library's numbers."""
    told = explain(run, block, index)
    assert told.stored is not None
    panel = page.get_by_label("The cell, explained")
    expect(panel.locator("h2")).to_have_text(run.graph[block].title)
    for name, at in zip(run.graph[block].names, index, strict=True):
        expect(panel.locator("[data-told=place]")).to_contain_text(f"{name} {at}")
    expect(panel).to_have_attribute("aria-busy", "false")
    cells = [cell for term in told.terms[:10] for cell in term.cells] + list(told.cells)

    def said() -> tuple[float, list[str]]:
        # The value stands within what is read out as it changes.
        value, sources = panel.evaluate(
            """one => [one.querySelector("[aria-live=polite] [data-told=value]").innerText,
                [...one.querySelectorAll(".source")].map(source => source.dataset.source)]"""
        )
        return float("nan" if value == "–" else value.replace("−", "-")), sources

    sources = [":".join([cell.block, *map(str, cell.index)]) for cell in cells]
    becomes(page, said, (pytest.approx(told.stored, rel=1e-6, abs=1e-12), sources))


def test_a_cell_that_is_pointed_at_in_space_is_explained_exactly(scene: Open, run: Activations) -> None:
    page = scene(c="0.attn.pattern:0:4:2", pin="1")
    shows(page, run, "0.attn.pattern", [0, 4, 2])
    page.get_by_role("button", name="Pinned").click()
    # The panel shows what the link named; its neighbours can only come from the scene.
    point(page, CELL, 0)
    shows(page, run, "0.attn.pattern", [0, 4, 3])
    point(page, -CELL, 0)
    shows(page, run, "0.attn.pattern", [0, 4, 1])
    point(page, 0, CELL)
    shows(page, run, "0.attn.pattern", [0, 5, 2])
    page.mouse.down()
    page.mouse.up()
    address_has(page, "c=0.attn.pattern%3A0%3A5%3A2")
    point(page, CELL, 0)
    shows(page, run, "0.attn.pattern", [0, 5, 2])


def test_what_was_learned_is_explained_like_everything_else(scene: Open, run: Activations) -> None:
    page = scene(c="0.mlp.up.weight:7:20", pin="1")
    shows(page, run, "0.mlp.up.weight", [7, 20])
    page.get_by_role("button", name="Pinned").click()
    point(page, CELL, 0)
    panel = page.get_by_label("The cell, explained")
    expect(panel).to_contain_text("learned in training")
    at = panel.locator("[data-told=place]")
    expect(at).not_to_contain_text("d_model 7 d_mlp 20")


def test_heads_before_the_one_that_is_kept_make_way(scene: Open, run: Activations) -> None:
    """The last head stands behind two others, and its cells are pointed at through them."""
    page = scene(c="0.attn.pattern:2:4:2", pin="1")
    shows(page, run, "0.attn.pattern", [2, 4, 2])
    for _ in range(3):  # far enough that the other heads are in the picture
        page.get_by_role("button", name="Further away").click()
    drawn(page)
    point(page, CELL // 4, 0)
    page.mouse.down()
    page.mouse.up()
    shows(page, run, "0.attn.pattern", [2, 4, 3])
    page.get_by_role("button", name="Pinned").click()
    address_lacks(page, "pin=1")
    drawn(page)
    # Let go of, the heads are back, and the front one is met.
    point(page, 0, 0)
    expect(page.get_by_label("The cell, explained").locator("[data-told=place]")).to_contain_text("head 0")


def test_an_operand_is_stepped_into_with_the_eye_and_back(scene: Open, run: Activations) -> None:
    page = scene(c="0.attn.pattern:1:4:2", pin="1")
    shows(page, run, "0.attn.pattern", [1, 4, 2])
    page.locator("[data-source='0.attn.scores:1:4:2']").first.click()
    shows(page, run, "0.attn.scores", [1, 4, 2])
    there = eye(page)
    page.get_by_role("button", name="Back").click()
    shows(page, run, "0.attn.pattern", [1, 4, 2])
    eye_after(page, there)
    drawn(page)
    point(page, CELL, 0)
    page.mouse.down()
    page.mouse.up()
    shows(page, run, "0.attn.pattern", [1, 4, 3])


def test_a_link_reopens_eye_cell_model_and_text(scene: Open, run: Activations) -> None:
    page = scene(c="0.attn.v:1:2:9", pin="1")
    point(page, 60, 40)
    page.mouse.down(button="right")
    point(page, 75, 25)  # from here on it is a movement
    point(page, 90, 10)
    page.mouse.up(button="right")
    turned = eye(page)
    page.mouse.wheel(0, -120)
    nearer = eye_after(page, turned)
    page.get_by_role("button", name="Further away").click()
    there = eye_after(page, nearer)
    link = dict(parse_qsl(str(page.evaluate("location.hash.slice(1)"))))
    assert link["c"] == "0.attn.v:1:2:9"
    page.mouse.move(2, 2)
    before = drawn(page).screenshot()
    again = scene(**link)
    shows(again, run, "0.attn.v", [1, 2, 9])
    assert eye(again) == there
    becomes(again, lambda: alike(drawn(again).screenshot(), before), True)
    # Going back from a further flight is a flight back.
    again.get_by_role("button", name="Unpin").or_(again.get_by_role("button", name="Pinned")).click()
    again.get_by_role("button", name="Whole").click()
    eye_after(again, there)
    again.go_back()
    becomes(again, lambda: eye(again), there)
    becomes(again, lambda: alike(drawn(again).screenshot(), before), True)


def test_nothing_is_drawn_while_nothing_changes(still: BrowserContext, scene: Open) -> None:
    still.add_init_script(
        """window.drawn = 0;
        const given = WebGL2RenderingContext.prototype.drawElementsInstanced;
        WebGL2RenderingContext.prototype.drawElementsInstanced = function (...more) {
            window.drawn++;
            return given.apply(this, more);
        };"""
    )
    page = scene(c="0.attn.q:0:2:3", pin="1", g="off")
    pictures = """async n => {
        const before = window.drawn;
        for (let i = 0; i < n; i++) await new Promise(requestAnimationFrame);
        return window.drawn - before;
    }"""
    at_rest = (
        f"(async () => document.querySelector('canvas').dataset.drawn === 'all' && await ({pictures})(10) === 0)()"
    )
    until(page, at_rest)
    before = page.evaluate("window.drawn")
    assert before > 0
    assert page.evaluate(pictures, 30) == 0
    page.get_by_role("button", name="Nearer").click()
    page.wait_for_function("before => window.drawn > before", arg=before)
    until(page, at_rest)
    assert page.evaluate(pictures, 30) == 0


def test_keys_walk_from_cell_to_cell_and_block_to_block(scene: Open, run: Activations) -> None:
    page = scene(c="0.attn.q:0:2:3", pin="1")
    page.get_by_role("button", name="Pinned").click()
    point(page, 0, 0)
    page.get_by_role("application").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("ArrowRight")
    shows(page, run, "0.attn.q", [0, 3, 3])
    page.keyboard.press("ArrowDown")
    shows(page, run, "0.attn.q", [0, 3, 4])
    page.keyboard.press("PageDown")
    shows(page, run, "0.attn.q", [1, 3, 4])
    page.keyboard.press("[")
    shows(page, run, "0.attn.q.bias", [1, 4])
    page.keyboard.press("Enter")
    address_has(page, "c=0.attn.q.bias%3A1%3A4")


def test_keys_begin_at_the_cell_that_is_spoken_of(scene: Open, run: Activations) -> None:
    page = scene(c="1.attn.q:1:2:9", g="off")
    page.get_by_role("application").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("ArrowRight")
    shows(page, run, "1.attn.q", [1, 3, 9])
    page.keyboard.press("Escape")
    shows(page, run, "1.attn.q", [1, 2, 9])


def test_a_lost_drawing_context_comes_back_with_the_same_picture(scene: Open) -> None:
    page = scene(c="0.attn.pattern:0:4:2", pin="1")
    before = drawn(page).screenshot()
    page.evaluate(
        """() => {
            const context = document.querySelector("canvas").getContext("webgl2");
            window.lost = context.getExtension("WEBGL_lose_context");
            window.lost.loseContext();
        }"""
    )
    page.locator("canvas[data-drawn=part]").wait_for()
    page.evaluate("() => window.lost.restoreContext()")
    becomes(page, lambda: drawn(page).screenshot() == before, True)


def test_without_webgl_there_are_the_tables_and_the_reason(
    still: BrowserContext, server: str, run: Activations
) -> None:
    page = still.new_page()
    page.add_init_script(
        """const given = HTMLCanvasElement.prototype.getContext;
        HTMLCanvasElement.prototype.getContext = function (kind, ...more) {
            return kind.startsWith("webgl") ? null : given.call(this, kind, ...more);
        };"""
    )
    page.goto(f"{server}/#{urlencode({'v': 'walkthrough', 'm': SORT, 't': LETTERS, 'c': '0.attn.q:1:3:7'})}")
    expect(page.get_by_text("this browser gives no WebGL 2")).to_be_visible()
    expect(page.get_by_role("grid")).to_be_visible()
    shows(page, run, "0.attn.q", [1, 3, 7])


@pytest.fixture
def phone(drawing: Browser, server: str) -> Iterator[Open]:
    """Opens the walkthrough on a phone, whose screen is touched."""
    size = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
    with visitor(drawing, **size, reduced_motion="reduce") as made:
        made.clock.install()
        yield lambda **place: on_phone(made, server, place)


def on_phone(made: BrowserContext, server: str, place: dict[str, str]) -> Page:
    page = made.new_page()
    page.goto(f"{server}/#{urlencode({'v': 'walkthrough', 'm': SORT, 't': LETTERS, 'g': 'off', **place})}")
    # First all of it is there, then it is brought into sight: what comes later would move it away again.
    rests(page)
    page.locator("canvas").scroll_into_view_if_needed()
    drawn(page)
    return page


def touch(page: Page, *paths: list[tuple[float, float]]) -> None:
    """Fingers that go along paths at once, each so far from the middle of the canvas."""
    box = page.locator("canvas").bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    session = page.context.new_cdp_session(page)

    def at(step: int) -> list[dict[str, float]]:
        return [{"x": x + path[step][0], "y": y + path[step][1], "id": i} for i, path in enumerate(paths)]

    session.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": at(0)})
    for step in range(1, len(paths[0])):
        session.send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": at(step)})
    session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    session.detach()


def pose(page: Page) -> list[float]:
    """The eye's place, turn and span, which the address has when it rests; the page's clock stands still until then."""
    page.clock.run_for(2000)
    return [float(part) for part in eye(page).split(",")]


def test_one_finger_moves_two_turn_and_pinch_and_a_tap_keeps(phone: Open, run: Activations) -> None:
    page = phone(c="0.attn.pattern:0:4:2", pin="1")
    fits(page)
    # A gesture of a slow machine would be several, with rests between.
    at_rest(page)
    touch(page, [(0, 0), (20, 0), (40, 0), (60, 0)])
    x, y, z, yaw, pitch, span = pose(page)
    touch(page, [(0, 0), (0, -20), (0, -40), (0, -60)])
    moved = pose(page)
    assert moved[1] > y  # the picture went up with the finger, so the eye looks further down
    assert [moved[0], moved[2], *moved[3:]] == pytest.approx([x, z, yaw, pitch, span], abs=1)
    apart = [[(-20.0, 0.0), (-30.0, 0.0), (-40.0, 0.0)], [(20.0, 0.0), (30.0, 0.0), (40.0, 0.0)]]
    touch(page, *apart)
    nearer = pose(page)
    assert nearer[5] < 0.7 * span
    assert nearer[3:5] == pytest.approx([yaw, pitch], abs=1)
    touch(page, *[[(at, 0.0), (at + 20, 0.0), (at + 40, 0.0)] for at in (-40.0, 40.0)])
    turned = pose(page)
    assert abs(turned[3] - yaw) > 5
    assert turned[5] == pytest.approx(nearer[5], rel=0.05)


def test_a_tap_keeps_a_cell_and_explains_it(phone: Open, run: Activations) -> None:
    page = phone(c="0.attn.pattern:0:4:2", pin="1")
    cell = CELL  # as on a desk: a link opens at cells of one size
    box = page.locator("canvas").bounding_box()
    assert box is not None
    page.touchscreen.tap(box["x"] + box["width"] / 2 + cell, box["y"] + box["height"] / 2)
    shows(page, run, "0.attn.pattern", [0, 4, 3])
    address_has(page, "c=0.attn.pattern%3A0%3A4%3A3")
    # In short right below the picture, in digits that need no zoom; all of it is further down.
    kept = page.get_by_role("region", name="The kept cell")
    value = kept.locator("[data-kept=value]")
    expect(value).to_have_text(page.get_by_label("The cell, explained").locator("[data-told=value]").inner_text())
    assert value.evaluate("one => parseFloat(getComputedStyle(one).fontSize)") >= 28
    kept.get_by_role("button", name="All of it").tap()
    expect(page.get_by_label("The cell, explained").locator("h2")).to_be_in_viewport()
    kept.get_by_role("button", name="Let go").tap()
    expect(kept).to_have_count(0)
