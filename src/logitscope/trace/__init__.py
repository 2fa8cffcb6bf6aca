"""What was read and what was found: plain numpy, one file, no torch."""

from logitscope.trace.tokens import Tokens, Vocabulary
from logitscope.trace.trace import Provenance, Trace

__all__ = ["Provenance", "Tokens", "Trace", "Vocabulary"]
