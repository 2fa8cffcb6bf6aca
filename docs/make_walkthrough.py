"""Photographs the walkthrough for docs/walkthrough.md into docs/pictures/, in a browser that draws in software.

    python docs/make_walkthrough.py

Each picture is a link, as a reader would open it; the page and its numbers are the package's own. Needs what
`make_page_pictures.py` needs.
"""

from __future__ import annotations

import shutil
import sys
from urllib.parse import urlencode

from make_page_pictures import NAMES, PICTURES, Picture, served
from playwright.sync_api import Browser, sync_playwright

SOFTWARE = ("--no-sandbox", "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader")
STORY = "Once upon a time there was a little"
ALL = (
    Picture("walkthrough-sum", {"m": "embedded:sort", "t": "CBABBC", "g": "attention@23.2~0.1.3"}, 1440, 900),
    Picture("walkthrough-lens", {"m": "embedded:tales", "t": STORY, "g": "half-way@14~0.0.5"}, 1440, 900),
    Picture("walkthrough-phone", {"m": "embedded:sort", "t": "CBABBC", "g": "norm@8.5~0.1.3"}, 390, 844),
)


def photograph(browser: Browser, url: str, picture: Picture) -> None:
    page = browser.new_page(viewport={"width": picture.width, "height": picture.height}, color_scheme="light")
    page.goto(f"{url}/#{urlencode({'v': 'walkthrough', **picture.place})}")
    page.wait_for_selector("canvas[data-drawn=all]")
    page.wait_for_function("document.querySelector('.guide').dataset.frame && !document.querySelector('.waiting')")
    if picture.width < 600:
        page.locator("[aria-current=step]").evaluate("passage => passage.scrollIntoView({block: 'end'})")
    page.wait_for_selector(".cell:not(.stale)")
    page.screenshot(path=PICTURES / f"{picture.name}.png")
    page.close()


def main() -> None:
    chromium = next((found for name in NAMES if name and (found := shutil.which(name))), None)
    if chromium is None:
        sys.exit("no browser was found; put Chromium on the path or its path into LOGITSCOPE_CHROMIUM.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=list(SOFTWARE))
        for picture in ALL:
            with served(picture.place["m"]) as url:
                photograph(browser, url, picture)
            print(PICTURES / f"{picture.name}.png")
        browser.close()


if __name__ == "__main__":
    main()
