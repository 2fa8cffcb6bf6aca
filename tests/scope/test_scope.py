"""`trace` does what was asked for: windows, BOS, stages, lenses; and refuses what does not exist, in one line."""

from __future__ import annotations

import sys
import threading
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import logitscope
from logitscope.errors import InputError, LogitscopeError, ModelError, ResourceError
from logitscope.readout import Request
from logitscope.scope import Scope, load
from logitscope.trace import Trace, open_trace
from logitscope.trace.statistics import STATISTICS
from tests.agreement import assert_agrees
from tests.families import CONTEXT, FAMILIES, TOKENIZER_SIZE, shared_model, tiny_tokenizer
from tests.understood import ids_of, true_head, true_vectors, understand, understood

BOS = TOKENIZER_SIZE - 1
LONG = 150


def scope_of(name: str) -> Scope:
    return Scope(understood(name))


def refusal(scope: Scope, kind: type[LogitscopeError] = InputError, /, **options: Any) -> str:
    if not {"text", "ids"} & options.keys():
        options["text"] = "the hat"
    with pytest.raises(kind) as caught:
        scope.trace(**options)
    message = str(caught.value)
    assert type(caught.value) is kind
    assert "\n" not in message
    assert len(message) < 900
    assert message.endswith(".")
    return message


# ------------------------------------------------------------------------------------------------ what a trace holds


def test_a_scope_shows_what_it_is() -> None:
    shown = repr(scope_of("gpt2"))
    assert shown.startswith("Scope(gpt2, GPT2LMHeadModel, 3 blocks, self-check ")


def test_by_default_a_trace_holds_everything_but_what_has_to_be_asked_for() -> None:
    trace = scope_of("gpt2").trace("the hat")
    assert trace.stages == ("embed", "0.mlp", "1.mlp", "2.mlp")
    assert set(trace.arrays) == {s for s in STATISTICS if not s.startswith(("watch_", "histogram"))}
    assert trace["top_ids"].shape == (4, len(trace.ids), 10)
    assert trace.positions.tolist() == list(range(len(trace.ids)))
    assert trace.seams == ()
    assert trace.context_lengths.tolist() == list(range(1, len(trace.ids) + 1))


def test_stages_are_those_asked_for_in_the_models_order() -> None:
    scope = scope_of("gpt2")
    assert scope.trace("a", subblocks=True).stages == scope.stages(subblocks=True)
    assert scope.trace("a", embed=False).stages == ("0.mlp", "1.mlp", "2.mlp")
    assert scope.trace("a", stages=["1.attn", "embed"]).stages == ("embed", "1.attn")
    assert scope_of("gpt_neox").trace("a", subblocks=True).stages == ("embed", "0.mlp", "1.mlp", "2.mlp")


def test_statistics_are_those_asked_for() -> None:
    scope = scope_of("gpt2")
    assert set(scope.trace("a hat", statistics=["entropy"]).arrays) == {"entropy"}
    assert set(scope.trace("a hat", statistics=["surprisal_bits", "top_prob"]).arrays) == {
        "next_logprob",
        "top_logprobs",
    }
    held = set(scope.trace("a hat", statistics=["entropy"], watch=[5], histogram=True).arrays)
    assert held == {"entropy", "watch_logit", "watch_logprob", "watch_rank", "histogram", "histogram_samples"}
    assert set(scope.trace("a hat", statistics=["histogram"]).arrays) >= {"histogram"}


def test_what_is_compared_with_is_read_even_if_it_is_not_shown() -> None:
    whole = scope_of("gpt2").trace("the hat", subblocks=True)
    part = scope_of("gpt2").trace("the hat", stages=["1.mlp"])
    for statistic in ("kl_from_final", "kl_from_input", "final_rank", "final_logprob"):
        np.testing.assert_allclose(part[statistic][0], whole[statistic][whole.stage("1.mlp")], atol=1e-4)
    only = scope_of("gpt2").trace("the hat", stages=["1.mlp"], statistics=["kl_to_input", "kl_to_final"])
    np.testing.assert_allclose(only["kl_to_input"][0], whole["kl_to_input"][whole.stage("1.mlp")], atol=1e-4)


def test_nothing_beyond_the_stages_asked_for_is_read_where_nothing_needs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, ...]] = []
    from logitscope.scope import reading as room

    real = room.capture
    monkeypatch.setattr(
        room, "capture", lambda a, i, stages, *r, **k: asked.append(tuple(stages)) or real(a, i, stages, *r, **k)
    )
    scope_of("gpt2").trace("the hat", stages=["1.mlp"], statistics=["entropy"])
    scope_of("gpt2").trace("the hat", stages=["1.mlp"], statistics=["final_rank"])
    scope_of("gpt2").trace("the hat", stages=["1.mlp"], statistics=["kl_to_input"])
    assert asked == [("1.mlp",), ("1.mlp", "2.mlp"), ("1.mlp", "embed")]


def test_positions_may_be_counted_from_the_end_and_come_in_order() -> None:
    trace = scope_of("gpt2").trace(ids=list(range(10)), positions=[-1, 3, 3, 0])
    assert trace.positions.tolist() == [0, 3, 9]
    assert trace.context_lengths.tolist() == [1, 4, 10]
    assert trace["next_rank"][-1, -1] == 0


@pytest.mark.parametrize(
    ("positions", "read"),
    [
        (slice(2, 4), [2, 3]),
        (slice(-3, None), [7, 8, 9]),
        (slice(8, 99), [8, 9]),
        (slice(None, None, 4), [0, 4, 8]),
        (slice(None, None, -4), [1, 5, 9]),
        (slice(np.int64(1), 2), [1]),
    ],
    ids=str,
)
def test_positions_may_be_a_slice(positions: slice, read: list[int]) -> None:
    assert scope_of("gpt2").trace(ids=list(range(10)), positions=positions).positions.tolist() == read


def test_a_default_list_is_cut_to_a_small_vocabulary() -> None:
    assert load("embedded:sort").trace("CBA")["top_ids"].shape[-1] == 3


@pytest.mark.parametrize("watch", [" t", [" t"], [" t", 5], 5, (5, 7), np.array([5])], ids=str)
def test_tokens_to_watch_are_named_by_text_or_id(watch: Any) -> None:
    scope = scope_of("gpt2")
    named = [watch] if isinstance(watch, str | int) else list(watch)
    wanted = tuple(scope.model.tokeniser.token_id(w) if isinstance(w, str) else int(w) for w in named)
    trace = scope.trace("the hat", watch=watch)
    assert trace.watched == wanted
    assert trace["watch_rank"].shape == (4, len(trace.ids), len(wanted))
    assert all(trace.vocabulary.text(i) for i in wanted)


@pytest.mark.parametrize(
    "ids", [[1, 2, 3], (1, 2, 3), np.array([1, 2, 3]), torch.tensor([1, 2, 3]), range(1, 4)], ids=type
)
def test_ids_may_come_from_any_library(ids: Any) -> None:
    assert scope_of("gpt2").trace(ids=ids).ids.tolist() == [1, 2, 3]


def test_every_id_in_a_trace_has_its_name() -> None:
    trace = scope_of("gpt2").trace("the hat", histogram=True, watch=[7])
    named = set(trace.vocabulary.pieces)
    for statistic in ("top_ids", "histogram_samples"):
        assert set(np.unique(trace[statistic]).tolist()) - {-1} <= named
    assert set(trace.ids.tolist()) | {7} <= named


def test_a_trace_says_where_its_numbers_come_from() -> None:
    scope = scope_of("granite")
    given = scope.trace("the hat", lens="tail:1", norm="plain", bos=True).provenance
    assert (given.model, given.model_class, given.dtype) == ("granite", "GraniteForCausalLM", "float32")
    assert (given.lens, given.norm, given.bos) == ("tail:1", "plain", "added")
    assert given.content_hash == scope.model.content_hash
    assert given.self_check == scope.model.check.figure
    assert given.revision is None
    assert (given.context_window, given.stride) == (CONTEXT, 0)
    assert given.versions["torch"] == torch.__version__
    assert {"logitscope", "torch", "transformers", "tokenizers", "numpy", "python"} == set(given.versions)
    assert given.created.endswith("+00:00")


def test_a_trace_can_be_saved_and_opened(tmp_path: Any) -> None:
    trace = scope_of("gemma2").trace("the 🙂 hat", subblocks=True, watch=[" t"], histogram=True, bos=True)
    trace.save(tmp_path / "a.trace.safetensors")
    assert open_trace(tmp_path / "a.trace.safetensors").identical(trace)


def test_the_way_from_a_name_to_a_trace() -> None:
    scope = logitscope.load("embedded:sort")
    assert isinstance(scope, Scope)
    trace = scope.trace("CBABBC")
    assert isinstance(trace, Trace)
    assert trace.tokens.texts == tuple("CBABBC")


# ---------------------------------------------------------------------------------------------------------- one pass


@pytest.mark.parametrize("name", ["gpt2", "gemma2", "opt-350m", "falcon"])
@pytest.mark.parametrize("lens", ["logit", "tail:1"])
def test_the_head_is_never_called_and_the_body_once(name: str, lens: str) -> None:
    anatomy = understood(name).anatomy
    calls: list[str] = []
    handles = [
        anatomy.head.register_forward_hook(lambda *_: calls.append("head")),
        anatomy.body.register_forward_hook(lambda *_: calls.append("body")),
        shared_model(name).register_forward_hook(lambda *_: calls.append("model")),
    ]
    scope_of(name).trace("the hat", subblocks=True, lens=lens, histogram=True)
    for handle in handles:
        handle.remove()
    assert calls == ["body"]


def n_hooks(model: nn.Module) -> int:
    return sum(len(m._forward_hooks) + len(m._forward_pre_hooks) for m in model.modules())


OUT_OF_MEMORY = [
    MemoryError(),
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate\n2 GiB"),
    RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 1 bytes"),
]


@pytest.mark.parametrize("error", OUT_OF_MEMORY, ids=lambda e: type(e).__name__)
def test_running_out_of_memory_is_said_and_leaves_no_hooks(error: Exception) -> None:
    block = understood("gpt2").anatomy.blocks[1].module

    def fail(*_: Any) -> None:
        raise error

    handle = block.register_forward_pre_hook(fail)
    before = n_hooks(shared_model("gpt2"))
    try:
        assert refusal(scope_of("gpt2"), ResourceError).startswith("memory ran out with gpt2. Use a smaller dtype")
        assert n_hooks(shared_model("gpt2")) == before
    finally:
        handle.remove()
    scope_of("gpt2").trace("a hat")


@pytest.mark.parametrize("error", [ValueError("a defect"), RuntimeError("another"), KeyboardInterrupt()], ids=type)
def test_other_failures_are_not_hidden_and_leave_no_hooks(error: BaseException) -> None:
    block = understood("gpt2").anatomy.blocks[1].module

    def fail(*_: Any) -> None:
        raise error

    handle = block.register_forward_pre_hook(fail)
    before = n_hooks(shared_model("gpt2"))
    try:
        with pytest.raises(type(error)):
            scope_of("gpt2").trace("the hat")
        assert n_hooks(shared_model("gpt2")) == before
    finally:
        handle.remove()


def test_traces_in_threads_do_not_disturb_each_other() -> None:
    texts = ["the hat", "a cat sat", "on the mat", "it is so", "no"] * 2
    names = ["gpt2", "llama"]
    wanted = {(n, t): scope_of(n).trace(t, lens="tail:2")["entropy"] for n in names for t in texts}
    found: dict[tuple[str, str, int], np.ndarray] = {}

    def read(name: str, text: str, k: int) -> None:
        found[name, text, k] = scope_of(name).trace(text, lens="tail:2")["entropy"]

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=read, args=(n, t, k)) for n in names for k, t in enumerate(texts)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert len(found) == len(threads)
    assert all(np.array_equal(entropy, wanted[n, t]) for (n, t, _), entropy in found.items())


# ------------------------------------------------------------------------------------------------------------- lenses


@pytest.mark.parametrize("name", ["gpt2", "gemma2", "cohere", "opt-350m"])
def test_a_tail_that_is_the_whole_model_reads_the_final_prediction_at_the_input(name: str) -> None:
    scope, ids = scope_of(name), ids_of().tolist()
    tail, plain = scope.trace(ids=ids, lens="tail:0"), scope.trace(ids=ids)
    assert tail.provenance.lens == "tail:0"
    np.testing.assert_allclose(tail["entropy"][0], plain["entropy"][-1], atol=1e-4)
    assert (tail["final_rank"][0] == 1).all()
    assert (tail["kl_from_final"][0] < 1e-4).all()
    np.testing.assert_array_equal(tail["entropy"][1:], plain["entropy"][1:])


def test_a_tail_sees_the_whole_text_even_if_one_position_is_read() -> None:
    scope, ids = scope_of("gpt2"), ids_of().tolist()
    whole = scope.trace(ids=ids, lens="tail:2", subblocks=True)
    one = scope.trace(ids=ids, lens="tail:2", subblocks=True, positions=[11])
    np.testing.assert_allclose(one["entropy"][:, 0], whole["entropy"][:, 11], atol=1e-4)


def test_the_norm_can_be_left_plain_or_out() -> None:
    scope, ids = scope_of("gpt2"), ids_of().tolist()
    entropies = [scope.trace(ids=ids, norm=norm)["entropy"] for norm in ("final", "plain", "none")]
    assert np.abs(entropies[0] - entropies[1]).max() > 0.01
    assert np.abs(entropies[1] - entropies[2]).max() > 0.01


# ------------------------------------------------------------------------------------------------------------ windows


def windows_of(trace: Trace, prefix: int) -> list[tuple[int, int, int]]:
    """(start, stop, first) of every window, worked out from what the trace says of itself."""
    firsts = [0, *trace.seams]
    stops = [*trace.seams, len(trace.ids)]
    lengths = trace.context_lengths.tolist()
    return [
        (first - lengths[first] + 1 + (prefix if first else 0), stop, first)
        for first, stop in zip(firsts, stops, strict=True)
    ]


@pytest.mark.parametrize("name", ["gpt2", "gemma2", "mpt", "cohere"])
@pytest.mark.parametrize(
    ("bos", "window", "stride"), [(False, None, None), (True, None, None), (True, 20, 7), (False, 16, 16)]
)
def test_each_position_of_a_long_text_is_read_as_in_a_fresh_pass_over_its_window(
    name: str, bos: bool, window: int | None, stride: int | None
) -> None:
    given = ids_of(LONG)
    trace = scope_of(name).trace(ids=given.tolist(), bos=bos, window=window, stride=stride)
    ids = np.array([BOS] * bos + given.tolist())
    assert trace.ids.tolist() == ids.tolist()
    context = window or CONTEXT
    step = stride or (context - bos) // 2
    assert list(trace.seams) == list(range(context, len(ids), step))
    assert trace.provenance.context_window == context
    assert trace.provenance.stride == step
    assert trace.context_lengths.max() == context
    assert not np.isnan(trace["next_logprob"][:, :-1]).any()
    assert (trace["next_rank"][:, :-1] >= 1).all()
    following = np.append(ids[1:], -1)
    for start, stop, first in windows_of(trace, bos):
        fed = np.concatenate([ids[: bos if first else 0], ids[start:stop]])
        assert len(fed) == context
        rows = slice(len(fed) - (stop - first), len(fed))
        stages = trace.stages
        vectors = {s: v[rows] for s, v in true_vectors(name, torch.from_numpy(fed)).items()}
        assert_agrees(
            {statistic: array[:, first:stop] for statistic, array in trace.arrays.items()},
            true_head(name),
            stages,
            vectors,
            final=stages[-1],
            input_stage="embed",
            input_ids=ids[first:stop],
            next_ids=following[first:stop],
            request=Request(top_k=10),
        )


def test_positions_of_a_long_text_can_be_chosen() -> None:
    ids = ids_of(LONG).tolist()
    whole = scope_of("gpt2").trace(ids=ids)
    part = scope_of("gpt2").trace(ids=ids, positions=[0, 70, 149])
    np.testing.assert_allclose(part["entropy"], whole["entropy"][:, [0, 70, 149]], atol=1e-4)
    assert part.context_lengths.tolist() == whole.context_lengths[[0, 70, 149]].tolist()


def test_a_window_that_holds_nothing_that_was_asked_for_is_not_run() -> None:
    body = understood("gpt2").anatomy.body
    runs: list[int] = []
    handle = body.register_forward_hook(lambda *_: runs.append(1))
    scope_of("gpt2").trace(ids=ids_of(LONG).tolist(), positions=[3, 149])
    handle.remove()
    assert len(runs) == 2


def test_a_text_that_just_fits_is_one_window_and_one_more_token_makes_two() -> None:
    assert scope_of("gpt2").trace(ids=ids_of(CONTEXT).tolist()).seams == ()
    assert scope_of("gpt2").trace(ids=ids_of(CONTEXT + 1).tolist()).seams == (CONTEXT,)
    assert scope_of("gpt2").trace(ids=ids_of(CONTEXT).tolist(), bos=True).seams == (CONTEXT,)


def test_a_model_without_limit_reads_a_long_text_at_once() -> None:
    trace = scope_of("bloom").trace(ids=ids_of(LONG).tolist())
    assert trace.seams == ()
    assert trace.provenance.context_window == 0
    assert scope_of("bloom").trace(ids=ids_of(LONG).tolist(), window=100).seams == (100,)


def test_ids_that_begin_with_bos_repeat_it_once_per_window_whatever_follows() -> None:
    trace = scope_of("gpt2").trace(ids=[BOS, BOS, BOS, *ids_of(100).tolist()])
    assert trace.provenance.bos == "tokenizer"
    assert trace.provenance.stride == (CONTEXT - 1) // 2
    assert scope_of("gpt2").trace(ids=[BOS] * 200).seams != ()


def test_progress_counts_positions() -> None:
    seen: list[tuple[int, int]] = []
    scope_of("gpt2").trace(ids=ids_of(LONG).tolist(), progress=lambda done, total: seen.append((done, total)))
    assert seen == [(64, 150), (96, 150), (128, 150), (150, 150)]


def test_a_text_longer_than_the_window_keeps_its_bytes() -> None:
    text = "the hat sat on a 🙂 mat. " * 20
    trace = scope_of("llama").trace(text)
    assert b"".join(trace.tokens.pieces) == text.encode()
    assert len(trace.seams) > 3


# ---------------------------------------------------------------------------------------------------------------- BOS


def test_without_bos_the_first_token_is_unscored_and_counted() -> None:
    trace = scope_of("gpt2").trace("the hat")
    assert trace.provenance.bos == "none"
    assert trace.summary().unscored == 1


def test_with_bos_every_token_of_the_text_is_scored() -> None:
    trace = scope_of("gpt2").trace("the hat", bos=True)
    assert trace.provenance.bos == "added"
    assert trace.ids[0] == BOS
    assert trace.summary().unscored == 0
    assert trace.tokens.special.tolist() == [True] + [False] * (len(trace.ids) - 1)


def test_bos_of_the_tokenizers_own_convention_is_part_of_the_ids() -> None:
    scope = load(shared_model("llama"), tokenizer=tiny_tokenizer(bos=True))
    trace = scope.trace("the hat")
    assert trace.provenance.bos == "tokenizer"
    assert trace.ids.tolist().count(BOS) == 1
    assert scope.trace("the hat", bos=True).ids.tolist() == trace.ids.tolist()


def test_bos_before_ids_is_added_once() -> None:
    assert scope_of("gpt2").trace(ids=[5, 6], bos=True).ids.tolist() == [BOS, 5, 6]
    assert scope_of("gpt2").trace(ids=[BOS, 5, 6], bos=True).ids.tolist() == [BOS, 5, 6]
    assert scope_of("gpt2").trace(ids=[BOS, 5, 6]).provenance.bos == "tokenizer"
    assert scope_of("gpt2").trace(ids=[5, 6]).provenance.bos == "none"


# ------------------------------------------------------------------------------------------------------------ refused

NAMES = ", ".join(STATISTICS)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"text": ""}, "the text is empty"),
        ({"text": "\ud800"}, "lone surrogate at character 0"),
        ({"text": b"bytes"}, "the text is a bytes; give a string"),
        ({"text": 5}, "the text is a int; give a string"),
        ({"text": "a", "ids": [1]}, "give either a text or ids"),
        ({"text": None}, "give either a text or ids"),
        ({"ids": []}, "no token ids were given"),
        ({"ids": [5, -1]}, "token id -1 is not in the tokenizer's vocabulary (0 to 299)"),
        ({"ids": [5, 300]}, "token id 300 is not in the tokenizer's vocabulary (0 to 299)"),
        ({"ids": [2**63]}, "is not in the tokenizer's vocabulary"),
        ({"ids": [1.5]}, "token id 1.5 was given; it must be a whole number"),
        ({"ids": ["1"]}, "token id '1' was given; it must be a whole number"),
        ({"positions": [7]}, "position 7 was asked for, but the text's positions are 0 to 5"),
        ({"positions": [-7]}, "position -7 was asked for"),
        ({"positions": []}, "no positions were asked for"),
        ({"positions": slice(6, 9)}, "positions 6:9 were asked for, but the text's positions are 0 to 5"),
        ({"positions": slice(-9, None)}, "positions -9: were asked for, but the text's positions are 0 to 5"),
        ({"positions": slice(3, 3)}, "positions 3:3 were asked for"),
        ({"positions": slice(0, 3, 0)}, "positions with a step of 0 were asked for"),
        ({"positions": slice(0.5, 3)}, "position 0.5 was given; it must be a whole number"),
        ({"positions": [0.5]}, "position 0.5 was given; it must be a whole number"),
        ({"stages": ["5.mlp"]}, 'stage "5.mlp" was asked for, but GPT2LMHeadModel has 3 blocks (0 to 2)'),
        ({"stages": ["final"]}, '"final" is no stage. Stages are "embed", "0.attn", "0.mlp", ... "2.mlp"'),
        ({"stages": "embed"}, "give a list of names"),
        ({"stages": []}, "give a list of names"),
        ({"top_k": 0}, "top_k=0 was given; it must be from 1 to 300"),
        ({"top_k": 301}, "top_k=301 was given; it must be from 1 to 300"),
        ({"top_k": 2.5}, "top_k 2.5 was given; it must be a whole number"),
        ({"watch": ["the hat"]}, "no token of this model is exactly 'the hat', which it reads as 6"),
        ({"watch": [300]}, "token id 300 was named, but this model's vocabulary is 0 to 299"),
        ({"watch": [-1]}, "token id -1 was named"),
        ({"watch": [None]}, "token id None was given"),
        ({"statistics": ["perplexity"]}, f"'perplexity' is no statistic. There are {NAMES}"),
        ({"statistics": ["watch_rank"]}, "no token is watched"),
        ({"statistics": []}, "no statistics were asked for"),
        ({"window": 0}, "a window of 0 tokens was asked for; it must be 1 to 64"),
        ({"window": 65}, "a window of 65 tokens was asked for; it must be 1 to 64"),
        ({"window": 2.0}, "window 2.0 was given; it must be a whole number"),
        ({"stride": 0}, "a stride of 0 was given; it must be from 1 to 64"),
        ({"stride": 65}, "a stride of 65 was given; it must be from 1 to 64"),
        ({"window": 8, "stride": 9}, "a stride of 9 was given; it must be from 1 to 8"),
        ({"window": 1, "bos": True}, "a window of 1 tokens has no room beside 1 tokens of prefix"),
        ({"lens": "tuned"}, 'lens "tuned" was asked for'),
        ({"lens": "tail:7"}, "has 3 blocks"),
        ({"norm": "layer"}, 'norm="layer" was given'),
    ],
    ids=str,
)
def test_what_does_not_fit_is_refused_in_one_line(options: dict[str, Any], said: str) -> None:
    assert said in refusal(scope_of("gpt2"), **options)


@pytest.mark.parametrize("name", [n for n, f in FAMILIES.items() if f.parallel])
def test_a_parallel_model_refuses_the_stage_between_by_name_only(name: str) -> None:
    assert 'so there is no stage "1.attn". Use "1.mlp".' in refusal(scope_of(name), stages=["1.attn"])
    assert "1.attn" not in scope_of(name).trace("a", subblocks=True).stages


def test_a_model_without_final_norm_refuses_the_plain_one() -> None:
    assert "has no final norm" in refusal(scope_of("opt-350m"), norm="plain")


def test_a_tokenizer_without_bos_refuses_it() -> None:
    scope = load("embedded:sort")
    assert "no BOS token" in refusal(scope, text="ABC", bos=True)
    assert "no BOS token" in refusal(scope, ids=[0, 1], bos=True)


def test_a_padding_row_is_no_token() -> None:
    assert "not in the tokenizer's vocabulary" in refusal(scope_of("qwen2"), ids=[302])
    assert "vocabulary is 0 to 299" in refusal(scope_of("qwen2"), watch=[302])


def test_a_tokenizer_that_knows_more_than_the_model_is_told_apart() -> None:
    scope = load(shared_model("gpt2"), tokenizer=tiny_tokenizer(400))
    assert "token id 350 at position 1 is outside this model's vocabulary (0 to 299)" in refusal(scope, ids=[1, 350])


def test_nothing_is_run_before_everything_has_been_checked() -> None:
    runs: list[Tensor] = []
    handle = understood("gpt2").anatomy.body.register_forward_pre_hook(lambda *_: runs.append(torch.zeros(0)))
    for options in ({"top_k": 301}, {"stages": ["9.mlp"]}, {"positions": [99]}, {"statistics": ["x"]}, {"norm": "x"}):
        refusal(scope_of("gpt2"), **options)  # type: ignore[arg-type]
    handle.remove()
    assert runs == []


def test_a_stranger_that_is_not_understood_gives_no_scope() -> None:
    from tests import strangers

    with pytest.raises(ModelError):
        load(strangers.secret_logit_factor(), tokenizer=tiny_tokenizer())
    trace = Scope(understand(strangers.honest_stranger(), "a stranger")).trace("the hat", subblocks=True)
    assert len(trace.stages) == 7
    trace = Scope(understand(strangers.without_attention(), "a stranger")).trace("the hat", subblocks=True)
    assert trace.stages == ("embed", "0.mlp", "1.mlp", "2.mlp")
