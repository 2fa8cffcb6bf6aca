"""Two small models that others trained: the numbers that they are known for come out."""

from __future__ import annotations

import itertools
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer, GPT2Config, GPT2LMHeadModel

from logitscope.model.capture import capture
from logitscope.scope import Scope, load
from logitscope.trace import open_trace

LILY = "Once upon a time, there was a little girl named Lily"
CONTINUATION = ". She loved to play outside in the park. One day, she saw a big, red ball."


@cache
def scope_of(folder: Path) -> Scope:
    return load(folder)


@pytest.fixture
def stories(shared: Path) -> Scope:
    return scope_of(shared / "models" / "stories260k")


@pytest.fixture
def sorter(shared: Path) -> Scope:
    return scope_of(shared / "models" / "nano-gpt-sort")


def logits_at(trace_ids: np.ndarray, trace_logits: np.ndarray) -> np.ndarray:
    """Logits by id, from a list of all tokens, best first."""
    logits = np.empty_like(trace_logits)
    np.put_along_axis(logits, trace_ids.astype(int), trace_logits, -1)
    return logits


# ------------------------------------------------------------------------ stories260k


def test_a_real_model_is_understood(stories: Scope) -> None:
    anatomy = stories.model.anatomy
    assert stories.model.check.figure <= 1e-6
    assert (anatomy.n_blocks, anatomy.d_model, anatomy.n_vocab, anatomy.context_window) == (5, 64, 512, 512)
    assert anatomy.tied
    assert {b.kind for b in anatomy.blocks} == {"sequential"}
    assert 255_000 < stories.model.n_parameters < 270_000


def test_its_last_stage_is_its_own_prediction(stories: Scope, shared: Path) -> None:
    folder = shared / "models" / "stories260k"
    ids = AutoTokenizer.from_pretrained(folder)(LILY, return_tensors="pt")["input_ids"]
    with torch.no_grad():
        own = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)(ids).logits[0].numpy()
    trace = stories.trace(LILY, top_k=512)
    assert trace.ids.tolist() == ids[0].tolist()
    found = logits_at(trace["top_ids"][-1], trace["top_logits"][-1])
    assert np.abs(found - own).max() <= 1e-6 * max(10, np.abs(own).max())


def test_it_goes_on_with_the_story_that_it_is_known_for(stories: Scope) -> None:
    """Greedily, one traced position at a time."""
    ids = stories.trace(LILY).ids.tolist()
    last = stories.model.anatomy.last_stage
    told = b""
    while len(told) < len(CONTINUATION):
        trace = stories.trace(ids=ids, stages=[last], positions=[-1], top_k=1, statistics=["top_ids"])
        ids.append(int(trace["top_ids"][0, 0, 0]))
        told += stories.model.tokeniser.bytes_of(ids[-1])
    assert told.decode() == CONTINUATION


def test_a_trained_model_is_less_surprised_by_its_own_story_than_by_another_order(stories: Scope) -> None:
    words = (LILY + CONTINUATION).split()
    told = stories.trace(" ".join(words)).summary().bits_per_token
    shuffled = stories.trace(" ".join(sorted(words))).summary().bits_per_token
    assert told < shuffled / 2


def test_a_trained_model_makes_up_its_mind_along_its_blocks(stories: Scope) -> None:
    divergence = stories.trace(LILY + CONTINUATION, subblocks=True)["kl_from_final"].mean(-1)
    assert divergence[0] > 2 * divergence[-2] > divergence[-1] == 0


def test_its_convention_is_kept_and_every_token_is_scored(stories: Scope) -> None:
    trace = stories.trace(LILY)
    assert trace.provenance.bos == "tokenizer"
    assert trace.tokens.text == LILY
    assert b"".join(trace.tokens.pieces) == LILY.encode()
    summary = trace.summary()
    assert (summary.unscored, summary.scored) == (0, len(trace.ids) - 1)


def test_a_text_longer_than_its_context_is_read_in_windows(stories: Scope) -> None:
    text = (LILY + CONTINUATION + "\n") * 20
    trace = stories.trace(text, stages=[stories.model.anatomy.last_stage])
    assert len(trace.ids) > 512
    assert trace.seams[0] == 512
    assert trace.context_lengths.max() == 512
    assert trace.summary().unscored == 0
    assert trace.provenance.stride == 255
    assert trace.summary().bits_per_token < 3


def test_a_trace_of_a_folder_gives_its_place_away_nowhere(stories: Scope, shared: Path, tmp_path: Path) -> None:
    trace = stories.trace(LILY)
    assert trace.provenance.model == "stories260k"
    trace.save(tmp_path / "lily.trace.safetensors")
    content = (tmp_path / "lily.trace.safetensors").read_bytes()
    assert str(shared).encode() not in content
    assert open_trace(tmp_path / "lily.trace.safetensors").identical(trace)


# ------------------------------------------------------------------------ nano-gpt-sort


def test_the_sorter_gives_the_logits_that_it_is_known_for(sorter: Scope) -> None:
    trace = sorter.trace("CBABBC")
    logits = logits_at(trace["top_ids"][-1, 5], trace["top_logits"][-1, 5])
    np.testing.assert_allclose(logits, [8.2462, -3.0397, -3.9417], atol=1e-4)
    assert trace.vocabulary.text(int(trace["top_ids"][-1, 5, 0])) == "A"


def test_the_sorter_reproduces_its_reference_activations(sorter: Scope, shared: Path) -> None:
    wanted = load_file(shared / "models" / "nano-gpt-sort" / "reference-activations.safetensors")
    anatomy = sorter.model.anatomy
    for row, ids in enumerate(wanted["idx"].astype(np.int64)):
        vectors = capture(anatomy, torch.from_numpy(ids), anatomy.stages(subblocks=True)).vectors
        expected = {
            "embed": wanted["x"][row] if "x" in wanted else wanted["tok_emb"][row] + wanted["pos_emb"][0],
            "0.attn": wanted["attnResid"][row],
            "0.mlp": wanted["block0"][row],
            "1.mlp": wanted["block1"][row],
            "2.mlp": wanted["block2"][row],
        }
        np.testing.assert_allclose(expected["embed"], wanted["tok_emb"][row] + wanted["pos_emb"][0], atol=1e-4)
        np.testing.assert_allclose(expected["0.mlp"], wanted["mlpResid"][row], atol=1e-4)
        for stage, values in expected.items():
            np.testing.assert_allclose(vectors[stage].numpy(), values, atol=1e-4, err_msg=stage)
        trace = sorter.trace(ids=ids.tolist())
        logits = logits_at(trace["top_ids"][-1], trace["top_logits"][-1])
        np.testing.assert_allclose(logits, wanted["lm_head"][row], atol=1e-4)
        probs = np.exp(logits_at(trace["top_ids"][-1], trace["top_logprobs"][-1]))
        np.testing.assert_allclose(probs, wanted["probs"][row], atol=1e-5)


def sorts(scope: Scope, letters: tuple[int, ...]) -> bool:
    """Each letter of the answer is guessed after the input and those before; so greedy decoding sorts."""
    answer = sorted(letters)
    last = scope.model.anatomy.last_stage
    trace = scope.trace(
        ids=[*letters, *answer[:-1]], stages=[last], top_k=1, statistics=["top_ids"], positions=range(5, 11)
    )
    return bool(trace["top_ids"][0, :, 0].tolist() == answer)


def test_the_sorter_sorts_every_input(sorter: Scope) -> None:
    inputs = list(itertools.product(range(3), repeat=6))
    assert len(inputs) == 729
    assert [letters for letters in inputs if not sorts(sorter, letters)] == []


def test_greedy_decoding_of_the_sorter_letter_by_letter(sorter: Scope) -> None:
    text = "CBABBC"
    for _ in range(5):
        trace = sorter.trace(text, positions=[-1], top_k=1)
        text += trace.vocabulary.text(int(trace["top_ids"][-1, 0, 0]))
    assert text[6:] == "ABBBC"


def test_a_text_longer_than_the_sorters_eleven_letters_is_read_in_windows(sorter: Scope) -> None:
    trace = sorter.trace("ABC" * 10)
    assert trace.context_lengths.max() == 11
    assert not np.isnan(trace["next_logprob"][:, :-1]).any()


# ------------------------------------------------------------------------ a real tokenizer


def test_gpt2s_tokenizer_names_tokens_to_watch(shared: Path) -> None:
    config = GPT2Config(n_embd=8, n_layer=1, n_head=2)
    hf = GPT2LMHeadModel(config).eval().requires_grad_(False)
    scope = load(hf, tokenizer=shared / "tokenizers" / "gpt2")
    trace = scope.trace("Data visualization empowers users to", watch=[" see", " Paris"])
    assert trace.ids.tolist() == [6601, 32704, 795, 30132, 2985, 284]
    assert trace.watched == (766, 6342)
    assert trace.vocabulary.text(6342) == " Paris"
    assert trace["watch_rank"].min() >= 1
