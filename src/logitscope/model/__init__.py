"""A causal language model taken apart: loading, anatomy, capture, decoding, and the check that all of it is right.

Import what you need from the file that holds it; listing what models there are needs no torch.
"""

import importlib
import sys
import warnings

__all__: list[str] = []

if "IPython" in sys.modules:
    # A notebook without ipywidgets is told to update them, for progress bars that are not drawn while loading.
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="IProgress not found")
        importlib.import_module("tqdm.auto")
