"""What was read and what was found: plain numpy, one file, no torch."""

from logitscope.trace.export import to_dict, to_pandas, to_xarray, write
from logitscope.trace.file import open_trace, save
from logitscope.trace.increments import Increments
from logitscope.trace.kinds import KINDS, token_kinds
from logitscope.trace.merge import merge
from logitscope.trace.stages import stage_key
from logitscope.trace.summary import bits_by, summarise, token_bits
from logitscope.trace.tokens import Tokens, Vocabulary
from logitscope.trace.totals import KindBits, Summary
from logitscope.trace.trace import Provenance, Trace
from logitscope.trace.units import Span

__all__ = [
    "KINDS",
    "Increments",
    "KindBits",
    "Provenance",
    "Span",
    "Summary",
    "Tokens",
    "Trace",
    "Vocabulary",
    "bits_by",
    "merge",
    "open_trace",
    "save",
    "stage_key",
    "summarise",
    "to_dict",
    "to_pandas",
    "to_xarray",
    "token_bits",
    "token_kinds",
    "write",
]
