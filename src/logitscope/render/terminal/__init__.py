"""View specs in a terminal: rich texts of any colour depth, down to none."""

from logitscope.render.terminal.grid import render_grid
from logitscope.render.terminal.likelihood import render_likelihood
from logitscope.render.terminal.screen import Screen, screen

__all__ = ["Screen", "render_grid", "render_likelihood", "screen"]
