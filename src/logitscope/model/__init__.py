"""A causal language model taken apart: loading, anatomy, capture, decoding, and the check that all of it is right.

Import what you need from the file that holds it; listing what models there are needs no torch.
"""
