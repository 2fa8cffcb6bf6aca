"""Texts that are run together get what each gets alone; models of which that is not true are found out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from logitscope.model.capture import capture
from logitscope.model.model import Model
from logitscope.model.padding import pad, together
from tests import strangers
from tests.families import FAMILIES, Family
from tests.understood import ids_of, understand, understood


def test_shorter_texts_are_filled_up_with_their_last_token() -> None:
    assert pad([np.array([1, 2, 3]), np.array([4])]).tolist() == [[1, 2, 3], [4, 4, 4]]
    assert pad([np.array([7], np.int32)]).dtype == torch.int64


@pytest.mark.parametrize("family", FAMILIES.values(), ids=str)
def test_padded_texts_have_the_vectors_of_each_alone(family: Family) -> None:
    model = understood(family.name)
    assert together(model) == ("equal" if family.length_dependent else "any")
    lengths = [24, 24] if family.length_dependent else [24, 13, 1]
    texts = [ids_of(n, seed).numpy() for seed, n in enumerate(lengths)]
    stages = model.anatomy.stages(subblocks=True)
    found = capture(model.anatomy, pad(texts), stages).vectors
    for row, ids in enumerate(texts):
        alone = capture(model.anatomy, torch.from_numpy(ids), stages).vectors
        for stage in stages:
            own = found[stage].view(len(texts), -1, model.anatomy.d_model)[row, : len(ids)]
            assert (own - alone[stage]).abs().max() <= 1e-5 * max(10.0, float(alone[stage].abs().max()))


def test_a_recurrent_model_is_run_on_several_texts() -> None:
    assert together(understand(strangers.without_attention(), "recurrent")) == "any"


def changed(monkeypatch: pytest.MonkeyPatch, seed: int, change: Any) -> Model:
    model = understand(FAMILIES["gpt2"].build(seed=seed), "changed")
    body: Any = model.anatomy.body
    forward = body.forward
    monkeypatch.setattr(body, "forward", lambda *args, **kwargs: change(forward, *args, **kwargs))
    return model


def test_a_model_that_sees_the_padding_is_run_on_equal_lengths(monkeypatch: pytest.MonkeyPatch) -> None:
    def sees_length(forward: Any, *args: Any, input_ids: Any, **kwargs: Any) -> Any:
        return forward(*args, input_ids=(input_ids + input_ids.shape[1]) % 300, **kwargs)

    assert together(changed(monkeypatch, 6, sees_length)) == "equal"


def test_a_model_that_reads_one_text_at_a_time_is_run_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def one_only(forward: Any, *args: Any, input_ids: Any, **kwargs: Any) -> Any:
        if len(input_ids) > 1:
            raise ValueError("one text only")
        return forward(*args, input_ids=input_ids, **kwargs)

    assert together(changed(monkeypatch, 7, one_only)) == "one"


def test_a_model_that_mixes_texts_is_run_on_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def mixes(forward: Any, *args: Any, input_ids: Any, **kwargs: Any) -> Any:
        return forward(*args, input_ids=(input_ids + input_ids[:1]) % 300, **kwargs)

    model = understand(FAMILIES["gpt2"].build(seed=8), "mixing")
    body: Any = model.anatomy.body
    forward = body.forward
    monkeypatch.setattr(body, "forward", lambda *args, **kwargs: mixes(forward, *args, **kwargs))
    assert together(model) == "one"
