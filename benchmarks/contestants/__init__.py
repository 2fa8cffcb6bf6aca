"""Those who are compared, each a process of its own: the bare products, Logitscope, the naive recipe, other tools.

The files of this folder run in environments where Logitscope is not installed (`ours` apart), so they know only each
other, torch, numpy, transformers and the tool that they are named after.
"""
