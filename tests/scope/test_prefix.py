"""What was remembered changes no number, whatever was edited or asked for meanwhile, and spares what did not change."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from logitscope.errors import Cancelled, InputError
from logitscope.model.model import Model
from logitscope.scope import Scope, reading
from logitscope.trace import merge
from tests import strangers
from tests.families import CONTEXT, FAMILIES, TOKENIZER_SIZE, shared_model
from tests.scope.closeness import assert_close
from tests.understood import ids_of, understand, understood


def scope_of(name: str) -> Scope:
    return Scope(understood(name))


class Costs:
    """Tokens that the model was run on, and positions times stages that were read out."""

    def __init__(self, model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
        self.tokens: list[int] = []
        self.cells: list[tuple[int, int]] = []
        body: nn.Module = model.anatomy.body
        self.handle = body.register_forward_pre_hook(self._count, with_kwargs=True)
        read_out = reading.read_out

        def counted(head: Any, stages: Any, vectors: Any, **options: Any) -> Any:
            self.cells.append((len(stages), len(options["input_ids"])))
            return read_out(head, stages, vectors, **options)

        monkeypatch.setattr(reading, "read_out", counted)

    def _count(self, _module: Any, _args: Any, kwargs: Any) -> None:
        self.tokens.append(kwargs["input_ids"].shape[1])

    def taken(self) -> tuple[list[int], list[tuple[int, int]]]:
        found = self.tokens, self.cells
        self.tokens, self.cells = [], []
        return found


@pytest.fixture
def costs(monkeypatch: pytest.MonkeyPatch) -> Any:
    made: list[Costs] = []

    def of(name: str) -> Costs:
        made.append(Costs(understood(name), monkeypatch))
        return made[-1]

    yield of
    for each in made:
        each.handle.remove()


# -------------------------------------------------------------------------------------------------------------- numbers


@pytest.mark.parametrize("family", FAMILIES.values(), ids=str)
def test_an_edited_text_has_the_numbers_of_a_fresh_trace(family: Any) -> None:
    """Appended to, changed in the middle; longer than the zoo's sliding windows. Further edits stand below."""
    scope, ids = scope_of(family.name), ids_of(24).tolist()
    prefix = scope.remember()
    scope.trace(ids=ids, prefix=prefix)
    for edited in ([*ids, 7], [*ids[:12], 8, *ids[13:]]):
        asked: dict[str, Any] = {"ids": edited}
        assert_close(scope.trace(prefix=prefix, **asked), scope.trace(**asked))


EDITS = st.lists(
    st.tuples(
        st.sampled_from(["append", "replace", "delete", "insert", "shorten", "undo"]),
        st.integers(0, 99),
        st.lists(st.integers(0, TOKENIZER_SIZE - 2), min_size=1, max_size=4),
    ),
    min_size=1,
    max_size=4,
)
ASKED: list[dict[str, Any]] = [
    {},
    {"subblocks": True, "histogram": True, "watch": 5},
    {"watch": 6, "top_k": 3},
    {"norm": "none"},
    {"lens": "tail:1"},
    {"statistics": ["kl_to_input", "next_rank"]},
    {"stages": ["1.mlp"], "positions": [0, -1]},
    {"window": 16, "stride": 5, "bos": True},
]


def edit(ids: list[int], kind: str, at: int, new: list[int]) -> list[int]:
    at %= len(ids)
    changed = {
        "append": ids + new,
        "replace": ids[:at] + new + ids[at + len(new) :],
        "delete": ids[:at] + ids[at + 1 :],
        "insert": ids[:at] + new + ids[at:],
        "shorten": ids[:at],
    }[kind]
    return changed or [1]


@pytest.mark.parametrize("name", ["gpt2", "gemma2", "phi3-longrope"])
@settings(max_examples=8)
@given(ids=st.lists(st.integers(0, 298), min_size=1, max_size=30), edits=EDITS, data=st.data())
def test_any_edits_under_any_settings_have_the_numbers_of_a_fresh_trace(
    name: str, ids: list[int], edits: list[tuple[str, int, list[int]]], data: st.DataObject
) -> None:
    scope = scope_of(name)
    prefix = scope.remember(data.draw(st.sampled_from([0.001, 0.05, 256])))
    texts = [ids]
    for kind, at, new in edits:
        texts.append(texts[max(0, len(texts) - 2)] if kind == "undo" else edit(texts[-1], kind, at, new))
    for text in texts:
        asked = data.draw(st.sampled_from(ASKED))
        asked = asked if len(text) > 1 or "positions" not in asked else {}
        read: Callable[..., Any] = data.draw(st.sampled_from([scope.trace, lambda **a: merge(scope.pieces(**a))]))
        assert_close(read(ids=text, prefix=prefix, **asked), scope.trace(ids=text, **asked))


@pytest.mark.parametrize("limit_mib", [0.05, 0.06, 0.1])
def test_what_is_known_when_a_text_is_run_is_still_known_when_its_numbers_are_put_together(limit_mib: float) -> None:
    scope = scope_of("gpt2")
    for lengths in ((2, 5, 2), (2, 6, 3), (9, 2, 5)):
        prefix = scope.remember(limit_mib)
        for n in lengths:
            assert_close(scope.trace(ids=[3] * n, prefix=prefix), scope.trace(ids=[3] * n))


def test_the_old_last_position_learns_what_came_next() -> None:
    scope, prefix = scope_of("gpt2"), scope_of("gpt2").remember()
    short = scope.trace(ids=[1, 2, 3], prefix=prefix)
    longer = scope.trace(ids=[1, 2, 3, 4], prefix=prefix)
    assert np.isnan(short["next_logprob"][:, 2]).all()
    assert not np.isnan(longer["next_logprob"][:, 2]).any()
    shorter = scope.trace(ids=[1, 2], prefix=prefix)
    assert np.isnan(shorter["next_logprob"][:, 1]).all()
    assert (shorter["next_rank"][:, 1] == 0).all()


def test_text_is_read_as_ids_are() -> None:
    scope, prefix = scope_of("llama"), scope_of("llama").remember()
    for text in ("the h", "the hat", "the hat 🙂", "a hat"):
        assert_close(scope.trace(text, prefix=prefix, bos=True), scope.trace(text, bos=True))


@torch.no_grad()
def test_changed_weights_are_noticed() -> None:
    model = understand(FAMILIES["gpt2"].build(seed=5), "changing")
    scope = Scope(model)
    prefix = scope.remember()
    before = scope.trace(ids=[1, 2, 3], prefix=prefix)
    model.anatomy.blocks[0].mlp.module.c_proj.weight.mul_(1.5)  # type: ignore[union-attr]
    after = scope.trace(ids=[1, 2, 3], prefix=prefix)
    assert np.abs(after["entropy"][-1] - before["entropy"][-1]).max() > 1e-3
    assert_close(after, scope.trace(ids=[1, 2, 3]))


# ---------------------------------------------------------------------------------------------------------------- costs


def test_only_what_changed_is_run_and_read_out(costs: Callable[[str], Costs]) -> None:
    scope, ids = scope_of("gpt2"), ids_of(30).tolist()
    prefix, cost = scope.remember(), costs("gpt2")
    scope.trace(ids=ids, prefix=prefix)
    assert cost.taken() == ([30], [(4, 30)])
    scope.trace(ids=ids, prefix=prefix)
    assert cost.taken() == ([], [])
    scope.trace(ids=[*ids, 7], prefix=prefix)
    assert cost.taken() == ([1], [(4, 2)])  # the old last position has a next token now
    scope.trace(ids=[*ids[:20], 7, *ids[21:]], prefix=prefix)
    assert cost.taken() == ([11], [(4, 11)])
    scope.trace(ids=ids[:5], prefix=prefix)
    assert cost.taken() == ([1], [(4, 1)])


def test_what_was_not_asked_for_before_is_read_and_the_rest_is_not(costs: Callable[[str], Costs]) -> None:
    scope, ids = scope_of("gpt2"), ids_of(30).tolist()
    prefix, cost = scope.remember(), costs("gpt2")
    scope.trace(ids=ids, prefix=prefix)
    cost.taken()
    scope.trace(ids=ids, subblocks=True, prefix=prefix)
    assert cost.taken() == ([30], [(3, 30)])
    scope.trace(ids=ids, positions=[4, 9], top_k=2, prefix=prefix)
    assert cost.taken() == ([6], [(4, 2)])
    scope.trace(ids=ids, positions=[4, 9, 10], top_k=2, prefix=prefix)
    assert cost.taken() == ([1], [(4, 1)])
    scope.trace(ids=ids, norm="none", prefix=prefix)
    assert cost.taken() == ([30], [(4, 30)])
    scope.trace(ids=[*ids, 3], prefix=prefix)
    assert cost.taken() == ([2], [(4, 2)])


def test_reading_one_early_position_forgets_no_keys(costs: Callable[[str], Costs]) -> None:
    scope, ids = scope_of("gpt2"), ids_of(30).tolist()
    prefix, cost = scope.remember(), costs("gpt2")
    scope.trace(ids=ids, prefix=prefix)
    scope.trace(ids=ids, positions=[2], top_k=1, prefix=prefix)
    cost.taken()
    scope.trace(ids=[*ids, 1], prefix=prefix)
    assert cost.taken() == ([1], [(4, 2)])


def test_pieces_leave_behind_what_they_read_and_no_more(costs: Callable[[str], Costs]) -> None:
    scope, ids = scope_of("gpt2"), ids_of(30).tolist()
    prefix, cost = scope.remember(), costs("gpt2")
    first = scope.pieces(ids=ids, prefix=prefix)
    next(first)
    first.close()  # type: ignore[attr-defined]
    assert cost.taken() == ([30], [(1, 30)])
    made = list(scope.pieces(ids=[*ids, 1], prefix=prefix))
    tokens, cells = cost.taken()
    assert tokens == [31]
    assert cells[0] == (1, 2)
    assert sum(n for n, _ in cells[1:]) == 3
    assert {n for _, n in cells[1:]} == {31}
    assert_close(merge(made), scope.trace(ids=[*ids, 1]))


def test_a_cancelled_reading_keeps_what_was_known(costs: Callable[[str], Costs]) -> None:
    scope, ids = scope_of("gpt2"), ids_of(30).tolist()
    prefix, cost = scope.remember(), costs("gpt2")
    scope.trace(ids=ids, prefix=prefix)
    for polls in range(5):
        answers = iter([False] * polls + [True])
        with pytest.raises(Cancelled):
            list(scope.pieces(ids=[*ids, 1], prefix=prefix, cancelled=lambda answers=answers: next(answers)))
    cost.taken()
    assert_close(scope.trace(ids=[*ids, 1], prefix=prefix), scope.trace(ids=[*ids, 1]))
    assert cost.taken()[0] == [2, 31]


def test_in_a_long_text_only_the_last_window_is_read_again(costs: Callable[[str], Costs]) -> None:
    scope, ids = scope_of("gpt2"), ids_of(150).tolist()
    prefix, cost = scope.remember(), costs("gpt2")
    asked: dict[str, Any] = {"window": 40, "stride": 20}
    scope.trace(ids=ids, prefix=prefix, **asked)
    n_windows = len(cost.taken()[0])
    assert n_windows == 7
    changed = [*ids[:-2], 7, ids[-1]]
    assert_close(scope.trace(ids=changed, prefix=prefix, **asked), scope.trace(ids=changed, **asked))
    tokens, cells = cost.taken()
    assert (tokens[0], cells[0]) == (3, (4, 3))
    assert len(tokens) == 1 + n_windows


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("phi3-longrope", "its rotary scaling depends on the length of the text"),
        ("stranger", "it keeps no keys and values"),
    ],
)
def test_a_model_that_cannot_be_run_in_parts_says_so_and_is_run_whole(
    name: str, reason: str, costs: Callable[[str], Costs], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = understand(strangers.honest_stranger(), "a stranger") if name == "stranger" else understood(name)
    scope, ids = Scope(model), ids_of(30).tolist()
    prefix = scope.remember()
    assert prefix.reason == reason
    assert repr(prefix).endswith(f"no keys and values: {reason})")
    cost = Costs(model, monkeypatch)
    scope.trace(ids=ids, prefix=prefix)
    scope.trace(ids=ids, prefix=prefix)
    assert cost.taken()[0] == [30]
    scope.trace(ids=[*ids, 1], prefix=prefix)
    tokens, cells = cost.taken()
    cost.handle.remove()
    assert tokens == [31]
    # Where numbers depend on the length, none of them is what it was.
    assert cells == [(4, 31 if model.length_dependent else 2)]


def test_a_tail_lens_runs_on_the_whole_text_and_reads_out_what_changed(costs: Callable[[str], Costs]) -> None:
    scope, ids = scope_of("gpt2"), ids_of(30).tolist()
    prefix, cost = scope.remember(), costs("gpt2")
    scope.trace(ids=ids, lens="tail:1", prefix=prefix)
    cost.taken()
    scope.trace(ids=[*ids, 1], lens="tail:1", prefix=prefix)
    assert cost.taken() == ([31], [(4, 2)])


# --------------------------------------------------------------------------------------------------------------- bounds


@pytest.mark.parametrize("limit_mib", [0.001, 0.01, 0.05, 0.2])
def test_no_more_is_kept_than_was_allowed(limit_mib: float) -> None:
    scope = scope_of("gpt2")
    prefix = scope.remember(limit_mib)
    for seed in range(3):
        for asked in ({"subblocks": True}, {"histogram": True}, {"top_k": 3}):
            scope.trace(ids=ids_of(CONTEXT, seed).tolist(), prefix=prefix, **asked)  # type: ignore[arg-type]
            assert 0 <= prefix.n_bytes <= limit_mib * 2**20
    per_token = 3 * 2 * 32 * 4
    room = 64
    assert ("may be kept" in prefix.reason) == (per_token * (CONTEXT + room) > limit_mib * 2**20)


def test_forgetting_is_beginning_anew(costs: Callable[[str], Costs]) -> None:
    scope, ids = scope_of("gpt2"), ids_of(10).tolist()
    prefix, cost = scope.remember(), costs("gpt2")
    scope.trace(ids=ids, prefix=prefix)
    assert prefix.n_bytes > 0
    prefix.forget()
    assert prefix.n_bytes == 0
    scope.trace(ids=ids, prefix=prefix)
    assert cost.taken()[0] == [10, 10]


@pytest.mark.parametrize("limit_mib", [0, -1, float("nan")])
def test_a_limit_must_allow_for_something(limit_mib: float) -> None:
    with pytest.raises(InputError, match=rf"^limit_mib={limit_mib} was given; it must be more than 0\.$"):
        scope_of("gpt2").remember(limit_mib)


def test_one_reading_at_a_time() -> None:
    scope = scope_of("gpt2")
    prefix = scope.remember()
    pieces = scope.pieces(ids=[1, 2, 3], prefix=prefix)
    next(pieces)
    with pytest.raises(InputError, match=r"^this prefix is in use by another reading; finish or close that one"):
        scope.trace(ids=[1, 2], prefix=prefix)
    with pytest.raises(InputError, match=r"^this prefix is in use"):
        prefix.forget()
    pieces.close()  # type: ignore[attr-defined]
    scope.trace(ids=[1, 2], prefix=prefix)
    with pytest.raises(InputError, match=r"^what was remembered of gpt2 was given with another model\.$"):
        scope_of("llama").trace(ids=[1, 2], prefix=prefix)


def test_threads_with_a_prefix_each_do_not_disturb_each_other() -> None:
    scope, ids = scope_of("gpt2"), ids_of(30).tolist()
    wanted = {n: scope.trace(ids=ids[:n]) for n in range(10, 16)}
    wrong: list[BaseException] = []

    def type_on() -> None:
        prefix = scope.remember()
        try:
            for n, trace in wanted.items():
                assert_close(scope.trace(ids=ids[:n], prefix=prefix), trace)
        except BaseException as error:  # noqa: BLE001 - shown by the test
            wrong.append(error)

    threads = [threading.Thread(target=type_on) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert not any(m._forward_pre_hooks for m in shared_model("gpt2").modules())
