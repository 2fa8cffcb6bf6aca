"""Whether two traces say the same but for rounding: what is promised of any two ways to read one text."""

from __future__ import annotations

import numpy as np

from logitscope.trace import Trace

__all__ = ["assert_close"]

_SUMS = {"entropy", "kl_from_final", "kl_to_final", "kl_from_input", "kl_to_input"}


def assert_close(ours: Trace, theirs: Trace) -> None:
    """Everything beside the numbers is the same; numbers to 1e-5 of the largest logit, sums to ten times that.

    Ids and ranks are the same but for near ties, of which there are few.
    """
    assert ours.stages == theirs.stages
    assert ours.positions.tolist() == theirs.positions.tolist()
    assert ours.seams == theirs.seams
    assert ours.watched == theirs.watched
    assert ours.context_lengths.tolist() == theirs.context_lengths.tolist()
    assert ours.tokens.identical(theirs.tokens)
    assert ours.provenance.to_dict() | {"created": ""} == theirs.provenance.to_dict() | {"created": ""}
    assert ours.arrays.keys() == theirs.arrays.keys()
    largest = max((float(np.abs(a).max()) for n, a in theirs.arrays.items() if n.endswith("logits")), default=1.0)
    bound = 1e-5 * max(1.0, largest)
    for name, expected in theirs.arrays.items():
        found = ours.arrays[name]
        if expected.dtype == np.int32:
            assert (found != expected).sum() <= 2 + expected.size // 100, name
            assert ((found < 0) == (expected < 0)).all(), name
            if name.endswith("rank"):
                assert ((found == 0) == (expected == 0)).all(), name
        else:
            np.testing.assert_allclose(
                found, expected, rtol=0, atol=bound * (10 if name in _SUMS else 1), err_msg=name, equal_nan=True
            )
