"""Photographs the walkthrough for docs/walkthrough.md into docs/pictures/, in a browser that draws in software.

    python docs/make_walkthrough.py

Each picture is a link, as a reader would open it; the page and its numbers are the package's own. Needs Chromium, at
$LOGITSCOPE_CHROMIUM or on the path.
"""

from __future__ import annotations

import os
import shutil
import sys
import threading
from pathlib import Path
from urllib.parse import urlencode

from playwright.sync_api import Browser, sync_playwright

import logitscope
from logitscope.server import Settings, create_app
from logitscope.server.listen import Listener, bind, url_of

PICTURES = Path(__file__).parent / "pictures"
SOFTWARE = ("--no-sandbox", "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader")
DESK, PHONE = (1440, 900), (390, 844)

STORY = "Once upon a time there was a little"
PLACES = {
    "walkthrough-sum": ({"m": "embedded:sort", "t": "CBABBC", "g": "attention@23.2~0.1.3"}, DESK),
    "walkthrough-lens": ({"m": "embedded:tales", "t": STORY, "g": "half-way@14~0.0.5"}, DESK),
    "walkthrough-phone": ({"m": "embedded:sort", "t": "CBABBC", "g": "norm@8.5~0.1.3"}, PHONE),
}
"""By the picture's name: what the address says, and how large the window is."""


def photograph(browser: Browser, url: str, name: str) -> None:
    place, (width, height) = PLACES[name]
    page = browser.new_page(viewport={"width": width, "height": height}, color_scheme="light")
    page.goto(f"{url}/#{urlencode({'v': 'walkthrough', **place})}")
    page.wait_for_selector("canvas[data-drawn=all]")
    page.wait_for_function("document.querySelector('.guide').dataset.frame && !document.querySelector('.waiting')")
    if (width, height) == PHONE:
        page.locator("[aria-current=step]").evaluate("passage => passage.scrollIntoView({block: 'end'})")
    page.wait_for_selector(".cell:not(.stale)")
    page.screenshot(path=PICTURES / f"{name}.png")
    page.close()
    print(PICTURES / f"{name}.png")


def main() -> None:
    names = (os.environ.get("LOGITSCOPE_CHROMIUM", ""), "chromium", "chromium-browser", "google-chrome")
    chromium = next((found for name in names if name and (found := shutil.which(name))), None)
    if chromium is None:
        sys.exit("no browser was found; put Chromium on the path or its path into LOGITSCOPE_CHROMIUM.")
    settings, started = Settings(stop_seconds=2), threading.Event()
    scopes = [logitscope.load(name) for name in ("embedded:sort", "embedded:tales")]
    listener = Listener(create_app(scopes, settings), settings, started.set)
    socket = bind("127.0.0.1", 0)
    thread = threading.Thread(target=listener.run, args=(socket,), daemon=True)
    thread.start()
    started.wait()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=list(SOFTWARE))
        for name in PLACES:
            photograph(browser, url_of(socket, "127.0.0.1"), name)
        browser.close()
    listener.stop()
    thread.join()


if __name__ == "__main__":
    main()
