"""Compiles the Triton kernels for devices that are not here; ends with how many were compiled.

The compiler and NVIDIA's assembler come with triton, so that a kernel which no longer compiles is found without a GPU.
"""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path
from typing import Any

import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from logitscope.readout import triton_kernel as kernels
from logitscope.readout.triton_reducer import COLUMNS_AT_ONCE, STAGES_AT_ONCE, WARPS

CUOBJDUMP = Path(triton.__file__).parent / "backends" / "nvidia" / "bin" / "cuobjdump"
POINTERS = {
    **dict.fromkeys(("sums", "peaks_before", "peaks_now"), "*fp64"),
    **dict.fromkeys(("greater", "top_ids", "counts"), "*i32"),
    "ids": "*i64",
    "samples": "*u32",
    "valid": "*i1",
}
SIZE = {"STAGES": STAGES_AT_ONCE, "COLUMNS": COLUMNS_AT_ONCE}
ALL = {"NORMALISER": True, "MOMENTS": True, "COUNTS": True, "TARGETS": 4, "K": 16, **SIZE}
VARIANTS: list[tuple[Any, dict[str, Any]]] = [
    (kernels.add_tile, {**ALL, "REFERENCES": 2, "AWAY": True}),
    (kernels.add_tile, {**ALL, "REFERENCES": 0, "AWAY": False}),
    (kernels.add_tile, {**ALL, "NORMALISER": False, "MOMENTS": False, "REFERENCES": 0, "AWAY": False, "K": 1}),
    (kernels.bin_tile, {"BINS": 64, "SAMPLES": 3, "COLUMNS": COLUMNS_AT_ONCE}),
]


def kind(name: str, constants: dict[str, Any]) -> str:
    if name in constants:
        return "constexpr"
    if name in kernels.PLAIN:
        return "i32"
    return POINTERS.get(name, "*fp32")


n_compiled = 0
for kernel, constants in VARIANTS:
    signature = {name: kind(name, constants) for name in kernel.arg_names}
    for capability in (80, 90):
        source = ASTSource(fn=kernel, signature=signature, constexprs=constants, attrs={})
        compiled = triton.compile(source, target=GPUTarget("cuda", capability, 32), options={"num_warps": WARPS})
        with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
            file.write(compiled.asm["cubin"])
            file.flush()
            usage = subprocess.run(
                [CUOBJDUMP, "-res-usage", file.name], capture_output=True, text=True, check=True
            ).stdout
        # What does not fit into registers goes through local memory, many times slower.
        if "LOCAL:0" not in usage:
            raise SystemExit(f"{kernel} for sm_{capability} spills: {usage}")
        n_compiled += 1
print(n_compiled, "kernels compiled")
