"""Goldens of view specs, which TypeScript reads too; they change only by `pytest tests/view --update-goldens`."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

GOLDENS = Path(__file__).parent / "goldens"


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, Any], None]:
    """Compares plain JSON values with the golden of that name."""

    def compare(name: str, value: Any) -> None:
        path = GOLDENS / f"{name}.json"
        if request.config.getoption("--update-goldens"):
            path.write_text(json.dumps(value, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
        expected = json.loads(path.read_text(encoding="utf-8"))
        assert_alike(json.loads(json.dumps(value)), expected, name)

    return compare


def assert_alike(value: Any, expected: Any, where: str) -> None:
    """The same, numbers to a millionth: another language's exp() may differ in the last digit."""
    if isinstance(expected, dict):
        assert isinstance(value, dict), where
        assert value.keys() == expected.keys(), where
        for key, item in expected.items():
            assert_alike(value[key], item, f"{where}.{key}")
    elif isinstance(expected, list):
        assert isinstance(value, list), where
        assert len(value) == len(expected), where
        for i, item in enumerate(expected):
            assert_alike(value[i], item, f"{where}[{i}]")
    elif isinstance(expected, float):
        assert isinstance(value, int | float), where
        assert math.isclose(value, expected, rel_tol=1e-6, abs_tol=1e-9), f"{where}: {value} is not {expected}"
    else:
        assert value == expected, where
