"""Pages from the command line: which traces they hold, and where their reader begins."""

from __future__ import annotations

import base64
import html
import re
import zlib
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest

from logitscope.render.page import parts
from logitscope.trace import Trace, open_trace
from tests.cli.conftest import STAGES, FakeScope

TEXT = "The tide was out, and nobody looked."


@pytest.fixture(autouse=True)
def built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A build of two words, so that no Node is needed here."""
    folder = tmp_path / "web_build" / "snapshot"
    folder.mkdir(parents=True)
    (folder / "snapshot.js").write_text("script")
    (folder / "snapshot.css").write_text("sheet")
    monkeypatch.setattr(parts, "BUILT", folder.parent)
    monkeypatch.chdir(tmp_path)


def held(path: str = "x.html") -> tuple[list[Trace], str, dict[str, str]]:
    """The traces of a page, its views, and where its reader begins."""
    text = Path(path).read_text("utf-8")
    traces = []
    for packed in re.findall(r'<script type="[^"]+">([^<]*)</script>', text):
        Path("held").write_bytes(zlib.decompress(base64.b64decode(packed)))
        traces.append(open_trace("held"))
    found = re.search(r'data-views="([^"]*)" data-place="([^"]*)"', text)
    assert found is not None
    return traces, found[1], dict(parse_qsl(html.unescape(found[2])))


def test_a_page_of_likelihoods(scope: FakeScope, run: Any) -> None:
    done = run("likelihood", TEXT, "--value", "next_rank", "--by", "word", "-o", "x.html")
    assert (done.status, done.err) == (0, "logitscope: wrote x.html\n")
    (trace,), views, place = held()
    assert trace.stages == STAGES[-1:]
    assert views == "text"
    assert place == {"value": "next_rank", "by": "word"}


def test_a_page_of_the_lens_holds_every_number_and_begins_as_it_was_asked(scope: FakeScope, run: Any) -> None:
    assert run("lens", TEXT, "-o", "x.html").status == 0
    (trace,), views, place = held()
    assert {"top_logprobs", "kl_from_final", "entropy"} <= set(trace)
    assert views == "text lens"
    assert place == {"v": "lens", "cell": "top_prob"}

    options = (
        "--subblocks",
        "--no-embed",
        "--top-down",
        "--numbers",
        "--every",
        "2",
        "--window",
        "1:-2",
        "-v",
        "entropy",
    )
    assert run("lens", TEXT, *options, "-o", "x.html").status == 0
    (trace,), _, place = held()
    assert "embed" not in trace.stages
    assert place == {
        "v": "lens",
        "cell": "entropy",
        "every": "2",
        "window": f"1:{len(trace.ids) - 2}",
        "down": "1",
        "embed": "0",
        "cells": "both",
        "subblocks": "1",
    }


def test_followed_tokens_can_be_chosen_in_the_page(scope: FakeScope, run: Any) -> None:
    assert run("lens", TEXT, "--watch", " a", "--watch", " the", "-o", "x.html").status == 0
    (trace,), views, place = held()
    assert views == "text lens evolution"
    assert place == {"v": "lens", "cell": "watch_rank", "followed": f"#{trace.watched[0]}"}


def test_a_saved_trace_becomes_a_page_without_a_model(scope: FakeScope, run: Any) -> None:
    run("lens", TEXT, "-o", "t.safetensors")
    scope.calls.clear()
    assert run("lens", "--trace", "t.safetensors", "-o", "x.html").status == 0
    assert scope.calls == []
    ((trace,), views, _) = held()
    assert trace.identical(open_trace("t.safetensors"))
    assert views == "text lens"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("lens", TEXT, "--columns", "3", "-o", "x.html"), "--columns cuts a picture into panels"),
        (("lens", TEXT, "-o", "absent/x.html"), "the folder of absent/x.html does not exist"),
        (("likelihood", TEXT, "--top", "3", "-o", "x.html"), "--top lists tokens in the terminal"),
        (("evolution", "--trace", "t.safetensors", "-o", "x.html"), "hold enough for text, lens alone"),
        (("evolution", TEXT, "--value", "increments", "-o", "x.html"), "no format of this command"),
        (("depth", TEXT, "-o", "x.html"), "no format of this command"),
    ],
)
def test_mistakes_about_pages(scope: FakeScope, run: Any, arguments: tuple[str, ...], said: str) -> None:
    run("lens", TEXT, "-o", "t.safetensors")
    done = run(*arguments)
    assert done.status == 2
    assert said in done.err
    assert done.err.count("\n") == 1
    assert not Path("x.html").exists()


def test_without_the_build_no_model_is_loaded(scope: FakeScope, run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "BUILT", Path("nowhere"))
    done = run("lens", TEXT, "-o", "x.html")
    assert done.status == 2
    assert "built without its pages" in done.err
    assert scope.calls == []
