"""Tiny models of every family of the conformance zoo, once per test run, and a tokenizer for them.

What a family is stands in `family`, which families there are in `zoo`. Knows nothing of `logitscope`.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
from torch import Tensor, nn
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from tests.family import CONTEXT, SPECIAL, TOKENIZER_SIZE, Family, randomise
from tests.zoo import CORE, D_INNER, D_MODEL, FAMILIES, N_HEADS, PADDED

__all__ = [
    "CONTEXT",
    "CORE",
    "D_INNER",
    "D_MODEL",
    "END_OF_TEXT",
    "FAMILIES",
    "N_HEADS",
    "PADDED",
    "TOKENIZER_SIZE",
    "Family",
    "family",
    "logits_of",
    "random_ids",
    "randomise",
    "shared_model",
    "silenced",
    "spread",
    "tiny_tokenizer",
]


def family(name: str) -> Family:
    """The family of that name."""
    return FAMILIES[name]


@cache
def shared_model(name: str) -> PreTrainedModel:
    """One model per family and test run, for tests that change nothing in it; the others call `build()`."""
    return FAMILIES[name].build()


# ------------------------------------------------------------------------------------------------- measuring sanity


def random_ids(length: int = 24, batch: int = 1, seed: int = 0) -> Tensor:
    """Ids `[batch, position]` that `tiny_tokenizer()` has, special ones left out."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, SPECIAL, (batch, length), generator=generator)


@torch.no_grad()
def logits_of(model: PreTrainedModel, ids: Tensor) -> Tensor:
    """The model's own logits `[batch, position, vocab]` in float32, without its cache."""
    return model(input_ids=ids, use_cache=False).logits.float()


def spread(logits: Tensor) -> float:
    """The smallest distance, over all positions, between the largest and the smallest logit."""
    return float((logits.amax(-1) - logits.amin(-1)).min())


class silenced:  # noqa: N801 - used as a context manager, as torch.no_grad is
    """While inside, one sublayer of one block adds nothing to the residual stream.

    Args:
        model: built by the family.
        family: whose model it is.
        sublayer: "attention" or "mlp".
        block: which one, from 0.
    """

    def __init__(self, model: PreTrainedModel, family: Family, sublayer: str, block: int) -> None:
        path = f"{family.blocks}.{block}.{getattr(family, sublayer)}"
        self.module = model.get_submodule(path)
        self.keeps_residual = sublayer in family.includes_residual

    def __enter__(self) -> None:
        self.handle = self.module.register_forward_hook(self._replace)

    def __exit__(self, *exception: object) -> None:
        self.handle.remove()

    def _replace(self, module: nn.Module, args: tuple[Any, ...], output: Any) -> Any:
        first = output[0] if isinstance(output, tuple) else output
        nothing = args[1].clone() if self.keeps_residual else torch.zeros_like(first)
        return (nothing, *output[1:]) if isinstance(output, tuple) else nothing


# ---------------------------------------------------------------------------------------------------- a tokenizer

END_OF_TEXT = "<|endoftext|>"


def _pairs() -> Iterator[tuple[str, str]]:
    """Byte pairs to merge, the same on every machine: a space and a letter, then two letters."""
    letters = "etaoinshrdlucmfwypvbgkjqxz"
    yield from (("Ġ", letter) for letter in letters)
    yield from ((first, second) for first in letters for second in letters)


def tiny_tokenizer(vocab_size: int = TOKENIZER_SIZE, bos: bool = False) -> PreTrainedTokenizerFast:
    """A byte-level BPE tokenizer made in memory: 256 bytes, some merges, and one end-of-text token, the last id.

    Args:
        vocab_size: ids in all, from 257 to 959.
        bos: whether the tokenizer's own convention puts `END_OF_TEXT` before every text.

    Raises:
        ValueError: `vocab_size` is outside that range.
    """
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    merges = list(_pairs())[: vocab_size - len(alphabet) - 1]
    if len(merges) != vocab_size - len(alphabet) - 1:
        raise ValueError(f"vocab_size is {vocab_size}; it must lie between 257 and 959.")
    vocabulary = {token: i for i, token in enumerate([*alphabet, *("".join(pair) for pair in merges)])}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=merges))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([END_OF_TEXT])
    if bos:
        tokenizer.post_processor = processors.TemplateProcessing(
            single=f"{END_OF_TEXT} $A",
            pair=f"{END_OF_TEXT} $A {END_OF_TEXT} $B",
            special_tokens=[(END_OF_TEXT, vocab_size - 1)],
        )
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token=END_OF_TEXT, eos_token=END_OF_TEXT)
