"""From the residual stream to numbers: every statistic of every stage's prediction, whose logits are never stored."""

from logitscope.readout.choose import prepare
from logitscope.readout.head import Head, MatrixHead
from logitscope.readout.readout import read_out
from logitscope.readout.reducer import Reducer
from logitscope.readout.reference import reference_logits, reference_read_out
from logitscope.readout.request import Request
from logitscope.readout.vectors import Vectors

__all__ = [
    "Head",
    "MatrixHead",
    "Reducer",
    "Request",
    "Vectors",
    "prepare",
    "read_out",
    "reference_logits",
    "reference_read_out",
]
