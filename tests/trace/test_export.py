from __future__ import annotations

import csv
import io
import json
import os
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet
import pytest
import xarray as xr
from hypothesis import HealthCheck, given, settings

from logitscope.errors import InputError, TraceError
from logitscope.trace import Trace, open_trace, write
from logitscope.trace.statistics import DERIVED, STATISTICS
from logitscope.trace.table import columns
from tests.trace.examples import NASTY, cut, names_in, trace_of, traces

NUMBERS = ["entropy", "next_rank", "next_logprob", "top_ids", "top_logprobs", "watch_rank"]


@pytest.fixture
def trace() -> Trace:
    return trace_of(cut('a "b",\nc', [1, 2, 3, 1], bos=True), ("embed", "0.mlp"), seed=3)


def strict(text: str) -> object:
    def refuse(name: str) -> None:
        raise ValueError(f"{name} is no JSON")

    return json.loads(text, parse_constant=refuse)


def read_csv(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, strict=True))


# --- the table ---------------------------------------------------------------------------------------------------


def test_the_table_has_a_row_per_stage_and_position_with_the_names_of_the_contract(trace: Trace) -> None:
    table = {column.name: column for column in columns(trace)}
    n = len(trace.stages) * len(trace.positions)
    assert {len(column.values) for column in table.values()} == {n}
    flat = [s.name for s in STATISTICS.values() if len(s.axes) == 2]
    assert set(flat) | (set(DERIVED) - {"watch_prob"}) <= table.keys()
    assert [name for name in table if name.startswith("top_2")] == [
        "top_2_id",
        "top_2_token",
        "top_2_logprob",
        "top_2_logit",
    ]
    np.testing.assert_array_equal(table["top_2_logit"].values, trace["top_logits"][:, :, 1].ravel())
    np.testing.assert_array_equal(table["watch_1_rank"].values, trace["watch_rank"][:, :, 0].ravel())
    assert set(table["watch_2_id"].values.tolist()) == {7}
    assert table["entropy_bits"].unit == "bits"


def test_rows_are_those_of_a_naive_loop(trace: Trace) -> None:
    table = {column.name: column.values.tolist() for column in columns(trace)}
    row = 0
    for s, stage in enumerate(trace.stages):
        for p in trace.positions.tolist():
            assert (table["stage"][row], table["stage_index"][row], table["position"][row]) == (stage, s, p)
            assert (table["token"][row], table["token_id"][row]) == (trace.tokens.texts[p], trace.ids[p])
            if p + 1 < len(trace.tokens):
                assert (table["next_token"][row], table["next_id"][row]) == (
                    trace.tokens.texts[p + 1],
                    trace.ids[p + 1],
                )
            assert table["context_length"][row] == trace.context_lengths[p]
            assert table["top_1_token"][row] == trace.vocabulary.text(trace["top_ids"][s, p, 0])
            row += 1


def test_a_piece_has_the_rows_it_holds(trace: Trace) -> None:
    frame = trace.select(["0.mlp"], [1, 3]).to_pandas()
    assert frame["position"].tolist() == [1, 3]
    assert frame["next_token"].tolist() == [trace.tokens.texts[2], trace.tokens.texts[4]]


# --- pandas and xarray -------------------------------------------------------------------------------------------


def test_pandas_marks_what_is_missing_and_keeps_the_order_of_stages(trace: Trace) -> None:
    rank = np.array([[0, 1, 2, 3, 4, 0]] * 2)
    frame = trace.replace(arrays={**trace.arrays, "next_rank": rank}).to_pandas()
    assert frame["next_rank"].isna().tolist() == [True, False, False, False, False, True] * 2
    assert frame["next_rank"].dtype == "Int32"
    assert frame["next_id"].isna().tolist() == ([False] * 5 + [True]) * 2
    assert frame["next_token"].isna().tolist() == ([False] * 5 + [True]) * 2
    assert frame["stage"].cat.categories.tolist() == ["embed", "0.mlp"]
    assert frame["entropy"].dtype == np.float32
    np.testing.assert_array_equal(frame["entropy"], trace["entropy"].ravel())
    assert frame.attrs["units"]["surprisal_bits"] == "bits"
    assert frame.attrs["provenance"]["model"] == "tiny"


def test_xarray_names_its_axes_and_units(trace: Trace) -> None:
    data = trace.to_xarray()
    assert data["histogram_samples"].dims == ("stage", "position", "bin", "sample")
    assert data["watch_prob"].dims == ("stage", "position", "watch")
    assert data["top_prob"].dims == ("stage", "position")
    assert data["entropy"].attrs["units"] == "nats"
    assert data["k"].values.tolist() == [1, 2]
    assert data["watch"].values.tolist() == [5, 7]
    assert data["bin_centre"].values[[0, -1]].tolist() == [-7.875, 7.875]
    assert data["token"].values.tolist() == list(trace.tokens.texts)
    found = data["next_logprob"].sel(stage="0.mlp", position=2).item()
    np.testing.assert_equal(np.float32(found), trace["next_logprob"][1, 2])
    assert set(trace) == set(data.data_vars)
    assert data.attrs["model"] == "tiny"
    assert data.attrs["text"] == trace.tokens.text


def test_missing_packages_are_named_with_what_to_install(
    trace: Trace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for package in ("pandas", "xarray", "pyarrow", "pyarrow.parquet"):
        monkeypatch.setitem(sys.modules, package, None)
    for work in (trace.to_pandas, trace.to_xarray, lambda: write(trace, tmp_path / "t.parquet")):
        with pytest.raises(TraceError, match=r'not installed: pip install "logitscope\[data\]"'):
            work()
    assert names_in(tmp_path) == []
    write(trace, tmp_path / "t.csv")
    write(trace, tmp_path / "t.json")


# --- JSON --------------------------------------------------------------------------------------------------------


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(traces())
def test_json_is_strict_and_gives_every_number_back(tmp_path: Path, trace: Trace) -> None:
    write(trace, tmp_path / "t.json")
    found = strict((tmp_path / "t.json").read_text(encoding="utf-8"))
    # JSON writes half a surrogate pair as it is, and two halves side by side are one character to whoever reads it.
    assert found == json.loads(json.dumps(trace.to_dict(), allow_nan=False))
    assert list(found["values"]) == list(trace)  # type: ignore[index]
    for name, array in trace.arrays.items():
        listed = np.array(found["values"][name], dtype=object).reshape(array.shape)  # type: ignore[index]
        if array.dtype == np.float32:
            np.testing.assert_array_equal(listed.astype(np.float32), array)
        else:
            least = 1 if STATISTICS[name].is_rank else 0
            assert all(
                (x is None) == (y < least) and x in (None, y) for x, y in zip(listed.flat, array.flat, strict=True)
            )


@pytest.mark.parametrize("text", NASTY)
def test_json_holds_any_text(tmp_path: Path, text: str) -> None:
    write(trace_of(cut(text, [1] * 40), names=("entropy",)), tmp_path / "t.JSON")
    found = json.loads((tmp_path / "t.JSON").read_bytes())
    assert b"".join(bytes.fromhex(piece) for piece in found["bytes"]) == text.encode("utf-8", "surrogatepass")
    if text != "\ud83d\ude00":  # two halves become one character in any JSON
        assert found["text"] == text


def test_json_has_null_for_what_is_missing_or_infinite() -> None:
    trace = trace_of(cut("abc", [1, 1]), ("0.mlp",), ("next_logprob", "next_rank", "histogram_samples"))
    arrays = {"next_logprob": [[-np.inf, -0.1, np.nan]], "next_rank": [[2, 1, 0]]}
    values = trace.replace(arrays={name: np.array(a) for name, a in arrays.items()}).to_dict()["values"]
    assert values["next_logprob"] == [[None, -0.1, None]]
    assert values["next_rank"] == [[2, 1, None]]
    assert values["next_prob"][0][0] == 0


# --- CSV and Parquet ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", NASTY)
def test_csv_gives_every_cell_back(tmp_path: Path, text: str) -> None:
    trace = trace_of(cut(text, [1, 2, 1, 3] * 8, bos=True), names=NUMBERS)
    write(trace, tmp_path / "t.csv")
    rows = read_csv(tmp_path / "t.csv")
    table = columns(trace)
    assert list(rows[0]) == [column.name for column in table]
    for column in table:
        absent = np.zeros(len(rows), bool) if column.missing is None else column.missing
        for row, value, gone in zip(rows, column.values.tolist(), absent, strict=True):
            cell = row[column.name]
            if gone:
                assert cell == ""
            else:
                assert cell == value if isinstance(value, str) else np.float32(cell) == value


def test_csv_floats_are_the_shortest_that_give_the_number_back(tmp_path: Path) -> None:
    trace = trace_of(cut("ab", [1]), ("0.mlp",), ("entropy",)).replace(arrays={"entropy": np.array([[0.1, np.nan]])})
    write(trace, tmp_path / "t.csv")
    assert [row["entropy"] for row in read_csv(tmp_path / "t.csv")] == ["0.1", ""]


def test_pandas_reads_the_csv_as_documented(tmp_path: Path) -> None:
    trace = trace_of(cut("NA\r\nnull\r\n", [2, 1, 1, 4, 1]), names=NUMBERS)
    write(trace, tmp_path / "t.csv")
    frame = pd.read_csv(tmp_path / "t.csv", keep_default_na=False, na_values=[""])
    expected = trace.to_pandas()
    assert frame["token"].tolist() == expected["token"].tolist()
    np.testing.assert_array_equal(frame["entropy"].astype(np.float32), expected["entropy"])


def test_csv_of_no_rows_is_its_header(tmp_path: Path) -> None:
    trace = trace_of(cut("ab", [1]), names=("entropy",))
    for i, empty in enumerate([trace.select([]), trace.select(None, [])]):
        write(empty, tmp_path / f"{i}.csv")
        lines = (tmp_path / f"{i}.csv").read_text().splitlines()
        assert len(lines) == 1
        assert lines[0].startswith("stage,stage_index,position,token_id,token,")


@pytest.mark.parametrize("text", NASTY)
def test_parquet_holds_the_table_of_pandas_with_units(tmp_path: Path, text: str) -> None:
    trace = trace_of(cut(text, [1, 2, 1, 3] * 8, bos=True))
    write(trace, tmp_path / "t.parquet")
    table = pyarrow.parquet.read_table(tmp_path / "t.parquet")
    frame = trace.to_pandas()
    assert table.column_names == list(frame.columns)
    assert table.schema.field("kl_from_final").metadata == {b"unit": b"nats"}
    assert json.loads(table.schema.metadata[b"logitscope-trace"])["provenance"]["model"] == "tiny"
    for name in table.column_names:
        expected = [None if pd.isna(value) else value for value in frame[name].tolist()]
        assert table[name].to_pylist() == expected


# --- writing by suffix -------------------------------------------------------------------------------------------


def test_safetensors_is_the_trace_file(trace: Trace, tmp_path: Path) -> None:
    write(trace, str(tmp_path / "t.trace.safetensors"))
    assert open_trace(tmp_path / "t.trace.safetensors").identical(trace)


def test_a_suffix_that_names_no_format_is_refused(trace: Trace, tmp_path: Path) -> None:
    for name in ("t.xlsx", "t", ".csv"):
        with pytest.raises(InputError, match=r"names no format; use one of \.safetensors, \.json, \.csv, \.parquet"):
            write(trace, tmp_path / name)
    assert names_in(tmp_path) == []


@pytest.mark.parametrize("suffix", ["csv", "json", "parquet"])
def test_ctrl_c_while_writing_leaves_nothing(
    trace: Trace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write(trace, tmp_path / f"t.{suffix}")
    assert names_in(tmp_path) == []


def test_a_csv_can_be_read_from_memory_by_the_standard_library(trace: Trace, tmp_path: Path) -> None:
    write(trace, tmp_path / "t.csv")
    rows = list(csv.reader(io.StringIO((tmp_path / "t.csv").read_bytes().decode())))
    assert {len(row) for row in rows} == {len(columns(trace))}


def test_xarray_of_a_piece_without_optional_axes(trace: Trace) -> None:
    data = trace.replace(arrays={"entropy": trace["entropy"]}).select(["embed"], [0]).to_xarray()
    assert isinstance(data, xr.Dataset)
    assert dict(data.sizes) == {"stage": 1, "position": 1}
