"""What the site's measurement is made of: a tokenizer as wide as a model, a text of so many tokens, rows of a table."""

from __future__ import annotations

import logitscope
from benchmarks.site import HEADINGS, N_TOKENS, PASSAGE, Visits, _wide_tokeniser, passage, row


def test_a_tokenizer_is_as_wide_as_is_asked_and_still_cuts_every_text() -> None:
    tokenizer = _wide_tokeniser(7_000)
    assert len(tokenizer) == 7_000
    text = PASSAGE.read_text()
    ids = tokenizer(text)["input_ids"]
    assert tokenizer.decode(ids) == text
    assert len(set(ids)) > 30


def test_the_passage_has_so_many_tokens() -> None:
    scope = logitscope.load("embedded:tales")
    assert len(scope.trace(passage(scope), stages=["7.mlp"]).ids) == N_TOKENS


def test_a_row_has_a_cell_under_every_heading() -> None:
    found = Visits(
        download=14_000_000, first_colour=1.0, evolution=0.2, column=0.1, lens=2.0, again=0.5, typed=0.07,
        memory=500.4, empty=111.0,
    )  # fmt: skip
    cells = row("a model", found)
    assert len(cells) == len(HEADINGS)
    assert cells[2:] == ["14.0", "1.00", "0.20", "0.10", "2.00", "0.50", "0.07", "500", "111"]
