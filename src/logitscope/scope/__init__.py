"""A Scope: a model, a lens and the readout, joined. Text in, Trace out."""

from logitscope.scope.remembered import Remembered
from logitscope.scope.scope import Scope, load

__all__ = ["Remembered", "Scope", "load"]
