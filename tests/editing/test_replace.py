"""Replacing tokens: the rest stays as ids, bits are those of traces, later tokens stay aligned."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logitscope.editing.change import Change
from logitscope.errors import InputError
from logitscope.scope import Scope, load
from logitscope.trace.summary import token_bits
from tests.families import CONTEXT
from tests.understood import ids_of, understood

TEXT = "The old man looked at the sea, and the sea looked at him."


@pytest.fixture(scope="module")
def tales() -> Scope:
    return load("embedded:tales")


@given(data=st.data())
@settings(max_examples=25)
def test_bits_before_and_after_are_those_of_the_two_texts(data: st.DataObject) -> None:
    """Any number of tokens by any number of others, also none."""
    scope, ids = Scope(understood("gpt2")), ids_of(12).tolist()
    position = data.draw(st.integers(0, 11))
    remove = data.draw(st.integers(0, 12 - position))
    put = data.draw(st.lists(st.integers(0, 298), max_size=4))
    new = [*ids[:position], *put, *ids[position + remove :]]
    if not new:
        return
    change = scope.replace(ids, position, put, remove=remove)
    assert change.ids == new
    assert (change.removed, change.inserted) == (remove, len(put))
    was, is_ = token_bits(scope.trace(ids=ids)), token_bits(scope.trace(ids=new))
    np.testing.assert_allclose(change.later_before, was[position + remove :], rtol=1e-4, equal_nan=True)
    np.testing.assert_allclose(change.later_after, is_[position + len(put) :], rtol=1e-4, equal_nan=True)
    assert change.total_before == pytest.approx(np.nansum(was), rel=1e-5)
    assert change.total_after == pytest.approx(np.nansum(is_), rel=1e-5)
    rows = change.tokens
    assert [r.id for r in rows if r.part == "removed"] == ids[position : position + remove]
    assert [r.id for r in rows if r.part == "inserted"] == put
    assert [r.id for r in rows if r.part == "later"] == ids[position + remove :]
    for r in rows:
        assert r.position_before is None or ids[r.position_before] == r.id
        assert r.position_after is None or new[r.position_after] == r.id
        assert (r.change is None) == (r.bits_before is None or r.bits_after is None)


def test_a_token_is_replaced_by_a_text_of_several(tales: Scope) -> None:
    change = tales.replace(TEXT, 6, " telescope")
    assert change.text == TEXT.replace("the sea, and", "the telescope, and")
    assert change.inserted > 1
    assert len(change.later_before) == len(change.later_after) == len(change.before.ids) - 7
    assert change.total_after == pytest.approx(tales.trace(change.text).summary().total_bits, rel=1e-5)
    assert change.retokenised is None
    assert not change.windowed
    assert repr(change).startswith("Change(' sea' to ' telescope' at 6: ")


def test_what_stands_there_may_be_named_by_its_text(tales: Scope) -> None:
    assert tales.replace(TEXT, " old man", " child").text == TEXT.replace("old man", "child")
    assert tales.replace(TEXT, " old", "").text == TEXT.replace(" old", "")
    assert tales.replace(TEXT, 1, " very", remove=0).text == TEXT.replace(" old", " very old")
    with pytest.raises(InputError, match="2 times"):
        tales.replace(TEXT, " sea", " moon")


def test_replacing_a_token_by_itself_changes_nothing(tales: Scope) -> None:
    change = tales.replace(TEXT, 3, int(tales.trace(TEXT).ids[3]))
    np.testing.assert_allclose(change.later_change, 0, atol=1e-4)
    assert change.ids == change.before.ids.tolist()
    assert change.retokenised is None


def test_it_is_said_when_the_text_would_be_read_otherwise(tales: Scope) -> None:
    """`s` and `ea` are no ` sea`: nothing else is read differently, so the ids are none that the text would have."""
    tokeniser = tales.model.tokeniser
    pieces = [tokeniser.token_id(" se"), tokeniser.token_id("a")]
    change = tales.replace(TEXT, 6, pieces)
    assert change.text == TEXT
    assert change.ids != change.before.ids.tolist()
    assert list(change.retokenised or ()) == tokeniser.encode(TEXT)[0].ids.tolist()
    assert change.total_after > change.total_before


def test_a_trace_that_holds_the_bits_is_not_made_again(tales: Scope, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = tales.trace(TEXT, bos=True)
    asked: list[object] = []
    real = Scope.trace
    monkeypatch.setattr(Scope, "trace", lambda self, **options: asked.append(options["ids"]) or real(self, **options))
    change = tales.replace(whole, -1, "!")
    assert len(asked) == 1
    assert change.before.stages == whole.stages[-1:]
    np.testing.assert_array_equal(token_bits(change.before), token_bits(whole))
    piece = whole.select(stages=["embed"])
    assert tales.replace(piece, -1, "!").total_before == pytest.approx(change.total_before)
    assert len(asked) == 3


def test_a_trace_of_another_model_is_refused(tales: Scope) -> None:
    other = Scope(understood("gpt2")).trace("the hat")
    with pytest.raises(InputError, match="whose weights are not those of"):
        tales.replace(other, 0, "a")


def test_the_first_word_keeps_the_space_that_the_tokenizer_puts_before_a_text(shared) -> None:  # type: ignore[no-untyped-def]
    scope = load(str(shared / "models" / "stories260k"))
    change = scope.replace("One day, Tim went out.", 1, "The")
    assert change.text == "The day, Tim went out."
    assert change.retokenised is None
    middle = scope.replace("One day, Tim went out.", " Tim", " Lily")
    assert middle.text == "One day, Lily went out."
    assert middle.retokenised is None


@pytest.mark.parametrize("text", ["👩‍👩‍👧 é漢字\r\n", "<b>&amp;\t\x00", "مرحبا"])
def test_any_text_and_any_part_of_a_character(tales: Scope, text: str) -> None:
    n = len(tales.trace(text).ids)
    for position in range(n):
        change = tales.replace(text, position, "�x")
        assert change.text.encode("utf-8", "surrogatepass") is not None
        assert len(change.later_after) == n - position - 1
        json.dumps(change.to_dict(), allow_nan=False)
    assert tales.replace(text, 0, list(range(3))).inserted == 3


def test_later_tokens_of_a_text_of_several_windows_are_told_apart() -> None:
    scope = Scope(understood("gpt2"))
    ids = ids_of(2 * CONTEXT).tolist()
    assert not scope.replace(ids, 5, [7]).windowed
    assert scope.replace(ids, 5, [7, 8, 9]).windowed
    assert scope.replace(ids, 5, [7, 8, 9]).later_after.shape == (2 * CONTEXT - 6,)


def test_a_memory_of_the_text_changes_no_number(tales: Scope) -> None:
    plain, remembered = tales.replace(TEXT, 6, " moon"), tales.replace(TEXT, 6, " moon", prefix=tales.remember())
    np.testing.assert_allclose(remembered.later_after, plain.later_after, rtol=1e-4)


def test_it_goes_into_json(tales: Scope) -> None:
    made = json.loads(json.dumps(tales.replace(TEXT, 0, "Some").to_dict(), allow_nan=False))
    assert made["text"] == "Some" + TEXT[3:]
    assert made["tokens"][0] == {
        "part": "removed", "token": "The", "id": made["ids_before"][0], "position_before": 0, "position_after": None,
        "bits_before": None, "bits_after": None, "change": None,
    }  # fmt: skip
    later = [row["change"] for row in made["tokens"] if row["part"] == "later"]
    assert sum(later) == pytest.approx(made["later_bits_after"] - made["later_bits_before"], abs=1e-3)


@pytest.mark.parametrize(
    ("position", "token", "options", "said"),
    [
        (99, "a", {}, "position 99"), (0, "a", {"remove": 99}, "remove=99"), (0, "a", {"remove": -1}, "remove=-1"),
        (0, 10**6, {}, "vocabulary"), (0, "", {"remove": 2}, "nothing would be left"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_said(position: int, token: object, options: dict[str, int], said: str) -> None:
    ids = Scope(understood("gpt2")).trace("ab").ids.tolist()
    with pytest.raises(InputError, match=said):
        Scope(understood("gpt2")).replace(ids if len(ids) == 2 else ids[:2], position, token, **options)  # type: ignore[arg-type]


def test_a_change_joins_only_texts_that_differ_in_one_place(tales: Scope) -> None:
    one, other = tales.trace("The sea fell."), tales.trace("The moon rose.")
    with pytest.raises(InputError, match="differ in more than"):
        Change(one, other, 1, 1, 1)
