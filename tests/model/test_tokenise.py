"""Texts to ids and exact bytes: every byte is accounted for, or the tokens are labelled lossy."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from logitscope.errors import InputError, ModelError
from logitscope.model.tokenise import Tokeniser, load_tokenizer
from logitscope.trace import Tokens
from tests.families import END_OF_TEXT, TOKENIZER_SIZE, tiny_tokenizer
from tests.odd_texts import ODD_TEXTS

any_text = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60)


@cache
def byte_level(bos: bool = False) -> Tokeniser:
    return Tokeniser(tiny_tokenizer(bos=bos))


@cache
def from_folder(folder: Path) -> Tokeniser:
    return load_tokenizer(str(folder))


@pytest.fixture
def gpt2(shared: Path) -> Tokeniser:
    return from_folder(shared / "tokenizers" / "gpt2")


@pytest.fixture
def sentencepiece(shared: Path) -> Tokeniser:
    return from_folder(shared / "models" / "stories260k")


def of_words(**options: Any) -> Tokeniser:
    """Whole words, spaces dropped, unknown ones replaced."""
    words = {w: i for i, w in enumerate(["[UNK]", "the", "cat", "sat", "Paris", "paris"])}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    if options.get("lower"):
        tokenizer.normalizer = normalizers.Lowercase()
    return Tokeniser(PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="[UNK]"))


def exact(tokens: Tokens, text: str) -> None:
    """Every byte of the text is in exactly one token, and every token's span holds its bytes."""
    assert b"".join(tokens.pieces) == text.encode()
    assert tokens.text == text
    assert not tokens.lossy
    assert len(tokens.ids) == len(tokens.pieces) == len(tokens.spans)
    for piece, (start, end) in zip(tokens.pieces, tokens.spans.tolist(), strict=True):
        assert piece in text[start:end].encode()
    if len(text):
        assert tokens.spans[:, 1].max() == len(text)


# ------------------------------------------------------------------------ every byte


@pytest.mark.parametrize("text", ODD_TEXTS, ids=ascii)
def test_byte_level_tokens_give_the_text_back(text: str) -> None:
    tokens, prefix = byte_level().encode(text)
    exact(tokens, text)
    assert prefix == "none"
    assert tokens.ids.tolist() == byte_level().hf(text)["input_ids"]
    assert not tokens.special.any()


@settings(max_examples=150)
@given(text=any_text)
@example(text=f"a{END_OF_TEXT}b")
def test_any_text_comes_back_byte_by_byte(text: str) -> None:
    exact(byte_level().encode(text)[0], text)
    exact(byte_level(bos=True).encode(text)[0], text)


@pytest.mark.parametrize("text", [*ODD_TEXTS, "Data visualization empowers users to"], ids=ascii)
def test_gpt2s_tokens_give_the_text_back(gpt2: Tokeniser, text: str) -> None:
    exact(gpt2.encode(text)[0], text)


def test_any_text_comes_back_from_gpt2s_tokens(gpt2: Tokeniser) -> None:
    @settings(max_examples=100)
    @given(text=any_text)
    def check(text: str) -> None:
        exact(gpt2.encode(text)[0], text)

    check()


def test_gpt2s_tokens_are_the_published_ones(gpt2: Tokeniser) -> None:
    tokens, _ = gpt2.encode("Data visualization empowers users to")
    assert tokens.ids.tolist() == [6601, 32704, 795, 30132, 2985, 284]
    assert list(tokens.pieces) == [b"Data", b" visualization", b" em", b"powers", b" users", b" to"]
    assert gpt2.n_tokens == 50257


def test_a_character_may_be_cut_into_tokens(gpt2: Tokeniser) -> None:
    tokens, _ = gpt2.encode("a🙂b")
    assert b"".join(tokens.pieces) == b"a\xf0\x9f\x99\x82b"
    assert len(tokens) > 3
    assert {tuple(s) for s in tokens.spans.tolist()} == {(0, 1), (1, 2), (2, 3)}
    assert not any("\ufffd" in t for t in tokens.texts)


@pytest.mark.parametrize("text", ODD_TEXTS, ids=ascii)
def test_sentencepiece_tokens_give_the_text_back_without_the_space_that_they_add(
    sentencepiece: Tokeniser, text: str
) -> None:
    tokens, prefix = sentencepiece.encode(text)
    exact(tokens, text)
    assert prefix == "tokenizer"
    assert tokens.ids[0] == 1
    assert tokens.special.tolist() == [True] + [False] * (len(tokens) - 1)
    assert tokens.pieces[0] == b""
    assert tokens.texts[0] == "<s>"


def test_any_text_comes_back_from_sentencepiece(sentencepiece: Tokeniser) -> None:
    # The mark that stands for a space cannot be told from one when it occurs in a text.
    plain = any_text.filter(lambda t: "\u2581" not in t and "<" not in t)

    @settings(max_examples=100)
    @given(text=plain)
    def check(text: str) -> None:
        exact(sentencepiece.encode(text)[0], text)

    check()


def test_single_bytes_of_sentencepiece_are_bytes(sentencepiece: Tokeniser) -> None:
    tokens, _ = sentencepiece.encode("🙂")
    assert list(tokens.pieces) == [b"", b"", b"\xf0", b"\x9f", b"\x99", b"\x82"]
    assert sentencepiece.bytes_of(sentencepiece.hf.convert_tokens_to_ids("<0x0A>")) == b"\n"


def test_the_mark_of_a_space_in_a_text_makes_it_lossy(sentencepiece: Tokeniser) -> None:
    tokens, _ = sentencepiece.encode("a\u2581b")
    assert tokens.lossy
    assert tokens.text == "a\u2581b"


@pytest.mark.parametrize("text", ["Once upon a time", " spaced", "a", "  two"])
def test_ids_of_a_text_are_that_text_again_where_a_space_is_put_before_it(text: str, sentencepiece: Tokeniser) -> None:
    tokens, _ = sentencepiece.encode(text)
    again = sentencepiece.from_ids(tokens.ids.tolist())
    assert again.text == text
    assert again.pieces == tokens.pieces


def test_a_prefix_space_of_a_byte_level_tokenizer_is_no_part_of_the_text() -> None:
    hf = tiny_tokenizer()
    hf.backend_tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    tokens, _ = Tokeniser(hf).encode("the hat")
    exact(tokens, "the hat")
    assert tokens.ids[0] == hf.convert_tokens_to_ids("Ġt")


# ------------------------------------------------------------------------ lossy, and says so


def test_words_without_their_spaces_are_lossy_and_keep_their_spans() -> None:
    tokens, _ = of_words().encode("the  cat sat")
    assert tokens.lossy
    assert tokens.text == "the  cat sat"
    assert list(tokens.pieces) == [b"the", b"cat", b"sat"]
    assert tokens.spans.tolist() == [[0, 3], [5, 8], [9, 12]]


def test_unknown_words_are_lossy_and_keep_their_spans() -> None:
    tokens, _ = of_words().encode("the dog")
    assert tokens.lossy
    assert tokens.spans.tolist() == [[0, 3], [4, 7]]
    assert tokens.ids.tolist() == [1, 0]


def test_lower_casing_is_lossy_only_where_it_changes_something() -> None:
    tokeniser = of_words(lower=True)
    assert tokeniser.encode("Paris")[0].lossy
    assert not tokeniser.encode("paris")[0].lossy


def test_dropped_characters_are_lossy(embedded: Path) -> None:
    tokens, _ = from_folder(embedded / "sort").encode("AxB")
    assert tokens.lossy
    assert list(tokens.pieces) == [b"A", b"B"]
    assert tokens.spans.tolist() == [[0, 1], [2, 3]]


def test_a_text_of_which_nothing_is_left_is_refused(embedded: Path) -> None:
    with pytest.raises(InputError, match="made no tokens of the text"):
        from_folder(embedded / "sort").encode("xyz")


class Slow:
    """A tokenizer without a backend in Rust: no offsets, no mask, upper case only."""

    bos_token_id = None
    all_special_ids: tuple[int, ...] = ()

    def get_vocab(self) -> dict[str, int]:
        return {chr(i + 65): i for i in range(26)}

    def __call__(self, text: str, **_: Any) -> dict[str, list[int]]:
        return {"input_ids": [ord(c) - 65 for c in text.upper() if c.isalpha()]}

    def convert_ids_to_tokens(self, token_id: int) -> str:
        return chr(token_id + 65)


def test_a_tokenizer_without_offsets_gets_spans_from_its_bytes() -> None:
    tokens, prefix = Tokeniser(Slow()).encode("CAB")
    exact(tokens, "CAB")
    assert prefix == "none"
    tokens, _ = Tokeniser(Slow()).encode("C-AB")
    assert tokens.lossy
    assert tokens.spans.tolist() == [[0, 1], [2, 3], [3, 4]]


# ------------------------------------------------------------------------ BOS


def test_without_a_convention_nothing_is_put_before_a_text() -> None:
    tokens, prefix = byte_level().encode("hat")
    assert prefix == "none"
    assert not tokens.special.any()


def test_bos_is_added_when_asked_for() -> None:
    tokens, prefix = byte_level().encode("hat", bos=True)
    plain, _ = byte_level().encode("hat")
    assert prefix == "added"
    assert tokens.ids.tolist() == [TOKENIZER_SIZE - 1, *plain.ids.tolist()]
    assert tokens.special.tolist() == [True] + [False] * len(plain)
    assert tokens.pieces == (b"", *plain.pieces)
    assert tokens.spans[0].tolist() == [0, 0]
    assert tokens.texts[0] == END_OF_TEXT
    exact(tokens, "hat")


@pytest.mark.parametrize("bos", [False, True])
def test_a_tokenizers_own_bos_comes_once_whatever_is_asked_for(bos: bool) -> None:
    tokens, prefix = byte_level(bos=True).encode("hat", bos=bos)
    assert prefix == "tokenizer"
    assert tokens.ids.tolist().count(TOKENIZER_SIZE - 1) == 1
    exact(tokens, "hat")


def test_a_tokenizer_without_bos_says_so(embedded: Path) -> None:
    with pytest.raises(InputError, match=r"no BOS token\. Leave it out"):
        from_folder(embedded / "sort").encode("ABC", bos=True)


@pytest.mark.parametrize("text", [END_OF_TEXT, f"{END_OF_TEXT}hat", f"a{END_OF_TEXT}", END_OF_TEXT * 3])
def test_the_name_of_a_special_token_in_a_text_is_text(text: str) -> None:
    """It becomes the special id, as the model's own tokenizer has it, and keeps its bytes."""
    for bos in (False, True):
        tokens, prefix = byte_level(bos).encode(text)
        exact(tokens, text)
        assert prefix == ("tokenizer" if bos else "none")
        assert tokens.ids.tolist().count(TOKENIZER_SIZE - 1) == text.count(END_OF_TEXT) + bos
        assert tokens.special.tolist() == [bos] * bos + [False] * (len(tokens) - bos)


def test_the_beginning_of_a_sequence_in_a_sentencepiece_text(sentencepiece: Tokeniser) -> None:
    tokens, prefix = sentencepiece.encode("<s>")
    assert prefix == "tokenizer"
    assert tokens.ids.tolist() == [1, 1]
    assert tokens.special.tolist() == [True, False]


# ------------------------------------------------------------------------ refused


def test_an_empty_text_is_refused() -> None:
    with pytest.raises(InputError, match="the text is empty; at least one character"):
        byte_level().encode("")


@pytest.mark.parametrize(("text", "at"), [("\ud800", 0), ("ab\udfffc", 2)])
def test_a_lone_surrogate_is_refused_with_its_place(text: str, at: int) -> None:
    with pytest.raises(InputError, match=f"lone surrogate at character {at}"):
        byte_level().encode(text)
    with pytest.raises(InputError, match=f"lone surrogate at character {at}"):
        byte_level().token_id(text)


@pytest.mark.parametrize("text", [b"bytes", 5, ["a", "b"], Path("file.txt")], ids=str)
def test_what_is_no_string_is_refused(text: Any) -> None:
    with pytest.raises(InputError, match=f"the text is a {type(text).__name__}; give a string"):
        byte_level().encode(text)


# ------------------------------------------------------------------------ ids


def test_ids_make_the_text_that_their_bytes_are() -> None:
    given_ids = byte_level().hf("the 🙂 hat")["input_ids"]
    tokens = byte_level().from_ids(given_ids)
    exact(tokens, "the 🙂 hat")
    assert tokens.ids.tolist() == given_ids


def test_ids_of_special_tokens_stand_for_no_text() -> None:
    tokens = byte_level().from_ids([TOKENIZER_SIZE - 1, *byte_level().hf("hat")["input_ids"]])
    assert tokens.special.tolist()[:2] == [True, False]
    assert tokens.pieces[0] == b""
    assert tokens.text == "hat"
    assert tokens.texts[0] == END_OF_TEXT


def test_ids_that_are_half_a_character_are_lossy_and_keep_their_bytes() -> None:
    half = byte_level().hf("🙂")["input_ids"][:2]
    tokens = byte_level().from_ids(half)
    assert b"".join(tokens.pieces) == "🙂".encode()[:2]
    assert tokens.lossy


@given(ids=st.lists(st.integers(0, TOKENIZER_SIZE - 1), min_size=1, max_size=30))
def test_any_ids_have_their_bytes(ids: list[int]) -> None:
    tokens = byte_level().from_ids(ids)
    assert tokens.ids.tolist() == ids
    assert tokens.special.tolist() == [i == TOKENIZER_SIZE - 1 for i in ids]
    text = b"".join(byte_level().bytes_of(i) for i in ids if i != TOKENIZER_SIZE - 1)
    assert b"".join(tokens.pieces) == text


def test_no_ids_are_refused() -> None:
    with pytest.raises(InputError, match="no token ids were given"):
        byte_level().from_ids([])


@pytest.mark.parametrize("token_id", [-1, TOKENIZER_SIZE, 2**31, 2**64])
def test_an_id_outside_the_vocabulary_is_refused(token_id: int) -> None:
    message = f"token id {token_id} is not in the tokenizer's vocabulary (0 to {TOKENIZER_SIZE - 1})."
    with pytest.raises(InputError) as caught:
        byte_level().from_ids([5, token_id])
    assert str(caught.value) == message
    with pytest.raises(InputError):
        byte_level().bytes_of(token_id)


def test_arrays_of_ids_are_ids() -> None:
    tokens = byte_level().from_ids(np.array([1, 2, TOKENIZER_SIZE - 1]))  # type: ignore[arg-type]
    assert tokens.ids.tolist() == [1, 2, TOKENIZER_SIZE - 1]


def test_names_of_ids_leave_out_padding_and_what_is_missing() -> None:
    names = byte_level().vocabulary([-1, 0, 5, 5, TOKENIZER_SIZE - 1, TOKENIZER_SIZE, 10**9])
    assert sorted(names.pieces) == [0, 5, TOKENIZER_SIZE - 1]
    assert names.special == {TOKENIZER_SIZE - 1}
    assert names.text(TOKENIZER_SIZE - 1) == END_OF_TEXT


def test_every_id_of_a_vocabulary_has_a_name(gpt2: Tokeniser) -> None:
    names = gpt2.vocabulary(range(50257))
    assert len(names.pieces) == 50257
    assert len(set(names.pieces.values())) == 50257
    assert {bytes([b]) for b in range(256)} <= set(names.pieces.values())


# ------------------------------------------------------------------------ tokens to be watched


def test_a_text_that_is_one_token_is_that_token(gpt2: Tokeniser) -> None:
    assert gpt2.token_id(" Paris") == 6342
    assert gpt2.token_id("Paris") == 40313
    assert gpt2.token_id("<|endoftext|>") == 50256


def test_a_text_that_is_several_tokens_is_refused_and_they_are_listed(gpt2: Tokeniser) -> None:
    with pytest.raises(InputError) as caught:
        gpt2.token_id(" Kraemer")
    message = str(caught.value)
    assert "' Kraemer', which it reads as 2 (' Kra', 'emer')" in message
    assert "\n" not in message


def test_part_of_a_character_is_listed_as_its_bytes() -> None:
    with pytest.raises(InputError, match=r"reads as 4 \('\\\\xf0', '\\\\x9f', '\\\\x99', '\\\\x82'\)"):
        byte_level().token_id("🙂")


@pytest.mark.parametrize("text", [" Lily", "a", "\n", "</s>", " "])
def test_a_sentencepiece_token_is_named_by_its_exact_text(sentencepiece: Tokeniser, text: str) -> None:
    token = sentencepiece.token_id(text)
    assert sentencepiece.bytes_of(token) == text.encode()


def test_of_two_tokens_with_the_same_bytes_the_one_that_is_used_is_meant(sentencepiece: Tokeniser) -> None:
    """Llama's vocabulary has "a" as a piece and as a single byte; texts are written with the piece."""
    piece = sentencepiece.token_id("a")
    assert sentencepiece.hf.convert_ids_to_tokens(piece) == "a"
    assert piece in sentencepiece.hf("that")["input_ids"] or piece in sentencepiece.hf("xa")["input_ids"]


def test_a_word_without_its_space_is_another_token_or_none(sentencepiece: Tokeniser) -> None:
    with pytest.raises(InputError, match=r"exactly 'Lily'"):
        sentencepiece.token_id("Lily")


@pytest.mark.parametrize("word", ["dog", "", "the cat"])
def test_an_unknown_word_is_not_the_token_for_unknown_words(word: str) -> None:
    with pytest.raises(InputError, match=f"exactly '{word}'"):
        of_words().token_id(word)


@settings(max_examples=60)
@given(token_id=st.integers(0, TOKENIZER_SIZE - 1))
def test_a_tokens_own_text_names_it(token_id: int) -> None:
    piece = byte_level().bytes_of(token_id)
    try:
        text = piece.decode()
    except UnicodeDecodeError:
        return
    assert byte_level().bytes_of(byte_level().token_id(text)) == piece


# ------------------------------------------------------------------------ files


@pytest.mark.parametrize("family", ["gpt2", "llama", "gemma", "gpt_neox", "qwen2", "bloom"])
def test_a_folder_without_tokenizer_is_refused(tmp_path: Path, family: str) -> None:
    """For some of these, transformers makes up a tokenizer that knows special tokens only."""
    (tmp_path / "config.json").write_text(json.dumps({"model_type": family}))
    with pytest.raises(ModelError, match=r"has no tokenizer that can be read .* tokenizer\.json") as caught:
        load_tokenizer(str(tmp_path))
    assert "\n" not in str(caught.value)


def test_a_damaged_tokenizer_file_is_refused(tmp_path: Path) -> None:
    tiny_tokenizer().save_pretrained(tmp_path)
    path = tmp_path / "tokenizer.json"
    path.write_text(path.read_text()[:500])
    with pytest.raises(ModelError) as caught:
        load_tokenizer(str(tmp_path))
    assert "\n" not in str(caught.value)


def test_a_saved_tokenizer_reads_the_same(tmp_path: Path) -> None:
    tiny_tokenizer(bos=True).save_pretrained(tmp_path)
    again, _ = load_tokenizer(str(tmp_path)).encode("the hat 🙂")
    assert again.identical(byte_level(bos=True).encode("the hat 🙂")[0])


def test_decoding_by_fused_wordlevel_pieces(shared: Path) -> None:
    tokeniser = Tokeniser(AutoTokenizer.from_pretrained(shared / "models" / "nano-gpt-sort"))
    tokens, _ = tokeniser.encode("CBABBC")
    exact(tokens, "CBABBC")
    assert tokens.ids.tolist() == [2, 1, 0, 1, 1, 2]
    assert isinstance(tokeniser.hf.backend_tokenizer.decoder, decoders.Fuse)
