"""The web app's server: models looked into over HTTP, on this machine, for the pages that it serves itself."""

from logitscope.server.app import create_app
from logitscope.server.settings import Settings

__all__ = ["Settings", "create_app"]
