"""The page's engine in a real browser beside the library: 200 texts, every statistic at every stage.

The page runs the model in float64, as its card says, and so does the library here. Ids, tokens and spans are equal;
log-probabilities and divergences agree to 1e-4 nats; ranks and the likeliest tokens are equal, but for tokens whose
logits are closer than that. In the library's usual fp32 the same texts come out a little further from float64 than the
page is, since what the model never read makes its residual stream large: how far is kept beside what was found.
"""

from __future__ import annotations

import base64
import importlib.util
import json
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from filelock import FileLock
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from playwright.sync_api import Page

import logitscope
from logitscope.model.capture import capture
from logitscope.model.decode import Decoder
from logitscope.samples import NAMES, sample
from logitscope.scope import Scope
from logitscope.trace import Trace
from tests.web.conftest import ROOT, Visit
from tests.web.hosting import Host

N_TEXTS = 200
EXACT = 1e-4
"""Nats, and logits: what is closer than this is a tie."""

RANKS = ("next_rank", "final_rank", "input_rank")
IDS = ("top_ids",)

BY_HAND = (
    "a", " ", "\n", "\t\t", "  \n\n  ", "The", " the", "\r\n", "one\r\ntwo\r\n\r\n  three  \r\n",
    "The fisherman put out to sea, and the sea put out to the fisherman.",
    "It was the best of times, it was the worst of times, it was the age of wisdom",
    '"Well!" said the old man, "and who might you be, sir?"',
    "MR. DARCY'S   PRIDE -- and Miss Bennet's -- are not in question; ask anybody.",
    "buffalo Buffalo buffalo Buffalo buffalo buffalo Buffalo buffalo",
    "la la la la la la la la la la la la la la la la la la la la",
    "def f(x):\n    return x + 1\n", "\tdef f(x):\n\t\treturn x\n\n\n",
    "for (let i = 0; i < n; i++) { total += xs[i] ?? 0; }", "SELECT name, COUNT(*) FROM t WHERE x >= 3 GROUP BY name;",
    "#include <stdio.h>\nint main(void) { printf(\"%d\\n\", 42); return 0; }",
    "fn main() { println!(\"{:?}\", vec![1, 2]); }",
    "{\"a\": [1, 2.5e-3, null, true], \"b\": \"\\u00e9\"}", "<script>alert(1)</script> <b>bold</b> &amp; & \"quoted\"",
    "rm -rf ./build && make -j8 2>&1 | tee log.txt", "lambda self, *args, **kwargs: self.__dict__[args[0]]",
    "import numpy as np\n\n\nclass A:\n    def __init__(self) -> None:\n        self.x = np.zeros((3, 4))\n",
    "x = {k: v for k, v in zip('abc', range(3)) if v % 2 == 0}", "0x7fff_ffff 1e-10 3.14159 1,000,000 007 ½ ²",
    "https://example.org/a/b?c=d&e=f#g", "user@example.org  C:\\Windows\\System32", "a_b__c-d--e.f..g/h//i",
    "👩‍🔬", "🎉🎉🎉", "A scientist 👩‍🔬 and a family 👨‍👩‍👧‍👦, é and e\u0301.", "🇫🇷🇯🇵 flags 🏳️‍🌈 and ☠️ 👍🏽",
    "naïve café, Ærøskøbing, Łódź, İstanbul, straße", "e\u0301a\u0300o\u0308", "\u00a0\u2003\u200b\ufeff x",
    "Привет, мир! Война и мир.", "Καλημέρα κόσμε", "你好,世界。天地玄黃,宇宙洪荒。", "こんにちは世界、カタカナ",
    "안녕하세요 세계", "नमस्ते दुनिया", "สวัสดีชาวโลก", "გამარჯობა", "Բարեւ աշխարհ",
    "قال البحر: السلام عليكم (ثلاثاً).", "שלום לים", "አለም", "𝔘𝔫𝔦𝔠𝔬𝔡𝔢 𝒻𝓊𝓃 ①②③", "ｆｕｌｌｗｉｄｔｈ", "ﬁ ﬂ ﷺ",
    "!!!???...,,,;;;", "((((()))))", "—–-‐‑", "“curly” ‘quotes’ «guillemets»", "The " * 40, "ab" * 60, "\\n \\t \\x00",
    "<s> </s> <|endoftext|> [CLS] <unk>", "_" * 30, "1234567890" * 4, "aAbBcCdDeE" * 5, "\x00\x01\x02\x7f",
)  # fmt: skip

SCRIPTS = (
    (0x20, 0x7E), (0xA0, 0x24F), (0x300, 0x36F), (0x370, 0x3FF), (0x400, 0x4FF), (0x590, 0x5FF), (0x600, 0x6FF),
    (0x900, 0x97F), (0xE00, 0xE7F), (0x1100, 0x11FF), (0x2000, 0x206F), (0x2190, 0x22FF), (0x3040, 0x30FF),
    (0x4E00, 0x9FFF), (0xAC00, 0xD7A3), (0x1F300, 0x1FAFF), (0x1D400, 0x1D7FF),
)  # fmt: skip

WORDS = (
    "the",
    "sea",
    "old",
    "man",
    "said",
    "and",
    "was",
    "self",
    "return",
    "None",
    "def",
    "=",
    "(",
    ")",
    ":",
    "\n    ",
)


def generated(n: int, avoid: set[str]) -> list[str]:
    """So many texts that hypothesis makes, always the same: one script, several, words, anything."""
    one_script = st.sampled_from(SCRIPTS).flatmap(
        lambda ends: st.text(st.characters(min_codepoint=ends[0], max_codepoint=ends[1]), min_size=1, max_size=24)
    )
    words = st.lists(st.sampled_from(WORDS), min_size=2, max_size=16).map(" ".join)
    anything = st.text(min_size=1, max_size=16)
    several = st.lists(st.one_of(one_script, words), min_size=2, max_size=3).map(" ".join)
    found: dict[str, str] = {}

    @seed(20261121)
    @settings(max_examples=4 * n, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(st.one_of(one_script, words, several, anything))
    def collect(text: str) -> None:
        # It likes to make variations of one text; the beginnings differ here.
        if text not in avoid and len(found) < n:
            found.setdefault(text[:6], text)

    collect()
    return list(found.values())


def texts() -> list[str]:
    known = [*(sample(name).text for name in NAMES), *BY_HAND]
    return [*known, *generated(N_TEXTS - len(known), set(known))]


@dataclass
class Report:
    """What was found.

    Attributes:
        largest: by statistic, the largest disagreement of page and library, and the beginning of the text.
        rounded: by statistic, the largest disagreement of the page and the library in fp32, and the text's beginning.
        ties: ranks and likeliest tokens that differ between logits that cannot be told apart.
    """

    largest: dict[str, tuple[float, str]] = field(default_factory=dict)
    rounded: dict[str, tuple[float, str]] = field(default_factory=dict)
    ties: int = 0


@pytest.fixture(scope="module")
def exact() -> Scope:
    """The embedded model, computed as the page computes it."""
    return logitscope.load("embedded:tales", dtype="float64")


@pytest.fixture(scope="session")
def engine(page_is_built: None) -> Path:
    """The site's own engine as a module that a test can ask, built from the same sources; kept until they change."""
    spec = importlib.util.spec_from_file_location("logitscope_web_build", ROOT / "web" / "build.py")
    assert spec is not None
    assert spec.loader is not None
    build = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(build)
    found = build.find_npm()
    assert found is not None
    npm, environment = found
    stamp = (build.BUILT / "stamp").read_text()[:16]
    folder = ROOT / ".cache" / "site-testing" / stamp
    command = [npm, "exec", "--", "vite", "build", "--mode", "site-testing", "--outDir", folder, "--logLevel=error"]
    with FileLock(ROOT / ".cache" / "site-testing.lock"):  # of several processes of tests the first one builds it
        if not (folder / "testing.js").is_file():
            shutil.rmtree(folder.parent, ignore_errors=True)
            done = subprocess.run(
                command, cwd=ROOT / "web", env=environment, capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def page(host: Host, visit: Visit, engine: Path) -> Page:
    """The site's page, its policy and all, with the engine's module in it; nothing of it is the site's."""
    shutil.copytree(engine, host.site / "testing")
    opened = visit(host.url, begin=False)
    opened.set_default_timeout(300_000)
    open_engine(opened, host)
    return opened


def open_engine(opened: Page, host: Host) -> None:
    """Makes the engine's module, which was put into the site, ready in its page."""
    opened.wait_for_selector("[data-phase=waiting]")
    opened.evaluate(
        """async base => {
            const module = await import(base + "testing/testing.js");
            globalThis.testing = { ...module, engine: await module.open(base) };
        }""",
        host.url,
    )


def asked(page: Page, model: str, text: str) -> dict[str, Any]:
    request = {"model": model, "text": text, "subblocks": True}
    said: dict[str, Any] = page.evaluate("request => testing.read(testing.engine, request)", request)
    return said


def array(said: dict[str, Any], name: str) -> np.ndarray:
    one = said["arrays"][name]
    return np.frombuffer(base64.b64decode(one["data"]), one["kind"]).reshape(one["shape"])


def logits_of(scope: Scope, ids: np.ndarray, stage: str, position: int) -> np.ndarray:
    model = scope.model
    vectors = capture(model.anatomy, torch.tensor(ids.astype(np.int64)), [stage]).vectors[stage]
    logits: np.ndarray = Decoder(model.anatomy, model.n_tokens).logits(vectors[position])[: model.n_tokens].numpy()
    return logits


def compare(scope: Scope, rounding: Scope, text: str, said: dict[str, Any], report: Report) -> None:
    """Hold one text against the library, and note how far apart they are."""
    want, rounded = scope.trace(text, subblocks=True), rounding.trace(text, subblocks=True)
    words = repr(text[:40])
    assert said["ids"] == want.ids.tolist(), words
    assert said["tokens"] == list(want.tokens), words
    assert said["stages"] == list(want.stages), words
    assert set(said["arrays"]) == set(want.arrays), words
    # Where the library itself hesitates between two tokens, either is the model's answer.
    final = want["top_logits"][-1]
    clear: np.ndarray = final[:, 0] - final[:, 1] > EXACT if final.shape[1] > 1 else np.full(len(final), True)
    for name in want.arrays:
        ours, theirs = np.asarray(want[name]), array(said, name)
        assert ours.shape == theirs.shape, (name, words)
        counts = clear if name.startswith("final_") else np.full_like(clear, True)
        if name in IDS:
            likeliest(want, said, report, words)
        elif name in RANKS:
            for stage, position in zip(*np.nonzero((ours != theirs) & counts), strict=True):
                tied(scope, want, name, int(stage), int(position), int(ours[stage, position] - theirs[stage, position]))
                report.ties += 1
        else:
            assert (np.isnan(ours) == np.isnan(theirs)).all(), (name, words)
            apart = furthest(ours[:, counts], theirs[:, counts])
            assert apart <= EXACT, (name, words, apart)
            note(report.largest, name, apart, words)
            note(report.rounded, name, furthest(np.asarray(rounded[name])[:, counts], theirs[:, counts]), words)


def note(largest: dict[str, tuple[float, str]], name: str, apart: float, words: str) -> None:
    largest[name] = max(largest.get(name, (0.0, "")), (apart, words))


def furthest(a: np.ndarray, b: np.ndarray) -> float:
    """The largest difference of numbers that are there; 0 where there are none."""
    return float(np.nan_to_num(np.abs(a.astype(np.float64) - b)).max(initial=0.0))


def likeliest(want: Trace, said: dict[str, Any], report: Report, words: str) -> None:
    """The same tokens in the same order, but for those that are equally likely."""
    ours, theirs, logits = want["top_ids"], array(said, "top_ids"), want["top_logits"]
    for stage, position, place in zip(*np.nonzero(ours != theirs), strict=True):
        row = logits[stage, position]
        known = np.nonzero(ours[stage, position] == theirs[stage, position, place])[0]
        # One that is not among them at all may only have taken the place of the last ones.
        other = row[known[0]] if len(known) else row[-1]
        assert abs(row[place] - other) < EXACT, (words, want.stages[stage], int(position))
        report.ties += 1


def tied(scope: Scope, want: Trace, name: str, stage: int, position: int, apart: int) -> None:
    """Between two ranks that differ by so many lie only tokens whose logits cannot be told apart."""
    z = logits_of(scope, want.ids, want.stages[stage], position)
    token = {
        "next_rank": lambda: want.ids[position + 1],
        "input_rank": lambda: want.ids[position],
        "final_rank": lambda: want["top_ids"][-1, position, 0],
    }[name]()
    near = np.abs(z - z[token]) < EXACT
    assert abs(apart) <= near.sum() - 1, (name, want.stages[stage], position, apart)


def test_two_hundred_texts_have_the_librarys_numbers(
    page: Page, tales: Scope, exact: Scope, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    read = texts()
    assert len(set(read)) == N_TEXTS
    (tmp_path / "texts.json").write_text(json.dumps(read))  # pytest keeps the folder: what failed can be looked at
    report = Report()
    for text in read:
        compare(exact, tales, text, asked(page, "embedded:tales", text), report)
    for name, found in vars(report).items():
        record_property(name, found)
        print(name, found)
