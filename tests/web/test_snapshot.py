"""The snapshot entry: one script, one sheet and a trace make a page that opens from disk, with nothing else."""

from __future__ import annotations

import base64
import html
import zlib
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from logitscope.scope import Scope
from logitscope.view import likelihood

BUILT = Path(__file__).parents[2] / "src" / "logitscope" / "web_build" / "snapshot"
TEXT = "The sea </script><script>alert(1)</script> & <b>rest</b>"


@pytest.mark.usefixtures("page_is_built")
def test_a_page_of_one_file_shows_its_trace_offline(browser: Browser, tales: Scope, tmp_path: Path) -> None:
    trace = tales.trace(TEXT)
    trace.save(tmp_path / "trace")
    held = base64.b64encode(zlib.compress((tmp_path / "trace").read_bytes())).decode()
    script = (BUILT / "snapshot.js").read_text()
    assert "</script" not in script
    page_file = tmp_path / "page.html"
    page_file.write_text(
        f"<!doctype html><meta charset=utf-8><title>{html.escape(TEXT)}</title>"
        f"<style>{(BUILT / 'snapshot.css').read_text()}</style><div id=logitscope></div>"
        f'<script type="application/vnd.logitscope.trace">{held}</script><script>{script}</script>'
    )
    context = browser.new_context(offline=True)
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(page_file.as_uri())
    page.wait_for_selector(".run")
    runs = likelihood(trace).runs
    assert page.locator("main .run").all_inner_texts() == [run.text for run in runs]
    assert page.get_by_role("textbox", name="Text").count() == 0
    page.get_by_role("tab", name="Lens").click()
    page.wait_for_function("() => location.hash.includes('v=lens')")
    assert complaints == []
    context.close()
