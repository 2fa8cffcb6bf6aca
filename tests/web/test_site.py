"""The exported site as a person meets it: a plain host, no Python behind it, the numbers of the library."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar
from urllib.parse import quote, urlencode

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

import logitscope
from logitscope.scope import Scope
from logitscope.view import alternatives, likelihood
from logitscope.view.evolution import evolution
from tests.web.conftest import (
    Visit,
    address_has,
    await_tokens,
    becomes,
    kept_offline,
    read,
    says,
    start,
    tokens_drawn,
    type_text,
    until,
    visitor,
)
from tests.web.hosting import Host, hosting, own_copy
from tests.web.test_accessibility import violations
from tests.web.test_evolution import settled, standings
from tests.web.test_lens import number_said
from tests.web.test_text import inspected, inspecting, shown
from tests.web.test_walkthrough import shows

TEXT = "The fisherman put out to sea, and the sea put out to the fisherman."


@pytest.fixture(scope="module")
def served(site: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    root = tmp_path_factory.mktemp("www")
    own_copy(site, root)
    with hosting(root) as host:
        yield host


@pytest.fixture(scope="module")
def regular(browser: Browser, served: Host) -> Iterator[BrowserContext]:
    """A browser that was here before: the model is on its device, and pages open by themselves."""
    with visitor(browser, viewport={"width": 1280, "height": 860}, color_scheme="light") as context:
        page = context.new_page()
        page.goto(served.url)
        start(page)
        kept_offline(page)
        page.close()
        yield context


@pytest.fixture
def again(regular: BrowserContext) -> Iterator[Visit]:
    visit = Visit(regular)
    yield visit
    for page in regular.pages:
        page.close()
    assert visit.complaints == []
    assert visit.strays == []


def sizes(site: Path, model: str) -> tuple[int, int]:
    """Bytes of a model's files and of the program, by what lies in the folder."""
    folder = site / "models" / model
    program = sum(path.stat().st_size for path in (site / "ort").iterdir())
    return sum(path.stat().st_size for path in folder.iterdir() if path.name != "manifest.json"), program


def holds_numbers(page: Page, scope: Scope) -> None:
    """The text's view says of tokens what the library says of them."""
    trace = scope.trace(TEXT)
    becomes(page, lambda: tokens_drawn(page), [run.text for run in likelihood(trace).runs])
    says(page.get_by_label("Totals of the text"), f"{trace.summary().total_bits:.1f}")
    read(page)
    for position in (1, 5, len(trace.ids) - 1):
        page.locator(".layer .run").nth(position).hover(force=True)
        inspecting(page, alternatives(trace, position).actual.label)  # type: ignore[union-attr]
        becomes(page, lambda: shown(page), inspected(trace, position))


def test_nothing_large_is_fetched_before_its_size_is_said_and_agreed_to(host: Host, visit: Visit, tales: Scope) -> None:
    page = visit(f"{host.url}#t={quote(TEXT)}", begin=False)
    page.wait_for_selector("[data-phase=waiting]")
    model, program = sizes(host.site, "embedded-tales")
    says(
        page.locator("main"),
        f"To download: {(model + program) / 1e6:.1f} MB",
        f"{model / 1e6:.1f} MB for the model, {program / 1e6:.1f} MB for the program",
    )
    assert not [path for path in host.asked if path.startswith(("ort/", "models/")) and "manifest" not in path]
    assert page.evaluate("navigator.serviceWorker.controller") is None
    page.get_by_role("button", name="Download and begin").click()
    start(page)
    await_tokens(page, TEXT)
    holds_numbers(page, tales)
    parts = [path for path in host.asked if path.startswith("models/embedded-tales/weights")]
    assert len(parts) == len(set(parts)) > 1
    assert not [path for path in host.asked if path.startswith("models/embedded-sort/") and "manifest" not in path]


def test_without_a_network_and_without_the_host_it_opens_again(host: Host, visit: Visit, tales: Scope) -> None:
    page = visit(f"{host.url}#t={quote(TEXT)}")
    kept_offline(page)
    visit.context.set_offline(True)
    host.stop()
    page.reload()
    start(page)
    await_tokens(page, TEXT)
    holds_numbers(page, tales)
    page.get_by_role("tab", name="Lens").click()
    page.wait_for_selector("[role=grid]")
    # The scene and the guide are loaded when they are looked at.
    page.get_by_role("tab", name="Walkthrough").click()
    page.wait_for_selector(".walkthrough[data-status=done]")


def test_the_lens_holds_the_librarys_numbers(again: Visit, served: Host, tales: Scope) -> None:
    trace = tales.trace(TEXT)
    page = again(f"{served.url}#v=lens&t={quote(TEXT)}&cell=kl_from_final&p=5&s=3.mlp")
    number_said(page, trace, "kl_from_final", "3.mlp", 4)
    page = again(f"{served.url}#v=lens&t={quote(TEXT)}&cell=final_rank&p=7&s=embed")
    number_said(page, trace, "final_rank", "embed", 6)


def test_the_evolution_holds_the_librarys_numbers(again: Visit, served: Host, tales: Scope) -> None:
    page = settled(again(f"{served.url}#v=evolution&t={quote(TEXT)}&p=9&s=3.attn"))
    found = tales.follow(TEXT, position=8, histogram=True)
    at = found.stages.index("3.attn")
    curves = evolution(found, position=8).curves
    wanted = {curve.label: (f"{curve.ranks[at]:,}", f"{curve.logits[at]:.2f}".replace("-", "−")) for curve in curves}
    becomes(page, lambda: standings(page), wanted)


def test_the_walkthrough_explains_with_the_librarys_numbers(again: Visit, served: Host, tales: Scope) -> None:
    place = {"v": "walkthrough", "inside": "table", "t": TEXT, "c": "2.attn.pattern:1:5:2"}
    page = again(f"{served.url}#{urlencode(place)}", begin=False)
    page.wait_for_selector(".walkthrough[data-status=done]")
    shows(page, tales.activations(TEXT), "2.attn.pattern", [1, 5, 2])


class Trap(BaseHTTPRequestHandler):
    """Stands in for the rest of the world: whatever a browser sends anywhere else comes here."""

    caught: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        # Chromium itself asks its maker about the fields of any page, whatever the page's policy.
        if not self.path.endswith((".googleapis.com:443", ".google.com:443")):
            self.caught.append(f"{self.command} {self.path}")
        self.send_error(403)

    def do_POST(self) -> None:
        self.do_GET()

    def do_CONNECT(self) -> None:
        self.do_GET()

    def log_message(self, format: str, *arguments: object) -> None:
        """Says nothing."""


@pytest.fixture
def trap() -> Iterator[str]:
    """The address of a proxy that answers for all the world and notes what was asked."""
    Trap.caught.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Trap)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def test_nothing_is_sent_anywhere_else(browser: Browser, served: Host, trap: str) -> None:
    with visitor(browser, proxy={"server": trap, "bypass": "127.0.0.1"}) as context:
        visit = Visit(context)
        page = visit(f"{served.url}#t={quote(TEXT)}")
        kept_offline(page)
        for view in ("Lens", "Evolution", "Walkthrough", "Text"):
            page.get_by_role("tab", name=view).click()
            page.wait_for_selector(f"#tab-{view.lower()}[aria-selected=true]")
            read(page)
            page.wait_for_load_state("networkidle")
        page.get_by_role("button", name="Help").click()
        page.get_by_text("what you type is sent nowhere").wait_for()
        assert Trap.caught == []
        assert visit.strays == []
        assert visit.complaints == []
        # Its own policy lets it send nothing, and the trap does catch what is sent.
        visit.expected = ["violates the following Content Security Policy", "policy broken: connect-src"]
        visit.expected += ["Fetch API cannot load", "Refused to connect"]
        assert page.evaluate("fetch('http://elsewhere.example/').then(() => 'sent', () => 'kept')") == "kept"
        assert Trap.caught == []
        page.goto("http://elsewhere.example/")
        assert Trap.caught[0] == "GET http://elsewhere.example/"  # a browser may ask for its icon too


def test_going_back_and_forward_and_links(again: Visit, served: Host) -> None:
    page = again(f"{served.url}#t={quote(TEXT)}")
    page.get_by_role("tab", name="Lens").click()
    page.wait_for_selector("[role=grid]")
    address_has(page, "v=lens")
    page.go_back()
    await_tokens(page, TEXT)
    page.go_forward()
    page.wait_for_selector("[role=grid]")
    page.reload()
    page.wait_for_selector("[role=grid]")
    address_has(page, "v=lens")


def test_it_can_be_installed(again: Visit, served: Host) -> None:
    page = again(served.url)
    kept_offline(page)
    devtools = again.context.new_cdp_session(page)
    manifest = devtools.send("Page.getAppManifest")
    assert manifest["errors"] == []
    assert manifest["url"] == f"{served.url}manifest.webmanifest"
    said = json.loads(manifest["data"])
    for icon in said["icons"]:
        assert (served.site / icon["src"]).is_file()
    # What a browser of tests is, is all that is in the way.
    errors = devtools.send("Page.getInstallabilityErrors")["installabilityErrors"]
    assert {one["errorId"] for one in errors} <= {"in-incognito"}


def test_typing_reads_anew(again: Visit, served: Host, tales: Scope) -> None:
    page = again(served.url)
    type_text(page, TEXT)
    await_tokens(page, TEXT)
    read(page)
    holds_numbers(page, tales)


def test_two_tabs_read_side_by_side(again: Visit, served: Host) -> None:
    one, other = again(f"{served.url}#t=The+sea"), again(f"{served.url}#t=The+land")
    for page, text in ((one, "The sea was calm"), (other, "The land was dry"), (one, "The sea was calm.")):
        type_text(page, text)
    await_tokens(one, "The sea was calm.")
    await_tokens(other, "The land was dry")


def test_another_model_is_downloaded_only_when_the_reader_wants_it(host: Host, visit: Visit) -> None:
    page = visit(f"{host.url}#t=CBABBC")
    kept_offline(page)  # until then the service worker asks for the page's own files
    host.asked.clear()
    choice = page.get_by_label("Model", exact=True)
    choice.select_option("embedded:sort")
    dialog = page.get_by_role("dialog", name="embedded:sort")
    model, _ = sizes(host.site, "embedded-sort")
    says(dialog, f"{round(model / 1e3)} kB")
    assert host.asked == []
    dialog.get_by_role("button", name="Not now").click()
    alert = page.get_by_role("alert")
    says(alert, "embedded:sort was not downloaded")
    alert.get_by_role("button", name="Try again").click()
    dialog.get_by_role("button", name="Download").click()
    expect(page.locator(".caption")).to_contain_text("embedded:sort")
    read(page)
    trace = logitscope.load("embedded:sort").trace("CBABBC")
    says(page.get_by_label("Totals of the text"), f"{trace.summary().total_bits:.1f}")


def test_a_link_to_another_model_begins_with_that_one(host: Host, visit: Visit) -> None:
    page = visit(f"{host.url}#m=embedded:sort&t=CBABBC", begin=False)
    page.wait_for_selector("[data-phase=waiting]")
    expect(page.get_by_role("radio", name="embedded:sort")).to_be_checked()
    page.get_by_role("button", name="Download and begin").click()
    start(page)
    becomes(page, lambda: tokens_drawn(page), list("CBABBC"))
    assert not [path for path in host.asked if path.startswith("models/embedded-tales/weights")]


def test_a_model_that_is_chosen_first_brings_a_text_that_it_can_read(host: Host, visit: Visit) -> None:
    page = visit(host.url, begin=False)
    page.get_by_role("radio", name="embedded:sort").check()
    start(page)
    manifest = json.loads((host.site / "models" / "embedded-sort" / "manifest.json").read_text())
    becomes(page, lambda: "".join(tokens_drawn(page)), manifest["check"]["text"])


@pytest.mark.parametrize(("width", "scheme"), [(1280, "dark"), (390, "light")])
def test_axe_finds_nothing(browser: Browser, served: Host, width: int, scheme: str) -> None:
    screen = {"width": width, "height": 844}
    with visitor(browser, viewport=screen, color_scheme=scheme, reduced_motion="reduce") as context:
        page = context.new_page()
        page.goto(served.url)
        page.wait_for_selector("[data-phase=waiting]")
        assert violations(page) == []
        until(page, "document.documentElement.scrollWidth <= innerWidth")
        served.hold("weights-000.bin")
        page.get_by_role("button", name="Download and begin").click()
        served.await_held()
        page.get_by_role("progressbar").wait_for()
        assert violations(page) == []
        served.let_go()
        start(page)
        until(page, "document.documentElement.scrollWidth <= innerWidth")
        page.get_by_label("Model", exact=True).select_option("embedded:sort")
        page.get_by_role("dialog", name="embedded:sort").get_by_role("button", name="Download").wait_for()
        assert violations(page) == []
