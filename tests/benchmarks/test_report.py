"""From measurements to tables: ratios by hand, and nothing that was not measured."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchmarks.report import report, rows_of, table, with_tables
from benchmarks.results import keep, path_for, read


def cell(entrant: str, task: str, seconds: list[float], **more: Any) -> dict[str, Any]:
    return {
        "entrant": entrant,
        "label": entrant,
        "task": task,
        "subblocks": False,
        "n_stages": 13,
        "seconds": seconds,
        "peaks": [1 << 20, 3 << 20],
        "parts": {},
        "errors": {},
        "note": "",
        **more,
    }


def contest() -> dict[str, Any]:
    return {
        "shape": {"name": "x", "words": "X", "d_model": 768, "n_vocab": 50257},
        "n_tokens": 128,
        "cells": [
            cell("floor", "forward", [0.6, 0.5]),
            cell("floor", "products", [9.0], parts={"tiles": [2.0, 2.5], "stages": [3.0, 1.9]}),
            cell("logitscope", "C", [2.5, 3.0], errors={"entropy": 2e-6, "kl_to_final": 7e-6, "next_rank": 1.0}),
            cell("recipe", "C", [8.5]),
            cell("recipe", "A", [1.5]),
            cell("nnsight", "own", [2.0], errors={"top_prob": 1e-7}),
            cell("tuned-lens", "C", [], note="tuned-lens would take about 26 GiB; 21 GiB are free."),
        ],
        "versions": {"nnsight": {"nnsight": "0.8.1"}},
    }


def by_name(rows: list[tuple[str, ...]]) -> dict[tuple[str, str], tuple[str, ...]]:
    return {(row[0].partition(",")[0], row[1]): row[2:] for row in rows}


def test_readout_is_what_a_run_took_beyond_the_forward_pass() -> None:
    rows = by_name(rows_of(contest()))
    # 2.5 − 0.5 = 2.0 s, products 1.9 s; peak 3 MiB; the worst error that is no rank; 3.0 / 2.5.
    assert rows["C", "logitscope"] == ("2.50", "2.00", "1.05", "1.00", "3", "7.0e-06", "1", "+20 %")
    assert rows["C", "recipe"][:4] == ("8.50", "8.00", "4.21", "4.00")


def test_the_floor_is_the_faster_of_two_ways_and_stands_in_every_group_of_ours() -> None:
    rows = by_name(rows_of(contest()))
    assert rows["C", "floor"][:4] == ("", "1.90", "1.00", "0.95")
    assert rows["A", "floor"][1:3] == ("1.90", "1.00")
    assert ("own", "floor") not in rows


def test_what_a_tool_shows_by_itself_is_compared_with_nobody() -> None:
    assert by_name(rows_of(contest()))["own", "nnsight"] == ("2.00", "1.50", "", "", "3", "1.0e-07", "", "")


def test_an_empty_cell_is_no_row_and_says_why() -> None:
    assert not any(row[1] == "tuned-lens" for row in rows_of(contest()))
    whole = {"machine": {}, "sections": {"x": {"words": "x", "contest": contest()}}}
    assert "Left out: tuned-lens would take about 26 GiB" in report(whole)


def test_without_a_forward_pass_nothing_is_derived_from_it() -> None:
    found = contest()
    found["cells"] = [c for c in found["cells"] if c["task"] != "forward"]
    assert by_name(rows_of(found))["C", "recipe"][:4] == ("8.50", "", "", "")


def test_columns_of_numbers_stand_to_the_right_and_of_words_to_the_left() -> None:
    assert table(["who", "s"], [["recipe", "1.0"], ["us", "10.0"]]).splitlines() == [
        "| who    |    s |",
        "|--------|-----:|",
        "| recipe |  1.0 |",
        "| us     | 10.0 |",
    ]


def test_a_page_keeps_what_stands_around_its_tables() -> None:
    page = "# Speed\n<!-- measured: begin -->\nold\n<!-- measured: end -->\nwords\n"
    whole: dict[str, Any] = {"machine": {}, "sections": {"a": {"words": "starting", "note": "not there yet."}}}
    new = with_tables(page, whole)
    assert new.startswith("# Speed\n<!-- measured: begin -->\n")
    assert new.endswith("<!-- measured: end -->\nwords\n")
    assert "old" not in new
    assert "### starting\n\nnot there yet." in new
    assert with_tables(new, whole) == new
    with pytest.raises(ValueError, match="no <!-- measured: begin -->"):
        with_tables("# Speed", whole)


def test_tables_texts_and_notes_of_scripts_are_shown() -> None:
    tables = {"tables": [{"headings": ["x"], "rows": [["1"]]}], "notes": ["A note."]}
    sections = {"a": {"words": "a", "data": tables}, "b": {"words": "b", "text": "as it is\n"}}
    said = report({"machine": {}, "sections": sections})
    assert "| x |" in said
    assert "A note." in said
    assert "```text\nas it is\n```" in said


def test_a_section_takes_the_place_of_what_was_measured_of_it_before(tmp_path: Path) -> None:
    path = path_for("machine", tmp_path)
    machine: dict[str, object] = {"processor": "P", "versions": {"torch": "2"}}
    keep(path, machine, "a", {"words": "first"})
    keep(path, machine, "b", {"words": "other"})
    whole = keep(path, machine, "a", {"words": "second"})
    assert read(path) == whole
    assert {name: section["words"] for name, section in whole["sections"].items()} == {"a": "second", "b": "other"}
    assert whole["sections"]["a"]["versions"] == {"torch": "2"}
    assert [p.name for p in tmp_path.iterdir()] == ["machine.json"]


def test_what_is_no_number_is_kept_as_null_and_shown(tmp_path: Path) -> None:
    odd = cell("recipe", "C", [1.0], errors={"entropy": float("nan"), "logsumexp": 1e-6, "next_rank": 0.0})
    found = contest() | {"cells": [cell("floor", "forward", [0.5]), odd]}
    whole = keep(path_for("m", tmp_path), {"versions": {}}, "a", {"words": "a", "contest": found})
    assert whole["sections"]["a"]["contest"]["cells"][1]["errors"]["entropy"] is None
    assert by_name(rows_of(whole["sections"]["a"]["contest"]))["C", "recipe"][5:7] == ("nan", "0")


def test_a_file_of_another_version_is_not_mixed_with_ours(tmp_path: Path) -> None:
    path = path_for("machine", tmp_path)
    path.write_text('{"version": 0}')
    with pytest.raises(ValueError, match="has version 0"):
        read(path)
