"""What the embedded models read is a function of the seed, the step and the row."""

from __future__ import annotations

import lzma
from pathlib import Path

import numpy as np
import pytest

from training.corpus import END_OF_TEXT, Document, Mixture, books, encode_stream, source_files, train_tokenizer


@pytest.fixture
def mixture() -> Mixture:
    prose, code = np.arange(1, 4000, dtype=np.int32) % 97, np.arange(1, 2000, dtype=np.int32) % 89
    return Mixture(prose=prose, code=code, vocab_size=100, length=64, seed=3)


def test_a_step_reads_the_same_whatever_was_read_before(mixture: Mixture) -> None:
    first, mask = mixture.rows(5, 40)
    mixture.rows(6, 3)
    again, again_mask = mixture.rows(5, 40)
    assert np.array_equal(first, again)
    assert np.array_equal(mask, again_mask)
    assert not np.array_equal(first, mixture.rows(6, 40)[0])


def test_fewer_rows_are_the_first_of_more(mixture: Mixture) -> None:
    assert np.array_equal(mixture.rows(5, 4)[0], mixture.rows(5, 40)[0][:4])


def test_only_the_first_copy_of_random_tokens_is_not_learned_from(mixture: Mixture) -> None:
    ids, mask = mixture.rows(0, 600)
    masked = np.flatnonzero((mask == 0).any(axis=1))
    assert 0 < len(masked) < 100
    for row in masked:
        period = int((mask[row] == 0).sum())
        assert (mask[row][:period] == 0).all()
        assert np.array_equal(ids[row], np.resize(ids[row][:period], len(ids[row])))


def test_no_source_file_is_both_read_and_held_out() -> None:
    held_out = {d.name for d in source_files(held_out=True)}
    read = {d.name for d in source_files(held_out=False)}
    assert held_out
    assert len(read) > 5 * len(held_out)
    assert held_out & read == set()


def test_books_of_a_split_in_file_order(tmp_path: Path) -> None:
    for name, title in [("books-train-1", "B"), ("books-train-0", "A"), ("books-heldout", "C")]:
        line = f'{{"author": "X", "title": "{title}", "text": "t"}}\n'
        (tmp_path / f"{name}.jsonl.xz").write_bytes(lzma.compress(line.encode()))
    assert [d.name for d in books(tmp_path, "train")] == ["X: A", "X: B"]
    with pytest.raises(SystemExit, match="--corpus"):
        list(books(tmp_path, "absent"))


def test_a_stream_is_the_documents_again_each_begun_by_the_end_of_text() -> None:
    texts = ["one two\nthree\n", "na\u00efve \U0001f600\n" * 500]
    tokenizer = train_tokenizer(texts, 300)
    stream = encode_stream(tokenizer, [Document("a", texts[0]), Document("b", texts[1])])
    start = tokenizer.token_to_id(END_OF_TEXT)
    cuts = np.flatnonzero(stream == start)
    assert cuts[0] == 0
    assert len(cuts) == 2
    assert tokenizer.decode(stream[1 : cuts[1]].tolist()) == texts[0]
    assert tokenizer.decode(stream[cuts[1] + 1 :].tolist()) == texts[1]
