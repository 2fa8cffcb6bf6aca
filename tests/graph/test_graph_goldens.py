"""The descriptions that the pages lay out: what Python says of five models is what TypeScript is tested with.

They change only by `pytest tests/graph --update-goldens`.
"""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from transformers import AutoConfig, GPT2Config

from logitscope.graph import graph_of
from tests.families import family

GOLDENS = Path(__file__).parent / "goldens"

XL = GPT2Config(n_layer=48, n_head=25, n_embd=1600)


def configs(embedded: Path) -> dict[str, Any]:
    return {
        "gpt2": family("gpt2").build().config,
        "llama": family("llama").build().config,
        "qwen3": family("qwen3").build().config,
        "sort": AutoConfig.from_pretrained(embedded / "sort"),
        "gpt2-xl": XL,
    }


@pytest.mark.parametrize("name", ["gpt2", "llama", "qwen3", "sort", "gpt2-xl"])
def test_the_pages_are_tested_with_what_python_says(name: str, embedded: Path, request: pytest.FixtureRequest) -> None:
    said = graph_of(configs(embedded)[name]).to_dict()
    path = GOLDENS / f"{name}.graph.json.gz"
    if request.config.getoption("--update-goldens"):
        path.write_bytes(gzip.compress(json.dumps(said, separators=(",", ":")).encode(), mtime=0))
    assert json.loads(gzip.decompress(path.read_bytes())) == said, "run: pytest tests/graph --update-goldens"
