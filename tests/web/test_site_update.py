"""The site changes on its host: the old page stays whole, the new one waits, and the reader moves when they want."""

from __future__ import annotations

import json
from pathlib import Path

from playwright.sync_api import Page, expect

from logitscope.export.site import seal
from tests.web.conftest import Visit, becomes, kept_offline, read, start
from tests.web.hosting import Host, replace

OLD, NEW = "The Eiffel Tower", "A text of the new version"


def change(site: Path) -> None:
    """A new version: the first text of the gallery has another title."""
    index = json.loads((site / "site.json").read_text())
    index["texts"][0]["title"] = NEW
    replace(site / "site.json", json.dumps(index).encode())
    replace(site / "sw.js", (site / "sw.js").read_bytes())
    seal(site)


def is_old(page: Page) -> None:
    """The gallery is that of the old version."""
    gallery = page.get_by_role("group", name="Texts to start from")
    expect(gallery.get_by_role("button", name=OLD, exact=True)).to_have_count(1)
    expect(gallery.get_by_role("button", name=NEW)).to_have_count(0)


def caches_of(page: Page) -> set[str]:
    return set(page.evaluate("caches.keys()"))


def look_for_updates(page: Page) -> None:
    page.evaluate("navigator.serviceWorker.ready.then(registration => registration.update())")


def test_a_new_version_waits_until_it_is_wanted_and_takes_every_tab_along(host: Host, visit: Visit) -> None:
    page = visit(host.url)
    kept_offline(page)
    other = visit(host.url)
    before = caches_of(page)
    change(host.site)
    look_for_updates(page)
    offer = page.get_by_role("button", name="Reload to update")
    offer.wait_for()
    # Until then it is the old one, also where it is opened anew.
    other.reload()
    start(other)
    is_old(other)
    offer.click()
    for one in (page, other):
        one.get_by_role("button", name=NEW).wait_for()
        read(one)
        expect(one.get_by_role("button", name="Reload to update")).to_have_count(0)
    becomes(page, lambda: len(caches_of(page)), 2)
    assert len(before) == 2
    assert caches_of(page) != before


def test_a_version_that_is_half_uploaded_is_not_taken(host: Host, visit: Visit) -> None:
    visit.expected = ["belongs to another version"]
    page = visit(host.url)
    kept_offline(page)
    whole = caches_of(page)
    manifest = host.site / "manifest.webmanifest"
    right = manifest.read_bytes()
    change(host.site)
    replace(manifest, right.replace(b"Logitscope", b"Somethingy"))
    # It fails, which is what it should do, after all other files were fetched.
    state = page.evaluate(
        """async () => {
            const registration = await navigator.serviceWorker.ready;
            const found = new Promise(done =>
                registration.addEventListener("updatefound", () => done(registration.installing)));
            registration.update().catch(() => undefined);
            const worker = await found;
            if (worker.state === "redundant") return worker.state;
            return new Promise(done => worker.addEventListener("statechange", () => done(worker.state)));
        }"""
    )
    assert state == "redundant"
    assert caches_of(page) == whole
    page.reload()
    start(page)
    is_old(page)
    replace(manifest, right)
    look_for_updates(page)
    page.get_by_role("button", name="Reload to update").click()
    page.get_by_role("button", name=NEW).wait_for()


def test_weights_that_no_version_needs_any_more_are_removed(host: Host, visit: Visit) -> None:
    page = visit(host.url)
    kept_offline(page)
    kept = """async () => {
        const names = (await caches.keys()).filter(name => name.includes("kept"));
        const keys = await Promise.all(names.map(async name => (await caches.open(name)).keys()));
        return keys.flat().map(request => request.url);
    }"""
    stale = f"{host.url}kept/{'0' * 64}"
    page.evaluate(
        """async stale => {
            const name = (await caches.keys()).find(name => name.includes("kept"));
            await (await caches.open(name)).put(stale, new Response("x"));
        }""",
        stale,
    )
    assert stale in page.evaluate(kept)
    page.reload()
    start(page)
    becomes(page, lambda: stale in page.evaluate(kept), False)
    assert len(page.evaluate(kept)) > 5
