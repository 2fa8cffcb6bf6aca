"""One pass, the stages and positions asked for, no traces left: neither hooks nor gradients nor changed tensors."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from logitscope.errors import InputError, ModelError
from logitscope.model.capture import capture, resume
from logitscope.model.decode import Decoder
from tests.families import FAMILIES, TOKENIZER_SIZE, shared_model
from tests.understood import LENGTH, captured, close, ids_of, understand, understood

SOME = ["gpt2", "llama", "gemma2", "falcon", "opt-350m", "opt", "bloom", "mpt", "nanochat", "gpt_oss"]
some_families = pytest.mark.parametrize("name", SOME)


def n_hooks(model: nn.Module) -> int:
    return sum(len(m._forward_hooks) + len(m._forward_pre_hooks) for m in model.modules())


@some_families
def test_a_stage_captured_alone_is_the_same_as_among_all(name: str) -> None:
    """Families that add to the stream in place would change what was captured before, or after."""
    anatomy = understood(name).anatomy
    for stage, vectors in captured(name).vectors.items():
        assert torch.equal(capture(anatomy, ids_of(), [stage]).vectors[stage], vectors), stage


@some_families
def test_positions_are_a_slice_of_the_whole(name: str) -> None:
    anatomy = understood(name).anatomy
    stages = anatomy.stages(subblocks=True)
    for rows in (slice(0, 1), slice(7, 12), slice(LENGTH - 1, LENGTH), slice(None), torch.tensor([2, 3, 11])):
        part = capture(anatomy, ids_of(), stages, rows).vectors
        for stage in stages:
            assert torch.equal(part[stage], captured(name).vectors[stage][rows]), stage
            # The other positions are not held on to.
            assert part[stage].untyped_storage().nbytes() == part[stage].nbytes * len(stages)


@some_families
def test_what_is_stored_instead_is_made_of_the_vectors_of_that_stage_and_those_positions(name: str) -> None:
    anatomy = understood(name).anatomy
    stages = anatomy.stages(subblocks=True)
    rows = torch.tensor([1, 4, 5])
    decoder = Decoder(anatomy, TOKENIZER_SIZE)
    stored = capture(anatomy, ids_of(), stages, rows, store=decoder.normalise).vectors
    for stage in stages:
        wanted = decoder.normalise(captured(name).vectors[stage][rows])
        assert stored[stage].shape == wanted.shape
        assert close(stored[stage], wanted), stage


def test_stages_come_in_the_order_asked_for_and_only_those() -> None:
    record = capture(understood("gpt2").anatomy, ids_of(), ["1.mlp", "embed"])
    assert list(record.vectors) == ["1.mlp", "embed"]
    assert record.calls == {}


def test_calls_are_kept_on_request() -> None:
    assert list(captured("gpt2").calls) == [0, 1, 2]


@some_families
def test_one_token_can_be_read(name: str) -> None:
    anatomy = understood(name).anatomy
    record = capture(anatomy, ids_of(1), anatomy.stages(subblocks=True), keep_calls=True)
    assert all(v.shape == (1, anatomy.d_model) for v in record.vectors.values())
    last = record.vectors[anatomy.last_stage]
    assert all(close(resume(anatomy, record, v, stage), last) for stage, v in record.vectors.items())


@some_families
def test_the_head_is_never_called_and_the_body_once(name: str) -> None:
    model = shared_model(name)
    anatomy = understood(name).anatomy
    calls: list[str] = []
    handles = [
        anatomy.head.register_forward_hook(lambda *_: calls.append("head")),
        anatomy.body.register_forward_hook(lambda *_: calls.append("body")),
        anatomy.blocks[0].module.register_forward_hook(lambda *_: calls.append("block")),
        model.register_forward_hook(lambda *_: calls.append("model")),
    ]
    capture(anatomy, ids_of(), anatomy.stages(subblocks=True))
    for handle in handles:
        handle.remove()
    assert calls == ["block", "body"]


@some_families
def test_hooks_are_gone_afterwards(name: str) -> None:
    model, anatomy = shared_model(name), understood(name).anatomy
    before = n_hooks(model)
    record = capture(anatomy, ids_of(), anatomy.stages(subblocks=True), keep_calls=True)
    for stage, vectors in record.vectors.items():
        resume(anatomy, record, vectors, stage)
    assert n_hooks(model) == before


class StopHereError(Exception):
    pass


@contextmanager
def failing(module: nn.Module) -> Iterator[None]:
    def fail(*_: Any) -> None:
        raise StopHereError

    handle = module.register_forward_pre_hook(fail)
    try:
        yield
    finally:
        handle.remove()


@pytest.mark.parametrize("block", [0, 2])
def test_hooks_are_gone_after_a_failure_and_the_model_is_not_locked(block: int) -> None:
    model, anatomy = shared_model("gpt2"), understood("gpt2").anatomy
    before = n_hooks(model)
    with failing(anatomy.blocks[block].module), pytest.raises(StopHereError):
        capture(anatomy, ids_of(), anatomy.stages(subblocks=True))
    assert n_hooks(model) == before
    with failing(anatomy.blocks[block].module), pytest.raises(StopHereError):
        resume(anatomy, captured("gpt2"), captured("gpt2").vectors["0.attn"], f"{block}.attn")
    assert n_hooks(model) == before
    again: list[Tensor] = []
    other = threading.Thread(target=lambda: again.append(capture(anatomy, ids_of(), ["1.mlp"]).vectors["1.mlp"]))
    other.start()
    other.join()
    assert torch.equal(again[0], captured("gpt2").vectors["1.mlp"])


def test_hooks_are_gone_when_the_ids_do_not_fit() -> None:
    model, anatomy = shared_model("gpt2"), understood("gpt2").anatomy
    before = n_hooks(model)
    with pytest.raises(IndexError):
        capture(anatomy, torch.tensor([5, 10_000]), ["embed"])
    assert n_hooks(model) == before


def test_hooks_of_others_stay() -> None:
    seen: list[int] = []
    anatomy = understood("gpt2").anatomy
    handle = anatomy.blocks[1].module.register_forward_hook(lambda *_: seen.append(1))
    capture(anatomy, ids_of(), ["1.mlp"])
    capture(anatomy, ids_of(), ["1.mlp"])
    handle.remove()
    assert len(seen) == 2


def test_no_gradients_are_made_even_if_parameters_want_them() -> None:
    model = FAMILIES["gpt2"].build().requires_grad_(True)
    anatomy = understand(model).anatomy
    with torch.enable_grad():
        record = capture(anatomy, ids_of(), anatomy.stages(subblocks=True), keep_calls=True)
        again = resume(anatomy, record, record.vectors["0.attn"], "0.attn")
        assert torch.is_grad_enabled()
    assert not any(v.requires_grad for v in [*record.vectors.values(), again])
    assert all(p.grad is None for p in model.parameters())


def test_captured_vectors_are_the_callers_own() -> None:
    """Nothing that the caller does to them reaches the model or another capture, and no later run changes them."""
    anatomy = understood("falcon").anatomy
    record = capture(anatomy, ids_of(), ["embed", "0.mlp"])
    kept = {stage: v.clone() for stage, v in record.vectors.items()}
    capture(anatomy, ids_of(seed=1), ["embed", "0.mlp"])
    assert all(torch.equal(v, kept[stage]) for stage, v in record.vectors.items())
    for vectors in record.vectors.values():
        vectors.zero_()
    assert torch.equal(capture(anatomy, ids_of(), ["0.mlp"]).vectors["0.mlp"], kept["0.mlp"])


def test_dropout_is_off() -> None:
    family = FAMILIES["gpt2"]
    hf = family.build().train()
    assert torch.equal(
        capture(understand(hf).anatomy, ids_of(), ["2.mlp"]).vectors["2.mlp"], captured("gpt2").vectors["2.mlp"]
    )


@pytest.mark.parametrize(
    ("stage", "message"),
    [
        ("7.mlp", 'stage "7.mlp" was asked for, but GPT2LMHeadModel has 3 blocks (0 to 2).'),
        ("block 3", '"block 3" is no stage. Stages are "embed", "0.attn", "0.mlp", ... "2.mlp".'),
    ],
)
def test_a_stage_that_does_not_exist_is_refused_before_anything_runs(stage: str, message: str) -> None:
    anatomy = understood("gpt2").anatomy
    with failing(anatomy.blocks[0].module), pytest.raises(InputError) as caught:
        capture(anatomy, ids_of(), ["embed", stage])
    assert str(caught.value) == message


def test_blocks_that_were_not_run_are_said() -> None:
    """Half of the layers, as `config.num_hidden_layers` can ask for after loading."""
    model = FAMILIES["llama"].build()
    anatomy = understand(model).anatomy
    model.config.num_hidden_layers = 2
    with pytest.raises(ModelError, match=r"LlamaForCausalLM did not run 2\.mlp"):
        capture(anatomy, ids_of(), ["embed", "2.mlp"])


# ------------------------------------------------------------------------ several at one time


def test_a_capture_in_the_middle_of_another_models_disturbs_neither() -> None:
    ours, theirs = understood("gpt2").anatomy, understood("llama").anatomy
    nested: list[dict[str, Tensor]] = []

    def look_elsewhere(*_: Any) -> None:
        nested.append(dict(capture(theirs, ids_of(), theirs.stages(subblocks=True)).vectors))

    handle = ours.blocks[1].module.register_forward_pre_hook(look_elsewhere)
    outer = capture(ours, ids_of(), ours.stages(subblocks=True)).vectors
    handle.remove()
    assert all(torch.equal(v, captured("gpt2").vectors[s]) for s, v in outer.items())
    assert len(nested) == 1
    assert all(torch.equal(v, captured("llama").vectors[s]) for s, v in nested[0].items())


def test_two_models_of_one_class_do_not_disturb_each_other() -> None:
    other = understand(FAMILIES["gpt2"].build(seed=1)).anatomy
    expected = capture(other, ids_of(), ["2.mlp"]).vectors["2.mlp"]
    assert not torch.equal(expected, captured("gpt2").vectors["2.mlp"])
    inner: list[Tensor] = []
    ours = understood("gpt2").anatomy
    handle = ours.blocks[2].module.register_forward_pre_hook(
        lambda *_: inner.append(capture(other, ids_of(), ["2.mlp"]).vectors["2.mlp"])
    )
    outer = capture(ours, ids_of(), ["2.mlp"]).vectors["2.mlp"]
    handle.remove()
    assert torch.equal(outer, captured("gpt2").vectors["2.mlp"])
    assert torch.equal(inner[0], expected)


def test_threads_that_share_a_model_wait_for_each_other() -> None:
    names = ["gpt2", "llama"]
    lengths = range(3, 15)
    expected = {
        (n, k): capture(understood(n).anatomy, ids_of(k, seed=k), ["1.mlp"]).vectors["1.mlp"]
        for n in names
        for k in lengths
    }
    found: dict[tuple[str, int], Tensor] = {}

    def read(name: str, k: int) -> None:
        anatomy = understood(name).anatomy
        record = capture(anatomy, ids_of(k, seed=k), ["0.attn", "1.mlp"], keep_calls=True)
        again = resume(anatomy, record, record.vectors["0.attn"], "0.attn", 2)
        found[name, k] = again if close(again, record.vectors["1.mlp"]) else torch.zeros(0)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=read, args=key) for key in expected]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert all(close(found[key], vectors) for key, vectors in expected.items())
