"""Windows over long texts: each position is read out once, with as much context as is promised."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logitscope.errors import InputError
from logitscope.model.windows import Window, plan_windows


def test_a_text_that_fits_is_one_window() -> None:
    for length in (1, 63, 64):
        assert plan_windows(length, 64) == [Window(0, 0, length, 0)]


def test_a_model_without_limit_reads_everything_at_once() -> None:
    assert plan_windows(100_000, 0) == [Window(0, 0, 100_000, 0)]
    assert plan_windows(100_000, 0, stride=7, prefix=1) == [Window(0, 0, 100_000, 0)]


def test_windows_by_hand() -> None:
    """11 tokens through 4 at a time, 2 new ones each: what is fed, and from where it is read out."""
    assert plan_windows(11, 4, 2) == [
        Window(0, 0, 4, 0),
        Window(0, 2, 6, 4),
        Window(0, 4, 8, 6),
        Window(0, 6, 10, 8),
        Window(0, 7, 11, 10),
    ]


def test_windows_by_hand_with_a_prefix() -> None:
    """The first token is BOS: 8 tokens through 4 at a time, 2 new ones each."""
    windows = plan_windows(8, 4, 2, prefix=1)
    assert windows == [Window(0, 0, 4, 0), Window(1, 3, 6, 4), Window(1, 5, 8, 6)]
    assert [w.row(w.first) for w in windows] == [0, 2, 2]
    assert [windows[1].context_length(p) for p in (4, 5)] == [3, 4]


def test_half_a_window_is_new_by_default() -> None:
    assert plan_windows(20, 8) == plan_windows(20, 8, 4)
    assert plan_windows(20, 8, prefix=1) == plan_windows(20, 8, 3, prefix=1)
    assert plan_windows(3, 1) == plan_windows(3, 1, 1)


def test_the_largest_stride_makes_windows_that_do_not_overlap() -> None:
    assert plan_windows(12, 4, 4) == [Window(0, 0, 4, 0), Window(0, 4, 8, 4), Window(0, 8, 12, 8)]


@pytest.mark.parametrize(("context", "prefix"), [(1, 1), (2, 2), (2, 5)])
def test_a_window_without_room_beside_the_prefix_is_refused(context: int, prefix: int) -> None:
    with pytest.raises(InputError, match=f"a window of {context} tokens has no room beside {prefix} tokens of prefix"):
        plan_windows(10, context, prefix=prefix)


@pytest.mark.parametrize("stride", [0, -1, 5, 9])
def test_a_stride_that_leaves_gaps_or_stands_still_is_refused(stride: int) -> None:
    with pytest.raises(InputError, match=f"a stride of {stride} was given; it must be from 1 to 4"):
        plan_windows(10, 4, stride)
    with pytest.raises(InputError):
        plan_windows(3, 4, stride)  # also where no second window is needed: the option is wrong all the same


def test_a_stride_must_leave_room_for_the_prefix() -> None:
    with pytest.raises(InputError, match="from 1 to 3"):
        plan_windows(10, 4, 4, prefix=1)


plans = st.tuples(st.integers(1, 200), st.integers(2, 40), st.integers(0, 3)).flatmap(
    lambda t: st.tuples(
        st.just(t[0]), st.just(t[1]), st.none() | st.integers(1, max(1, t[1] - t[2])), st.just(min(t[2], t[1] - 1))
    )
)


@settings(max_examples=300)
@given(plan=plans)
def test_every_position_is_read_out_once_with_its_promised_context(plan: tuple[int, int, int | None, int]) -> None:
    length, context, stride, prefix = plan
    windows = plan_windows(length, context, stride, prefix)
    read = [(p, w) for w in windows for p in range(w.first, w.stop)]
    assert [p for p, _ in read] == list(range(length))
    step = stride or max(1, (context - prefix) // 2)
    for i, w in enumerate(windows):
        assert w.prefix == (prefix if i else 0)
        assert w.prefix <= w.start <= w.first < w.stop  # the prefix is not fed twice
        assert w.prefix + w.stop - w.start == min(context, length)
        assert (w.stop - w.first == step) or i in (0, len(windows) - 1)
        fed = [*range(w.prefix), *range(w.start, w.stop)]
        assert len(set(fed)) == len(fed)
        assert fed[w.row(w.first)] == w.first
    for p, w in read:
        assert 1 <= w.context_length(p) <= context
        assert w.context_length(p) == p + 1 if p < context else w.context_length(p) > context - step


@given(length=st.integers(1, 100), context=st.integers(1, 30))
def test_a_stride_of_one_gives_every_token_all_the_context_there_is(length: int, context: int) -> None:
    for w in plan_windows(length, context, 1):
        for p in range(w.first, w.stop):
            assert w.context_length(p) == min(p + 1, context)
