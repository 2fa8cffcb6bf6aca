"""The recorder: what each module read and returned, in any wrapping, and nothing left behind."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from transformers.modeling_outputs import BaseModelOutput

from logitscope.model.dataflow import first_tensor, hooked, record, same, stream_of, with_first_tensor, with_stream

X, Y = torch.ones(1, 2, 3), torch.zeros(1, 2, 3)
IDS = torch.tensor([[1, 2]])


@pytest.mark.parametrize(
    "value", [X, (X, None), [X, Y], (None, X), {"a": X}, BaseModelOutput(last_hidden_state=X)], ids=str
)
def test_the_first_tensor_is_found_in_any_wrapping(value: Any) -> None:
    assert first_tensor(value) is X


@pytest.mark.parametrize("value", [None, (), [], 3, (None, "a")])
def test_what_holds_no_tensor_has_no_first_one(value: Any) -> None:
    assert first_tensor(value) is None


def test_the_first_tensor_is_replaced_and_the_rest_stays() -> None:
    assert with_first_tensor(X, Y) is Y
    replaced = with_first_tensor((X, "weights"), Y)
    assert isinstance(replaced, tuple)
    assert replaced[0] is Y
    assert replaced[1] == "weights"
    assert with_first_tensor([X, 1], Y)[0] is Y
    assert with_first_tensor((None, X), Y)[1] is Y


def test_the_stream_is_the_first_floating_point_tensor_wherever_it_stands() -> None:
    assert stream_of((IDS, X), {"mask": Y}) is X
    assert stream_of((), {"ids": IDS, "hidden_states": X}) is X
    assert stream_of((IDS,), {"mask": None}) is None


def test_the_stream_is_replaced_where_it_stands() -> None:
    args, kwargs = with_stream((IDS, X), {"mask": Y}, Y)
    assert args[0] is IDS
    assert args[1] is Y
    assert kwargs["mask"] is Y
    given = {"hidden_states": X, "flag": True}
    args, kwargs = with_stream((), given, Y)
    assert kwargs["hidden_states"] is Y
    assert kwargs["flag"] is True
    assert given["hidden_states"] is X
    with pytest.raises(TypeError, match="without a floating-point tensor"):
        with_stream((IDS,), {}, X)


def test_same_means_the_same_values_whatever_the_type() -> None:
    assert same(X, X.clone())
    assert same(X, X.to(torch.bfloat16))
    assert not same(X, Y)
    assert not same(X, X[:, :1])
    assert not same(X, None)
    assert not same(None, None)


class Doubles(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.mul_(2)  # in place, as Falcon adds


class Twice(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.times_two = Doubles()

    def forward(self, x: Tensor) -> tuple[Tensor, None]:
        return self.times_two(self.times_two(x)), None


def test_calls_are_recorded_in_the_order_of_their_return_with_inputs_as_they_were() -> None:
    root = nn.ModuleDict({"twice": Twice()})
    calls, result = record(root, lambda: root["twice"](x=torch.ones(1, 2, 3)))
    assert [(c.name, c.order) for c in calls] == [("twice.times_two", 0), ("twice.times_two", 1), ("twice", 2)]
    values = [
        (float(c.read[0, 0]), float(c.returned[0, 0])) for c in calls if c.read is not None and c.returned is not None
    ]
    assert values == [(1.0, 2.0), (2.0, 4.0), (1.0, 4.0)]
    assert calls[0].read is not None
    assert calls[0].read.shape == (2, 3)
    assert float(result[0][0, 0, 0]) == 4


def test_what_is_no_vector_is_recorded_as_absent() -> None:
    class Ids(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x + 1

    root = nn.ModuleDict({"ids": Ids()})
    calls, _ = record(root, lambda: root["ids"](IDS))
    assert calls[0].read is None
    assert calls[0].returned is None


def test_the_recorder_leaves_no_hooks_after_a_failure() -> None:
    root = nn.ModuleDict({"twice": Twice()})
    with pytest.raises(AttributeError):
        record(root, lambda: root["twice"]("no tensor"))
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in root.modules())


def test_hooks_that_were_put_on_before_one_could_not_be_are_taken_off() -> None:
    module = nn.Linear(2, 2)

    def refuses() -> Any:
        raise RuntimeError("no")

    with pytest.raises(RuntimeError, match="no"), hooked(lambda: module.register_forward_hook(print), refuses):
        pass
    assert not module._forward_hooks
