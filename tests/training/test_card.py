"""Cards: filled from a template, figures put in their place, and nowhere else."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from training.card import fill_card, write_figures

VALUES = {"parameters": 85_728, "seed": 1, "steps": 2000, "batch": 64, "torch": "2", "trained": 547, "held_out": 182}


def test_figures_stand_where_the_card_has_their_place(tmp_path: Path) -> None:
    card = fill_card("sort", **VALUES)
    assert "Not measured yet" in card
    (tmp_path / "README.md").write_text(card)
    write_figures(tmp_path, {"a": 1}, [("bits", "2.5")])
    write_figures(tmp_path, {"a": 2}, [("bits", "1.5")])
    measured = (tmp_path / "README.md").read_text()
    assert "| bits | 1.5 |" in measured
    assert "2.5" not in measured
    assert "Not measured yet" not in measured
    outside = re.sub(r"<!-- figures.*?end of figures -->", "", measured, flags=re.DOTALL)
    assert outside == re.sub(r"<!-- figures.*?end of figures -->", "", card, flags=re.DOTALL)
    assert json.loads((tmp_path / "figures.json").read_text()) == {"a": 2}


def test_a_card_without_a_place_for_figures_is_refused(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("# A card\n")
    with pytest.raises(SystemExit, match="no place for figures"):
        write_figures(tmp_path, {}, [])


def test_a_value_that_is_missing_is_noticed() -> None:
    with pytest.raises(KeyError, match="seed"):
        fill_card("sort", **{k: v for k, v in VALUES.items() if k != "seed"})
