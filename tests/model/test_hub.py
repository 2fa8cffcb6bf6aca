"""Models of the hub without the hub: what it refuses is said, and without network the cache is used at once."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from logitscope.errors import ModelError
from logitscope.model.capture import capture
from logitscope.model.hub import pinned
from logitscope.model.load import load_model
from logitscope.scope import Scope
from tests.families import shared_model, tiny_tokenizer
from tests.understood import captured, ids_of

MODEL = "somebody/some-model"
COMMIT = "0123456789abcdef0123456789abcdef01234567"
OLDER = "fedcba9876543210fedcba9876543210fedcba98"


@pytest.fixture
def attempts(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Every attempt to reach another machine fails at once and is noted."""
    made: list[Any] = []

    def refuse(*args: Any, **_: Any) -> Any:
        made.append(args)
        raise socket.gaierror(-3, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    return made


@pytest.fixture
def answer(monkeypatch: pytest.MonkeyPatch) -> Callable[[Exception], None]:
    """A hub that meets every question with an error."""

    def with_error(error: Exception) -> None:
        def fail(*_: Any, **__: Any) -> Any:
            raise error

        monkeypatch.setattr("logitscope.model.hub.get_hf_file_metadata", fail)

    return with_error


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A local hub cache that holds two commits of one model; `main` is the first."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    folder = tmp_path / "models--somebody--some-model"
    for commit, family in ((COMMIT, "gpt2"), (OLDER, "llama")):
        snapshot = folder / "snapshots" / commit
        shared_model(family).save_pretrained(snapshot)
        tiny_tokenizer().save_pretrained(snapshot)
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text(COMMIT)
    return folder


def http_error(kind: str, status: int) -> Exception:
    from huggingface_hub import errors

    request = import_module(errors.Response.__module__.partition(".")[0]).Request("GET", "https://hub.invalid/x")
    error: Exception = getattr(errors, kind)("refused", response=errors.Response(status, request=request))
    return error


def refusal(**options: Any) -> str:
    with pytest.raises(ModelError) as caught:
        load_model(MODEL, **options)
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith(f"{MODEL} ")
    return message.removeprefix(f"{MODEL} ")


def test_without_network_a_model_that_is_not_cached_is_refused_at_once(attempts: list[Any]) -> None:
    assert refusal().startswith("is not in the local cache and the hub could not be reached. Connect once")
    assert attempts == []  # HF_HUB_OFFLINE is set, so nothing is even tried


def test_a_network_that_fails_is_tried_once_and_not_waited_for(
    attempts: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import close_session

    def no_waiting(_: float) -> None:
        pytest.fail("the hub is waited for")

    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr("time.sleep", no_waiting)
    close_session()  # a client that was made offline stays so
    try:
        assert "the hub could not be reached" in refusal()
        assert 1 <= len(attempts) <= 2
    finally:
        close_session()


@pytest.mark.parametrize(
    ("kind", "status", "said"),
    [
        ("GatedRepoError", 403, "is gated: accept its terms on its hub page"),
        ("RepositoryNotFoundError", 404, "is neither a folder nor a model on the hub"),
        ("RevisionNotFoundError", 404, "has no such revision on the hub"),
    ],
)
def test_what_the_hub_refuses_is_said(
    answer: Callable[[Exception], None], cache: Path, kind: str, status: int, said: str
) -> None:
    """Even where the cache has the model: terms may have changed, and a name may be wrong."""
    answer(http_error(kind, status))
    assert refusal(revision="main").startswith(said)


def test_an_unreachable_hub_is_said(answer: Callable[[Exception], None]) -> None:
    from huggingface_hub.errors import LocalEntryNotFoundError

    answer(LocalEntryNotFoundError("cannot reach the hub"))
    assert "the hub could not be reached" in refusal()


def test_an_unreachable_hub_is_no_matter_where_the_cache_has_the_model(
    answer: Callable[[Exception], None], cache: Path, attempts: list[Any]
) -> None:
    answer(ConnectionError("no network"))
    assert pinned(MODEL, None) == (COMMIT, True)
    model = load_model(MODEL)
    assert model.name == MODEL
    assert model.revision == COMMIT
    assert [f.name for f in model.files] == ["model.safetensors"]
    vectors = capture(model.anatomy, ids_of(), ["2.mlp"]).vectors["2.mlp"]
    assert torch.equal(vectors, captured("gpt2").vectors["2.mlp"])
    assert attempts == []


def test_the_commit_and_the_hash_of_the_cached_files_stand_in_every_trace(
    answer: Callable[[Exception], None], cache: Path, tmp_path: Path
) -> None:
    answer(ConnectionError("no network"))
    provenance = Scope(load_model(MODEL)).trace("the hat").provenance
    assert provenance.model == MODEL
    assert provenance.revision == COMMIT
    copy = shutil.copytree(cache / "snapshots" / COMMIT, tmp_path / "copy")
    assert provenance.content_hash == load_model(copy).content_hash
    assert str(tmp_path) not in str(provenance)


def test_a_revision_can_be_named(answer: Callable[[Exception], None], cache: Path) -> None:
    answer(ConnectionError("no network"))
    model = load_model(MODEL, revision=OLDER)
    assert model.revision == OLDER
    assert model.anatomy.model_class == "LlamaForCausalLM"


def test_a_revision_that_is_not_cached_is_refused(answer: Callable[[Exception], None], cache: Path) -> None:
    answer(ConnectionError("no network"))
    assert "the hub could not be reached" in refusal(revision="another")


def test_a_hub_that_answers_is_asked_for_the_files(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = SimpleNamespace(commit_hash=COMMIT)
    monkeypatch.setattr("logitscope.model.hub.get_hf_file_metadata", lambda *_, **__: answer)
    assert pinned(MODEL, "main") == (COMMIT, False)


def test_pickled_weights_in_the_cache_are_refused(answer: Callable[[Exception], None], cache: Path) -> None:
    answer(ConnectionError("no network"))
    snapshot = cache / "snapshots" / COMMIT
    (snapshot / "model.safetensors").rename(snapshot / "pytorch_model.bin")
    assert "safetensors" in refusal()
