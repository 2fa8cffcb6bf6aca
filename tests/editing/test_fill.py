"""Filling a blank: the numbers are those of the filled texts' own traces, and nothing likelier is passed over."""

from __future__ import annotations

import itertools
import json
import math

import numpy as np
import pytest
import torch

from logitscope.editing.candidates import lead_of
from logitscope.editing.fill import fill
from logitscope.errors import Cancelled, InputError
from logitscope.model.model import Model
from logitscope.model.tokenise import Tokeniser
from logitscope.scope import Scope, load
from tests.families import CONTEXT, shared_model, tiny_tokenizer
from tests.understood import understand, understood

SEVERAL = ["gpt2", "gpt_neox", "llama", "gemma2", "mistral", "phi3-longrope"]
TEXT = "the hat of ____ and then"


def total_bits(model: Model, text: str, bos: bool = False) -> float:
    return Scope(model).trace(text, bos=bos, statistics=["next_logprob"]).summary().total_bits


@pytest.fixture(scope="module")
def tales() -> Model:
    return load("embedded:tales").model


@pytest.mark.parametrize("name", SEVERAL)
def test_the_bits_of_a_candidate_are_those_of_the_trace_of_its_text(name: str) -> None:
    model = understood(name)
    found = fill(model, TEXT, n=8, max_tokens=2)
    assert found.tried == 8
    assert found.tried_words > 0
    for one in found.candidates:
        assert one.total_bits == pytest.approx(total_bits(model, found.filled(one)), rel=1e-5)


@pytest.mark.parametrize("name", ["gpt2", "llama"])
def test_parts_are_those_of_a_naive_loop(name: str) -> None:
    model, hf = understood(name), shared_model(name)
    for one in fill(model, TEXT, n=5, max_tokens=1).candidates:
        tokens, _ = model.tokeniser.encode(TEXT.replace("____", one.text))
        ids = tokens.ids.tolist()
        logprobs = hf(torch.tensor([ids])).logits[0].double().log_softmax(-1)
        each = [0.0, *(float(logprobs[t - 1, ids[t]]) for t in range(1, len(ids)))]
        before = model.tokeniser.encode("the hat of")[0].ids.tolist()
        at, after = len(before), len(before) + len(one.ids)
        assert tuple(ids[at:after]) == one.ids
        assert one.logprob == pytest.approx(sum(each[at:after]), abs=1e-4)
        assert one.suffix_logprob == pytest.approx(sum(each[after:]), abs=1e-4)
        assert one.total_logprob == pytest.approx(sum(each), abs=1e-4)
        assert one.prob == pytest.approx(math.exp(one.logprob))


def test_with_every_token_tried_the_first_is_the_best_of_all() -> None:
    """By brute force over the vocabulary: the tokens that begin with the space before the blank."""
    model = understood("gpt2")
    found = fill(model, TEXT, n=300, max_tokens=1)
    fitting = {model.tokeniser.bytes_of(i).decode(errors="replace") for i in range(model.n_tokens)}
    fitting = {text[1:] for text in fitting if text.startswith(" ") and text.strip()}
    assert {one.text for one in found.candidates} == fitting
    assert found.tried == len(fitting)
    best = min(fitting, key=lambda word: total_bits(model, TEXT.replace("____", word)))
    assert found.candidates[0].text == best
    totals = [one.total_logprob for one in found.candidates]
    assert totals == sorted(totals, reverse=True)
    assert sum(one.share for one in found.candidates) == pytest.approx(1)
    assert found.candidates[0].share == pytest.approx(np.exp(totals[0]) / np.exp(totals).sum())


def test_what_was_tried_is_said_with_its_probability() -> None:
    model = understood("gpt2")
    few, more = fill(model, TEXT, n=3, max_tokens=1), fill(model, TEXT, n=10, max_tokens=1)
    assert (few.tried, few.tried_words, few.n_tokens) == (3, 0, 300)
    assert few.mass == pytest.approx(sum(one.prob for one in few.candidates), rel=1e-4)
    assert few.mass < more.mass < 1
    assert {one.text for one in few.candidates} < {one.text for one in more.candidates}
    words = fill(model, TEXT, n=3, max_tokens=3)
    assert (words.tried, words.mass) == (3, few.mass)
    assert len({one.text for one in words.candidates}) == len(words.candidates)


def test_the_space_before_the_blank_belongs_to_the_word(tales: Model) -> None:
    text = "The old man looked at the ____, and the sea looked at him."
    found = fill(tales, text, n=40)
    assert found.before.endswith("the ")
    assert found.filled(found.candidates[0]) == text.replace("____", found.candidates[0].text)
    assert all(not one.text.startswith(" ") for one in found.candidates)
    first = found.candidates[0]
    assert tales.tokeniser.bytes_of(first.ids[0]).startswith(b" ")
    assert lead_of(tales, "The old man looked at the ").ids == tuple(
        tales.tokeniser.encode("The old man looked at the")[0].ids.tolist()
    )
    # Without a space before it, nothing is taken away, and the likeliest next tokens begin with theirs.
    end = fill(tales, "The old man looked at____", n=5, max_tokens=1)
    assert any(one.text.startswith(" ") for one in end.candidates)


def test_what_follows_decides(tales: Model) -> None:
    """The plural is one token with its s, which is tokenised with the word it follows."""
    singular = fill(tales, "There was one little ____ in the house.", n=150)
    plural = fill(tales, "There were two little ____s in the house.", n=150)
    joined = [one for one in plural.candidates if one.joined]
    assert joined
    assert joined[0].total_bits == pytest.approx(total_bits(tales, plural.filled(joined[0])), rel=1e-5)
    assert tales.tokeniser.bytes_of(joined[0].ids[-1]).endswith(b"s")
    assert not any(one.joined for one in singular.candidates)


def test_a_blank_at_the_end_ranks_continuations(tales: Model) -> None:
    found = fill(tales, "The old man looked at the ____", n=20, max_tokens=1)
    assert {one.suffix_logprob for one in found.candidates} == {0.0}
    likeliest = Scope(tales).ask("The old man looked at the", -1, [list(one.ids) for one in found.candidates])
    assert [a.logprob for a in likeliest] == pytest.approx([one.logprob for one in found.candidates], abs=1e-4)
    assert [a.rank for a in likeliest] == sorted(a.rank or 0 for a in likeliest)


def test_a_blank_at_the_beginning_needs_something_before_it(tales: Model) -> None:
    with pytest.raises(InputError, match=r"nothing stands before the blank.*give bos=True"):
        fill(tales, "____ was a king.")
    found = fill(tales, "____ was a king.", n=20, bos=True)
    assert found.bos == "added"
    for one in found.candidates[:3]:
        assert one.total_bits == pytest.approx(total_bits(tales, found.filled(one), bos=True), rel=1e-5)
    sort = load("embedded:sort").model
    with pytest.raises(InputError, match=r"nothing stands before the blank.*put something before it"):
        fill(sort, "____BA")


def test_a_blank_within_the_first_token_needs_bos_too() -> None:
    model = understood("gpt2")
    with pytest.raises(InputError, match="first token, which nothing predicts"):
        fill(model, "e____ hat", n=300)
    assert fill(model, "e____ hat", n=300, bos=True).candidates[0].total_bits > 0


@pytest.mark.parametrize("text", ["CB____A", "CBABBC____"])
def test_a_model_without_spaces(text: str) -> None:
    model = load("embedded:sort").model
    found = fill(model, text, n=9)
    assert {one.text for one in found.candidates} >= {"A", "B", "C"}
    for one in found.candidates:
        assert one.total_bits == pytest.approx(total_bits(model, found.filled(one)), rel=1e-5)


@pytest.mark.parametrize(
    "text",
    [
        "👩‍👩‍👧 went to the ____ 🏠.", "他去了____。", "def area(w, h):\n    return ____ * h\n", "a\r\n\t____\r\nb",
        "שלום ____ عليكم", "x ____", "<b>____</b>&amp;",
    ],
)  # fmt: skip
def test_any_text(tales: Model, text: str) -> None:
    found = fill(tales, text, n=12)
    assert found.filled(found.candidates[0]) == text.replace("____", found.candidates[0].text)
    assert all(one.text.strip() and "\ufffd" not in one.text for one in found.candidates)
    assert all(c.isprintable() or c.isspace() or ord(c) > 0x9F for one in found.candidates for c in one.text)
    for one in found.candidates[:4]:
        assert one.total_bits == pytest.approx(total_bits(tales, found.filled(one)), rel=1e-5)
        assert one.logprob + one.suffix_logprob <= 0


def test_characters_of_several_tokens_can_fill_a_blank() -> None:
    """The tiny tokenizer has é as two tokens; of one token each there are none but ASCII."""
    found = fill(understood("gpt2"), "the ____", n=300, max_tokens=3)
    assert any(not one.text.isascii() for one in found.candidates)
    assert all(len(one.ids) > 1 for one in found.candidates if not one.text.isascii())


def test_a_tokenizer_that_puts_a_space_before_every_text(shared) -> None:  # type: ignore[no-untyped-def]
    model = load(str(shared / "models" / "stories260k")).model
    start = fill(model, "____ upon a time, there was a girl.", n=30)
    assert start.bos == "tokenizer"
    assert start.candidates[0].text == "Once"
    middle = fill(model, "Once upon a time, there was a little ____ named Lily.", n=30)
    assert middle.candidates[0].text == "girl"
    for found in (start, middle):
        for one in found.candidates[:3]:
            assert one.total_bits == pytest.approx(total_bits(model, found.filled(one)), rel=1e-5)


def test_tokens_that_write_the_same_are_tried_once_and_both_count(shared) -> None:  # type: ignore[no-untyped-def]
    """SentencePiece keeps letters as single bytes too."""
    model = load(str(shared / "models" / "stories260k")).model
    found = fill(model, "Once upon a time____", n=400, max_tokens=1)
    assert len({one.text for one in found.candidates}) == len(found.candidates) == found.tried
    assert found.mass > 0.99


def test_only_special_tokens_leave_nothing_to_try() -> None:
    model = understand(shared_model("gpt2"))
    assert Tokeniser(tiny_tokenizer()).special_ids == {299}
    assert all("endoftext" not in one.text for one in fill(model, "the ____", n=300, max_tokens=1).candidates)


def test_it_goes_into_json() -> None:
    found = fill(understood("gpt2"), TEXT, n=4, max_tokens=1)
    made = json.loads(json.dumps(found.to_dict(2), allow_nan=False))
    assert (made["tried"], made["n_tokens"], len(made["candidates"])) == (4, 300, 2)
    assert made["candidates"][0]["text"] == found.candidates[0].text


@pytest.mark.parametrize(
    ("text", "options", "said"),
    [
        ("no blank", {}, "has no blank"),
        ("____ ____", {}, "2 blanks"),
        (TEXT, {"n": 0}, "n=0 was given"),
        (TEXT, {"max_tokens": 0}, "max_tokens=0 was given"),
        ("a" * 200 + " ____", {}, f"reads {CONTEXT} at once"),
        ("the ____ " + "a b " * 60, {}, f"reads {CONTEXT} at once"),
        ("\ud800 ____", {}, "surrogate"),
    ],
)
def test_what_does_not_fit_is_said(text: str, options: dict[str, int], said: str) -> None:
    with pytest.raises(InputError, match=said):
        fill(understood("gpt2"), text, **options)


def test_it_can_be_cancelled() -> None:
    asked = itertools.count()
    with pytest.raises(Cancelled):
        fill(understood("gpt2"), TEXT, cancelled=lambda: next(asked) > 5)
