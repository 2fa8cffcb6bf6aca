"""The server as one application: the guard outside, then the routes, then the page.

Knows how its parts are put together.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from pydantic.json_schema import models_json_schema
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.responses import Response
from starlette.routing import Route

from logitscope.errors import InputError, LogitscopeError
from logitscope.scope import Scope
from logitscope.server.answers import Refused, failure_of, response_of
from logitscope.server.contract import Failure, Progress, Step
from logitscope.server.desk import Desk
from logitscope.server.guard import Guard
from logitscope.server.routes import api
from logitscope.server.settings import Settings
from logitscope.server.static import read_page

__all__ = ["create_app", "describe"]

TITLE = "Logitscope"

_IN_FRAMES = (Progress, Step, Failure)
"""What frames hold; OpenAPI has no word for a part of a stream, so these are among its schemas by name alone."""


def create_app(scopes: Sequence[Scope], settings: Settings | None = None) -> FastAPI:
    """The application that serves some models and the page that looks into them.

    Args:
        scopes: loaded models; a request names one by its `model.name`.
        settings: what is allowed; the defaults suit one person on their own machine.

    Raises:
        InputError: no models, or two of one name.
    """
    if not scopes:
        raise InputError("no model was given; a server needs at least one.")
    settings = settings or Settings()
    return _assembled(Desk(scopes, settings), settings)


def describe() -> dict[str, Any]:
    """The OpenAPI schema, which is the same whatever the models are."""
    settings = Settings()
    return _assembled(Desk((), settings), settings).openapi()


def _assembled(desk: Desk, settings: Settings) -> FastAPI:
    page = read_page(settings.app)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        tidying = asyncio.create_task(_tidy(desk, settings.page_seconds / 4))
        try:
            yield
        finally:
            tidying.cancel()
            with suppress(asyncio.CancelledError):
                await tidying
            desk.stop()

    app = FastAPI(
        title=TITLE,
        version=version("logitscope"),
        description="What a language model is about to say, at every token and after every block.",
        openapi_url="/api/openapi.json",
        docs_url=None,
        redoc_url=None,
        middleware=[Middleware(Guard, settings)],
        lifespan=lifespan,
        redirect_slashes=False,
        separate_input_output_schemas=False,
        generate_unique_id_function=lambda route: route.name,
    )
    app.state.desk = desk
    app.include_router(api(desk))

    async def files(request: Request) -> Response:
        answer = page.answer(request.path_params["path"], request)
        return response_of(failure_of(HTTPException(404))) if answer is None else answer

    app.router.routes.append(Route("/{path:path}", files, methods=["GET"], include_in_schema=False))
    for kind in (Refused, LogitscopeError, RequestValidationError, HTTPException):
        app.add_exception_handler(kind, _fail)
    app.openapi = lambda: _described(app)  # type: ignore[method-assign]
    return app


def _fail(_: Request, error: Exception) -> Response:
    return response_of(failure_of(error))


def _described(app: FastAPI) -> dict[str, Any]:
    """The schema, with what frames hold."""
    if app.openapi_schema is None:
        schema = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
        _, held = models_json_schema(
            [(kind, "serialization") for kind in _IN_FRAMES], ref_template="#/components/schemas/{model}"
        )
        schema["components"]["schemas"] |= held.get("$defs", {})
        for name in ("HTTPValidationError", "ValidationError"):  # this server says what does not fit in a Failure
            schema["components"]["schemas"].pop(name, None)
        app.openapi_schema = schema | {key: _untitled(schema[key]) for key in ("paths", "components")}
    return app.openapi_schema


def _untitled(part: Any) -> Any:
    """Without the titles that only say a field's name again. A field that is called so is no text here."""
    if isinstance(part, dict):
        return {k: _untitled(v) for k, v in part.items() if k != "title" or not isinstance(v, str)}
    return [_untitled(v) for v in part] if isinstance(part, list) else part


async def _tidy(desk: Desk, seconds: float) -> None:
    while True:
        await asyncio.sleep(seconds)
        desk.tidy()
