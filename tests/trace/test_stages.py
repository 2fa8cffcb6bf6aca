from __future__ import annotations

import random

import pytest

from logitscope.errors import InputError
from logitscope.trace import stage_key


def test_stages_sort_as_the_model_computes_them() -> None:
    in_order = ["embed", "0.attn", "0.mlp", "1.mlp", "2.attn", "10.attn", "10.mlp"]
    shuffled = in_order[:]
    random.Random(1).shuffle(shuffled)
    assert sorted(shuffled, key=stage_key) == in_order


@pytest.mark.parametrize("name", ["", "embed ", "01.mlp", "-1.mlp", "1.norm", "1", "٣.mlp", "1.mlp\n"])
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(InputError, match="no name of a stage"):
        stage_key(name)
