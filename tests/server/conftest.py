"""A small server in this process, a client of it, and a model that waits until it is let go."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import httpx2
import pytest
from fastapi import FastAPI

import logitscope
from logitscope.scope import Scope
from logitscope.server import Settings, create_app
from tests.server.asking import Gated, client_of


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def sort() -> Scope:
    return logitscope.load("embedded:sort")


@pytest.fixture(scope="session")
def tales() -> Scope:
    return logitscope.load("embedded:tales")


@pytest.fixture(scope="session")
def no_page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("no-page")


@pytest.fixture(scope="session")
def app(sort: Scope, tales: Scope, no_page: Path) -> FastAPI:
    return create_app([tales, sort], Settings(app=no_page))


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx2.AsyncClient]:
    async with client_of(app) as one:
        yield one


@pytest.fixture
def gated(sort: Scope) -> Gated:
    return Gated(replace(sort.model, name="gated"))
