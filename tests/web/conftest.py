"""A server of the built page in this process, and a browser: pages are held against `scope.trace` itself.

A page answers when it can. So no test reads it once after something that may take a while: it waits for a state of the
page, with `expect` of playwright or with `becomes`, and how long that may take is said here alone, in `PATIENCE`.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Error,
    Locator,
    Page,
    Request,
    expect,
    sync_playwright,
)

import logitscope
from logitscope.scope import Scope
from logitscope.server import Settings, create_app
from logitscope.server.listen import Listener, bind, url_of
from tests.conftest import NO_BROWSER
from tests.web.hosting import PATIENCE, Host, exported, hosting, own_copy

ROOT = Path(__file__).parents[2]
NAMES = (os.environ.get("LOGITSCOPE_CHROMIUM", ""), "chromium", "chromium-browser", "google-chrome")
OPTIONS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update")

ANSWERED = re.compile("status of (409|422|503)")
"""What a browser notes of a refusal, which is an answer too: the page shows it, or asks again after a while."""

expect.set_options(timeout=PATIENCE)


@pytest.fixture(scope="session")
def page_is_built() -> None:
    """The page in the package is that of the sources."""
    if os.environ.get("LOGITSCOPE_NO_WEB", "0") not in ("", "0"):
        pytest.skip("LOGITSCOPE_NO_WEB is set: there is no page")
    (ROOT / ".cache").mkdir(exist_ok=True)
    with FileLock(ROOT / ".cache" / "web.lock"):  # of several processes of tests the first one builds it
        done = subprocess.run([sys.executable, ROOT / "web" / "build.py"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="session")
def chromium() -> str:
    """The browser's path."""
    path = next((found for name in NAMES if name and (found := shutil.which(name))), None)
    if path is None:
        pytest.skip(NO_BROWSER)
    return path


@contextmanager
def launched(chromium: str, options: Sequence[str] = OPTIONS) -> Iterator[Browser]:
    """A running browser."""
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium, args=list(options), timeout=PATIENCE)
        yield running
        running.close()


@contextmanager
def visitor(browser: Browser, **options: Any) -> Iterator[BrowserContext]:
    """Somebody who was never here, with a screen of their own: pages of theirs share what they keep."""
    made = browser.new_context(**options)
    made.set_default_timeout(PATIENCE)
    try:
        yield made
    finally:
        made.close()


# Not for the whole session: while it runs, its event loop is in the way of tests that run one of their own.
@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    with launched(chromium) as running:
        yield running


@pytest.fixture(scope="session")
def tales() -> Scope:
    return logitscope.load("embedded:tales")


@contextmanager
def listening(scopes: list[Scope], port: int = 0) -> Iterator[str]:
    """A running server; its address."""
    settings = Settings(stop_seconds=2)
    started = threading.Event()
    listener = Listener(create_app(scopes, settings), settings, started.set)
    socket = bind("127.0.0.1", port)
    url = url_of(socket, "127.0.0.1")
    thread = threading.Thread(target=listener.run, args=(socket,), daemon=True)
    thread.start()
    assert started.wait(PATIENCE / 1000)
    try:
        yield url
    finally:
        listener.stop()
        thread.join(PATIENCE / 1000)


@pytest.fixture(scope="session")
def server(page_is_built: None, chromium: str, tales: Scope) -> Iterator[str]:
    with listening([tales, logitscope.load("embedded:sort")]) as url:
        yield url


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    with visitor(browser, viewport={"width": 1280, "height": 860}, color_scheme="light") as made:
        yield made


@pytest.fixture
def opened(context: BrowserContext, server: str) -> Iterator[Callable[[str], Page]]:
    """Opens the page at a hash; anything that the browser complains of fails the test."""
    complaints: list[str] = []

    def complain(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not ANSWERED.search(message.text):
            complaints.append(message.text)

    def open_(address: str = "") -> Page:
        page = context.new_page()
        page.on("console", complain)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(f"{server}/{address}")
        read(page)
        return page

    yield open_
    assert complaints == []


@pytest.fixture(scope="session")
def site(page_is_built: None, chromium: str) -> Path:
    """The default site as it is exported; nobody changes it."""
    return exported()


@pytest.fixture
def host(site: Path, tmp_path: Path) -> Iterator[Host]:
    """A plain host of a copy of the site, below a path."""
    own_copy(site, tmp_path)
    with hosting(tmp_path) as running:
        yield running


@pytest.fixture
def visit(context: BrowserContext) -> Iterator[Visit]:
    """Opens pages of sites; anything that a browser complains of, or that leaves the site, fails the test."""
    visitor = Visit(context)
    yield visitor
    assert visitor.complaints == []
    assert visitor.strays == []


class Visit:
    """A browser that comes to a site.

    Attributes:
        complaints: what the browser said of errors, broken policies and exceptions.
        strays: addresses that were asked for and are not the site's.
        expected: parts of complaints that a test brings about on purpose.
    """

    def __init__(self, context: BrowserContext) -> None:
        self.context = context
        self.complaints: list[str] = []
        self.strays: list[str] = []
        self.expected: list[str] = []
        self._homes: set[str] = set()
        context.on("request", self._asked)
        context.add_init_script(
            "addEventListener('securitypolicyviolation', e => console.error('policy broken: ' + e.violatedDirective))"
        )

    def __call__(self, url: str, *, begin: bool = True) -> Page:
        """The page at an address; with `begin`, the app in it, its first text read."""
        self._homes.add(url.partition("#")[0].partition("?")[0])
        page = self.context.new_page()
        page.on("console", lambda said: said.type in ("error", "warning") and self._complain(said.text))
        page.on("pageerror", lambda error: self._complain(str(error)))
        page.goto(url)
        if begin:
            start(page)
        return page

    def _complain(self, text: str) -> None:
        # What the software renderer says of its own speed, and that there is no graphics processor, concerns nobody.
        noted = ("GPU stall due to ReadPixels", "No available adapters")
        if not any(part in text for part in [*self.expected, *noted]):
            self.complaints.append(text)

    def _asked(self, request: Request) -> None:
        if not request.url.startswith((*self._homes, "blob:", "data:")):
            self.strays.append(request.url)


def start(page: Page) -> None:
    """Agrees to the download where that is asked, and waits for the first text."""
    page.wait_for_selector("[data-phase=waiting], main #view")
    button = page.get_by_role("button", name="Download and begin")
    if button.count():
        button.click()
    page.wait_for_selector("main #view")
    read(page)


def kept_offline(page: Page) -> None:
    """Waits until the service worker has kept the page and answers for it."""
    page.evaluate("navigator.serviceWorker.ready")
    until(page, "navigator.serviceWorker.ready.then(found => found.active.state === 'activated')")


def until(page: Page, holds: str) -> None:
    """Waits until an expression holds, also one that is a promise, which `wait_for_function` takes for true at once."""
    becomes(page, lambda: bool(page.evaluate(holds)), True)


def fits(page: Page) -> None:
    """Waits until nothing is wider than a phone: what is measured to be drawn is drawn anew after the page was."""
    until(page, "document.documentElement.scrollWidth <= 390")


def becomes(page: Page, reading: Callable[[], object], wanted: object) -> None:
    """Waits until what is read of a page is what is wanted, for what `expect` has no words.

    Args:
        page: where it is read.
        reading: reads it, best in one evaluation: what is read piece by piece can be of two moments.
        wanted: may hold `pytest.approx`.
    """
    end = time.monotonic() + PATIENCE / 1000
    while time.monotonic() < end:
        try:
            if reading() == wanted:
                return
        except Error:
            pass  # a page that is just left, or has nothing there yet; the last reading says so
        page.wait_for_timeout(50)
    assert reading() == wanted


def says(where: Locator, *parts: str) -> None:
    """Waits until all of these stand somewhere, letter by letter as they are drawn."""

    def missing() -> list[str]:
        said = where.inner_text()
        return [part for part in parts if part not in said]

    becomes(where.page, missing, [])


def names(of: Locator) -> list[str]:
    """The accessible names that some elements were given."""
    return list(of.evaluate_all("all => all.map(one => one.getAttribute('aria-label') ?? '')"))


def at_rest(page: Page) -> None:
    """Stops the clock that `context.clock.install()` gave a page: from now on only `page.clock.run_for` moves it."""
    page.clock.pause_at(page.evaluate("Date.now()") / 1000 + 1)


def read(page: Page) -> None:
    """Waits until what is shown is what was read of the text as it is, all of it, and nothing is under way."""
    page.wait_for_function(
        """() => document.querySelector("main [aria-busy=false]") && document.querySelector("[data-status=done]")
            && !document.querySelector("main[aria-busy=true], main [aria-busy=true]")"""
    )


def type_text(page: Page, text: str) -> None:
    """Puts a text into the editor and waits for its numbers."""
    page.get_by_role("textbox", name="Text").fill(text)
    expect(page.locator("textarea").first).to_have_value(text.replace("\r\n", "\n"))
    read(page)


def address_has(page: Page, part: str) -> None:
    """Waits until the address, which follows what is seen after a moment, says something."""
    page.wait_for_function("part => location.hash.includes(part)", arg=part)


def address_lacks(page: Page, part: str) -> None:
    """Waits until the address says something no more."""
    page.wait_for_function("part => !location.hash.includes(part)", arg=part)


def await_tokens(page: Page, text: str) -> None:
    """Waits until the coloured tokens are those of a text."""
    joined = "[...document.querySelectorAll('.layer .run')].map(e => e.innerText).join('')"
    page.wait_for_function(f"text => {joined} === text", arg=text)


def tokens_drawn(page: Page) -> list[str]:
    """The texts of the coloured tokens."""
    return page.locator(".layer .run").all_inner_texts()


def colours_drawn(page: Page, runs: str = ".layer .run") -> list[str]:
    """The colours behind the tokens, as `rgb(r, g, b)`."""
    return list(page.locator(runs).evaluate_all("all => all.map(one => getComputedStyle(one).backgroundColor)"))


def as_css(colour: str) -> str:
    """`#rrggbb` as a browser says it."""
    return "rgb({}, {}, {})".format(*(int(colour[i : i + 2], 16) for i in (1, 3, 5)))


def figures(page: Page) -> dict[str, str]:
    """The numbers of the inspected token as they are written."""
    shown = page.locator("[data-figure]").evaluate_all("all => all.map(one => [one.dataset.figure, one.innerText])")
    return {name: re.sub(r"\s*bits", "", said).strip() for name, said in shown}
