"""Trace to view specs: plain data that says what to draw."""

from logitscope.view.grid import Grid, grid
from logitscope.view.likelihood import Likelihood, likelihood

__all__ = ["Grid", "Likelihood", "grid", "likelihood"]
