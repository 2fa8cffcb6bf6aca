"""`logitscope serve`: the web app, for one person on their own machine unless told otherwise."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlencode

from logitscope.cli.boundary import say
from logitscope.cli.options import ModelOptions, option, takes
from logitscope.cli.tracing import DEFAULT_MODEL, load_scope
from logitscope.errors import InputError, LogitscopeError

if TYPE_CHECKING:
    from logitscope.scope import Scope

__all__ = ["HostOption", "ModelsOption", "NamesOption", "OpenOption", "PortOption", "serve", "start"]

MODELS = (DEFAULT_MODEL, "embedded:sort")

_LISTEN = "Where to listen"

ModelsOption = Annotated[
    list[str] | None,
    option("--model", "A hub id, a folder, or embedded:NAME; several times for several.", "-m", panel="Which model"),
]
PortOption = Annotated[int, option("--port", "0 takes any free one.", "-p", panel=_LISTEN, default=True)]
HostOption = Annotated[
    str, option("--host", "An address other than 127.0.0.1 lets other machines in.", panel=_LISTEN, default=True)
]
NamesOption = Annotated[
    list[str] | None,
    option("--allow-host", "A further name under which browsers may ask for this server.", panel=_LISTEN),
]
OpenOption = Annotated[bool, option("--open", "Open the page in the browser.", panel=_LISTEN)]


@takes(ModelOptions)
def serve(
    options: ModelOptions,
    models: ModelsOption = None,
    port: PortOption = 8642,
    host: HostOption = "127.0.0.1",
    allow_host: NamesOption = None,
    open_page: OpenOption = False,
) -> None:
    """Start the web app: type a text and watch a model make up its mind.

    Ctrl-C stops it.
    """
    start(models or MODELS, options, port=port, host=host, allow_host=allow_host or (), open_page=open_page)


def start(
    models: Sequence[str],
    options: ModelOptions,
    *,
    port: int,
    host: str,
    allow_host: Sequence[str],
    open_page: bool,
    place: Mapping[str, str] | None = None,
) -> None:
    """Loads the models and serves them until Ctrl-C.

    Args:
        models: hub ids, folders, or embedded ones.
        place: where the reader begins, as the page's address says it; the first model is added.

    Raises:
        InputError: a model was named twice.
    """
    from logitscope.server.listen import Listener, bind, is_loopback, url_of

    # The port first: loading may take a while, and a port that is taken is known at once.
    listening = bind(host, port)
    try:
        scopes = _loaded(models, options)
        from logitscope.server import Settings, create_app

        alone = is_loopback(listening)
        settings = Settings(hosts=tuple(name.lower() for name in [host, *allow_host]), any_address=not alone)
        app = create_app(scopes, settings)
    except BaseException:
        listening.close()
        raise
    url = url_of(listening, host)
    if place is not None:
        url = f"{url}/#{urlencode({'m': scopes[0].model.name, **place})}"

    def started() -> None:
        if not alone:
            say(
                f"WARNING: --host {host} lets every machine that reaches this one use these models and send it files; "
                "there is no password."
            )
        sys.stderr.write(f"Logitscope is at {url}  (Ctrl-C stops it)\n")
        sys.stderr.flush()
        if open_page:
            import threading
            import webbrowser

            # Some browsers keep whoever opens them waiting.
            threading.Thread(target=webbrowser.open, args=(url,), daemon=True).start()

    idle = Listener(app, settings, started).run(listening)
    sys.stderr.write("\nstopped\n")
    if not idle:
        # A thread is within one long product, which nothing interrupts; waiting for it is of no use to anyone.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)


def _loaded(names: Sequence[str], options: ModelOptions) -> list[Scope]:
    """Every model, each announced while it is loaded."""
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise InputError(f"--model {twice} was given twice; once is enough.")
    scopes = []
    for number, name in enumerate(names, 1):
        sys.stderr.write(f"loading {name} ({number} of {len(names)})\n")
        sys.stderr.flush()
        try:
            scopes.append(load_scope(name, options, alone=False))
        except LogitscopeError as error:
            raise type(error)(f"--model {name}: {error}") from error
    return scopes
