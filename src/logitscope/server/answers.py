"""What goes wrong, as one line of JSON with a status; never a traceback, never a path.

The tracebacks of our own defects go to the server's log. Knows every error of the package and no route.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from logitscope.errors import InputError, LogitscopeError, ModelError, ResourceError, TraceError
from logitscope.server.contract import Failure

__all__ = ["LOGGER", "LONGEST_PAGE", "Refused", "failure_of", "failures", "refuse", "response_of"]

LOGGER = logging.getLogger("logitscope.server")

_LONGEST = 600

LONGEST_PAGE = 64
"""Characters of the name of a page."""

_MEANING = {
    400: "The request cannot be read.",
    403: "Asked by a page of another site.",
    404: "There is no such model.",
    408: "The request did not arrive in time.",
    409: "A newer request of the same page took its place.",
    410: "The run was forgotten; ask for it again, and then this.",
    413: "More than this server allows, or than there is memory for.",
    415: "Not the type of body that is read here.",
    421: "Asked under a name that is not this server's.",
    422: "Something in the request does not fit.",
    500: "A defect of the server.",
    503: "Busy: `Retry-After` says when to ask again. Or the server is being stopped.",
}

_STATUS: Sequence[tuple[type[LogitscopeError], int]] = (
    (ResourceError, 413),
    (InputError, 422),
    (ModelError, 422),
    (TraceError, 422),
)

_UNREAD = (408, 413)
"""After these something of a body may still be coming, which must not be taken for the next request."""

_PLAIN = {404: "there is nothing here; see /api/openapi.json for what there is.", 405: "this method is not known here."}


class Refused(Exception):  # noqa: N818 - nothing went wrong here
    """A request that is not answered, with what it is told instead."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.error)
        self.failure = failure


def refuse(status: int, error: str, retry_after: int | None = None) -> Refused:
    """A refusal to raise."""
    return Refused(Failure(error=_one_line(error), status=status, retry_after=retry_after))


def failure_of(error: BaseException) -> Failure:
    """What a page is told of an exception; a defect of ours is logged and told as no more than that."""
    if isinstance(error, Refused):
        return error.failure
    if isinstance(error, RequestValidationError):
        return Failure(error=_one_line(_invalid(error)), status=422)
    if isinstance(error, HTTPException):
        said = _PLAIN.get(error.status_code, str(error.detail))
        return Failure(error=_one_line(said), status=error.status_code)
    for kind, status in _STATUS:
        if isinstance(error, kind):
            return Failure(error=_one_line(str(error)), status=status)
    if isinstance(error, MemoryError):
        return Failure(error="memory ran out. Ask for less: a shorter text, fewer stages.", status=413)
    LOGGER.error("a request failed", exc_info=error)
    return Failure(error="the server made a mistake; the terminal in which it runs says more.", status=500)


def response_of(failure: Failure, headers: Mapping[str, str] | None = None) -> Response:
    """The answer that says it."""
    # Escapes: a message may quote half of a surrogate pair, which UTF-8 cannot write.
    body = json.dumps(failure.model_dump(), allow_nan=False).encode("ascii")
    more = {} if failure.retry_after is None else {"Retry-After": str(failure.retry_after)}
    if failure.status in _UNREAD:
        more["Connection"] = "close"
    return Response(body, failure.status, {**more, **(headers or {})}, "application/json")


def failures(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """What OpenAPI says of them."""
    return {status: {"model": Failure, "description": _MEANING[status]} for status in statuses}


def _invalid(error: RequestValidationError) -> str:
    """The first thing that does not fit, and how many more there are."""
    found: list[dict[str, Any]] = list(error.errors())
    first = found[0] if found else {"loc": (), "msg": "it does not fit", "type": ""}
    if first["type"] == "json_invalid":
        return "the body of the request is no JSON."
    # A union's branches are all tried; which of them was meant, nobody knows.
    where = ".".join(str(part) for part in first["loc"][1:] if not str(part).startswith(("constrained-", "function-")))
    message = str(first["msg"]).removeprefix("Value error, ")
    more = f" ({len(found) - 1} more do not fit)" if len(found) > 1 else ""
    return f"{where or 'the request'}: {message[0].lower()}{message[1:]}{more}."


def _one_line(message: str) -> str:
    line = " ".join(message.split())
    return line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…"
