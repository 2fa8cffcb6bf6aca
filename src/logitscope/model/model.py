"""A causal language model with its tokenizer and its anatomy, checked.

Knows nothing of lenses, statistics or traces.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from logitscope.errors import InputError, ModelError
from logitscope.model.anatomy import Anatomy
from logitscope.model.discover import discover
from logitscope.model.running import present, undisturbed
from logitscope.model.self_check import SelfCheck, self_check
from logitscope.model.tokenise import Tokeniser

__all__ = ["Model"]

_WHOLE = 2**30
_SAMPLE = 2**20


@dataclass(frozen=True)
class Model:
    """A model ready to be read.

    Attributes:
        name: what the user named it.
        hf: the Hugging Face model; run without dropout whatever mode it is left in.
        tokeniser: its tokenizer.
        anatomy: where it keeps what.
        check: how far the anatomy was found to be from the model.
        n_tokens: rows of the head that the tokenizer knows; further rows are padding.
        revision: commit on the hub, if it came from there.
        files: the weights' files, if it was loaded from files.
    """

    name: str
    hf: Any
    tokeniser: Tokeniser
    anatomy: Anatomy
    check: SelfCheck
    n_tokens: int
    revision: str | None = None
    files: tuple[Path, ...] = ()
    _known: dict[tuple[tuple[int, int], ...], tuple[str | None, SelfCheck]] = field(default_factory=dict, repr=False)

    @classmethod
    def of(
        cls, name: str, hf: Any, tokeniser: Tokeniser, revision: str | None = None, files: Iterable[Path] = ()
    ) -> Model:
        """Takes the model apart and checks what was found.

        Raises:
            ModelError: it could not be understood, or the check failed.
        """
        embedding = hf.get_input_embeddings()
        if embedding is None or getattr(embedding, "weight", None) is None:
            raise ModelError(f"{type(hf).__name__} has no token embedding; Logitscope needs a causal language model.")
        known = min(tokeniser.n_tokens, embedding.weight.shape[0])
        if known < 1:
            raise ModelError(f"the tokenizer of {name} has no tokens.")
        with undisturbed(hf):
            anatomy = discover(hf, known)
            n_tokens = min(known, anatomy.n_vocab)
            check = self_check(hf, anatomy, n_tokens)
        model = cls(name, hf, tokeniser, anatomy, check, n_tokens, revision, tuple(files))
        model._known[model.weights_state()] = (None, check)
        return model

    @property
    def dtype(self) -> str:
        return str(self.anatomy.weight.dtype).removeprefix("torch.")

    @property
    def device(self) -> torch.device:
        return self.anatomy.device

    @cached_property
    def n_parameters(self) -> int:
        """Weights, shared ones counted once."""
        return sum(p.numel() for p in self.hf.parameters())

    @cached_property
    def length_dependent(self) -> bool:
        """Whether rotary scaling depends on the text's length, so that appending changes earlier numbers."""
        config = self.hf.config.get_text_config() if hasattr(self.hf.config, "get_text_config") else self.hf.config
        parameters = getattr(config, "rope_parameters", None) or getattr(config, "rope_scaling", None) or {}
        nested = [v for v in parameters.values() if isinstance(v, dict)] or [parameters]
        return any(str(p.get("rope_type", p.get("type", ""))) in {"dynamic", "longrope"} for p in nested)

    @property
    def content_hash(self) -> str:
        """What the weights are now; see `identity`."""
        return self.identity()[0]

    def identity(self) -> tuple[str, SelfCheck]:
        """What the weights are now, and the self-check of these weights.

        The hash is `sha256:...` of the files they were loaded from, or of the tensors themselves where they came
        without files or were changed since; `sha256-sampled:...` above 1 GiB: each file's size, its first MiB (with the
        safetensors header) and 64 further MiB spread evenly, so that opening a model of many gigabytes does not mean
        reading it twice.
        """
        state = self.weights_state()
        digest, check = self._known.get(state, (None, None))
        if check is None:
            with undisturbed(self.hf):
                check = self_check(self.hf, self.anatomy, self.n_tokens)
        if digest is None:
            untouched = state == next(iter(self._known))
            digest = _hash_files(self.files) if self.files and untouched else _hash_tensors(dict(self._tensors()))
        self._known[state] = (digest, check)
        return digest, check

    def weights_state(self) -> tuple[tuple[int, int], ...]:
        """Changes whenever a weight is replaced or written to in place."""
        return tuple((id(p), p._version) for p in self.hf.parameters())

    def _tensors(self) -> Iterable[tuple[str, Tensor]]:
        for path, module in self.hf.named_modules():
            for name, _ in module.named_parameters(recurse=False):
                tensor = present(module, name)
                if tensor is not None:
                    yield f"{path}.{name}", tensor

    def require_ids(self, ids: Iterable[int]) -> None:
        """Raises InputError for ids that the model has no embedding for."""
        rows = self.hf.get_input_embeddings().weight.shape[0]
        for position, token_id in enumerate(ids):
            if not 0 <= token_id < rows:
                raise InputError(
                    f"token id {token_id} at position {position} is outside this model's vocabulary (0 to {rows - 1})."
                )


def _hash_files(files: Iterable[Path]) -> str:
    files = sorted(files, key=lambda f: f.name)
    sizes = [f.stat().st_size for f in files]
    whole = sum(sizes) <= _WHOLE
    digest = hashlib.sha256()
    for file, size in zip(files, sizes, strict=True):
        digest.update(f"{file.name}:{size}\n".encode())
        with file.open("rb") as stream:
            if whole:
                while block := stream.read(_SAMPLE):
                    digest.update(block)
            else:
                for k in range(65):
                    stream.seek(max(0, size - _SAMPLE) * k // 64)
                    digest.update(stream.read(_SAMPLE))
    return f"sha256{'' if whole else '-sampled'}:{digest.hexdigest()}"


def _hash_tensors(tensors: dict[str, Tensor]) -> str:
    whole = sum(t.numel() * t.element_size() for t in tensors.values()) <= _WHOLE
    digest = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name}:{tensor.dtype}:{tuple(tensor.shape)}\n".encode())
        flat = tensor.detach().reshape(-1)
        if not whole:
            flat = flat[:: max(1, flat.numel() // 4096)]
        digest.update(flat.cpu().contiguous().view(torch.uint8).numpy().data)  # not copied
    return f"sha256{'' if whole else '-sampled'}:{digest.hexdigest()}"
