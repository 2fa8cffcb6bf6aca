"""Trace to view specs: plain data that says what to draw."""

from logitscope.view.alternatives import Alternatives, alternatives
from logitscope.view.difference import Difference, difference
from logitscope.view.grid import Grid, grid
from logitscope.view.grid_difference import GridDifference, grid_difference
from logitscope.view.likelihood import Likelihood, likelihood

__all__ = [
    "Alternatives",
    "Difference",
    "Grid",
    "GridDifference",
    "Likelihood",
    "alternatives",
    "difference",
    "grid",
    "grid_difference",
    "likelihood",
]
