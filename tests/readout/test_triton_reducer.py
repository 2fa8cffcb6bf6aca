"""The reducer for CUDA without a CUDA device: its logic under Triton's interpreter, and its kernels compiled."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch

from logitscope.readout import choose
from logitscope.readout import halves as halving
from logitscope.readout.head import MatrixHead
from logitscope.readout.torch_reducer import TorchReducer
from logitscope.readout.triton_reducer import TritonReducer

HERE = Path(__file__).parent
needs_triton = pytest.mark.skipif(find_spec("triton") is None, reason="there is no triton for this platform")


def test_linux_has_triton_to_test_with() -> None:
    if sys.platform == "linux" and platform.machine() in ("x86_64", "aarch64"):
        assert find_spec("triton") is not None


@needs_triton
def test_the_kernels_say_what_float64_says() -> None:
    run_apart(
        "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", str(HERE / "interpreted" / "triton_cases.py")
    )


@needs_triton
def test_the_kernels_compile_for_ampere_and_hopper_within_their_registers(tmp_path: Path) -> None:
    script = HERE / "interpreted" / "compile_kernels.py"
    said = run_apart(str(script), TRITON_INTERPRET="0", TRITON_CACHE_DIR=str(tmp_path))
    assert said.splitlines()[-1] == "8 kernels compiled"


@needs_triton
def test_tiles_on_a_processor_are_refused() -> None:
    code = (
        "import torch\nfrom logitscope.errors import InputError\n"
        "from logitscope.readout.triton_reducer import TritonReducer\n"
        "try: TritonReducer(torch.device('cpu'))\nexcept InputError as error: print(error)"
    )
    assert "on a CUDA device, not on cpu" in run_apart("-c", code, TRITON_INTERPRET="0")


def test_it_is_chosen_on_cuda_where_triton_can_compile(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choose, "has_triton", lambda: True)
    assert choose.suitable(torch.device("cuda"), 1, False) is TritonReducer
    assert choose.suitable(torch.device("cpu"), 1, False) is TorchReducer
    monkeypatch.setattr(choose, "has_triton", lambda: False)
    assert choose.suitable(torch.device("cuda"), 1, False) is TorchReducer


def test_vectors_are_shortened_only_where_nothing_is_lost() -> None:
    vectors = torch.tensor([[1.0, 0.5], [3.0, -2.0]])
    shortened = halving.exactly(vectors, torch.bfloat16)
    assert shortened is not None
    assert shortened.dtype == torch.bfloat16
    assert halving.exactly(vectors + 1e-3, torch.bfloat16) is None
    assert halving.exactly(torch.full((1, 2), torch.nan), torch.bfloat16) is None


def test_processors_multiply_in_fp32_whatever_the_weights_are() -> None:
    head = MatrixHead(torch.ones(4, 2, dtype=torch.bfloat16), 4)
    assert halving.halves(head, torch.ones(1, 3, 2)) is None
    assert head.kept(1, 3).dtype == torch.bfloat16


def run_apart(*arguments: str, **environment: str) -> str:
    """A process of its own: triton asks for its interpreter only when it is imported."""
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=HERE.parents[1],
        env={**os.environ, "TRITON_INTERPRET": "1", "OMP_NUM_THREADS": "1", **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
