"""What stands in the local hub cache is listed whatever its config.json holds."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from logitscope.model.listing import overview

NAME = "somebody/some-model"


def put(cache: Path, config: str) -> None:
    """One model as the hub's cache keeps it."""
    folder = cache / f"models--{NAME.replace('/', '--')}"
    commit = "0" * 40
    (folder / "snapshots" / commit).mkdir(parents=True)
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text(commit)
    (folder / "snapshots" / commit / "config.json").write_text(config)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("huggingface_hub.utils._cache_manager.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    return tmp_path


def test_a_causal_model_is_listed(cache: Path) -> None:
    put(cache, json.dumps({"architectures": ["GPT2LMHeadModel", 3]}))
    (line,) = [line for line in overview() if NAME in line]
    assert "no safetensors weights" in line


@pytest.mark.parametrize(
    "config",
    [
        '["GPT2LMHeadModel"]', '{"architectures": [["x"], 3, null]}', '{"architectures": "GPT2LMHeadModel"}',
        '{"architectures": 7}', "null", "no JSON", "[" * 100_000, "",
    ],
)  # fmt: skip
def test_a_config_that_says_nothing_useful_hides_only_its_own_model(cache: Path, config: str) -> None:
    put(cache, config)
    assert "in the local hub cache: none" in overview()
