"""What every test has: shapes checked against their annotations, no network, and data that may be absent, said loudly.

Must be loaded before anything imports `logitscope`.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.shape_checks import install

ROOT = Path(__file__).parents[1]
SHARED = Path(os.environ.get("LOGITSCOPE_SHARED", ROOT.parent / "shared"))
ABSENT = f"needs the shared data, and {SHARED} is not there (set LOGITSCOPE_SHARED)"

NO_BROWSER = "needs chromium, and there is none (apt-get install chromium, or name one in LOGITSCOPE_CHROMIUM)"

# Read when huggingface_hub is first imported: no test depends on the network, not even by accident.
os.environ["HF_HUB_OFFLINE"] = "1"

# The first example of a property loads a model or compiles a pattern; how long that takes says nothing about it.
settings.register_profile("here", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", settings.get_profile("here"), derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "here")

install("logitscope")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-goldens", action="store_true", help="rewrite the goldens; then look at the pictures")


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with real models, tokenizers and texts, which is not part of the repository."""
    if not SHARED.is_dir():
        pytest.skip(ABSENT)
    return SHARED


@pytest.fixture(scope="session")
def embedded() -> Path:
    """The folder of the embedded models."""
    return ROOT / "src" / "logitscope" / "embedded"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for reason in (ABSENT, NO_BROWSER):
        skipped = [r for r in terminalreporter.stats.get("skipped", []) if reason in str(r.longrepr)]
        if skipped:
            terminalreporter.section("NOT TESTED HERE", sep="!", red=True, bold=True)
            terminalreporter.line(f"{len(skipped)} tests were skipped; each {reason}.")
