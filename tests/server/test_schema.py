"""Whatever the schema allows, and much that it does not, is answered as the schema says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from pydantic import TypeAdapter
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import content_type_conformance, status_code_conformance
from starlette.testclient import TestClient

from logitscope.scope import Scope
from logitscope.server import Settings, cells, contract, create_app
from logitscope.server.publish import openapi
from tests.server.asking import HOST, frames_of

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance]

ANSWERS: dict[str, TypeAdapter[object]] = {
    "/api/models": TypeAdapter(list[contract.ModelCard]),
    "/api/texts": TypeAdapter(list[contract.StartingText]),
    "/api/tokenise": TypeAdapter(contract.Tokenised),
    "/api/replace": TypeAdapter(contract.Change),
    "/api/fill": TypeAdapter(contract.Fill),
    "/api/ask": TypeAdapter(list[contract.Answer]),
    "/api/graph": TypeAdapter(cells.Graph),
    "/api/shapes": TypeAdapter(list[cells.Shape]),
    "/api/runs": TypeAdapter(cells.Run),
    "/api/explain": TypeAdapter(cells.Explanation),
}

SCHEMA = schemathesis.openapi.from_dict(openapi())


@pytest.fixture(scope="module")
def asker(sort: Scope, no_page: Path) -> Iterator[TestClient]:
    app = create_app([sort], Settings(app=no_page))
    with TestClient(app, base_url=HOST) as client:
        yield client


@SCHEMA.parametrize()
@settings(max_examples=30, phases=[Phase.generate], suppress_health_check=list(HealthCheck), deadline=None)
def test_every_route_answers_as_the_schema_says(case: schemathesis.Case, asker: TestClient) -> None:
    if isinstance(case.body, dict) and len(json.dumps(case.body)) % 3:
        # So that more than the name is looked at, and a text that this model can read.
        case.body["model"] = "embedded:sort"
        if len(json.dumps(case.body)) % 2 and isinstance(case.body.get("text"), str):
            case.body["text"] = "ABC" if case.path != "/api/fill" else "AB____C"
    sent = case.as_transport_kwargs(base_url=HOST)
    headers = {k: v for k, v in dict(sent["headers"]).items() if k.lower() not in ("host", "user-agent")}
    response = asker.request(
        sent["method"], case.formatted_path, json=sent.get("json"), content=sent.get("data"), headers=headers
    )
    case.validate_response(response, checks=CHECKS)
    if response.status_code >= 400:
        failure = contract.Failure.model_validate_json(response.content)
        assert failure.status == response.status_code
        assert "\n" not in failure.error
    elif case.path in ANSWERS:
        ANSWERS[case.path].validate_json(response.content)
    elif response.headers["content-type"].endswith("frames"):
        *_, failed, ended = frames_of(response.content)
        assert ended != (failed is not None)
        assert failed is None or failed["status"] < 500
