"""The text reaches the model exactly as it is, or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from logitscope.samples import sample
from tests.cli.conftest import FakeScope, assert_one_line

EXACT = "a\r\nb\tc\n\n  d\r\ue000\u2028é👩\u200d🔬\x00"


def test_a_file_is_read_exactly(scope: FakeScope, run, tmp_path: Path) -> None:
    path = tmp_path / "text"
    path.write_bytes(EXACT.encode())
    assert run("likelihood", "--file", str(path)).status == 0
    assert scope.calls[1]["text"] == EXACT


def test_standard_input_is_read_exactly(scope: FakeScope, run) -> None:
    assert run("likelihood", stdin=EXACT.encode()).status == 0
    assert scope.calls[1]["text"] == EXACT
    assert run("likelihood", "--file", "-", stdin=b"x\r\n").status == 0
    assert scope.calls[3]["text"] == "x\r\n"


def test_an_argument_goes_before_standard_input(scope: FakeScope, run) -> None:
    run("likelihood", "this", stdin=b"not this")
    assert scope.calls[1]["text"] == "this"


def test_a_sample_is_read_by_its_name(scope: FakeScope, run) -> None:
    assert run("likelihood", "--sample", "kraemer").status == 0
    assert scope.calls[1]["text"] == sample("kraemer").text
    assert_one_line(run("likelihood", "--sample", "kremer"), 'there is no sample "kremer"', "eiffel-tower")
    assert_one_line(run("likelihood", "a text", "--sample", "kraemer"), "a text and --sample were both given")


def test_a_byte_order_mark_is_kept_unless_the_encoding_says_otherwise(scope: FakeScope, run) -> None:
    run("likelihood", stdin=b"\xef\xbb\xbfx")
    assert scope.calls[1]["text"] == "\ufeffx"
    run("likelihood", "--encoding", "utf-8-sig", stdin=b"\xef\xbb\xbfx")
    assert scope.calls[3]["text"] == "x"


def test_other_encodings(scope: FakeScope, run) -> None:
    run("likelihood", "--encoding", "latin-1", stdin=b"caf\xe9")
    assert scope.calls[1]["text"] == "café"


def test_what_is_no_utf_8_says_where_and_what_to_do(scope: FakeScope, run, tmp_path: Path) -> None:
    path = tmp_path / "latin.txt"
    path.write_bytes(b"caf\xe9 au lait")
    assert_one_line(run("likelihood", "--file", str(path)), "byte 0xe9 at offset 3", "--encoding", "iconv")
    wide = tmp_path / "wide.txt"
    wide.write_text("café au lait", encoding="utf-16")
    assert_one_line(run("likelihood", "--file", str(wide)), "try --encoding utf-16")
    assert_one_line(run("likelihood", "--file", str(path), "--encoding", "ascii"), "name another --encoding")
    assert_one_line(run("likelihood", "--file", str(path), "--encoding", "nonsense"), "there is no encoding")
    assert_one_line(run("likelihood", "--file", str(path), "--encoding", "base64"), "--encoding")
    assert scope.calls == []


def test_files_that_are_none(scope: FakeScope, run, tmp_path: Path, monkeypatch) -> None:
    assert_one_line(run("lens", "--file", str(tmp_path)), "is a folder")
    assert_one_line(run("lens", "--file", str(tmp_path / "no")), "there is no file")
    path = tmp_path / "secret"
    path.write_text("x")

    def refuse(self: Path) -> bytes:
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "read_bytes", refuse)
    assert_one_line(run("lens", "--file", str(path)), "may not be read")


def test_empty_texts(scope: FakeScope, run, tmp_path: Path) -> None:
    path = tmp_path / "empty"
    path.touch()
    assert_one_line(run("lens", "--file", str(path)), "empty is empty")
    assert_one_line(run("lens", stdin=b""), "standard input is empty")


def test_an_argument_that_is_no_utf_8(scope: FakeScope, run) -> None:
    assert_one_line(run("lens", "caf\udce9"), "not valid UTF-8", "--file")


@pytest.mark.parametrize("text", ["a", "👩‍👩‍👧‍👦", "\x00", "<b>&amp;", "שלום עולם", "\n", " "])
@pytest.mark.parametrize("command", ["likelihood", "lens"])
def test_odd_texts_are_shown(scope: FakeScope, run, command: str, text: str) -> None:
    result = run(command, text)
    assert (result.status, result.err) == (0, "")
