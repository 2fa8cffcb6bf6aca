from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logitscope.errors import TraceError
from logitscope.trace import Trace, Vocabulary, merge
from tests.trace.examples import cut, trace_of, traces


@pytest.fixture
def trace() -> Trace:
    return trace_of(cut("a bc d", [1, 1, 1, 1]), ("embed", "0.attn", "0.mlp", "10.mlp"))


@settings(max_examples=80)
@given(traces(), st.data())
def test_merging_any_partition_in_any_order_gives_the_whole(trace: Trace, data: st.DataObject) -> None:
    groups = st.integers(0, 2)
    by_stage = [data.draw(groups) for _ in trace.stages]
    by_position = [data.draw(groups) for _ in trace.positions]
    pieces = [
        trace.select(
            [stage for stage, g in zip(trace.stages, by_stage, strict=True) if g == i],
            [int(p) for p, g in zip(trace.positions, by_position, strict=True) if g == j],
        )
        for i in range(3)
        for j in range(3)
    ]
    shuffled = data.draw(st.permutations(pieces))
    assert merge(shuffled).identical(trace.replace(seams=tuple(s for s in trace.seams if s in set(trace.positions))))


def test_pieces_may_hold_different_statistics_and_overlap(trace: Trace) -> None:
    some = {name: trace.arrays[name] for name in list(trace.arrays)[:9]}
    rest = {name: trace.arrays[name] for name in list(trace.arrays)[6:]}
    assert merge([trace.replace(arrays=rest), trace.replace(arrays=some), trace]).identical(trace)


def test_one_piece_is_itself(trace: Trace) -> None:
    assert merge([trace]).identical(trace)


def test_stages_come_out_in_the_order_of_the_model(trace: Trace) -> None:
    pieces = [trace.select([name]) for name in ("10.mlp", "0.mlp", "embed", "0.attn")]
    assert merge(pieces).stages == ("embed", "0.attn", "0.mlp", "10.mlp")


def test_vocabularies_and_seams_unite_and_the_earliest_time_stands(trace: Trace) -> None:
    early = replace(trace.provenance, created="2025")
    first = trace.replace(vocabulary=Vocabulary({1: b"a"}, frozenset({1})), seams=(3,), provenance=early)
    second = trace.replace(vocabulary=Vocabulary({2: b"b"}), seams=(1,))
    for merged in (merge([first, second]), merge([second, first])):
        assert merged.vocabulary == Vocabulary({1: b"a", 2: b"b"}, frozenset({1}))
        assert merged.seams == (1, 3)
        assert merged.provenance.created == "2025"


def test_cells_that_no_piece_holds_are_listed(trace: Trace) -> None:
    with pytest.raises(TraceError, match=r'no piece holds top_ids at stage "10.mlp" \(positions 3, 4\)'):
        merge([trace.select(trace.stages[:3]), trace.select(["10.mlp"], [0, 1, 2])])


def test_a_long_list_of_missing_cells_is_cut_short() -> None:
    trace = trace_of(cut("a" * 20, [1] * 20), [f"{i}.mlp" for i in range(9)], ("entropy",))
    with pytest.raises(TraceError, match=r"positions 1, 2, 3, 4, 5 and 14 more\).* and 3 more stages"):
        merge([trace.select(["0.mlp"]), trace.select(None, [0])])


def test_cells_on_which_pieces_disagree_are_named(trace: Trace) -> None:
    entropy = trace["entropy"].copy()
    entropy[1, 2] = 99
    with pytest.raises(TraceError, match=r'disagree on entropy at stage "0.attn", position 2'):
        merge([trace, trace.replace(arrays={**trace.arrays, "entropy": entropy})])
    entropy[1, 2] = np.nan
    with pytest.raises(TraceError, match="disagree on entropy"):
        merge([trace.replace(arrays={**trace.arrays, "entropy": entropy}), trace])


def test_pieces_of_different_runs_do_not_merge(trace: Trace) -> None:
    others = {
        "different texts": trace_of(cut("a bc e", [1, 1, 1, 1]), trace.stages),
        "differ in norm": trace.replace(provenance=replace(trace.provenance, norm="none")),
        "different sizes": trace_of(trace.tokens, trace.stages, k=3),
        "watch different tokens": trace_of(trace.tokens, trace.stages, watched=(1, 2)),
        "name token 1 differently": trace.replace(vocabulary=Vocabulary({1: b"?"})),
        "context length at position 0": trace.replace(context_lengths=trace.context_lengths + 1),
    }
    for message, other in others.items():
        with pytest.raises(TraceError, match=message):
            merge([trace, other])


def test_context_lengths_are_complete_or_absent(trace: Trace) -> None:
    none = np.zeros(0, np.int32)
    assert merge([trace.replace(context_lengths=none)]).context_lengths.shape == (0,)
    with pytest.raises(TraceError, match="no piece says how much context position 1 had"):
        merge([trace.select(positions=[0]), trace.replace(context_lengths=none)])


def test_nothing_does_not_merge() -> None:
    with pytest.raises(TraceError, match="at least one"):
        merge([])
