from __future__ import annotations

import contextlib
import json
import math
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from logitscope.errors import ResourceError, TraceError
from logitscope.trace import Provenance, Tokens, Trace, open_trace
from logitscope.trace.file import FORMAT, FORMAT_VERSION
from tests.trace.examples import NASTY, cut, names_in, trace_of, traces


@pytest.fixture
def trace() -> Trace:
    return trace_of(cut("a bç d", [1, 1, 2, 1], bos=True))


@pytest.fixture
def path(tmp_path: Path, trace: Trace) -> Path:
    path = tmp_path / "a.trace.safetensors"
    trace.save(path)
    return path


def edit(path: Path, change: Callable[[dict[str, Any], dict[str, np.ndarray]], None]) -> None:
    """Rewrites a trace file with its header and tensors changed."""
    with safetensors.safe_open(path, framework="numpy") as file:
        head = json.loads(file.metadata()[FORMAT])
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    change(head, tensors)
    safetensors.numpy.save_file(tensors, path, {FORMAT: json.dumps(head)})


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(traces())
def test_a_trace_comes_back_as_it_was_saved(tmp_path: Path, trace: Trace) -> None:
    trace.save(tmp_path / "t.trace.safetensors")
    back = open_trace(tmp_path / "t.trace.safetensors")
    assert back.identical(trace)
    assert all(back.arrays[name].tobytes() == array.tobytes() for name, array in trace.arrays.items())
    assert names_in(tmp_path) == ["t.trace.safetensors"]


@pytest.mark.parametrize("text", NASTY)
def test_any_text_comes_back_exactly(tmp_path: Path, text: str) -> None:
    trace = trace_of(cut(text, [1] * 40), names=("entropy",))
    trace.save(tmp_path / "t")
    assert open_trace(tmp_path / "t").tokens.text == text
    assert open_trace(tmp_path / "t").identical(trace)


def test_lossy_tokens_and_broken_bytes_come_back(tmp_path: Path) -> None:
    lossy = Tokens.from_pieces([1, 2], [b"hello", b"w"], [False, False], text="Hello W", spans=[(0, 5), (6, 7)])
    broken = Tokens.from_pieces([1, 2], [b"\x80", b"\xf0\x9f"], [False, False])
    for read in (lossy, broken):
        trace_of(read).save(tmp_path / "t")
        assert open_trace(tmp_path / "t").identical(trace_of(read))


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.builds(
        Provenance,
        *[st.text(st.characters(exclude_categories=["Cs"]))] * 5,
        revision=st.none() | st.text(st.characters(exclude_categories=["Cs"])),
        self_check=st.none() | st.floats(allow_nan=False),
        context_window=st.integers(0, 2**40),
        versions=st.dictionaries(st.sampled_from("abc"), st.just("1")),
    )
)
def test_provenance_comes_back_exactly(tmp_path: Path, provenance: Provenance) -> None:
    trace = trace_of(cut("a", []), names=()).replace(provenance=provenance)
    trace.save(tmp_path / "t")
    assert open_trace(tmp_path / "t").provenance == provenance


def test_a_file_older_than_a_field_of_the_provenance_opens(path: Path, trace: Trace) -> None:
    trace.replace(provenance=replace(trace.provenance, last_stage="0.mlp", length_dependent=True)).save(path)
    assert open_trace(path).provenance.last_stage == "0.mlp"
    assert open_trace(path).provenance.length_dependent
    edit(path, lambda head, _: [head["provenance"].pop(name) for name in ("last_stage", "length_dependent")])
    assert open_trace(path).provenance == trace.provenance
    assert open_trace(path).holds_output


def test_a_self_check_that_is_no_number_is_kept(tmp_path: Path, trace: Trace) -> None:
    trace.replace(provenance=replace(trace.provenance, self_check=math.nan)).save(tmp_path / "t")
    assert math.isnan(open_trace(tmp_path / "t").provenance.self_check or 0)


def test_arrays_in_another_memory_order_come_back(tmp_path: Path, trace: Trace) -> None:
    turned = trace.replace(arrays={"entropy": np.asfortranarray(trace["entropy"])})
    turned.save(tmp_path / "t")
    np.testing.assert_array_equal(open_trace(tmp_path / "t")["entropy"], trace["entropy"])


def test_any_safetensors_reader_finds_the_statistics_by_name(path: Path, trace: Trace) -> None:
    tensors = safetensors.numpy.load_file(path)
    assert tensors["entropy"].tobytes() == trace["entropy"].tobytes()
    assert tensors["tokens.text"].tobytes().decode() == trace.tokens.text


def test_a_trace_opens_without_torch(path: Path) -> None:
    code = (
        "import sys; from logitscope.trace import open_trace; t = open_trace(sys.argv[1]); t.summary(); "
        "t.to_dict(); print(sorted({'torch', 'transformers', 'pandas', 'xarray', 'pyarrow'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_saving_over_a_trace_that_is_open_changes_neither(path: Path, trace: Trace) -> None:
    opened = open_trace(path)
    opened.select(["embed"]).save(path)
    assert opened.identical(trace)
    assert open_trace(path).stages == ("embed",)


def test_ctrl_c_while_saving_leaves_the_old_file(path: Path, trace: Trace, monkeypatch: pytest.MonkeyPatch) -> None:
    before = path.read_bytes()

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("logitscope.trace.file.to_safetensors", interrupted)
    with pytest.raises(KeyboardInterrupt):
        trace.save(path)
    assert path.read_bytes() == before
    assert names_in(path.parent) == [path.name]


def test_no_memory_for_saving_is_one_line(path: Path, trace: Trace, monkeypatch: pytest.MonkeyPatch) -> None:
    def exhausted(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr("logitscope.trace.file.to_safetensors", exhausted)
    with pytest.raises(ResourceError, match="no memory"):
        trace.save(path)


def test_a_file_cut_anywhere_is_refused_in_one_line(path: Path, tmp_path: Path) -> None:
    whole = path.read_bytes()
    for length in [0, 1, 7, 8, 9, 100, 500, len(whole) // 2, len(whole) - 1]:
        (tmp_path / "cut").write_bytes(whole[:length])
        with pytest.raises(TraceError) as caught:
            open_trace(tmp_path / "cut")
        assert "\n" not in str(caught.value)
        if length >= 100:
            assert "damaged or cut short" in str(caught.value)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_damaged_header_never_gets_past_as_anything_but_a_trace_error(path: Path, data: st.DataObject) -> None:
    content = bytearray(path.read_bytes())
    length = int.from_bytes(content[:8], "little")
    content[data.draw(st.integers(0, 8 + length - 1))] = data.draw(st.integers(0, 255))
    damaged = path.parent / "damaged"
    damaged.write_bytes(content)
    # A changed letter of a name can go unnoticed; anything else is one kind of error.
    with contextlib.suppress(TraceError):
        assert isinstance(open_trace(damaged), Trace)


def test_what_is_no_trace_says_so(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("hello, this is a plain text file, and a long one at that")
    with pytest.raises(TraceError, match="text is no trace"):
        open_trace(tmp_path / "text")
    safetensors.numpy.save_file({"weight": np.zeros(2)}, tmp_path / "weights")
    with pytest.raises(TraceError, match="is a safetensors file, but no trace"):
        open_trace(tmp_path / "weights")
    with pytest.raises(TraceError, match=r"there is no file .*absent"):
        open_trace(tmp_path / "absent")
    with pytest.raises(TraceError, match="is a folder"):
        open_trace(tmp_path)


def test_no_permission_to_read_is_one_line(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("logitscope.trace.file.safe_open", refused)
    with pytest.raises(ResourceError, match="could not be read: Permission denied"):
        open_trace(path)


def test_a_newer_file_asks_for_an_update(path: Path) -> None:
    edit(path, lambda head, _: head.update(version=FORMAT_VERSION + 1, anything="else"))
    with pytest.raises(TraceError, match=r"written by a newer Logitscope \(format 2; this one reads up to 1\)"):
        open_trace(path)


HEADERS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "format version is 0": lambda h: h.update(version=0),
    "no version": lambda h: h.update(version="1"),
    "no stages": lambda h: h.pop("stages"),
    "its stages are not": lambda h: h.update(stages=["embed", 3]),
    '"0.head" is no name of a stage': lambda h: h.update(stages=["embed", "0.head", *h["stages"][2:]]),
    "is no name of a stage": lambda h: h.update(stages=["embed", f"{'9' * 5000}.mlp", *h["stages"][2:]]),
    "stands twice": lambda h: h.update(stages=["embed", "embed"]),
    "has shape": lambda h: h.update(stages=["embed"]),
    "its watched are not": lambda h: h.update(watched=[True, 2]),
    "it watches what can be no token id": lambda h: h.update(watched=[-1, 2]),
    "watches what can be no token id": lambda h: h.update(watched=[2, 2**31]),
    "no seams": lambda h: h.update(seams=3),
    "no lossy": lambda h: h.update(lossy=0),
    "special tokens are no texts by id": lambda h: h.update(names={"x": "y"}),
    "its special tokens are no texts by id": lambda h: h.update(names={"9" * 5000: "y"}),
    "no provenance": lambda h: h.update(provenance=[]),
    "provenance lacks model": lambda h: h["provenance"].pop("model"),
    "provenance says model = 3": lambda h: h["provenance"].update(model=3),
    "provenance says self_check": lambda h: h["provenance"].update(self_check=10**400),
    "provenance says length_dependent = 1": lambda h: h["provenance"].update(length_dependent=1),
    "provenance says versions": lambda h: h["provenance"].update(versions={"torch": 2}),
    "self-check figure is no number": lambda h: h["provenance"].update(self_check="much"),
    "does not know": lambda h: h["provenance"].update(mood="good"),
}


@pytest.mark.parametrize("message", HEADERS)
def test_a_wrong_header_is_refused(path: Path, message: str) -> None:
    edit(path, lambda head, _: HEADERS[message](head))
    with pytest.raises(TraceError, match=f"damaged: .*{message}"):
        open_trace(path)


TENSORS: dict[str, Callable[[dict[str, np.ndarray]], Any]] = {
    "it lacks tokens.ids": lambda t: t.pop("tokens.ids"),
    "it holds extra": lambda t: t.update(extra=np.zeros(1)),
    "entropy is F64 and not float32": lambda t: t.update(entropy=t["entropy"].astype(np.float64)),
    "has shape": lambda t: t.update(entropy=t["entropy"][:, 1:].copy()),
    "next_rank holds numbers below 0": lambda t: t.update(next_rank=t["next_rank"] - 9),
    "top_ids holds numbers below -1": lambda t: t.update(top_ids=t["top_ids"] - 9),
    "one id, span, flag and piece": lambda t: t.update({"tokens.ids": t["tokens.ids"][1:].copy()}),
    "within the text of": lambda t: t.update({"tokens.spans": t["tokens.spans"] + 9}),
    "its text is no UTF-8": lambda t: t.update({"tokens.text": t["tokens.text"] | 0x80}),
    "its text is no row": lambda t: t.update({"tokens.text": t["tokens.text"][None]}),
    "offsets do not fit": lambda t: t.update({"tokens.offsets": t["tokens.offsets"] * 2}),
    "is no row of bytes": lambda t: t.update({"vocabulary.offsets": np.zeros(0, np.int64)}),
    "vocabulary does not fit": lambda t: t.update({"vocabulary.ids": t["vocabulary.ids"][1:].copy()}),
    "names an id twice": lambda t: t.update({"vocabulary.ids": t["vocabulary.ids"] * 0}),
    "positions must ascend": lambda t: t.update(positions=t["positions"][::-1].copy()),
    "do not fit a text of": lambda t: t.update(positions=t["positions"] + 1),
    "context lengths": lambda t: t.update(context_lengths=t["context_lengths"][1:].copy()),
}


@pytest.mark.parametrize("message", TENSORS)
def test_wrong_tensors_are_refused(path: Path, message: str) -> None:
    edit(path, lambda _, tensors: TENSORS[message](tensors))
    with pytest.raises(TraceError, match=f"damaged: .*{message}"):
        open_trace(path)


@pytest.mark.parametrize("header", ["", "[]", "{", "[" * 100_000])
def test_a_header_that_is_no_json_object_is_refused(path: Path, header: str) -> None:
    safetensors.numpy.save_file({}, path, {FORMAT: header})
    with pytest.raises(TraceError, match="its header is no JSON"):
        open_trace(path)
