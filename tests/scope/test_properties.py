"""What must hold on any model, of the numbers that a trace holds: one named test for each line of the contract.

Last stage and residual sums on all families stand in tests/model/test_conformance.py; here they are met end to end.
"""

from __future__ import annotations

import copy
import math
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from logitscope.readout import Request
from logitscope.scope import Scope, load
from logitscope.trace import Trace, merge
from tests.agreement import assert_agrees, tolerance
from tests.families import FAMILIES, PADDED, TOKENIZER_SIZE, Family, logits_of, shared_model, tiny_tokenizer
from tests.understood import ids_of, true_head, true_vectors, understand, understood

SOME = [
    "gpt2",
    "llama",
    "gemma2",
    "granite",
    "cohere",
    "opt-350m",
    "mpt",
    "gpt_neox",
    "bloom",
    "phi",
    "qwen2",
    "mixtral",
]
some_families = pytest.mark.parametrize("name", SOME)
WATCH = (5, 17)


def scope_of(name: str) -> Scope:
    return Scope(understood(name))


@cache
def traced(name: str) -> Trace:
    """Everything that can be read."""
    return scope_of(name).trace(ids=ids_of().tolist(), subblocks=True, watch=WATCH)


def next_of(ids: Tensor) -> np.ndarray:
    return np.append(ids.numpy()[1:], -1)


def agrees_with_truth(
    name: str, trace: Trace, ids: Tensor, request: Request, n: int | None = None, next_ids: np.ndarray | None = None
) -> None:
    """A trace's first `n` columns against the float64 reference on vectors of `ids`; head and norm by the registry."""
    vectors = {stage: v[:n] for stage, v in true_vectors(name, ids).items()}
    following = next_of(ids) if next_ids is None else next_ids
    assert_agrees(
        {statistic: a[:, :n] for statistic, a in trace.arrays.items()},
        true_head(name),
        trace.stages,
        vectors,
        final=understood(name).anatomy.last_stage,
        input_stage="embed",
        input_ids=ids.numpy()[:n],
        next_ids=following[:n],
        request=request,
    )


ALL_BUT_HISTOGRAMS = Request(top_k=10, watch=WATCH)


@pytest.mark.parametrize("family", FAMILIES.values(), ids=str)
def test_the_last_stage_is_the_models_own_prediction(family: Family) -> None:
    ids = ids_of()
    own = torch.log_softmax(logits_of(shared_model(family.name), ids[None])[0].double(), -1).numpy()
    trace = scope_of(family.name).trace(ids=ids.tolist(), top_k=TOKENIZER_SIZE)
    found = np.empty((len(ids), TOKENIZER_SIZE))
    np.put_along_axis(found, trace["top_ids"][-1].astype(int), trace["top_logprobs"][-1].astype(float), -1)
    raw = logits_of(shared_model(family.name), ids[None])[0].numpy()
    assert (np.abs(found - own[:, :TOKENIZER_SIZE]) <= 2 * tolerance(raw)[:, None]).all()
    scored = -trace["next_logprob"][-1, :-1]
    assert np.abs(scored + own[np.arange(len(ids) - 1), ids[1:]]).max() <= 2 * tolerance(raw).max()


@some_families
def test_the_fused_path_is_the_float64_reference_on_the_same_vectors(name: str) -> None:
    trace = scope_of(name).trace(ids=ids_of().tolist(), subblocks=True, watch=WATCH, histogram=True)
    agrees_with_truth(name, trace, ids_of(), Request(top_k=10, watch=WATCH, histogram=True))


@some_families
def test_probabilities_add_up_to_one(name: str) -> None:
    """Padding rows of the head count in the normaliser, as in the model's own loss, but are no tokens."""
    trace = scope_of(name).trace(ids=ids_of().tolist(), subblocks=True, top_k=TOKENIZER_SIZE)
    total = np.exp(trace["top_logprobs"].astype(float)).sum(-1)
    vectors = true_vectors(name, ids_of())
    padding = np.zeros_like(total)
    if FAMILIES[name].head_rows == PADDED:
        head = shared_model(name).get_submodule(FAMILIES[name].head)
        z = {s: torch.nn.functional.linear(v, head.weight, head.bias).double().softmax(-1) for s, v in vectors.items()}
        padding = np.stack([z[s][:, TOKENIZER_SIZE:].sum(-1).numpy() for s in trace.stages])
        assert (total < 1 - 1e-6).any()
    assert np.abs(total + padding - 1).max() < 1e-5
    assert (np.sort(trace["top_ids"], -1) == np.arange(TOKENIZER_SIZE)).all()


@some_families
def test_entropy_lies_between_nothing_and_that_of_a_uniform_distribution(name: str) -> None:
    entropy = traced(name)["entropy"]
    assert (entropy >= 0).all()
    assert (entropy <= math.log(FAMILIES[name].head_rows) + 1e-5).all()
    assert entropy.max() > 0.1


@some_families
def test_divergences_are_never_negative_and_nothing_diverges_from_itself(name: str) -> None:
    trace = traced(name)
    for statistic in ("kl_from_final", "kl_to_final", "kl_from_input", "kl_to_input"):
        assert (trace[statistic] >= 0).all()
        assert trace[statistic].max() > 0.1
    for statistic in ("kl_from_final", "kl_to_final"):
        assert (trace[statistic][-1] <= 1e-5).all()
    for statistic in ("kl_from_input", "kl_to_input"):
        assert (trace[statistic][0] <= 1e-5).all()


@some_families
def test_the_final_guess_has_rank_one_at_the_last_stage(name: str) -> None:
    trace = traced(name)
    assert (trace["final_rank"][-1] == 1).all()
    assert (trace["final_logit"][-1] == trace["top_logits"][-1, :, 0]).all()
    assert (trace["final_rank"][:-1] > 1).any()
    assert (trace["top_ids"][..., 0] == traced(name)["top_ids"][-1, :, 0]).mean() < 1


@some_families
def test_ranks_and_lists_agree(name: str) -> None:
    trace = scope_of(name).trace(ids=ids_of().tolist(), subblocks=True, top_k=TOKENIZER_SIZE, watch=WATCH)
    place = np.argsort(trace["top_ids"], axis=-1) + 1
    gaps = np.diff(trace["top_logits"], axis=-1)
    assert (gaps <= 0).all()
    clear = -gaps.max(-1) > 2.5e-5  # no near ties, where either order is right
    assert clear.mean() > 0.5
    input_ids = np.broadcast_to(ids_of().numpy(), place.shape[:2])[..., None]
    assert (trace["input_rank"] == np.take_along_axis(place, input_ids, -1)[..., 0])[clear].all()
    for index, token in enumerate(WATCH):
        assert (trace["watch_rank"][..., index] == place[..., token])[clear].all()


@pytest.mark.parametrize("name", ["gptj", "phi", "ctrl", "codegen"])
@torch.no_grad()
def test_shifting_all_logits_changes_no_probability_rank_or_divergence(name: str) -> None:
    hf = copy.deepcopy(shared_model(name))
    hf.get_submodule(FAMILIES[name].head).bias += 3.0
    shifted = Scope(understand(hf, name)).trace(ids=ids_of().tolist(), subblocks=True, watch=WATCH)
    plain = traced(name)
    bound = 20 * float(tolerance(plain["top_logits"]).max())
    for statistic in shifted.arrays:
        ours, theirs = shifted[statistic].astype(float), plain[statistic].astype(float)
        if statistic.endswith("_logit") or statistic in ("logsumexp", "logit_mean", "top_logits"):
            theirs = theirs + 3
        if statistic.endswith(("_rank", "_ids")):
            assert (ours == theirs).mean() > 0.999, statistic  # but for near ties
        else:
            np.testing.assert_allclose(ours, theirs, rtol=0, atol=bound, err_msg=statistic)


@some_families
@pytest.mark.parametrize("length", [1, 7])
def test_appending_ids_changes_no_earlier_number(name: str, length: int) -> None:
    ids = ids_of()
    trace = traced(name)
    following = ids.numpy()[1:]  # the old last position's `next_*` appear
    agrees_with_truth(name, trace, ids[:length], ALL_BUT_HISTOGRAMS, n=length, next_ids=following[:length])
    short = scope_of(name).trace(ids=ids[:length].tolist(), subblocks=True, watch=WATCH)
    assert np.isnan(short["next_logprob"][:, -1]).all()
    assert (short["next_rank"][:, -1] == 0).all()
    assert not np.isnan(trace["next_logprob"][:, length - 1]).any()
    assert (trace["next_rank"][:, length - 1] >= 1).all()


def test_appending_ids_changes_earlier_numbers_where_rotary_scaling_depends_on_the_length() -> None:
    scope = scope_of("phi3-longrope")
    assert scope.model.length_dependent
    short = scope.trace(ids=ids_of(16).tolist())
    long = scope.trace(ids=ids_of(17).tolist())
    assert np.abs(long["entropy"][-1, :16] - short["entropy"][-1]).max() > 1e-3


@some_families
def test_reading_some_positions_or_stages_gives_the_numbers_of_reading_all(name: str) -> None:
    scope, ids = scope_of(name), ids_of()
    stages = scope.stages(subblocks=True)
    vectors = true_vectors(name, ids)
    for positions, chosen in (([3], stages), ([0, 7, 8, 19], stages[:2]), (range(5, 20), stages[-1:])):
        rows = list(positions)
        part = scope.trace(ids=ids.tolist(), positions=positions, stages=chosen, watch=WATCH)
        assert part.positions.tolist() == rows
        assert part.stages == tuple(chosen)
        assert_agrees(
            part.arrays,
            true_head(name),
            part.stages,
            {s: v[rows] for s, v in vectors.items()},
            final=stages[-1],
            input_stage="embed",
            input_ids=ids.numpy()[rows],
            next_ids=next_of(ids)[rows],
            request=ALL_BUT_HISTOGRAMS,
        )


@pytest.mark.parametrize("name", ["gpt2", "gemma2"])
def test_pieces_merge_into_the_whole(name: str) -> None:
    scope, ids = scope_of(name), ids_of().tolist()
    pieces = [scope.trace(ids=ids, subblocks=True, positions=range(start, start + 5)) for start in (10, 0, 15, 5)]
    whole = merge(pieces)
    assert whole.positions.tolist() == list(range(20))
    agrees_with_truth(name, whole, ids_of(), Request(top_k=10))


@pytest.mark.parametrize("name", ["gpt2", "gemma2"])
def test_the_number_of_threads_changes_nothing(name: str) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2 if before == 1 else 1)
    try:
        trace = scope_of(name).trace(ids=ids_of().tolist(), subblocks=True, watch=WATCH)
    finally:
        torch.set_num_threads(before)
    agrees_with_truth(name, trace, ids_of(), ALL_BUT_HISTOGRAMS)


@pytest.mark.parametrize("name", ["gpt2", "falcon"])
def test_reading_twice_gives_the_same_bits(name: str) -> None:
    again = scope_of(name).trace(ids=ids_of().tolist(), subblocks=True, watch=WATCH)
    assert again.replace(provenance=traced(name).provenance).identical(traced(name))


@pytest.mark.parametrize("name", ["gpt2", "cohere", "bloom"])
@settings(max_examples=12)
@given(ids=st.lists(st.integers(0, TOKENIZER_SIZE - 2), min_size=1, max_size=30))
def test_any_ids_agree_with_the_reference(name: str, ids: list[int]) -> None:
    trace = scope_of(name).trace(ids=ids, subblocks=True)
    agrees_with_truth(name, trace, torch.tensor(ids), Request(top_k=10))


TEXTS = {
    "one token": "a",
    "emoji": "🙂👩‍👩‍👧‍👦",
    "right to left": "שלום עולם",
    "line ends": "one\r\ntwo\rthree\n",
    "markup": "<b>&amp; <script>",
    "NUL": "a\x00b",
    "combining": "e\u0301\u0301",
    "blank": "   \t ",
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=list(TEXTS))
def test_texts_of_all_kinds_are_read_byte_by_byte(text: str) -> None:
    trace = scope_of("gpt2").trace(text, subblocks=True)
    assert b"".join(trace.tokens.pieces) == text.encode()
    assert trace.tokens.text == text
    assert trace.ids.tolist() == tiny_tokenizer()(text)["input_ids"]
    agrees_with_truth("gpt2", trace, torch.tensor(trace.ids.astype(np.int64)), Request(top_k=10))


@settings(max_examples=15)
@given(text=st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12))
def test_any_text_can_be_read(text: str) -> None:
    trace = scope_of("gpt2").trace(text)
    assert b"".join(trace.tokens.pieces) == text.encode()
    assert np.isfinite(trace["entropy"]).all()


def test_token_bits_add_up_to_the_bits_of_the_text() -> None:
    trace = scope_of("gpt2").trace("the hat sat", bos=True)
    bits = trace["surprisal_bits"][-1, :-1].astype(float)
    assert trace.summary().total_bits == pytest.approx(bits.sum(), rel=1e-6)
    assert trace.summary().scored == len(bits)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
@pytest.mark.parametrize("name", ["gpt2", "llama", "gemma2", "cohere"])
def test_half_precision_weights_are_read_out_in_fp32(name: str, dtype: str) -> None:
    """On the half-precision vectors that the model itself makes, nothing more is rounded."""
    hf = FAMILIES[name].build().to(getattr(torch, dtype))
    scope = load(hf, tokenizer=tiny_tokenizer())
    ids = ids_of()
    trace = scope.trace(ids=ids.tolist(), top_k=TOKENIZER_SIZE)
    read: list[Tensor] = []
    head: Any = hf.get_submodule(FAMILIES[name].head)
    handle = head.register_forward_pre_hook(lambda _m, args: read.append(args[0][0].double()))
    logits_of(hf, ids[None])
    handle.remove()
    z = read[0] @ head.weight.double().T * FAMILIES[name].multiplier
    softcap = FAMILIES[name].softcap
    z = z if softcap is None else softcap * torch.tanh(z / softcap)
    found = np.empty((len(ids), TOKENIZER_SIZE))
    np.put_along_axis(found, trace["top_ids"][-1].astype(int), trace["top_logits"][-1].astype(float), -1)
    assert (np.abs(found - z.numpy()) <= tolerance(z.numpy())[:, None]).all()
    assert trace.provenance.dtype == dtype
    assert trace["entropy"].dtype == np.float32
