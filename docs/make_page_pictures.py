"""Photographs the web app for docs/serve.md: starts a server, opens each place in a browser, and writes what is seen.

    python docs/make_page_pictures.py [--model embedded:tales]

Needs what tests/web needs: playwright, and a Chromium (`LOGITSCOPE_CHROMIUM` names another one). Knows places of the
page by their addresses; the numbers in the pictures are the model's.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode

from playwright.sync_api import Browser, sync_playwright

import logitscope as ls
from logitscope.server import Settings, create_app
from logitscope.server.listen import Listener, bind, url_of

PICTURES = Path(__file__).parent / "pictures"

NAMES = (os.environ.get("LOGITSCOPE_CHROMIUM", ""), "chromium", "chromium-browser", "google-chrome")

SEA = "The old man looked at the sea, and the sea looked at the old man. He said: “Bring me a net, a boat and a lamp.”"
MOON = SEA.replace("the sea,", "the moon,", 1)


@dataclass(frozen=True)
class Picture:
    """One place of the page.

    Attributes:
        name: of the file.
        place: as the page's address says it.
        width, height: in CSS pixels.
        dark: on a dark page.
    """

    name: str
    place: dict[str, str] = field(default_factory=dict)
    width: int = 1280
    height: int = 800
    dark: bool = False


ALL = (
    Picture("page-text", {"t": SEA, "p": "6", "pin": "1"}),
    Picture("page-lens", {"v": "lens", "t": SEA, "p": "7", "s": "4.mlp", "pin": "1"}, height=860),
    Picture("page-evolution", {"v": "evolution", "t": SEA, "p": "7"}, height=1180),
    Picture("page-compare", {"t": SEA, "t2": MOON, "compare": "difference", "p": "9", "pin": "1"}, dark=True),
    Picture("page-phone", {"t": SEA, "p": "6", "pin": "1"}, width=390, height=844),
)


@contextmanager
def served(model: str) -> Iterator[str]:
    """A server of one model; its address."""
    settings = Settings(stop_seconds=2)
    started = threading.Event()
    listener = Listener(create_app([ls.load(model)], settings), settings, started.set)
    listening = bind("127.0.0.1", 0)
    url = url_of(listening, "127.0.0.1")
    thread = threading.Thread(target=listener.run, args=(listening,), daemon=True)
    thread.start()
    started.wait(60)
    try:
        yield url
    finally:
        listener.stop()
        thread.join(30)


def photograph(browser: Browser, url: str, picture: Picture) -> Path:
    phone = picture.width < 600
    context = browser.new_context(
        viewport={"width": picture.width, "height": picture.height},
        color_scheme="dark" if picture.dark else "light",
        reduced_motion="reduce",
        has_touch=phone,
        is_mobile=phone,
        device_scale_factor=2 if phone else 1,
    )
    page = context.new_page()
    page.goto(f"{url}/#{urlencode(picture.place)}")
    for state in ("main [aria-busy=false]", "[data-status=done]"):
        page.wait_for_selector(state, state="attached")
    page.wait_for_function("() => !document.querySelector('main [aria-busy=true]')")
    page.wait_for_function("() => getComputedStyle(document.querySelector('.status .line')).opacity === '0'")
    path = PICTURES / f"{picture.name}.png"
    page.screenshot(path=path)
    context.close()
    return path


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="embedded:tales")
    asked = parser.parse_args()
    path = next((found for name in NAMES if name and (found := shutil.which(name))), None)
    if path is None:
        print(
            "There is no Chromium here, so the page was not photographed; install one, or name it in", file=sys.stderr
        )
        print("LOGITSCOPE_CHROMIUM.", file=sys.stderr)
        return 1
    with served(asked.model) as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        for picture in ALL:
            print(photograph(browser, url, picture))
        browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
