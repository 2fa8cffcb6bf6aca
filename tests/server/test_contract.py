"""What pages are told that they can ask is what this server answers, and what is committed for them is current."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from logitscope.server import cells, contract, publish

ROOT = Path(__file__).parents[2]
PUBLISHED = ROOT / "web" / "src" / "contract"


@pytest.mark.parametrize("name", ["openapi", "statistics"])
def test_what_is_committed_for_the_pages_is_current(name: str) -> None:
    committed = json.loads((PUBLISHED / f"{name}.json").read_text("utf-8"))
    assert committed == getattr(publish, name)(), "run: make contract"


def test_the_types_are_those_of_the_schema(tmp_path: Path) -> None:
    node, tool = shutil.which("node"), ROOT / "web" / "node_modules" / "openapi-typescript" / "bin" / "cli.js"
    if node is None or not tool.is_file():
        pytest.skip("needs node and web/node_modules (make web)")
    script = json.loads((ROOT / "web" / "package.json").read_text())["scripts"]["contract"]
    options = [part for part in script.split() if part.startswith("--")]
    made = tmp_path / "types.ts"
    command = [node, str(tool), str(PUBLISHED / "openapi.json"), "-o", str(made), *options]
    subprocess.run(command, check=True, capture_output=True)
    assert made.read_text() == (PUBLISHED / "types.ts").read_text(), "run: make contract"


def test_publishing_writes_both_files(tmp_path: Path) -> None:
    publish.main(str(tmp_path))
    for name in ("openapi", "statistics"):
        assert (tmp_path / f"{name}.json").read_bytes() == (PUBLISHED / f"{name}.json").read_bytes()


def test_every_type_and_route_says_what_it_is() -> None:
    schema = publish.openapi()
    for name, kind in schema["components"]["schemas"].items():
        assert kind.get("description"), name
    for path, methods in schema["paths"].items():
        assert path.startswith("/api/")
        for operation in methods.values():
            assert operation["summary"]
            assert {"200", "421", "403"} <= set(operation["responses"])


def test_every_text_and_list_that_is_taken_has_a_limit() -> None:
    schemas = publish.openapi()["components"]["schemas"]
    asked = [name for name in schemas if name.endswith("Request")]
    assert len(asked) >= 7

    def unlimited(part: Any, where: str) -> list[str]:
        found = []
        if isinstance(part, dict):
            kind = part.get("type")
            if kind == "string" and not {"maxLength", "enum", "const"} & set(part):
                found.append(where)
            if kind == "array" and "maxItems" not in part:
                found.append(where)
            if kind in ("integer", "number") and not {"maximum", "exclusiveMaximum"} & set(part):
                found.append(where)
            for key, value in part.items():
                found += unlimited(value, f"{where}.{key}")
        elif isinstance(part, list):
            for value in part:
                found += unlimited(value, where)
        return found

    assert [w for name in asked for w in unlimited(schemas[name], name)] == []


def test_limits_that_pages_are_told_are_those_of_the_types() -> None:
    from logitscope.server import Settings

    limits = Settings().limits
    schemas = publish.openapi()["components"]["schemas"]
    trace = schemas["TraceRequest"]["properties"]
    assert trace["text"]["anyOf"][0]["maxLength"] == limits.characters
    assert trace["ids"]["anyOf"][0]["maxItems"] == limits.tokens
    assert trace["top_k"]["anyOf"][0]["maximum"] == limits.top_k
    assert trace["watch"]["maxItems"] == limits.watch
    assert schemas["SampleRequest"]["properties"]["n"]["maximum"] == limits.new_tokens
    assert schemas["FillRequest"]["properties"]["n"]["maximum"] == limits.tried


def test_nothing_more_is_taken_than_is_named() -> None:
    for kind in (getattr(room, name) for room in (contract, cells) for name in room.__all__):
        if isinstance(kind, type):
            assert kind.model_config["extra"] == "forbid"
            assert kind.model_config["strict"]
