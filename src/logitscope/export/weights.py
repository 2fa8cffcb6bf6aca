"""The file that all graphs of a model share: which of its parameters lie where, in which type, each once.

A parameter is kept in the narrowest floating type that holds each of its numbers exactly, unless a shorter form was
asked for. Knows parameters and bytes, no graphs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import torch
from onnx import TensorProto
from torch import Tensor, nn
from transformers.pytorch_utils import Conv1D

from logitscope.errors import InputError
from logitscope.export.blocks import Blocks, quantised

__all__ = ["Arithmetic", "Form", "Stored", "Weights"]

Form = Literal["stored", "fp16", "int8", "int4"]
"""How weights are kept: as they are; matrices rounded to half precision; matrices in blocks of 8 or 4 bits."""

Arithmetic = Literal["fp32", "fp16"]
"""What weights are multiplied in: fp32 or wider; half precision where a graphics processor has it."""

_ALIGNED = 64
"""Bytes: every tensor begins at a multiple, so that pages can look at it as numbers without copying."""

_TYPES = {
    torch.float32: ("float32", TensorProto.FLOAT),
    torch.float16: ("float16", TensorProto.FLOAT16),
    torch.bfloat16: ("bfloat16", TensorProto.BFLOAT16),
    torch.uint8: ("uint8", TensorProto.UINT8),
}


@dataclass(frozen=True)
class Stored:
    """One tensor of the file.

    Attributes:
        offset: in bytes.
        dtype: `float32`, `float16`, `bfloat16` or `uint8`.
        onnx_type: the same as ONNX says it.
        shape: as stored.
        numbers: its contents, contiguous.
    """

    offset: int
    dtype: str
    onnx_type: int
    shape: tuple[int, ...]
    numbers: Tensor

    @property
    def n_bytes(self) -> int:
        return self.numbers.numel() * self.numbers.element_size()


class Weights:
    """All parameters of a model, laid out in one file.

    Args:
        hf: the model, in fp32.
        form: how to keep matrices.

    Raises:
        InputError: there is no such form.
    """

    def __init__(self, hf: Any, form: Form = "stored") -> None:
        if form not in get_args(Form):
            raise InputError(f'weights="{form}" was given; it is one of {", ".join(get_args(Form))}.')
        self.form = form
        self.n_bytes = 0
        self._stored: dict[str, Stored] = {}
        self._blocks: dict[str, Blocks] = {}
        self._places: list[tuple[int, int, str]] = []
        products = {id(parameter): inputs_first for parameter, inputs_first in _products(hf)}
        for name, parameter in hf.named_parameters():
            tensor = parameter.detach().cpu()
            self._places.append((parameter.data_ptr(), parameter.numel() * parameter.element_size(), name))
            if form in ("int8", "int4") and id(parameter) in products:
                inputs_first = products[id(parameter)]
                matrix = tensor.t() if inputs_first else tensor
                blocks = quantised(matrix, 8 if form == "int8" else 4, inputs_first=inputs_first)
                self._blocks[name] = blocks
                self._put(f"{name}.codes", blocks.codes)
                self._put(f"{name}.scales", blocks.scales)
            elif form != "stored" and tensor.ndim == 2:
                self._put(name, _half(name, tensor))
            else:
                self._put(name, _narrowest(tensor))

    def __getitem__(self, name: str) -> Stored:
        return self._stored[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._stored)

    def blocks(self, name: str) -> Blocks | None:
        """A matrix's blocks of few bits, if it is kept as such."""
        return self._blocks.get(name)

    def place(self, window: Tensor) -> tuple[str, int]:
        """The parameter that a view is a window into, and the element of it that the window begins at.

        Raises:
            InputError: it is none of the model's parameters.
        """
        at = window.data_ptr()
        for start, n_bytes, name in self._places:
            if start <= at < start + n_bytes:
                return name, (at - start) // window.element_size()
        raise InputError(f"a tensor of shape {tuple(window.shape)} is no part of the model's parameters.")

    def parameter(self, tensor: Tensor) -> str:
        """The name of a whole parameter."""
        return self.place(tensor)[0]

    def contents(self) -> Iterator[bytes]:
        """The bytes of the file, tensor by tensor, with the zeros between them."""
        at = 0
        for stored in self._stored.values():
            yield bytes(stored.offset - at)
            yield _bytes(stored.numbers)
            at = stored.offset + stored.n_bytes

    def rounded(self) -> Mapping[str, Tensor]:
        """Every parameter in fp32 as the file holds it, in the model's own layout: what graphs compute with."""
        return {
            name: blocks.as_kept() if (blocks := self.blocks(name)) else self[name].numbers.float()
            for _, _, name in self._places
        }

    def _put(self, name: str, tensor: Tensor) -> None:
        tensor = tensor.contiguous()
        offset = -(-self.n_bytes // _ALIGNED) * _ALIGNED
        dtype, onnx_type = _TYPES[tensor.dtype]
        self._stored[name] = Stored(offset, dtype, onnx_type, tuple(tensor.shape), tensor)
        self.n_bytes = offset + tensor.numel() * tensor.element_size()


def _products(hf: Any) -> Iterator[tuple[Tensor, bool]]:
    """The matrices of products, the token embedding included, and whether each is kept as `[input, output]`."""
    yield hf.get_input_embeddings().weight, False
    for module in hf.modules():
        if isinstance(module, (nn.Linear, Conv1D)):
            yield module.weight, isinstance(module, Conv1D)


def _half(name: str, tensor: Tensor) -> Tensor:
    short = tensor.half()
    if not torch.isfinite(short).all():
        raise InputError(f"{name} holds numbers beyond the range of half precision; export with weights stored.")
    return short


def _narrowest(tensor: Tensor) -> Tensor:
    for dtype in (torch.float16, torch.bfloat16):
        short = tensor.to(dtype)
        if torch.equal(short.float(), tensor.float()):
            return short
    return tensor.float()


def _bytes(tensor: Tensor) -> bytes:
    return np.asarray(tensor.view(torch.uint8).reshape(-1).numpy()).tobytes() if tensor.numel() else b""
