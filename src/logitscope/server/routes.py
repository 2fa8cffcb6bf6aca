"""The routes under /api/: what is asked, and of which part of the desk.

Knows HTTP; computes nothing.
"""

from __future__ import annotations

from typing import Annotated, Any

import anyio.to_thread
from fastapi import APIRouter, Header, Request
from starlette.responses import Response

from logitscope.server.answers import LONGEST_PAGE, failures
from logitscope.server.cells import (
    ExplainRequest,
    Explanation,
    Graph,
    GraphRequest,
    Run,
    RunRequest,
    Shape,
    TileRequest,
    TilesRequest,
)
from logitscope.server.contract import (
    Answer,
    AskRequest,
    Change,
    Fill,
    FillRequest,
    FirstRequest,
    ModelCard,
    ReplaceRequest,
    SampleRequest,
    SaveRequest,
    StartingText,
    Tokenised,
    TokeniseRequest,
    TraceRequest,
)
from logitscope.server.desk import Desk
from logitscope.server.frames import MEDIA_TYPE
from logitscope.server.reply import Reply
from logitscope.server.walkthrough import shapes_json, tile_shape

__all__ = ["api"]

PageId = Annotated[
    str | None,
    Header(
        alias="X-Logitscope-Page",
        pattern=r"^[A-Za-z0-9_.-]+$",
        max_length=LONGEST_PAGE,
        description="Any name of one open page. A newer request of the same page to the same route takes the place of "
        "its older one, and what was computed of an unchanged beginning of a text is kept for it. A page that shows "
        "two texts or two models at once uses a name for each.",
    ),
]

_BYTES: dict[str, Any] = {"schema": {"type": "string", "format": "binary"}}

_FRAMES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Frames: 1 byte kind, 4 bytes length (little-endian), payload. Kind 0: a piece of a trace as "
        "`Trace.save` writes it; 1: JSON; 2: a Failure, which ends the stream; 3: the end. A stream that ends with "
        "neither 2 nor 3 was cut.",
        "content": {MEDIA_TYPE: _BYTES},
    }
}


_TILE: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Little-endian fp32. First two numbers of the whole block, for its scale: the root of its mean "
        "square and its largest absolute value. Then the part, in the order of the block's axes; NaN where the mask "
        "leaves a cell out, and where all cells of a mean are left out.",
        "headers": {"X-Shape": {"description": "Cells along each axis.", "schema": {"type": "string"}}},
        "content": {"application/octet-stream": _BYTES},
    }
}


def api(desk: Desk) -> APIRouter:
    """The routes of one desk."""
    router = APIRouter(prefix="/api", responses=failures(400, 403, 408, 413, 415, 421, 422, 500))
    computed = failures(404, 409, 503)

    @router.get("/models", summary="The models that can be looked into")
    async def models() -> list[ModelCard]:
        return desk.cards()

    @router.get("/texts", summary="The texts of the gallery")
    async def texts() -> list[StartingText]:
        return desk.texts()

    @router.post("/tokenise", responses=computed, summary="The tokens of a text")
    async def tokenise(asked: TokeniseRequest, page: PageId = None) -> Tokenised:
        return await desk.tokenise(asked)

    @router.post(
        "/trace",
        responses=computed | _FRAMES,
        response_class=Response,
        summary="The readouts of a text, piece by piece: the last stage first",
        description="Frames of kind 0 are pieces, which merge; frames of kind 1 are Progress. After the last stage "
        "come those before it at all positions or, with `first`, all stages at the positions that are looked at.",
    )
    async def trace(asked: TraceRequest, page: PageId = None) -> Response:
        return Reply(desk.trace(asked, page), MEDIA_TYPE)

    @router.post(
        "/first",
        summary="Which positions are wanted first now",
        description="Of the trace that the same page is being sent; false where there is none, or not with `first`.",
    )
    async def first(asked: FirstRequest, page: PageId = None) -> bool:
        return desk.prefer(asked, page)

    @router.post(
        "/save",
        responses=computed | {200: {"description": "The file.", "content": {"application/octet-stream": _BYTES}}},
        response_class=Response,
        summary="A trace as a file",
    )
    async def save(asked: SaveRequest, page: PageId = None) -> Response:
        name = {"safetensors": "trace.safetensors"}.get(asked.format, asked.format)
        disposition = {"Content-Disposition": f'attachment; filename="logitscope.{name}"'}
        return Reply(desk.save(asked, page), "application/octet-stream", whole=True, headers=disposition)

    @router.post(
        "/saved",
        responses=failures(503) | _FRAMES,
        response_class=Response,
        summary="A trace file, read and checked, back in pieces",
        openapi_extra={"requestBody": {"content": {"application/octet-stream": _BYTES}, "required": True}},
    )
    async def saved(request: Request, page: PageId = None) -> Response:
        return Reply(await desk.open(request.stream(), page), MEDIA_TYPE)

    @router.post(
        "/sample",
        responses=computed | _FRAMES,
        response_class=Response,
        summary="How a text goes on, token by token",
        description="Frames of kind 1 are Steps.",
    )
    async def sample(asked: SampleRequest, page: PageId = None) -> Response:
        return Reply(desk.sample(asked, page), MEDIA_TYPE)

    @router.post("/replace", responses=computed, response_model=Change, summary="A text with some tokens replaced")
    async def replace(asked: ReplaceRequest, page: PageId = None) -> Response:
        return Reply(desk.replace(asked, page), "application/json", whole=True)

    @router.post("/fill", responses=computed, response_model=Fill, summary="What could stand in a blank")
    async def fill(asked: FillRequest, page: PageId = None) -> Response:
        return Reply(desk.fill(asked, page), "application/json", whole=True)

    @router.post("/ask", responses=computed, response_model=list[Answer], summary="How likely named words are")
    async def ask(asked: AskRequest, page: PageId = None) -> Response:
        return Reply(desk.ask(asked, page), "application/json", whole=True)

    @router.post("/graph", responses=failures(404), response_model=Graph, summary="A model's computation as data")
    async def graph(asked: GraphRequest, page: PageId = None) -> Response:
        return Response(desk.walkthrough.graph(asked), media_type="application/json")

    @router.get("/shapes", response_model=list[Shape], summary="Known models as shapes, for the sense of size")
    async def shapes(request: Request) -> Response:
        # Computed once, and long: not while others wait for the event loop.
        plain, small = await anyio.to_thread.run_sync(shapes_json)
        if "gzip" in request.headers.get("accept-encoding", ""):
            headers = {"Content-Encoding": "gzip", "Vary": "Accept-Encoding"}
            return Response(small, media_type="application/json", headers=headers)
        return Response(plain, media_type="application/json", headers={"Vary": "Accept-Encoding"})

    @router.post("/runs", responses=computed, response_model=Run, summary="A text read, to be looked at cell by cell")
    async def runs(asked: RunRequest, page: PageId = None) -> Response:
        return Reply(await desk.walkthrough.run(asked, page), "application/json", whole=True)

    @router.post(
        "/tile",
        responses=computed | failures(410) | _TILE,
        response_class=Response,
        summary="A part of a block of a run, or averages of it",
    )
    async def tile(asked: TileRequest, page: PageId = None) -> Response:
        shape = {"X-Shape": " ".join(str(size) for size in tile_shape(asked))}
        return Reply(desk.walkthrough.tile(asked, page), "application/octet-stream", whole=True, headers=shape)

    @router.post(
        "/tiles",
        responses=computed | failures(410) | _FRAMES,
        response_class=Response,
        summary="Several parts of blocks of a run, each as soon as it is there",
        description="Frames of kind 0 are such as /api/tile answers, in the order in which they were asked for.",
    )
    async def tiles(asked: TilesRequest, page: PageId = None) -> Response:
        return Reply(desk.walkthrough.tiles(asked, page), MEDIA_TYPE)

    @router.post(
        "/explain", responses=computed | failures(410), response_model=Explanation, summary="How one cell came about"
    )
    async def explain(asked: ExplainRequest, page: PageId = None) -> Response:
        return Reply(desk.walkthrough.explain(asked, page), "application/json", whole=True)

    return router
