"""Which reducer is taken: by size, by what is installed, by what works; and what does not work does no harm."""

from __future__ import annotations

import platform
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import numba
import pytest
import torch
from numba.core import caching

from logitscope.errors import InputError
from logitscope.readout import choose, reducing_kernel
from logitscope.readout.numba_reducer import NumbaReducer
from logitscope.readout.torch_reducer import TorchReducer

CPU = torch.device("cpu")
LARGE = 1 << 40


@pytest.fixture(autouse=True)
def untried() -> Iterator[None]:
    before, choose._kernel.state = choose._kernel.state, "untried"
    yield
    choose._kernel.state = before


def test_the_first_large_readout_loads_the_compiled_reducer_for_all_that_follow() -> None:
    assert choose.suitable(CPU, 1000, False) is TorchReducer
    assert choose.suitable(CPU, LARGE, False) is NumbaReducer
    assert choose.suitable(CPU, 1000, False) is NumbaReducer


def test_with_histograms_fewer_logits_are_worth_it() -> None:
    assert choose.suitable(CPU, choose._WORTHWHILE // 2, False) is TorchReducer
    assert choose.suitable(CPU, choose._WORTHWHILE // 2, True) is NumbaReducer


def test_whoever_runs_long_can_load_it_at_once() -> None:
    assert choose.prepare()
    assert choose.suitable(CPU, 1, False) is NumbaReducer


def test_without_numba_torch_does_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choose, "has_numba", lambda: False)
    assert not choose.prepare()
    assert choose.suitable(CPU, LARGE, True) is TorchReducer


def test_a_numba_that_does_not_work_is_said_once_and_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(name: str) -> None:
        raise ImportError("Numba needs NumPy 2.2 or less.\nGot NumPy 9.")

    monkeypatch.setattr(choose, "import_module", broken)
    with pytest.warns(UserWarning, match=r"does not work here, so readouts are slower: Numba needs NumPy 2.2 or less"):
        assert choose.suitable(CPU, LARGE, False) is TorchReducer
    assert choose.suitable(CPU, LARGE, False) is TorchReducer


def test_a_tile_elsewhere_is_refused_by_the_compiled_reducer() -> None:
    with pytest.raises(InputError, match="not on meta"):
        NumbaReducer(torch.device("meta"))


def test_importing_and_small_readouts_load_no_numba() -> None:
    program = """
import sys, torch
from logitscope.readout import MatrixHead, read_out
vectors = {"last": torch.ones(2, 3)}
read_out(MatrixHead(torch.eye(12, 3), 12), ["last"], vectors, final="last", input_stage=None, input_ids=[0, 0],
         next_ids=[0, 0])
print(sorted({"numba", "llvmlite", "triton"} & set(sys.modules)))
"""
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout == "[]\n"


def nowhere(*_: Any, **__: Any) -> Any:
    raise OSError("read-only file system")


@pytest.mark.parametrize(
    ("owner", "method"), [(caching._CacheLocator, "ensure_cache_path"), (caching.Cache, "save_overload")]
)
def test_without_a_place_to_keep_it_machine_code_is_made_anew(
    owner: type, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for kind in [owner, *owner.__subclasses__()]:
        if method in vars(kind):
            monkeypatch.setattr(kind, method, nowhere)

    def next_after(number: int) -> int:
        return number + 1

    assert reducing_kernel._compiled(next_after, numba.int64(numba.int64))(41) == 42


ROW, NUMBER = numba.float32[::1], numba.float32
LOOPS = {
    "_peaks": (ROW, ROW),
    "_exponentials": (ROW, NUMBER, ROW),
    "_moments": (ROW, NUMBER),
    "_gaps_of_two": (ROW, ROW, ROW, ROW, numba.float32[:, ::1]),
    "_count_above_three": (ROW, NUMBER, NUMBER, NUMBER, numba.int64),
    "_bins": (ROW, NUMBER, NUMBER, numba.int64, numba.uint8[::1]),
}


@pytest.mark.parametrize("name", LOOPS)
def test_every_loop_over_a_row_is_compiled_to_vectors(name: str) -> None:
    vector = {"x86_64": r"\b[yz]mm\d", "aarch64": r"\bv\d+\.4s|\bz\d+\.s"}.get(platform.machine())
    if vector is None:
        pytest.skip("what vectors are called on this processor is not known")
    loop = getattr(reducing_kernel, name)
    loop.compile(LOOPS[name])
    assembly = loop.inspect_asm(LOOPS[name])
    assert len(re.findall(vector, assembly)) >= 10
    # An exponential by the C library would be a call for each logit.
    assert not re.findall(r"\bexpf?\b", assembly)
