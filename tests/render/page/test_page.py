"""A page as text: what stands in it, what cannot get out of its place, and what is refused."""

from __future__ import annotations

import base64
import hashlib
import html
import re
import zlib
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import parse_qs

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import logitscope as ls
from logitscope.display import drawn_by, html_of
from logitscope.errors import InputError, ResourceError, TraceError
from logitscope.render.page import EMBEDDED, large_words, notebook_html, page, parts, render_page, views_of
from logitscope.trace import Trace, open_trace
from tests.traces import make_trace

SCRIPT = 'say("</script>", /<!--/, `</ScRiPt>`);\r\n'
SHEET = "q::after { content: '</style>' }\n"


@pytest.fixture(autouse=True, scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A build of two lines, so that no Node is needed here."""
    folder = tmp_path_factory.mktemp("web_build")
    (folder / "snapshot").mkdir()
    (folder / "snapshot" / "snapshot.js").write_text(SCRIPT, newline="")
    (folder / "snapshot" / "snapshot.css").write_text(SHEET, newline="")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parts, "BUILT", folder)
        yield folder


class Parsed(HTMLParser):
    """The elements of a page, and the text in each kind."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, list[str]] = {}
        self._open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in ("meta", "link"):
            self._open.append(tag)
            self.texts.setdefault(tag, []).append("")

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open:
            self.texts[self._open[-1]][-1] += data

    def attributes(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]

    def traces(self, folder: Path) -> list[Trace]:
        found = []
        for attributes, text in zip(self.attributes("script"), self.texts["script"], strict=True):
            if attributes.get("type") == EMBEDDED:
                (folder / "held").write_bytes(zlib.decompress(base64.b64decode(text)))
                found.append(open_trace(folder / "held"))
        return found

    def start(self) -> dict[str, str]:
        (root,) = (one for one in self.attributes("div") if one.get("id") == "logitscope")
        return {name: values[0] for name, values in parse_qs(root["data-place"] or "").items()}

    def views(self) -> list[str]:
        (root,) = (one for one in self.attributes("div") if one.get("id") == "logitscope")
        return (root["data-views"] or "").split()


HOSTILE = (b"</script>", b"<!--", b"<script>alert(1)</script>", b"<b>&amp;", b"\xff", b"\xe2\x80\xae", b'" onload="x')


def test_a_page_holds_exactly_the_trace(tmp_path: Path) -> None:
    trace = make_trace(HOSTILE, bos=True, watch=(b"<!--",))
    (held,) = Parsed(ls.to_html(trace)).traces(tmp_path)
    assert held.identical(trace)


def test_nothing_of_a_text_gets_out_of_its_place() -> None:
    trace = make_trace(HOSTILE)
    text = ls.to_html(trace)
    parsed = Parsed(text)
    assert [tag for tag, _ in parsed.elements if tag in ("script", "style", "b", "h1")] == [
        "style",
        "h1",
        "script",
        "script",
    ]
    assert [dict(a).get("type") for a in parsed.attributes("script")] == [EMBEDDED, None]
    assert all("onload" not in a for _, attributes in parsed.elements for a in attributes)
    assert "\u202e" not in text
    assert parsed.texts["h1"][0].startswith("</script><!--<script>alert(1)</script><b>&amp;")
    assert not re.search(r"\b(src|href)=\"(?!data:)", text)


@given(st.text(max_size=300))
def test_any_title_is_text_on_one_line(title: str) -> None:
    parsed = Parsed(render_page([make_trace([b"a", b"b"])], title=title))
    assert [tag for tag, _ in parsed.elements].count("script") == 2
    assert len(parsed.texts["h1"]) == 1
    assert "\n" not in parsed.texts["h1"][0]


@given(
    st.lists(st.sampled_from(["</script", "</SCRIPT>", "<!--", "-->", "<", "/script", "!--", "a", "'", "\n"])).map(
        "".join
    )
)
def test_a_script_never_ends_its_element_and_stays_the_same_script(script: str) -> None:
    made = parts.inline_script(script)
    assert "<!--" not in made
    assert "</script" not in made.lower()
    assert made.replace("\\x3C", "<") == script.strip()


def test_the_policy_allows_this_script_and_this_sheet_and_nothing_else() -> None:
    parsed = Parsed(ls.to_html(make_trace([b"a", b"b"])))
    (policy,) = (a["content"] or "" for a in parsed.attributes("meta") if a.get("http-equiv"))
    said = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert said == {
        "default-src": "'none'",
        "script-src": f"'sha256-{_sha(parsed.texts['script'][-1])}'",
        "style-src": f"'sha256-{_sha(parsed.texts['style'][0])}'",
        "img-src": "data:",
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    assert "\r" not in parsed.texts["script"][-1]


def _sha(content: str) -> str:
    return base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()


LAST = ("2.mlp",)


@pytest.mark.parametrize(
    ("trace", "views"),
    [
        (make_trace([b"a", b" b"]), ["text", "lens"]),
        (make_trace([b"a", b" b"], stages=LAST), ["text"]),
        (make_trace([b"a"]), ["text", "lens"]),
        (make_trace([b"a", b" b"], watch=(b"a",)), ["text", "lens", "evolution"]),
        (make_trace([b"a", b" b"], watch=(b"a",)).select(positions=[1]), ["evolution"]),
        (make_trace([b"a", b" b"]).select(positions=[1]), ["text"]),
        (make_trace([b"a", b" b"], watch=(b"a",), stages=LAST), ["text"]),
    ],
)
def test_a_page_shows_what_its_trace_holds(trace: Trace, views: list[str]) -> None:
    assert list(views_of([trace])) == views
    parsed = Parsed(ls.to_html(trace))
    assert parsed.views() == views
    assert parsed.start() == {}


def test_of_several_traces_a_page_shows_what_any_of_them_holds(tmp_path: Path) -> None:
    whole = make_trace([b"a", b" b"], stages=LAST)
    followed = make_trace([b"a", b" b"], watch=(b"a",)).select(positions=[1])
    parsed = Parsed(ls.to_html([whole, followed], view="evolution"))
    assert parsed.views() == ["text", "evolution"]
    assert parsed.start() == {"v": "evolution"}
    assert all(a.identical(b) for a, b in zip(parsed.traces(tmp_path), [whole, followed], strict=True))
    texts = Parsed(ls.to_html([whole, make_trace([b"c", b" d"])])).texts
    assert texts["h1"] == ["a b and 1 more text"]
    assert texts["p"][0].startswith("made:by-hand · float64 · 2 texts")


def test_stages_after_attention_are_shown_to_who_read_them() -> None:
    trace = make_trace([b"a", b" b"], stages=("embed", "0.attn", "0.mlp"))
    assert Parsed(ls.to_html(trace)).start() == {"subblocks": "1"}


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("A short text.", "A short text."),
        ("one\n\n  two\t", "one two"),
        (" ", "␣"),
        ("word " * 40, " ".join(["word"] * 14) + " …"),
        ("海" * 100, "海" * 72 + " …"),
        ("👩‍🔬" * 40, "👩‍🔬" * 24 + " …"),
        ("short " + "x" * 90, "short " + "x" * 66 + " …"),
    ],
)
def test_a_title_is_the_beginning_of_the_text_cut_where_nothing_breaks(text: str, title: str) -> None:
    shown = Parsed(ls.to_html(make_trace([text.encode()]))).texts["h1"][0]
    assert shown.replace("\\u200D", "\u200d") == title


def test_one_line_says_where_the_numbers_come_from() -> None:
    trace = make_trace([b"a", b" b"], lens="tail:2")
    made = trace.provenance.__class__(
        **{**trace.provenance.to_dict(), "content_hash": "sha256:0123456789abcdef", "created": "2026-01-02T03:04:05"}
    )
    (said,) = Parsed(ls.to_html(trace.replace(provenance=made))).texts["p"]
    assert (
        said
        == "made:by-hand · float64 · lens tail:2 · final norm · 2 tokens · NoModel · weights 0123456789ab · 2026-01-02"
    )


def test_a_page_is_written_as_it_is_returned(tmp_path: Path) -> None:
    trace = make_trace(HOSTILE)
    assert ls.to_html(trace, tmp_path / "page.html") is None
    assert (tmp_path / "page.html").read_bytes() == ls.to_html(trace).encode()
    with pytest.raises(TraceError, match="does not exist"):
        ls.to_html(trace, tmp_path / "absent" / "page.html")


def test_what_no_page_can_show_is_refused_in_one_line() -> None:
    trace = make_trace([b"a", b" b"])
    bare = trace.replace(arrays={"entropy": trace["entropy"]})
    with pytest.raises(InputError, match=r"hold entropy, and a page draws none of it; it takes some of next_logprob"):
        ls.to_html(bare)
    with pytest.raises(
        InputError, match=r'"evolution" was asked for, but these traces hold enough for text, lens alone'
    ):
        ls.to_html(trace, view="evolution")
    with pytest.raises(InputError, match="no traces were given"):
        ls.to_html([])


def test_a_large_page_is_written_with_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    trace = make_trace([b"a", b" b"])
    assert large_words(ls.to_html(trace)) is None
    monkeypatch.setattr(page, "LARGE_BYTES", 1000)
    with pytest.warns(UserWarning, match=r"this page has \d+ MB") as caught:
        ls.to_html(trace)
    assert caught[0].filename == __file__
    assert "\n" not in str(caught[0].message)


def test_without_the_build_one_line_says_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    trace = make_trace([b"a", b" b"])
    monkeypatch.setattr(parts, "BUILT", tmp_path)
    with pytest.raises(ResourceError, match="built without its pages") as raised:
        ls.to_html(trace)
    assert "make web" in str(raised.value)
    assert "\n" not in str(raised.value)
    assert trace._repr_html_() is None


def test_a_notebook_shows_the_page_in_a_frame_that_reaches_nothing() -> None:
    trace = make_trace(HOSTILE)
    shown = trace._repr_html_()
    assert shown is not None
    parsed = Parsed(shown)
    ((tag, attributes),) = parsed.elements
    assert tag == "iframe"
    assert attributes["sandbox"] == "allow-scripts"
    assert attributes["srcdoc"] == render_page([trace])
    # Where frames are taken out, what is between the tags is left.
    assert html.unescape(shown.rpartition("</iframe>")[0].rpartition(">")[2]).endswith(" page. " + repr(trace))


def test_a_notebook_shows_text_where_the_page_is_too_large_or_there_is_nothing_to_draw(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    trace = make_trace([b"a", b" b"])
    assert notebook_html(trace.replace(arrays={"entropy": np.zeros((4, 2))})) is None
    for limit in (1, 500):
        monkeypatch.setattr("logitscope.render.page.notebook.NOTEBOOK_BYTES", limit)
        assert notebook_html(trace) is None


def test_what_nobody_draws_shows_itself_as_text() -> None:
    assert html_of("Nothing that anybody draws", 3) is None
    drawn_by("tests.Number", "builtins", "ascii")
    assert html_of("tests.Number", "é") == "'\\xe9'"
