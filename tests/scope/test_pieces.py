"""Pieces come useful ones first, make the whole trace together, and stop when nobody wants them any more."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Any

import numpy as np
import pytest
import torch

from logitscope.errors import Cancelled, InputError
from logitscope.readout import Request
from logitscope.scope import Scope, pieces
from logitscope.scope.plan import plan_trace
from logitscope.trace import merge
from tests.agreement import assert_agrees
from tests.families import shared_model
from tests.scope.closeness import assert_close
from tests.understood import ids_of, true_head, true_vectors, understood

LONG = 150
WATCH = (5, 17)


def scope_of(name: str) -> Scope:
    return Scope(understood(name))


@pytest.mark.parametrize("name", ["gpt2", "gemma2", "cohere", "opt-350m"])
@pytest.mark.parametrize("lens", ["logit", "tail:1"])
def test_pieces_merge_into_the_trace(name: str, lens: str) -> None:
    asked: dict[str, Any] = {"ids": ids_of().tolist(), "subblocks": True, "watch": WATCH, "lens": lens}
    made = list(scope_of(name).pieces(**asked))
    whole = scope_of(name).trace(**asked)
    assert_close(merge(made), whole)
    assert (
        merge(made).vocabulary.pieces.items() <= whole.vocabulary.pieces.items() | merge(made).vocabulary.pieces.items()
    )


def test_each_piece_agrees_with_the_reference() -> None:
    ids = ids_of()
    for piece in scope_of("gemma2").pieces(ids=ids.tolist(), subblocks=True, watch=WATCH, histogram=True):
        assert_agrees(
            piece.arrays,
            true_head("gemma2"),
            piece.stages,
            true_vectors("gemma2", ids),
            final="3.mlp",
            input_stage="embed",
            input_ids=ids.numpy(),
            next_ids=np.append(ids.numpy()[1:], -1),
            request=Request(watch=WATCH, histogram=True),
        )


def test_the_last_stage_comes_first_and_the_embedding_last() -> None:
    scope, ids = scope_of("gpt2"), ids_of().tolist()
    made = list(scope.pieces(ids=ids, subblocks=True))
    assert made[0].stages == ("2.mlp",)
    assert made[0].positions.tolist() == list(range(len(ids)))
    assert made[0].summary().scored == len(ids) - 1
    assert [s for piece in made for s in reversed(piece.stages)] == list(reversed(scope.stages(subblocks=True)))
    assert [piece.stages for piece in scope.pieces(ids=ids, stages=["embed", "1.mlp"])] == [("1.mlp",), ("embed",)]
    for n in range(1, len(made) + 1):  # what is there already can be shown
        assert merge(made[:n]).stages == scope.stages(subblocks=True)[-sum(len(p.stages) for p in made[:n]) :]


def ticking(seconds: float) -> Iterator[float]:
    return (seconds * tick for tick in count())


@pytest.mark.parametrize(("seconds", "sizes"), [(0.01, [1, 8]), (0.05, [1, 5, 3]), (1.0, [1, 4, 4])])
def test_pieces_grow_and_hold_what_a_quarter_of_a_second_can_read(
    seconds: float, sizes: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A clock that counts its own calls: each piece takes as long as every other, whatever it holds."""
    monkeypatch.setattr(pieces, "_ROWS", 0)
    model = understood("gemma2")
    plan = plan_trace(model, ids=ids_of().tolist(), subblocks=True)
    clock = ticking(seconds)
    assert [len(p.stages) for p in pieces.read_pieces(model, plan, clock=lambda: next(clock))] == sizes


@pytest.mark.parametrize(("n", "sizes"), [(1, [1, 8]), (20, [1, 8]), (60, [1, 4, 4])])
def test_a_few_positions_are_read_at_once(n: int, sizes: list[int]) -> None:
    model = understood("gemma2")
    plan = plan_trace(model, ids=ids_of(60).tolist(), positions=range(n), subblocks=True)
    clock = ticking(1.0)
    assert [len(p.stages) for p in pieces.read_pieces(model, plan, clock=lambda: next(clock))] == sizes


@pytest.mark.parametrize("name", ["gpt2", "falcon"])
def test_a_text_within_one_window_is_run_once(name: str) -> None:
    runs: list[int] = []
    handle = understood(name).anatomy.body.register_forward_hook(lambda *_: runs.append(1))
    assert len(list(scope_of(name).pieces(ids=ids_of().tolist(), subblocks=True))) > 1
    handle.remove()
    assert runs == [1]


@pytest.mark.parametrize("sweep_bytes", [1, 3 * 4 * LONG * 32, 1 << 20])
def test_a_long_text_is_swept_as_often_as_its_vectors_do_not_fit(
    sweep_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pieces, "SWEEP_BYTES", sweep_bytes)
    scope, ids = scope_of("gpt2"), ids_of(LONG).tolist()
    whole = scope.trace(ids=ids, bos=True)
    runs: list[int] = []
    handle = understood("gpt2").anatomy.body.register_forward_hook(lambda *_: runs.append(1))
    made = list(scope.pieces(ids=ids, bos=True))
    handle.remove()
    n_windows = len(whole.seams) + 1
    assert len(runs) == n_windows * {1: 4, 3 * 4 * LONG * 32: 4, 1 << 20: 1}[sweep_bytes]
    assert made[0].stages == ("2.mlp",)
    assert_close(merge(made), whole)
    some = [0, 3, 70, 149]
    assert_close(merge(scope.pieces(ids=ids, bos=True, positions=some)), scope.trace(ids=ids, bos=True, positions=some))


def test_progress_counts_cells() -> None:
    seen: list[tuple[int, int]] = []
    made = list(scope_of("gpt2").pieces(ids=[1, 2, 3], progress=lambda done, total: seen.append((done, total))))
    assert seen[-1] == (12, 12)
    assert len(seen) == len(made)
    assert [done for done, _ in seen] == sorted({done for done, _ in seen})


def test_what_does_not_fit_is_refused_before_the_first_piece_is_taken() -> None:
    with pytest.raises(InputError, match=r"top_k=0 was given"):
        scope_of("gpt2").pieces("the hat", top_k=0)


# ---------------------------------------------------------------------------------------------------------- cancelling


def n_hooks(name: str) -> int:
    return sum(len(m._forward_hooks) + len(m._forward_pre_hooks) for m in shared_model(name).modules())


@pytest.mark.parametrize("lens", ["logit", "tail:1"])
def test_cancelling_at_any_time_stops_and_leaves_nothing_behind(lens: str) -> None:
    scope, before = scope_of("gpt2"), n_hooks("gpt2")
    asked = {"ids": ids_of().tolist(), "subblocks": True, "lens": lens}
    polls = count()
    whole = list(scope.pieces(cancelled=lambda: next(polls) < 0, **asked))  # type: ignore[arg-type]
    n_polls = next(polls)
    assert n_polls > 3 + len(whole)
    for stop in range(0, n_polls, 3):
        polls = count()
        with pytest.raises(Cancelled):
            list(scope.pieces(cancelled=lambda polls=polls, stop=stop: next(polls) >= stop, **asked))  # type: ignore[misc]
        assert next(polls) == stop + 1  # asked once more after it said yes, by this line
        assert n_hooks("gpt2") == before
    assert_close(merge(scope.pieces(**asked)), scope.trace(**asked))  # type: ignore[arg-type]


def test_a_run_is_left_between_blocks() -> None:
    ran: list[int] = []
    handles = [
        block.module.register_forward_hook(lambda *_, i=block.index: ran.append(i))
        for block in understood("gpt2").anatomy.blocks
    ]
    with pytest.raises(Cancelled):
        next(scope_of("gpt2").pieces(ids=[1, 2, 3], cancelled=lambda: len(ran) == 2))
    for handle in handles:
        handle.remove()
    assert ran == [0, 1]


def test_settings_of_torch_are_the_callers_own_between_pieces() -> None:
    torch.set_float32_matmul_precision("high")
    try:
        for _ in scope_of("gpt2").pieces(ids=[1, 2, 3]):
            assert torch.get_float32_matmul_precision() == "high"
    finally:
        torch.set_float32_matmul_precision("highest")
