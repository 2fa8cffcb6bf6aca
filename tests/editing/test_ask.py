"""Asking for a token or a word: the model's own numbers, the chain rule, ranks of single tokens alone."""

from __future__ import annotations

import json
import math

import pytest
import torch

from logitscope.editing.ask import Answer, ask
from logitscope.errors import InputError
from logitscope.scope import Scope, load
from tests.families import CONTEXT, shared_model
from tests.understood import ids_of, understood


@pytest.mark.parametrize("name", ["gpt2", "gpt_neox", "gemma2", "phi3-longrope"])
def test_probabilities_are_the_models_own_by_the_chain_rule(name: str) -> None:
    """Words of one, two and three tokens, read side by side; two of one length, so that a batch is one."""
    hf, ids = shared_model(name), ids_of(9).tolist()
    words = [[7], [7, 8], [30, 31, 32], [9, 8], [250]]
    for position in (-1, 4):
        start = ids[: position + 1] if position >= 0 else ids
        for answer, word in zip(ask(understood(name), ids, position, words), words, strict=True):
            z = [hf(torch.tensor([[*start, *word[:k]]])).logits[0, -1].double() for k in range(len(word))]
            each = [float(z[k].log_softmax(-1)[word[k]]) for k in range(len(word))]
            assert answer.ids == tuple(word)
            assert answer.token_logprobs == pytest.approx(each, abs=1e-4)
            assert answer.logprob == pytest.approx(sum(each), abs=2e-4)
            assert answer.prob == pytest.approx(math.exp(answer.logprob))
            assert answer.bits == pytest.approx(-answer.logprob / math.log(2))
            assert answer.rank == (1 + int((z[0][:300] > z[0][word[0]]).sum()) if len(word) == 1 else None)
            assert answer.position == len(start) - 1


def test_a_single_token_is_what_a_trace_that_watches_it_says() -> None:
    scope = load("embedded:tales")
    text = "The old man looked at the"
    trace = scope.trace(text, watch=[" sea", 5])
    for answer, k in zip(scope.ask(text, 3, [" sea", 5]), range(2), strict=True):
        assert answer.logprob == pytest.approx(float(trace["watch_logprob"][-1, 3, k]), abs=1e-5)
        assert answer.rank == trace["watch_rank"][-1, 3, k]


def test_a_word_of_several_tokens_costs_what_it_costs_in_the_text() -> None:
    scope = load("embedded:tales")
    (answer,) = scope.ask("The old man looked at the", -1, " telescope")
    before = scope.trace("The old man looked at the").summary().total_bits
    whole = scope.trace("The old man looked at the telescope").summary().total_bits
    assert len(answer.ids) > 1
    assert answer.bits == pytest.approx(whole - before, abs=1e-3)
    assert answer.text == " telescope"


def test_one_name_or_several() -> None:
    model = understood("gpt2")
    one = ask(model, "the hat", -1, " t")
    assert one == ask(model, "the hat", -1, [" t"])
    assert [a.ids for a in ask(model, "the hat", -1, [[5, 6], 7])] == [(5, 6), (7,)]
    assert ask(model, "the hat", 0, 5, bos=True)[0].position == 0


def test_parts_of_characters_are_named_by_their_bytes() -> None:
    model = understood("gpt2")
    first = model.tokeniser.encode("é")[0].ids.tolist()[0]
    assert ask(model, "the hat", -1, first)[0].text == "\\xC3"
    assert ask(model, "the hat", -1, "é👩")[0].text == "é👩"


def test_it_goes_into_json() -> None:
    made = [a.to_dict() for a in ask(understood("gpt2"), "the hat", -1, [" t", "the the"])]
    assert json.loads(json.dumps(made, allow_nan=False)) == made
    assert made[1]["rank"] is None
    impossible = Answer("a", (1,), (-math.inf,), 3, 0).to_dict()
    assert (impossible["logprob"], impossible["bits"], impossible["prob"]) == (None, None, 0.0)


@pytest.mark.parametrize(
    ("position", "tokens", "said"),
    [
        (99, " a", "position 99"), (-1, [], "no tokens were named"), (-1, "", "at least one character"),
        (-1, [[]], "at least one character"), (-1, 10**6, "vocabulary"), (-1, [2.5], "whole number"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_said(position: int, tokens: object, said: str) -> None:
    with pytest.raises(InputError, match=said):
        ask(understood("gpt2"), "the hat", position, tokens)  # type: ignore[arg-type]


def test_more_than_the_window_is_said() -> None:
    with pytest.raises(InputError, match=f"reads {CONTEXT} at once"):
        Scope(understood("gpt2")).ask(list(range(100)), -1, 5)
    assert Scope(understood("gpt2")).ask(list(range(100)), 10, 5)[0].position == 10
