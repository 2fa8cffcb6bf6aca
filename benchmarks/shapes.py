"""Models of real size to measure with: GPT-2 blocks of several widths and vocabularies, random weights, no download.

Scales and shifts of all norms are random too, and the final norm is large enough that logits spread by about three, as
those of trained models do: with the default initialisation all logits are nearly equal, which flatters nobody's top-k.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

__all__ = ["SHAPES", "Shape", "folder_of", "ids_of", "word_tokeniser"]

EMBEDDED = Path(__file__).parents[1] / "src" / "logitscope" / "embedded" / "tales"


@dataclass(frozen=True)
class Shape:
    """A model to measure with.

    Attributes:
        name: in tables and on the command line.
        words: in a heading.
        n_blocks: transformer blocks; stages are one more, or one more than twice as many with those after attention.
        d_model: width of the residual stream.
        n_vocab: rows of the head.
        n_heads: of attention.
        n_positions: the longest text.
        embedded: whether these are the weights of embedded:tales and not random ones.
    """

    name: str
    words: str
    n_blocks: int
    d_model: int
    n_vocab: int
    n_heads: int
    n_positions: int = 2048
    embedded: bool = False

    def n_stages(self, subblocks: bool) -> int:
        return (2 if subblocks else 1) * self.n_blocks + 1


SHAPES = {
    shape.name: shape
    for shape in (
        Shape("tiny", "a toy, for trying the harness", 2, 32, 500, 2, 512),
        Shape("tales", "embedded:tales", 8, 192, 6144, 4, 512, embedded=True),
        Shape("gpt2", "GPT-2 small", 12, 768, 50257, 12),
        Shape("gpt2-xl", "GPT-2 XL, 6 of its 48 blocks", 6, 1600, 50257, 25),
        Shape(
            "128k", "a vocabulary of 128,256 at width 2,048 (the head of Llama-3.2-1B), 2 blocks", 2, 2048, 128256, 32
        ),
    )
}


def folder_of(shape: Shape, root: Path) -> Path:
    """The folder that a model of this shape lies in; it is made there if it is not there yet."""
    if shape.embedded:
        return EMBEDDED
    folder = root / shape.name
    stamp, wanted = folder / "shape.json", json.dumps(asdict(shape), sort_keys=True)
    if stamp.exists() and stamp.read_text() == wanted:
        return folder
    shutil.rmtree(folder, ignore_errors=True)
    _random_model(shape).save_pretrained(folder)
    stamp.write_text(wanted)
    return folder


def _random_model(shape: Shape) -> Any:
    import torch
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(0)
    config = GPT2Config(
        n_layer=shape.n_blocks,
        n_embd=shape.d_model,
        n_head=shape.n_heads,
        n_positions=shape.n_positions,
        vocab_size=shape.n_vocab,
        bos_token_id=0,
        eos_token_id=0,
    )
    model = GPT2LMHeadModel(config)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if ".ln_" in name:
                parameter.add_(torch.randn_like(parameter), alpha=0.1)
        spread = config.initializer_range * shape.d_model**0.5
        model.transformer.ln_f.weight.mul_(3 / spread)
    return model


def ids_of(shape: Shape, n_tokens: int) -> list[int]:
    """A text of random tokens, always the same."""
    import torch

    generator = torch.Generator().manual_seed(n_tokens)
    return [int(i) for i in torch.randint(shape.n_vocab, (n_tokens,), generator=generator)]


def word_tokeniser(n_vocab: int) -> Any:
    """A tokenizer with as many words as a head has rows: w0, w1, …"""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    words = Tokenizer(models.WordLevel({f"w{i}": i for i in range(n_vocab)}, unk_token="w0"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    return PreTrainedTokenizerFast(tokenizer_object=words, unk_token="w0")  # type: ignore[no-untyped-call]
