"""The figures of the cards, against naive loops."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from transformers import GPT2Config, GPT2LMHeadModel

from training.report import PERIOD, STRIDE, copying, cross_entropies, total_nats

CONTEXT = 2 * STRIDE


@pytest.fixture(scope="module")
def model() -> GPT2LMHeadModel:
    torch.manual_seed(0)
    config = GPT2Config(
        vocab_size=61, n_positions=CONTEXT, n_embd=8, n_layer=1, n_head=2, bos_token_id=None, eos_token_id=None
    )
    model = GPT2LMHeadModel(config).eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.7)
    return model


def naive_nats(model: GPT2LMHeadModel, ids: Tensor) -> float:
    """Target by target, in float64, each with what the window that scores it holds before it."""
    total = 0.0
    wide = GPT2LMHeadModel(model.config).eval().double()
    wide.load_state_dict(model.state_dict())
    for target in range(1, len(ids)):
        # The first window ends after CONTEXT targets, each further one STRIDE later, the last with the text.
        further = max(0, math.ceil((target - CONTEXT) / STRIDE))
        end = min(CONTEXT + further * STRIDE, len(ids) - 1)
        before = ids[max(0, end - CONTEXT) : target]
        total -= torch.log_softmax(wide(before[None]).logits[0, -1], -1)[ids[target]].item()
    return total


@pytest.mark.parametrize("length", [2, 7, CONTEXT, CONTEXT + 1, CONTEXT + 2, CONTEXT + STRIDE + 5])
@torch.no_grad()
def test_every_token_is_scored_once_with_its_windows_context(model: GPT2LMHeadModel, length: int) -> None:
    ids = torch.randint(61, (length,), generator=torch.Generator().manual_seed(length))
    assert total_nats(model, ids) == pytest.approx(naive_nats(model, ids), rel=1e-5)


def test_how_many_windows_are_read_at_once_changes_nothing(model: GPT2LMHeadModel) -> None:
    ids = torch.randint(61, (CONTEXT + 3 * STRIDE + 5,), generator=torch.Generator().manual_seed(1))
    assert total_nats(model, ids, batch=1) == pytest.approx(total_nats(model, ids, batch=8), rel=1e-6)


@torch.no_grad()
def test_cross_entropies_by_hand(model: GPT2LMHeadModel) -> None:
    ids = torch.tensor([[5, 9, 2]])
    logprobs = model(ids[:, :-1]).logits.log_softmax(-1)
    assert cross_entropies(model, ids).tolist()[0] == pytest.approx(
        [-logprobs[0, 0, 9].item(), -logprobs[0, 1, 2].item()], rel=1e-5
    )


class Copier(torch.nn.Module):
    """Says of every token that the one which followed it last time follows; of new tokens, nothing."""

    config = GPT2Config(vocab_size=5000)  # so large that 40 random tokens seldom repeat by chance

    def forward(self, ids: Tensor) -> object:
        logits = torch.zeros(*ids.shape, self.config.vocab_size)
        for row, line in enumerate(ids.tolist()):
            for t, token in enumerate(line):
                seen = [p for p in range(t) if line[p] == token]
                if seen:
                    logits[row, t, line[seen[-1] + 1]] = 50.0
        return type("Output", (), {"logits": logits})


def test_a_copier_pays_for_the_first_copy_only() -> None:
    figures = copying(Copier())  # type: ignore[arg-type]
    assert figures["first_copy_nats"] >= math.log(5000)
    # Its first token is foreseen by nobody; one that came twice by chance costs it some more.
    assert math.log(5000) / PERIOD <= figures["second_copy_nats"] < 1.5


def test_a_model_that_knows_nothing_pays_the_same_for_both_copies() -> None:
    class Uniform(Copier):
        def forward(self, ids: Tensor) -> object:
            return type("Output", (), {"logits": torch.zeros(*ids.shape, self.config.vocab_size)})

    figures = copying(Uniform())  # type: ignore[arg-type]
    assert figures["first_copy_nats"] == pytest.approx(math.log(5000), rel=1e-6)
    assert figures["second_copy_nats"] == pytest.approx(math.log(5000), rel=1e-6)
