"""The lenses: what is done to a stage's vectors before they are decoded."""

from logitscope.lens.lens import Lens, LogitLens, TailLens, parse_lens

__all__ = ["Lens", "LogitLens", "TailLens", "parse_lens"]
