"""Many texts give the traces that each gives alone, in their order, whatever goes together with what."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logitscope.errors import Cancelled, InputError
from logitscope.scope import Scope, batches
from tests import strangers
from tests.families import CONTEXT, TOKENIZER_SIZE
from tests.scope.closeness import assert_close
from tests.understood import ids_of, understand, understood

WATCH = (5, 17)


def scope_of(name: str) -> Scope:
    return Scope(understood(name))


def runs_of(scope: Scope, **asked: Any) -> tuple[list[tuple[int, ...]], list[Any]]:
    """The shapes of what the model was fed, and the traces."""
    shapes: list[tuple[int, ...]] = []
    list(scope.trace_many(ids=[[1], [2, 3]]))  # whether texts can go together is tried out beforehand
    handle = scope.model.anatomy.body.register_forward_pre_hook(
        lambda _m, _a, kwargs: shapes.append(tuple(kwargs["input_ids"].shape)), with_kwargs=True
    )
    made = list(scope.trace_many(**asked))
    handle.remove()
    return shapes, made


@pytest.mark.parametrize("name", ["gpt2", "gemma2", "mixtral", "falcon", "phi3-longrope"])
@settings(max_examples=6)
@given(
    lengths=st.lists(st.sampled_from([1, 2, 5, 13, 13, 24, 24, 70]), min_size=0, max_size=7),
    batch_size=st.integers(1, 5),
    asked=st.sampled_from(
        [{}, {"watch": WATCH, "positions": [0, -1]}, {"bos": True, "subblocks": True}, {"lens": "tail:1"}]
    ),
)
def test_each_text_has_the_numbers_that_it_has_alone(
    name: str, lengths: list[int], batch_size: int, asked: dict[str, Any]
) -> None:
    scope = scope_of(name)
    texts = [ids_of(n, seed).tolist() for seed, n in enumerate(lengths)]
    made = list(scope.trace_many(ids=texts, batch_size=batch_size, **asked))
    assert len(made) == len(texts)
    for ids, trace in zip(texts, made, strict=True):
        assert_close(trace, scope.trace(ids=ids, **asked))


def test_a_recurrent_model_reads_many_texts() -> None:
    scope = Scope(understand(strangers.without_attention(), "recurrent"))
    texts = [ids_of(n).tolist() for n in (3, 9, 9, 1)]
    for ids, trace in zip(texts, scope.trace_many(ids=texts), strict=True):
        assert_close(trace, scope.trace(ids=ids))


def test_texts_of_like_length_go_together() -> None:
    texts = [ids_of(n).tolist() for n in (3, 20, 2, 19, 18, 4)]
    shapes, made = runs_of(scope_of("gpt2"), ids=texts, batch_size=3)
    assert shapes == [(3, 20), (3, 4)]
    assert [trace.ids.tolist() for trace in made] == texts


def test_where_numbers_depend_on_the_length_only_equal_ones_go_together() -> None:
    shapes, _ = runs_of(scope_of("phi3-longrope"), ids=[ids_of(n, n).tolist() for n in (8, 9, 8, 9, 9)])
    assert shapes == [(3, 9), (2, 8)]


def test_long_texts_go_alone_and_through_windows() -> None:
    long = ids_of(CONTEXT + 10).tolist()
    shapes, made = runs_of(scope_of("gpt2"), ids=[[1, 2], long, [3, 4]])
    assert shapes == [(1, 64), (1, 64), (2, 2)]
    assert made[1].seams == (CONTEXT,)


def test_what_a_batch_captures_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "BATCH_BYTES", 4 * 4 * 32 * 10 * 2)  # two texts of ten tokens at four stages
    shapes, made = runs_of(scope_of("gpt2"), ids=[ids_of(10, seed).tolist() for seed in range(5)])
    assert shapes == [(2, 10), (2, 10), (1, 10)]
    assert len(made) == 5
    monkeypatch.setattr(batches, "BATCH_BYTES", 1)
    assert runs_of(scope_of("gpt2"), ids=[[1, 2], [3, 4]])[0] == [(1, 2), (1, 2)]


def test_texts_are_taken_as_they_are_needed() -> None:
    taken: list[int] = []

    def endless() -> Iterator[str]:
        while True:
            taken.append(1)
            yield "the hat" * (1 + len(taken) % 3)

    seen: list[tuple[int, int]] = []
    made = scope_of("gpt2").trace_many(endless(), batch_size=2, progress=lambda *p: seen.append(p))
    assert taken == []
    first = [next(made) for _ in range(17)]
    assert len(taken) == 32
    assert [trace.tokens.text for trace in first[:3]] == ["the hat" * 2, "the hat" * 3, "the hat"]
    assert seen[0] == (2, 16)
    assert seen[-1] == (32, 32)


def test_progress_counts_texts() -> None:
    seen: list[tuple[int, int]] = []
    list(scope_of("gpt2").trace_many(["a", "a b", "a c", "b"], batch_size=3, progress=lambda *p: seen.append(p)))
    assert seen == [(3, 4), (4, 4)]


def test_no_texts_give_no_traces() -> None:
    assert list(scope_of("gpt2").trace_many([])) == []


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "give either texts or ids, one of the two."),
        ({"texts": ["a"], "ids": [[1]]}, "give either texts or ids, one of the two."),
        ({"texts": "a text"}, "one text was given; give several as a list, or call trace."),
        ({"texts": ["a"], "batch_size": 0}, "batch_size=0 was given; it must be at least 1."),
        ({"texts": ["a", ""]}, "text 1 (counted from 0): the text is empty; at least one character is needed."),
        ({"ids": [[1], [999]]}, "text 1 (counted from 0): token id 999"),
        ({"texts": ["a"], "top_k": 0}, "text 0 (counted from 0): top_k=0 was given"),
    ],
    ids=str,
)
def test_what_does_not_fit_is_refused(options: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError) as caught:
        list(scope_of("gpt2").trace_many(**options))
    assert str(caught.value).startswith(said)


def test_it_can_be_cancelled() -> None:
    answers = iter([False] * 3 + [True])
    with pytest.raises(Cancelled):
        list(scope_of("gpt2").trace_many(["a", "b c", "d"], cancelled=lambda: next(answers)))
    assert not any(m._forward_pre_hooks for m in understood("gpt2").hf.modules())


def test_every_id_of_a_trace_has_its_name_and_no_other_texts_ids_are_in_it() -> None:
    made = list(scope_of("gpt2").trace_many(ids=[[1, 2, 3], [4] * 9], statistics=["entropy"]))
    assert set(made[0].vocabulary.pieces) == {1, 2, 3}
    assert all(i < TOKENIZER_SIZE for i in made[1].vocabulary.pieces)
