"""Going on with a text: the model's own greedy text, the numbers of a trace, exact nuclei, honest ends."""

from __future__ import annotations

import itertools
import json
import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from logitscope.editing.reader import Distribution
from logitscope.editing.sample import Sampler, Step, draw, sample
from logitscope.errors import Cancelled, InputError
from logitscope.scope import Scope, load
from tests.families import CONTEXT, FAMILIES, TOKENIZER_SIZE, shared_model
from tests.understood import ids_of, understood

END = TOKENIZER_SIZE - 1
SEVERAL = ["gpt2", "gpt_neox", "llama", "mistral", "gemma2", "falcon", "bloom", "opt-350m", "mixtral", "phi3-longrope"]


def steps_of(name: str, ids: list[int], **options: Any) -> list[Step]:
    return list(sample(understood(name), ids, **{"n": 20, **options}))


def predicted(probs: list[float], n_tokens: int | None = None) -> Distribution:
    return Distribution(np.log(probs), n_tokens or len(probs))


# -------------------------------------------------------------------------------------------- what the model says


@pytest.mark.parametrize("name", SEVERAL)
def test_greedy_is_what_the_model_generates_by_itself(name: str) -> None:
    hf, ids = shared_model(name), ids_of(12)
    # transformers picks rows of the head that stand for no token; we do not.
    padding = list(range(TOKENIZER_SIZE, FAMILIES[name].head_rows)) or None
    whole = hf.generate(
        ids[None], attention_mask=torch.ones_like(ids)[None], do_sample=False, max_new_tokens=20, pad_token_id=END,
        suppress_tokens=padding,
    )[0]  # fmt: skip
    steps = steps_of(name, ids.tolist())
    assert [s.id for s in steps] == whole[12:].tolist()
    assert {s.prob for s in steps} == {1.0}


@pytest.mark.parametrize("name", ["gpt2", "gpt_neox", "gemma2", "phi3-longrope"])
def test_the_numbers_of_a_step_are_those_of_a_trace(name: str) -> None:
    ids = ids_of(10).tolist()
    steps = steps_of(name, ids, n=8, method="sample", temperature=3.0, seed=4, stop_at_eos=False)
    scope, whole = Scope(understood(name)), [*ids, *(s.id for s in steps)]
    for step in steps:
        # Where earlier numbers depend on the text's length, a trace of no more than was read then.
        read = whole[: step.position] if scope.model.length_dependent else whole
        trace, at = scope.trace(ids=read, watch=[step.id]), step.position - 1
        assert step.logprob == pytest.approx(trace["watch_logprob"][-1, at, 0], abs=2e-5)
        assert step.rank == trace["watch_rank"][-1, at, 0]
        assert step.entropy == pytest.approx(trace["entropy"][-1, at], abs=2e-4)
    assert [s.position for s in steps] == list(range(10, 18))
    assert steps[0].bits == -steps[0].logprob / math.log(2)


def test_what_is_drawn_from_is_told_apart_from_what_was_predicted() -> None:
    plain = steps_of("gpt2", [1, 2, 3], n=1, method="sample", seed=1)[0]
    assert plain.prob == pytest.approx(math.exp(plain.logprob))
    sharp = steps_of("gpt2", [1, 2, 3], n=1, method="sample", seed=1, temperature=0.5, first=plain.id)[0]
    assert sharp.logprob == plain.logprob
    assert sharp.prob != pytest.approx(plain.prob, rel=0.1)


def test_padding_is_never_drawn_and_counts_in_what_is_predicted() -> None:
    padded = Distribution(np.array([0.0, 0.0, 50.0]), 2)
    assert Sampler().probs(padded).tolist() == [1.0, 0.0]
    assert Sampler("sample").probs(padded).tolist() == [0.5, 0.5]
    assert padded.logprobs[0] == pytest.approx(-50)
    assert padded.rank(1) == 1


# ---------------------------------------------------------------------------------------------------- the sampler


@pytest.mark.parametrize(
    ("options", "kept"),
    [
        ({"top_p": 0.4}, {0}), ({"top_p": 0.5}, {0}), ({"top_p": 0.51}, {0, 2}), ({"top_p": 0.75}, {0, 2}),
        ({"top_p": 0.76}, {0, 2, 1}), ({"top_p": 0.9}, {0, 2, 1, 3}), ({"top_p": 1.0}, {0, 1, 2, 3}),
        ({"top_k": 1}, {0}), ({"top_k": 2}, {0, 2}), ({"top_k": 3}, {0, 1, 2}), ({"top_k": 99}, {0, 1, 2, 3}),
        ({"top_k": 2, "top_p": 0.66}, {0}), ({"top_k": 2, "top_p": 0.67}, {0, 2}),
        ({"temperature": 0.1, "top_p": 0.99}, {0}), ({"temperature": 1e-300}, {0}),
    ],
)  # fmt: skip
def test_exactly_these_may_be_drawn(options: dict[str, Any], kept: set[int]) -> None:
    """Of probabilities ½, ⅛, ¼, ⅛: which are exact in binary, so that the sums are; of equal ones the lowest id."""
    probs = Sampler("sample", **options).probs(predicted([0.5, 0.125, 0.25, 0.125]))
    assert set(np.flatnonzero(probs).tolist()) == kept
    assert probs.sum() == pytest.approx(1)


def naive(logits: list[float], temperature: float, top_k: int | None, top_p: float | None) -> dict[int, float]:
    scaled = [z / temperature for z in logits]
    order = sorted(range(len(logits)), key=lambda i: (-scaled[i], i))[:top_k]
    weights = {i: math.exp(scaled[i] - max(scaled)) for i in order}
    total, kept, mass = sum(weights.values()), {}, 0.0
    for i in order:
        kept[i] = weights[i]
        mass += weights[i] / total
        if top_p is not None and mass >= top_p:
            break
    return {i: w / sum(kept.values()) for i, w in kept.items()}


@given(
    logits=st.lists(st.integers(-80, 80).map(lambda i: i / 8), min_size=1, max_size=12),
    temperature=st.sampled_from([0.3, 0.7, 1.0, 2.5]),
    top_k=st.none() | st.integers(1, 14),
    top_p=st.none() | st.floats(0.01, 0.999),
)
@settings(max_examples=150)
def test_probabilities_are_those_of_a_naive_loop(logits: Any, temperature: float, top_k: Any, top_p: Any) -> None:
    found = Sampler("sample", temperature, top_k, top_p).probs(Distribution(np.array(logits), len(logits)))
    expected = naive(logits, temperature, top_k, top_p)
    kept = set(np.flatnonzero(found).tolist())
    if kept != expected.keys():  # only where the mass meets top_p within rounding, and by one token
        assert top_p is not None
        assert len(kept ^ expected.keys()) == 1
        return
    for token, prob in enumerate(found):
        assert prob == pytest.approx(expected.get(token, 0.0), abs=1e-12)


def chi_square(counts: np.ndarray, probs: np.ndarray) -> float:
    expected = probs * counts.sum()
    return float(((counts - expected) ** 2 / expected).sum())


def test_draws_are_distributed_as_the_probabilities_say() -> None:
    probs = Sampler("sample", temperature=0.8).probs(predicted([0.4, 0.3, 0.15, 0.1, 0.05]))
    generator = np.random.Generator(np.random.PCG64(0))
    counts = np.bincount([draw(probs, float(generator.random())) for _ in range(5000)], minlength=5)
    limit = 18.47  # of 4 degrees of freedom; once in a thousand by chance
    assert chi_square(counts, probs) < limit
    without_temperature = Sampler("sample").probs(predicted([0.4, 0.3, 0.15, 0.1, 0.05]))
    assert chi_square(counts, without_temperature) > limit


def test_a_model_draws_what_it_predicts() -> None:
    model, ids = understood("gpt2"), [5, 6]
    firsts = [next(sample(model, ids, n=1, method="sample", top_k=4, seed=s)) for s in range(400)]
    probs = {step.id: step.prob for step in firsts}
    assert len(probs) == 4
    assert sum(probs.values()) == pytest.approx(1)
    counts = np.array([sum(step.id == i for step in firsts) for i in probs])
    assert chi_square(counts, np.array(list(probs.values()))) < 16.27  # 3 degrees of freedom


def test_what_has_no_probability_is_never_drawn() -> None:
    probs = np.array([0.0, 0.3, 0.0, 0.7, 0.0])
    almost = float(np.nextafter(1, 0))
    assert {draw(probs, u) for u in (0.0, 0.29, 0.3, 0.31, almost)} == {1, 3}
    assert draw(np.full(10, 0.1), almost) == 9


def test_one_seed_draws_one_text_and_another_draws_another() -> None:
    texts = {s: tuple(x.id for x in steps_of("gpt2", [1, 2], method="sample", seed=s)) for s in (0, 1, 2)}
    assert texts[1] == tuple(x.id for x in steps_of("gpt2", [1, 2], method="sample", seed=1))
    assert len(set(texts.values())) == 3


def test_the_draws_of_a_seed_are_those_of_every_machine() -> None:
    """numpy promises the same numbers of PCG64 everywhere; ours must not change by the way they are used."""
    probs = np.full(8, 0.125)
    generator = np.random.Generator(np.random.PCG64(7))
    assert [draw(probs, float(generator.random())) for _ in range(8)] == [5, 7, 6, 1, 2, 6, 0, 6]


def test_naming_what_would_have_been_drawn_changes_nothing() -> None:
    free = steps_of("llama", [1, 2, 3], method="sample", seed=3)
    for n in (1, 4):
        led = steps_of("llama", [1, 2, 3], method="sample", seed=3, first=[s.id for s in free[:n]])
        assert [s.id for s in led] == [s.id for s in free]
        assert [s.prob for s in led] == [s.prob for s in free]
        assert [s.named for s in led] == [True] * n + [False] * (20 - n)


def test_a_named_token_may_be_one_that_could_not_have_been_drawn() -> None:
    likeliest = steps_of("gpt2", [1, 2], n=1)[0].id
    other = (likeliest + 1) % 250
    for options in ({}, {"method": "sample", "top_k": 1}):
        step = steps_of("gpt2", [1, 2], n=2, first=other, **options)[0]
        assert (step.id, step.prob) == (other, 0.0)
        assert step.rank > 1
        assert step.logprob > -math.inf


# ------------------------------------------------------------------------------------------- how it ends, and texts


def test_it_ends_after_so_many_tokens_at_the_end_of_the_text_or_where_the_window_is_full() -> None:
    assert [s.ended for s in steps_of("gpt2", [1], n=3)] == [None, None, "length"]
    ended = steps_of("gpt2", [1], n=5, first=END)
    assert [(s.ended, s.special, s.text) for s in ended] == [("eos", True, "")]
    going_on = steps_of("gpt2", [1], n=5, first=END, stop_at_eos=False)
    assert len(going_on) == 5
    full = steps_of("gpt2", ids_of(CONTEXT - 3).tolist(), n=20, stop_at_eos=False)
    assert [s.ended for s in full] == [None, None, "window"]
    assert full[-1].position == CONTEXT - 1
    assert len(steps_of("bloom", ids_of(CONTEXT + 5).tolist(), n=2, stop_at_eos=False)) == 2  # which has no window


def test_joined_texts_are_the_continuation_and_parts_of_characters_wait_for_the_rest() -> None:
    model = understood("gpt2")
    word = "é漢👩 ok"
    ids = model.tokeniser.encode(word)[0].ids.tolist()
    steps = list(sample(model, "the hat", n=len(ids), first=word, stop_at_eos=False))
    assert "".join(s.text for s in steps) == word
    assert b"".join(s.piece for s in steps) == word.encode()
    assert [s.text for s in steps[:2]] == ["", "é"]
    cut = list(sample(model, "the hat", n=2, first=ids[2:4]))
    assert [s.text for s in cut] == ["", "\ufffd"]
    # A text of ids may end within a character, which the first step then completes.
    whole = list(sample(model, ids[:1], n=1, first=ids[1]))
    assert [s.text for s in whole] == ["é"]


def test_steps_go_into_json() -> None:
    steps = steps_of("gpt2", [1, 2], n=2)
    made = json.loads(json.dumps([s.to_dict() for s in steps], allow_nan=False))
    assert made[0]["bytes"] == steps[0].piece.hex()
    assert made[1]["ended"] == "length"
    impossible = Step(0, 1, b"a", "a", -math.inf, 0.0, 3, math.nan)
    assert impossible.to_dict()["logprob"] is impossible.to_dict()["bits"] is impossible.to_dict()["entropy"] is None


def test_an_empty_text_goes_on_from_bos_where_there_is_one() -> None:
    assert next(sample(understood("gpt2"), "", n=2, bos=True)).position == 1
    with pytest.raises(InputError, match="nothing to go on from"):
        sample(understood("gpt2"), "", n=2)
    with pytest.raises(InputError, match="nothing to go on from"):
        sample(load("embedded:sort").model, "", n=2)


def test_closing_ends_the_work_and_leaves_the_model_as_it_was() -> None:
    hf = shared_model("gpt2")
    steps = sample(understood("gpt2"), [1, 2], n=20)
    next(steps)
    steps.close()  # type: ignore[attr-defined]
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in hf.modules())
    asked = itertools.count()
    cancelled = sample(understood("gpt2"), [1, 2], n=20, cancelled=lambda: next(asked) >= 4)
    with pytest.raises(Cancelled):
        list(cancelled)
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in hf.modules())


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"method": "beam"}, '"greedy" or "sample"'),
        ({"temperature": 0.5}, "temperature was given, which greedy does not use"),
        ({"top_k": 5}, "top_k was given, which greedy"),
        ({"top_p": 0.5}, "top_p was given, which greedy"),
        ({"method": "sample", "temperature": 0}, "must be above 0"),
        ({"method": "sample", "temperature": math.nan}, "must be above 0"),
        ({"method": "sample", "top_k": 0}, "from 1 on"),
        ({"method": "sample", "top_p": 0}, "above 0 and at most 1"),
        ({"method": "sample", "top_p": 1.1}, "above 0 and at most 1"),
        ({"n": 0}, "at least 1"),
        ({"seed": -1}, "from 0 on"),
        ({"first": 5000}, "not in the tokenizer's vocabulary"),
        ({"source": list(range(CONTEXT))}, "so none can be added"),
        ({"source": []}, "no token ids"),
        ({"source": [1.5]}, "whole number"),
        ({"source": [99999]}, "vocabulary"),
    ],
)
def test_what_does_not_fit_is_said_before_the_first_step(options: dict[str, Any], said: str) -> None:
    source = options.pop("source", [1, 2])
    with pytest.raises(InputError, match=said) as caught:
        sample(understood("gpt2"), source, **{"n": 5, **options})
    assert "\n" not in str(caught.value)
