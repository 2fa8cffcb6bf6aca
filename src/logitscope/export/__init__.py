"""A model, or the whole tool with some models, as files that run in a browser without any Python.

Needs the packages of the extra `site`; nothing else of Logitscope does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from logitscope.errors import ResourceError

if TYPE_CHECKING:
    from logitscope.export.model_folder import Report, export_model
    from logitscope.export.site import SiteReport, export_site

__all__ = ["Report", "SiteReport", "export_model", "export_site"]

_PLACES = {
    "Report": "model_folder",
    "SiteReport": "site",
    "export_model": "model_folder",
    "export_site": "site",
}


def __getattr__(name: str) -> Any:
    """Loads the exporter when it is first asked for, so that a missing package becomes one line."""
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    try:
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
    except ImportError as error:
        raise ResourceError(
            f"exporting needs the packages onnx and onnxruntime ({error}); install them with "
            "pip install 'logitscope[site]'."
        ) from error
    return getattr(import_module(f"{__name__}.{_PLACES[name]}"), name)
