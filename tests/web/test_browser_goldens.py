"""The goldens that the browser's engine is held against are what Python says today."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.view.conftest import assert_alike
from tests.web.browser_goldens import goldens

FILE = Path(__file__).parent / "goldens" / "browser.json"


def test_the_browsers_goldens_are_what_python_says(request: pytest.FixtureRequest) -> None:
    said = json.dumps(goldens(), indent=1, ensure_ascii=True, allow_nan=False) + "\n"
    if request.config.getoption("--update-goldens", default=False):
        FILE.parent.mkdir(exist_ok=True)
        FILE.write_text(said, encoding="ascii")
    assert_alike(json.loads(said), json.loads(FILE.read_text(encoding="ascii")), "browser")
