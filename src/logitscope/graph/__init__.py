"""A model's computation as data: its graph, the numbers of one run, and any cell explained.

Draws nothing: a scene, a table and a text are all made of the same description.
"""

from __future__ import annotations

from logitscope.graph.activations import Activations
from logitscope.graph.block import Axis, Block, Formula, Graph, Index, Operand
from logitscope.graph.build import FAMILIES, graph_of
from logitscope.graph.explain import Cell, Explanation, Term, explain

__all__ = [
    "FAMILIES", "Activations", "Axis", "Block", "Cell", "Explanation", "Formula", "Graph", "Index", "Operand", "Term",
    "explain", "graph_of",
]  # fmt: skip
