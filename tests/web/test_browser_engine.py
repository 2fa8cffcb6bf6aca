"""The browser's engine, in Node: what it says of exported models is what Python says of the models themselves.

The same engine in a real browser is held against Python in `test_site.py`; here every question has its turn.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

import logitscope
from logitscope.export import export_model
from logitscope.scope import Scope
from tests.families import shared_model, tiny_tokenizer
from tests.odd_texts import ODD_TEXTS
from tests.web.browser_expected import Questions

ROOT = Path(__file__).parents[2]

CODE = "def f(x):\n    return x ** 2  # squared\n"


@cache
def node() -> tuple[str, dict[str, str]]:
    """Node and its environment, with the packages of the pages beside it."""
    if os.environ.get("LOGITSCOPE_NO_WEB", "0") not in ("", "0"):
        pytest.skip("LOGITSCOPE_NO_WEB is set: there is no Node")
    spec = importlib.util.spec_from_file_location("build_web", ROOT / "web" / "build.py")
    assert spec is not None
    assert spec.loader is not None
    build = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = build
    spec.loader.exec_module(build)
    npm = build.find_npm()
    assert npm is not None, "the dev extra brings a Node"
    build.install()
    found = shutil.which("node", path=npm[1]["PATH"])
    assert found is not None
    return found, npm[1]


def held_against_python(folder: Path) -> None:
    """Lets TypeScript ask everything again."""
    path, environment = node()
    done = subprocess.run(
        [path, "node_modules/vitest/vitest.mjs", "run", "src/engine/browser/exported.test.ts"],
        cwd=ROOT / "web", env={**environment, "LOGITSCOPE_EXPORTED": str(folder)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, (done.stdout + done.stderr)[-6000:]
    assert "skipped" not in done.stdout, done.stdout


def exported(scope: Scope, folder: Path) -> Questions:
    export_model(scope, folder / "model")
    return Questions(scope, folder)


def test_embedded_sort_says_the_same_in_typescript(tmp_path: Path) -> None:
    asks = exported(logitscope.load("embedded:sort"), tmp_path)
    asks.tokenise(["ABC", "CBAABC", "AXB", "x", "", "A\ud800"], [[0, 1, 2], [2], [7]])
    asks.trace(text="CBABCAAABBC", subblocks=True, saved=["csv", "json"])
    asks.trace(text="CBABCA" * 5, subblocks=True, histogram=True, watch=["A", 2])
    asks.trace(text="CBABCA" * 4, window=6, stride=2, norm="plain")
    asks.trace(
        text="ABC", statistics=["next_logprob", "surprisal_bits"], stages=["0.mlp"], positions=[-1, 0], norm="none"
    )
    asks.trace(text="A", top_k=3)
    asks.trace(text="A", top_k=4)
    asks.trace(text="ABC", stages=["7.mlp"])
    asks.trace(text="ABC", positions=[3])
    asks.sample(text="ABCABC", n=20)
    asks.sample(text="AB", n=5, method="sample", seed=11, first="CA", temperature=1.3)
    asks.sample(text="AB", n=5, temperature=2.0)
    asks.replace(text="ABCABC", position=2, token="BB")
    asks.replace(text="ABC", position=-1, token="", remove=1)
    asks.fill(text="AB____BC", n=3, max_tokens=2)
    asks.fill(text="____BC")
    asks.fill(text="ABC")
    asks.ask(text="ABC", tokens=["A", "AB", 1, [0, 1, 2]], position=-2)
    asks.inside("CBABCA")
    asks.repeat("CBABCAABCCBA" * 2)
    asks.save()
    held_against_python(tmp_path)


@pytest.mark.parametrize("name", ["gpt2", "qwen2", "qwen3"])
def test_a_tiny_model_says_the_same_in_typescript(name: str, tmp_path: Path) -> None:
    """Padded heads, grouped keys, a BOS by the tokenizer's own convention, texts cut into bytes."""
    one = shared_model(name)
    scope = logitscope.load(one, tokenizer=tiny_tokenizer(bos=name == "qwen3"))
    asks = exported(scope, tmp_path)
    asks.tokenise([*ODD_TEXTS, CODE, ""], [[0, 1, 2], [200, 130, 131], [299, 3], [299]])
    asks.tokenise(ODD_TEXTS[:3], [[5]], bos=True)
    asks.trace(text=ODD_TEXTS[9], subblocks=True, histogram=True, watch=["a", 5])
    asks.trace(text="the tin hat " * 12, window=24, bos=True)
    asks.trace(ids=[299, 1, 2, 3, 2, 1], top_k=300, subblocks=True)
    asks.sample(text=ODD_TEXTS[8], n=12, method="sample", seed=3)
    asks.sample(text="", n=6, bos=True, method="sample", top_k=40, top_p=0.9, seed=2**40 + 5)
    asks.sample(ids=[5], n=6, method="sample", top_p=0.3, seed=0)
    asks.replace(text="the tin hat", position=1, token=[2, 3, 4])
    asks.replace(text="🙂 hat", position=0, token="é", bos=True)
    asks.fill(text="the ____ hat", n=25, max_tokens=2, shown=200)
    asks.fill(text=r"\____ ____", n=4, max_tokens=1)
    asks.ask(text="the tin", tokens=[" hat", "🙂", [1, 2], 3])
    asks.inside("tin hat")
    asks.save()
    held_against_python(tmp_path)


def test_sentencepiece_is_cut_the_same_in_typescript(shared: Path, tmp_path: Path) -> None:
    asks = exported(logitscope.load(shared / "models" / "stories260k"), tmp_path)
    asks.tokenise(
        [*ODD_TEXTS, CODE, "", "Once upon a time", " Once", "Once \n upon  a\ttime", "ünïcödé 漢字"], [[1, 403, 407]]
    )
    asks.trace(text="Once upon a time, there was a 🙂.")
    asks.replace(text="Once upon a time", position=1, token="Twice")
    asks.fill(text="Once upon a ____, there was", n=20, max_tokens=2)
    asks.ask(text="Once upon", tokens=[" a", "a", " time"])
    asks.save()
    held_against_python(tmp_path)
