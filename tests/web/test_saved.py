"""Traces as files in the page: saved, opened again without a model, dropped; what is no trace is one line."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pytest
from playwright.sync_api import Locator, Page, expect

import logitscope as ls
from logitscope.scope import Scope
from logitscope.view import alternatives, likelihood
from tests.web.conftest import address_has, address_lacks, becomes, figures, read, says, until

Open = Callable[[str], Page]

TEXT = "The fisherman put out to sea, and the sea put out to the fisherman."
ADDRESS = f"#t={quote(TEXT)}"


def save(page: Page, kind: str, folder: Path, stages: str = "all") -> Path:
    """What the page hands out, under the name that it gives it."""
    page.get_by_role("button", name="Save", exact=True).click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("radio", name=re.compile(kind)).check()
    dialog.locator("select").select_option(stages)
    with page.expect_download() as coming:
        dialog.get_by_role("button", name="Save", exact=True).click()
    path = folder / coming.value.suggested_filename
    coming.value.save_as(path)
    dialog.get_by_text(f"Saved as {path.name}").wait_for()
    dialog.get_by_role("button", name="Close").click()
    return path


def put(page: Page, *files: Path) -> None:
    page.get_by_label("A saved trace").set_input_files([str(file) for file in files])


def reads(page: Page, text: str) -> None:
    """Waits until a text stands there, token by token."""
    becomes(page, lambda: "".join(page.locator("main .run").all_inner_texts()).replace("\u200b", ""), text)


def trace_shown(page: Page) -> Locator:
    """What is said of the saved trace that is open."""
    region = page.get_by_role("region", name="Saved trace")
    region.wait_for()
    return region


def test_what_is_saved_is_the_librarys_trace_and_opens_in_every_view_without_a_model(
    opened: Open, tales: Scope, tmp_path: Path
) -> None:
    page = opened(f"{ADDRESS}&p=6")
    file = save(page, "Trace file", tmp_path)
    assert file.name == "the-fisherman-put-out-to-sea.trace.safetensors"
    saved, wanted = ls.open_trace(file), tales.trace(TEXT)
    for name in ("next_logprob", "top_ids", "final_rank"):
        np.testing.assert_allclose(saved[name], wanted[name], atol=2e-5)
    assert saved.watched == tuple(wanted["top_ids"][-1, 5])

    page.get_by_role("textbox", name="Text").fill("Another text")
    read(page)
    put(page, file)
    says(trace_shown(page), file.name, "embedded:tales", "no model")
    reads(page, TEXT)
    expect(page.get_by_role("textbox")).to_have_count(0)
    found = alternatives(saved, 4)
    page.locator("main .run").nth(4).click()
    assert found.actual is not None
    becomes(page, lambda: figures(page).get("bits"), f"{found.actual.bits:.2f}")

    page.get_by_role("tab", name="Lens").click()
    expect(page.get_by_role("grid")).to_have_attribute("aria-rowcount", str(len(saved.stages)))
    page.get_by_role("tab", name="Evolution").click()
    page.get_by_role("heading", name="Scores").wait_for()
    page.get_by_role("heading", name="All tokens at this stage").wait_for()
    page.get_by_role("tab", name="Walkthrough").click()
    page.get_by_text("holds what was read out of them, and no model").wait_for()

    page.get_by_role("tab", name="Text").click()
    page.get_by_role("button", name="Read its text with embedded:tales").click()
    expect(page.get_by_role("textbox", name="Text")).to_have_value(TEXT)
    read(page)


def test_closing_a_saved_trace_gives_the_text_back_and_going_back_the_trace(
    opened: Open, tales: Scope, tmp_path: Path
) -> None:
    file = tmp_path / "sea.trace.safetensors"
    tales.trace(TEXT, subblocks=True).save(file)
    page = opened("#t=Once+upon+a+time")
    put(page, file)
    trace_shown(page)
    address_has(page, "f=sea.trace.safetensors")
    page.get_by_role("button", name="Close it").click()
    expect(page.get_by_role("textbox", name="Text")).to_have_value("Once upon a time")
    address_lacks(page, "f=sea")
    page.go_back()
    trace_shown(page)
    reads(page, TEXT)
    # What was closed is kept no longer: the address of a file on somebody's disk can only name it.
    page.reload()
    page.get_by_text("is a file on somebody's disk").wait_for()
    put(page, file)
    trace_shown(page)
    reads(page, TEXT)


def test_a_saved_trace_is_there_again_when_the_page_is_loaded_again(opened: Open, tales: Scope, tmp_path: Path) -> None:
    moon = "The moon rose over the sea."
    files = [tmp_path / "sea" / "one.trace.safetensors", tmp_path / "moon" / "one.trace.safetensors"]
    for file, text in zip(files, (TEXT, moon), strict=True):
        file.parent.mkdir()
        tales.trace(text).save(file)
    page = opened("#t=Once+upon+a+time")
    put(page, files[0])
    reads(page, TEXT)
    page.locator("main .run").nth(4).click()
    address_has(page, "pin=1")
    address_has(page, "f=one.trace.safetensors")
    page.reload()
    says(trace_shown(page), "This browser keeps it")
    reads(page, TEXT)
    expect(page.locator("main [data-pinned]")).to_have_count(1)

    # Another file of the same name is another one, and going back finds the first.
    put(page, files[1])
    reads(page, moon)
    address_lacks(page, "pin=1")
    page.go_back()
    reads(page, TEXT)
    page.reload()
    reads(page, TEXT)
    page.get_by_role("button", name="Close it").click()
    expect(page.get_by_role("textbox", name="Text")).to_have_value("Once upon a time")
    until(page, "caches.open('logitscope opened /').then(it => it.keys()).then(keys => keys.length === 1)")


def test_what_is_read_back_is_checked_like_any_other_file(opened: Open, tales: Scope, tmp_path: Path) -> None:
    file = tmp_path / "sea.trace.safetensors"
    tales.trace(TEXT).save(file)
    page = opened("#t=Once")
    put(page, file)
    reads(page, TEXT)
    address_has(page, "f=sea.trace.safetensors")
    page.evaluate(
        """async () => {
            const cache = await caches.open("logitscope opened /");
            const [{ url }] = await cache.keys();
            const { headers } = await cache.match(url);
            await cache.put(url, new Response("<b>no trace</b>", { headers }));
        }"""
    )
    page.reload()
    expect(page.get_by_role("alert").filter(has_text="the file is no trace")).to_be_visible()
    named = page.get_by_role("alert").filter(has_text="is a file on somebody's disk")
    with page.expect_file_chooser() as chooser:
        named.get_by_role("button", name="Open it").click()
    chooser.value.set_files(file)
    trace_shown(page)
    reads(page, TEXT)


def test_a_link_to_a_file_that_is_elsewhere_can_be_gone_on_with_without_it(opened: Open) -> None:
    page = opened("#t=Once+upon+a+time")
    page.evaluate("location.hash += '&f=sea.trace.safetensors&h=00'")
    page.get_by_role("button", name="Go on without it").click()
    expect(page.get_by_role("textbox", name="Text")).to_have_value("Once upon a time")


def test_a_trace_that_holds_less_shows_less_and_says_what_is_missing(
    opened: Open, tales: Scope, tmp_path: Path
) -> None:
    page = opened(ADDRESS)
    file = save(page, "Trace file", tmp_path, "output")
    assert ls.open_trace(file).stages == (tales.model.anatomy.last_stage,)
    put(page, file)
    trace_shown(page)
    reads(page, TEXT)
    page.get_by_role("tab", name="Lens").click()
    page.get_by_text("This trace holds one stage").wait_for()


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("notes.txt", b"The sea.", "the file is no trace"),
        ("empty.safetensors", b"", "the file is no trace"),
        ("<b>.safetensors", b"\x02\x00\x00\x00\x00\x00\x00\x00{}", "no trace"),
    ],
)
def test_what_is_no_trace_is_said_in_one_line_and_leaves_the_page_as_it_was(
    opened: Open, tmp_path: Path, name: str, content: bytes, said: str
) -> None:
    page = opened(ADDRESS)
    file = tmp_path / name
    file.write_bytes(content)
    put(page, file)
    trouble = page.get_by_role("alert")
    says(trouble, said, name)
    expect(page.get_by_role("textbox", name="Text")).to_have_value(TEXT)
    trouble.get_by_role("button", name="Close").click()
    trouble.wait_for(state="detached")


def test_a_file_that_is_dropped_is_opened(opened: Open, tales: Scope, tmp_path: Path) -> None:
    file = tmp_path / "dropped.trace.safetensors"
    tales.trace(TEXT).save(file)
    page = opened("#t=Once")
    transfer = page.evaluate_handle(
        """bytes => {
            const transfer = new DataTransfer();
            transfer.items.add(new File([new Uint8Array(bytes)], "dropped.trace.safetensors"));
            return transfer;
        }""",
        list(file.read_bytes()),
    )
    page.dispatch_event("main", "dragenter", {"dataTransfer": transfer})
    page.get_by_text("Drop a saved trace to open it").wait_for()
    page.dispatch_event("main", "drop", {"dataTransfer": transfer})
    trace_shown(page)
    expect(page.get_by_text("Drop a saved trace to open it")).to_have_count(0)
    reads(page, TEXT)


def test_other_kinds_of_file(opened: Open, tales: Scope, tmp_path: Path) -> None:
    page = opened(ADDRESS)
    table = save(page, "CSV", tmp_path).read_text(encoding="utf-8")
    rows = list(csv.DictReader(table.splitlines()))
    trace = tales.trace(TEXT)
    held = {(row["stage"], int(row["position"])) for row in rows}
    assert held == {(stage, int(at)) for stage in trace.stages for at in trace.positions}
    html = save(page, "Web page", tmp_path)
    other = page.context.new_page()
    other.goto(html.as_uri())
    reads(other, TEXT)
    expect(other.get_by_role("tab")).to_have_text(["Text", "Lens", "Evolution"])
    bits = likelihood(tales.trace(TEXT)).summary.total_bits
    says(other.get_by_label("Totals of the text"), f"{bits:,.1f}")
    other.close()
