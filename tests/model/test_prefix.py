"""Keys and values: reading in parts is reading at once, going back is as if never gone on, strangers are refused."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from logitscope.errors import InputError, ModelError
from logitscope.model import prefix
from logitscope.model.decode import Decoder
from logitscope.model.prefix import KeyValues, why_not
from tests import strangers
from tests.families import CONTEXT, FAMILIES, Family, logits_of, shared_model
from tests.understood import ids_of, understand, understood

RUN_IN_PARTS = [f for f in FAMILIES.values() if not f.length_dependent]


def own(name: str, ids: list[int]) -> Tensor:
    return logits_of(shared_model(name), torch.tensor([ids]))[0]


def near(ours: Tensor, theirs: Tensor) -> bool:
    return bool((ours - theirs).abs().max() <= 1e-5 * max(10.0, float(theirs.abs().max())))


@pytest.mark.parametrize("family", RUN_IN_PARTS, ids=str)
def test_logits_of_parts_are_those_of_the_whole(family: Family) -> None:
    """Longer than the zoo's sliding windows, in parts that begin before, at and after them."""
    ids = ids_of(40).tolist()
    whole = own(family.name, ids)
    held = KeyValues(understood(family.name))
    parts = [held.logits(ids[a:b]) for a, b in ((0, 5), (5, 6), (6, 20), (20, 40))]
    assert near(torch.cat(parts), whole)
    held.crop(17)
    assert near(held.logits(ids[17:]), whole[17:])
    assert held.ids == tuple(ids)


@pytest.mark.parametrize("name", ["gpt2", "gemma2", "falcon", "mistral"])
@settings(max_examples=10)
@given(data=st.data())
def test_any_way_to_the_same_ids_gives_the_same_logits(name: str, data: st.DataObject) -> None:
    """A model of it is a list of ids: extending appends, cropping cuts, forking copies."""
    some = st.lists(st.integers(0, 298), min_size=1, max_size=12)
    pairs: list[tuple[KeyValues, list[int]]] = [(KeyValues(understood(name)), [])]
    for _ in range(data.draw(st.integers(1, 6))):
        held, ids = pairs[data.draw(st.integers(0, len(pairs) - 1))]
        step = data.draw(st.sampled_from(["extend", "crop", "fork"]))
        if step == "crop":
            n = data.draw(st.integers(0, 20))
            held.crop(n)
            del ids[n:]
        elif step == "fork":
            pairs.append((held.fork(), list(ids)))
        elif len(ids) + 12 <= CONTEXT:
            new = data.draw(some)
            found = held.logits(new)
            ids += new
            assert near(found, own(name, ids)[-len(new) :])
        assert [(h.ids, h.common(i)) for h, i in pairs] == [(tuple(i), len(i)) for _, i in pairs]
    last = [(held.logits([7]), own(name, [*ids, 7])[-1:]) for held, ids in pairs if len(ids) < CONTEXT]
    assert all(near(a, b) for a, b in last)


def test_stages_of_further_ids_are_those_of_the_whole() -> None:
    from logitscope.model.capture import capture

    anatomy, ids = understood("gemma2").anatomy, ids_of()
    stages = anatomy.stages(subblocks=True)
    whole = capture(anatomy, ids, stages).vectors
    held = KeyValues(understood("gemma2"))
    held.extend(ids[:13].tolist())
    found = held.extend(ids[13:].tolist(), stages, slice(2, None), store=lambda x: 2 * x)
    assert list(found) == list(stages)
    for stage in stages:
        assert near(found[stage], 2 * whole[stage][15:])


def test_what_is_held_is_counted_and_common_beginnings_are_found() -> None:
    held = KeyValues(understood("llama"))
    assert (held.ids, held.n_bytes, held.common([1, 2])) == ((), 0, 0)
    held.extend([1, 2, 3])
    n_layers, n_heads, d_head = 3, 2, 8
    assert held.n_bytes == 2 * n_layers * n_heads * d_head * 4 * (3 + 64)  # with room for some more
    assert [held.common(i) for i in ([], [1], [1, 2, 3], [1, 2, 3, 4], [1, 3], [2])] == [0, 1, 3, 3, 1, 0]
    held.crop(0)
    assert (held.ids, held.n_bytes) == ((), 0)


def test_one_more_is_written_behind_the_others_and_ways_that_share_them_do_not_meet() -> None:
    held, ids = KeyValues(understood("gpt2")), ids_of().tolist()
    held.extend(ids[:8])
    size, other = held.n_bytes, held.fork()
    assert near(held.logits(ids[8:]), own("gpt2", ids)[8:])
    assert held.n_bytes == size  # in the room that there was
    changed = [*ids[:8], *reversed(ids[8:])]
    assert near(other.logits(changed[8:]), own("gpt2", changed)[8:])
    held.crop(9)
    assert near(held.logits(ids[9:]), own("gpt2", ids)[9:])
    other.crop(5)
    assert near(other.logits(ids[5:] + ids[:20]), own("gpt2", ids + ids[:20])[5:])


@pytest.mark.parametrize("at", [0, 1, 2])
def test_a_run_that_fails_leaves_what_was_held(at: int) -> None:
    held, ids = KeyValues(understood("gpt2")), ids_of().tolist()
    held.extend(ids[:8])
    before = held.n_bytes

    def fail(*_: Any) -> None:
        raise KeyboardInterrupt

    handle = understood("gpt2").anatomy.blocks[at].module.register_forward_hook(fail)
    with pytest.raises(KeyboardInterrupt):
        held.extend(ids[8:])
    handle.remove()
    assert (held.ids, held.n_bytes) == (tuple(ids[:8]), before)
    assert near(held.logits(ids[8:]), own("gpt2", ids)[8:])


def test_more_than_the_context_is_refused() -> None:
    held = KeyValues(understood("gpt2"))
    held.extend(ids_of(CONTEXT - 1).tolist())
    with pytest.raises(InputError, match=r"^2 ids were given after 63; this model reads 64 at once\.$"):
        held.extend([1, 2])
    with pytest.raises(InputError, match=r"^no token ids were given"):
        held.extend([])
    with pytest.raises(InputError, match=r"^-1 ids were to be kept"):
        held.crop(-1)
    assert held.logits([1]).shape == (1, 300)


@pytest.mark.parametrize(
    ("build", "reason"),
    [
        (strangers.honest_stranger, "it keeps no keys and values"),
        (strangers.without_attention, "it keeps no keys and values"),
    ],
    ids=["stranger", "recurrent"],
)
def test_a_model_that_cannot_be_run_in_parts_is_told_apart(build: Any, reason: str) -> None:
    model = understand(build(), "a stranger")
    assert why_not(model) == reason
    with pytest.raises(ModelError, match=rf"^a stranger cannot be run in parts: {reason}\.$"):
        KeyValues(model)


def test_scaling_that_depends_on_the_length_is_told_apart() -> None:
    assert why_not(understood("phi3-longrope")) == "its rotary scaling depends on the length of the text"


def test_a_model_that_gives_other_numbers_in_parts_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Positions that begin again at 0 in every part: what a model does that takes a cache and forgets its length."""
    model = understand(FAMILIES["gpt2"].build(seed=3), "forgetful")
    body: Any = model.anatomy.body
    forward = body.forward

    def forgetful(*args: Any, past_key_values: Any = None, **kwargs: Any) -> Any:
        positions = torch.arange(kwargs["input_ids"].shape[1])[None]
        return forward(*args, past_key_values=past_key_values, position_ids=positions, **kwargs)

    monkeypatch.setattr(body, "forward", forgetful)
    assert why_not(model).startswith("in parts its numbers are off by ")


def test_a_model_that_fails_in_parts_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    model = understand(FAMILIES["gpt2"].build(seed=4), "failing")
    body: Any = model.anatomy.body
    forward = body.forward

    def failing(*args: Any, past_key_values: Any = None, **kwargs: Any) -> Any:
        if past_key_values is not None:
            raise TypeError("tuples only")
        return forward(*args, **kwargs)

    monkeypatch.setattr(body, "forward", failing)
    assert why_not(model) == "it fails with keys and values (TypeError)"


def test_half_precision_is_run_in_parts() -> None:
    model = understand(FAMILIES["llama"].build().to(torch.bfloat16), "half")
    assert why_not(model) == ""
    ids = ids_of().tolist()
    held = KeyValues(model)
    held.extend(ids[:9])
    assert (held.logits(ids[9:]) - logits_of(model.hf, torch.tensor([ids]))[0, 9:]).abs().max() < 0.5


def test_whether_it_can_be_is_tried_once(monkeypatch: pytest.MonkeyPatch) -> None:
    why_not(understood("gpt2"))
    monkeypatch.setattr(prefix, "_reason", lambda model: pytest.fail("tried again"))
    assert why_not(understood("gpt2")) == ""


@pytest.mark.parametrize("family", RUN_IN_PARTS, ids=str)
def test_branches_are_read_as_if_each_were_alone(family: Family) -> None:
    """From nothing, and from a beginning longer than the zoo's sliding windows; what was held stays as it was."""
    ids, model = ids_of(30).tolist(), understood(family.name)
    rows = torch.stack([ids_of(5, seed) for seed in range(1, 4)])
    for n in (0, 20):
        held = KeyValues(model)
        if n:
            held.extend(ids[:n])
        found = Decoder(model.anatomy, model.n_tokens).logits(held.branches(rows))
        for row, ours in zip(rows.tolist(), found, strict=True):
            assert near(ours, own(family.name, ids[:n] + row)[n:])
        assert held.ids == tuple(ids[:n])
        assert near(held.logits(ids[n:]), own(family.name, ids)[n:])
