"""A server of the built page in this process, and a browser: pages are held against `scope.trace` itself."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, sync_playwright

import logitscope
from logitscope.scope import Scope
from logitscope.server import Settings, create_app
from logitscope.server.listen import Listener, bind, url_of
from tests.conftest import NO_BROWSER
from tests.web.hosting import Host, exported, hosting, own_copy

ROOT = Path(__file__).parents[2]
NAMES = (os.environ.get("LOGITSCOPE_CHROMIUM", ""), "chromium", "chromium-browser", "google-chrome")
OPTIONS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update")


@pytest.fixture(scope="session")
def page_is_built() -> None:
    """The page in the package is that of the sources."""
    if os.environ.get("LOGITSCOPE_NO_WEB", "0") not in ("", "0"):
        pytest.skip("LOGITSCOPE_NO_WEB is set: there is no page")
    done = subprocess.run([sys.executable, ROOT / "web" / "build.py"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="session")
def chromium() -> str:
    """The browser's path."""
    path = next((found for name in NAMES if name and (found := shutil.which(name))), None)
    if path is None:
        pytest.skip(NO_BROWSER)
    return path


# Not for the whole session: while it runs, its event loop is in the way of tests that run one of their own.
@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium, args=list(OPTIONS))
        yield running
        running.close()


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
    assert started.wait(30)
    try:
        yield url
    finally:
        listener.stop()
        thread.join(30)


@pytest.fixture(scope="session")
def server(page_is_built: None, chromium: str, tales: Scope) -> Iterator[str]:
    with listening([tales, logitscope.load("embedded:sort")]) as url:
        yield url


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    made = browser.new_context(viewport={"width": 1280, "height": 860}, color_scheme="light")
    made.set_default_timeout(20_000)
    yield made
    made.close()


@pytest.fixture
def opened(context: BrowserContext, server: str) -> Iterator[Callable[[str], Page]]:
    """Opens the page at a hash; anything that the browser complains of fails the test."""
    complaints: list[str] = []

    def complain(message: ConsoleMessage) -> None:
        # A refusal is an answer, which the page shows; the browser notes it all the same.
        if message.type in ("error", "warning") and "status of 422" not in message.text:
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
        self._homes.add(url.partition("#")[0])
        page = self.context.new_page()
        page.on("console", lambda said: said.type in ("error", "warning") and self._complain(said.text))
        page.on("pageerror", lambda error: self._complain(str(error)))
        page.goto(url)
        if begin:
            start(page)
        return page

    def _complain(self, text: str) -> None:
        # What the software renderer says of its own speed concerns nobody.
        if not any(part in text for part in [*self.expected, "GPU stall due to ReadPixels"]):
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
    page.wait_for_selector("main #view", timeout=60_000)
    read(page)


def until(page: Page, holds: str) -> None:
    """Waits until an expression holds, also one that is a promise, which `wait_for_function` takes for true at once."""
    for _ in range(400):
        if page.evaluate(holds):
            return
        page.wait_for_timeout(50)
    raise AssertionError(f"never came true: {holds}")


def read(page: Page) -> None:
    """Waits until what is shown is what was read of the text as it is."""
    page.wait_for_selector("main [aria-busy=false]")
    page.wait_for_selector("[data-status=done]")


def type_text(page: Page, text: str) -> None:
    """Puts a text into the editor and waits for its numbers."""
    page.get_by_role("textbox", name="Text").fill(text)
    page.wait_for_function("text => document.querySelector('textarea').value === text", arg=text.replace("\r\n", "\n"))
    read(page)


def await_tokens(page: Page, text: str) -> None:
    """Waits until the coloured tokens are those of a text."""
    joined = "[...document.querySelectorAll('.layer .run')].map(e => e.innerText).join('')"
    page.wait_for_function(f"text => {joined} === text", arg=text)


def tokens_drawn(page: Page) -> list[str]:
    """The texts of the coloured tokens."""
    return page.locator(".layer .run").all_inner_texts()


def figures(page: Page) -> dict[str, str]:
    """The numbers of the inspected token as they are written."""
    shown = page.locator("[data-figure]")
    return {
        str(one.get_attribute("data-figure")): re.sub(r"\s*bits", "", one.inner_text()).strip() for one in shown.all()
    }
