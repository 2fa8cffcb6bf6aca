"""The site where something goes wrong: files damaged, missing or late, two tabs, a browser that keeps nothing."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, Page, expect

from logitscope.scope import Scope
from tests.web.conftest import OPTIONS, Visit, await_tokens, kept_offline, says, start, tokens_drawn, visitor
from tests.web.hosting import PATIENCE, Host, replace

TEXT = "Once upon a time the sea was calm."
FIRST = "models/embedded-tales/weights-000.bin"


def agree(page: Page) -> None:
    page.get_by_role("button", name="Download and begin").click()


def trouble(page: Page, *parts: str) -> None:
    """Waits until all of this is said to have gone wrong."""
    says(page.get_by_role("alert"), *parts)


def read_whole(page: Page) -> None:
    start(page)
    await_tokens(page, TEXT)


def weights(host: Host) -> list[str]:
    return [path.name for path in sorted((host.site / FIRST).parent.glob("weights-*.bin"))]


def asked_for(host: Host, *names: str) -> list[str]:
    return [path for path in host.asked if path.endswith(names)]


def test_a_damaged_part_is_named_and_tried_again(host: Host, visit: Visit) -> None:
    part = host.site / FIRST
    right = part.read_bytes()
    replace(part, right[:-1] + bytes([right[-1] ^ 1]))
    page = visit(f"{host.url}#t={quote(TEXT)}", begin=False)
    agree(page)
    trouble(page, f"The file {FIRST} arrived, but it is not what this site was made with", "Try again")
    replace(part, right)
    host.asked.clear()
    page.get_by_role("button", name="Try again").click()
    read_whole(page)
    assert asked_for(host, *weights(host)) == [FIRST]


def test_a_missing_part_is_named_with_the_status_and_tried_again(host: Host, visit: Visit) -> None:
    visit.expected = ["404 (File not found)"]
    part = host.site / FIRST
    right = part.read_bytes()
    part.unlink()
    page = visit(f"{host.url}#t={quote(TEXT)}", begin=False)
    agree(page)
    trouble(page, f"The file {FIRST} is not there (the server answered 404 File not found)")
    part.write_bytes(right)
    page.get_by_role("button", name="Try again").click()
    read_whole(page)


def test_a_host_that_is_gone_is_said_and_asked_again(host: Host, visit: Visit) -> None:
    visit.expected = ["ERR_CONNECTION_REFUSED", "when fetching the script"]
    page = visit(f"{host.url}#t={quote(TEXT)}", begin=False)
    page.wait_for_selector("[data-phase=waiting]")
    host.stop()
    agree(page)
    trouble(page, "nobody answers")
    host.start()
    page.get_by_role("button", name="Try again").click()
    read_whole(page)


def test_without_its_index_the_site_says_so(host: Host, visit: Visit) -> None:
    visit.expected = ["404 (File not found)"]
    index = host.site / "site.json"
    right = index.read_bytes()
    index.unlink()
    page = visit(host.url, begin=False)
    trouble(page, "The file site.json is not there (the server answered 404")
    index.write_bytes(right)
    page.get_by_role("button", name="Try again").click()
    start(page)


def test_reloading_in_the_middle_goes_on_where_it_was(host: Host, visit: Visit) -> None:
    late = weights(host)[-1]
    host.hold(late)
    page = visit(f"{host.url}#t={quote(TEXT)}", begin=False)
    agree(page)
    host.await_held()
    # All others are here; of the last one, half.
    whole = sum(path.stat().st_size for path in (host.site / FIRST).parent.iterdir() if path.name != "manifest.json")
    whole += sum(path.stat().st_size for path in (host.site / "ort").iterdir())
    half = (host.site / FIRST).with_name(late).stat().st_size // 2
    page.wait_for_function(
        "least => Number(document.querySelector('[data-bytes]')?.dataset.bytes) >= least", arg=whole - half - 1
    )
    host.asked.clear()
    host.let_go()
    page.reload()
    read_whole(page)
    assert {path.rpartition("/")[2] for path in host.asked if path.startswith(("ort/", "models/"))} <= {
        late,
        "manifest.json",
    }


def test_a_stopped_download_waits_and_loses_nothing(host: Host, visit: Visit) -> None:
    late = weights(host)[-1]
    host.hold(late)
    page = visit(f"{host.url}#t={quote(TEXT)}", begin=False)
    agree(page)
    host.await_held()
    page.get_by_role("button", name="Stop").click()
    page.get_by_role("button", name="Go on with the download").wait_for()
    page.reload()
    # It was stopped by the reader, so it waits for the reader.
    page.get_by_role("button", name="Go on with the download").wait_for()
    host.let_go()
    page.get_by_role("button", name="Go on with the download").click()
    read_whole(page)


def test_two_tabs_at_once_fetch_each_file_once(host: Host, visit: Visit) -> None:
    pages = [visit(f"{host.url}#t={quote(TEXT)}", begin=False) for _ in range(2)]
    for page in pages:
        page.wait_for_selector("[data-phase=waiting]")
    host.asked.clear()
    for page in pages:
        agree(page)
    for page in pages:
        read_whole(page)
    fetched = asked_for(host, ".bin", ".onnx", ".deflate", "tokenizer.json")
    assert len(fetched) == len(set(fetched)) > 5


def test_what_was_removed_from_the_device_is_fetched_again(host: Host, visit: Visit) -> None:
    page = visit(f"{host.url}#t={quote(TEXT)}")
    kept_offline(page)
    page.evaluate("caches.keys().then(names => Promise.all(names.map(name => caches.delete(name))))")
    page.reload()
    read_whole(page)


def test_a_page_that_did_not_come_safely_says_what_it_does_without(
    host: Host, browser: Browser, chromium: str, tales: Scope
) -> None:
    name = "logitscope.example"
    arguments = [*OPTIONS, f"--host-resolver-rules=MAP {name} 127.0.0.1"]
    elsewhere = browser.browser_type.launch(executable_path=chromium, args=arguments, timeout=PATIENCE)
    with visitor(elsewhere) as context:
        page = context.new_page()
        page.goto(host.url.replace("127.0.0.1", name) + f"#t={quote(TEXT)}")
        page.wait_for_selector("[data-phase=waiting]")
        says(page.locator("footer"), "This page did not come over https")
        agree(page)
        read_whole(page)
        says(page.get_by_label("Totals of the text"), f"{tales.trace(TEXT).summary().total_bits:.1f}")
    elsewhere.close()


@pytest.mark.parametrize(
    ("lacking", "said"),
    [("delete globalThis.WebAssembly", "no WebAssembly"), ("WebAssembly.validate = () => false", "no SIMD")],
)
def test_a_browser_that_cannot_is_told_so_and_downloads_nothing(
    host: Host, visit: Visit, lacking: str, said: str
) -> None:
    visit.context.add_init_script(lacking)
    page = visit(host.url, begin=False)
    trouble(page, said)
    expect(page.get_by_role("button", name="Download and begin")).to_have_count(0)
    assert not asked_for(host, ".bin", ".onnx", ".deflate")


def test_a_link_to_an_unknown_model_is_explained(host: Host, visit: Visit) -> None:
    page = visit(f"{host.url}#m=openai-community/gpt2&t={quote(TEXT)}", begin=False)
    agree(page)
    page.locator("main #view").wait_for(state="attached")
    trouble(
        page,
        "This link is about openai-community/gpt2, which is not part of this site",
        "embedded:tales, embedded:sort",
    )
    page.get_by_label("Model", exact=True).select_option("embedded:tales")
    await_tokens(page, TEXT)
    assert tokens_drawn(page)


def test_the_folder_lies_as_it_was_exported(site: Path) -> None:
    assert (site / FIRST).stat().st_size < 10_000_000
    assert all(path.stat().st_size < 10_000_000 for path in site.rglob("*") if path.is_file())
