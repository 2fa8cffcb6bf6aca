from __future__ import annotations

from pathlib import Path

import pytest

from logitscope.errors import InputError
from logitscope.samples import NAMES, sample

FOLDER = Path(__file__).parents[2] / "src" / "logitscope" / "samples"


def test_every_file_is_a_sample_and_every_sample_has_its_source() -> None:
    assert sorted(path.stem for path in FOLDER.glob("*.txt")) == sorted(NAMES)
    sources = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert [name for name in NAMES if f"| `{name}` |" not in sources] == []


def test_a_sample_is_its_file_to_the_byte() -> None:
    for name in NAMES:
        assert sample(name).text.encode("utf-8") == (FOLDER / f"{name}.txt").read_bytes()


def test_the_focus_is_a_character_of_the_text() -> None:
    kraemer = sample("kraemer")
    assert kraemer.text[: kraemer.focus + 1].endswith("for community projects.. Kra")
    assert kraemer.text[kraemer.focus + 1 :].startswith("emer proactively")
    for name in NAMES:
        assert 0 <= sample(name).focus < len(sample(name).text)


def test_quoted_samples_are_the_texts_that_were_handed_over(shared: Path) -> None:
    for path in (shared / "texts").glob("*.txt"):
        assert sample(path.stem).text.encode("utf-8") == path.read_bytes()


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(InputError, match=r'there is no sample "kremer"; there are eiffel-tower, .*emoji'):
        sample("kremer")
