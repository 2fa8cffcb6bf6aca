"""The static site's folder: what the page finds in it, and the lists by which it checks every file."""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import logitscope
from logitscope.errors import InputError, ModelError, ResourceError
from logitscope.export import SiteReport, export_site
from logitscope.export.site import seal, slug
from logitscope.samples import NAMES
from logitscope.scope import Scope
from tests.export.exporting import build

PAGE = {
    "index.html": "<!doctype html>",
    "assets/app-1234.js": "export {}",
    "ort/program-5678.wasm.deflate": "packed",
    "icons/a.png": "icon",
    "manifest.webmanifest": "{}",
    "sw.js": "self.addEventListener('install', () => {});\n",
}


@pytest.fixture
def built(tmp_path: Path) -> Path:
    """What a build of the page leaves behind, but small."""
    for name, content in PAGE.items():
        path = tmp_path / "built" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    return tmp_path / "built"


@pytest.fixture
def site(tmp_path: Path, built: Path) -> tuple[Path, SiteReport]:
    scopes = (logitscope.load(name) for name in ("embedded:sort",))
    return tmp_path / "site", export_site(scopes, tmp_path / "site", built=built)


def read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def release(folder: Path) -> tuple[dict[str, Any], str]:
    """What the service worker is told, and the script after it."""
    line, script = (folder / "sw.js").read_text(encoding="utf-8").split("\n", 1)
    prefix = "self.LOGITSCOPE_RELEASE="
    assert line.startswith(prefix)
    assert line.endswith(";")
    return json.loads(line.removeprefix(prefix)[:-1]), script


def holds(folder: Path, files: list[dict[str, Any]]) -> None:
    for one in files:
        content = (folder / one["path"]).read_bytes()
        assert (one["bytes"], one["sha256"]) == (len(content), hashlib.sha256(content).hexdigest())


def test_the_index_says_what_there_is(site: tuple[Path, SiteReport]) -> None:
    folder, report = site
    index = read(folder / "site.json")
    assert index["version"] == 1
    assert index["made_by"].startswith("logitscope ")
    assert index["default_model"] == "embedded:sort"
    (model,) = index["models"]
    assert model["folder"] == "models/embedded-sort"
    manifest = read(folder / model["folder"] / "manifest.json")
    assert model["bytes"] == sum(file["bytes"] for file in manifest["files"])
    assert model["n_parameters"] == manifest["card"]["n_parameters"] == 85_728
    assert "default" not in model["title"]
    assert [text["name"] for text in index["texts"]] == list(NAMES)
    assert {shape["name"] for shape in json.loads(zlib.decompress((folder / "shapes.json.deflate").read_bytes()))} == {
        "GPT-2",
        "GPT-2 XL",
        "GPT-3",
    }
    assert {one["path"] for one in index["files"]} == {
        *PAGE,
        "shapes.json.deflate",
        "models/embedded-sort/manifest.json",
    } - {"sw.js"}
    holds(folder, index["files"])
    total = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    of_model = sum(path.stat().st_size for path in (folder / model["folder"]).iterdir())
    assert (report.n_bytes, report.page_bytes) == (total, total - of_model)


def test_the_service_worker_knows_the_page_but_not_the_large_files(site: tuple[Path, SiteReport]) -> None:
    folder, _ = site
    said, script = release(folder)
    paths = {one["path"] for one in said["files"]}
    large = {"sw.js", "ort/program-5678.wasm.deflate"}
    assert paths == {*PAGE, "site.json", "shapes.json.deflate", "models/embedded-sort/manifest.json"} - large
    holds(folder, said["files"])
    assert script == PAGE["sw.js"]


def test_lists_are_made_again_where_a_file_was_changed(site: tuple[Path, SiteReport]) -> None:
    folder, _ = site
    before, _ = release(folder)
    assert seal(folder) == before["version"]
    assert release(folder) == (before, PAGE["sw.js"])
    (folder / "index.html").write_text("<!doctype html><title>Mine</title>", encoding="utf-8")
    assert seal(folder) != before["version"]
    holds(folder, read(folder / "site.json")["files"])
    after, script = release(folder)
    holds(folder, after["files"])
    assert script == PAGE["sw.js"]


def test_only_a_site_is_sealed(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no exported site"):
        seal(tmp_path)


def test_an_export_is_repeated_to_the_byte(site: tuple[Path, SiteReport], built: Path, tmp_path: Path) -> None:
    folder, _ = site
    again = tmp_path / "again"
    export_site([logitscope.load("embedded:sort")], again, built=built)
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        assert path.read_bytes() == (again / path.relative_to(folder)).read_bytes(), path


def test_an_earlier_site_is_replaced(site: tuple[Path, SiteReport], built: Path) -> None:
    folder, _ = site
    (folder / "old.js").write_text("", encoding="utf-8")
    export_site([build("gpt2")], folder, built=built)
    assert not (folder / "old.js").exists()
    assert [model["name"] for model in read(folder / "site.json")["models"]] == ["GPT2LMHeadModel"]


def test_another_folder_is_left_alone(built: Path) -> None:
    with pytest.raises(InputError, match="neither empty nor an earlier export"):
        export_site([build("gpt2")], built, built=built)
    assert (built / "index.html").is_file()


def test_nothing_is_left_where_the_second_model_fails(built: Path, tmp_path: Path) -> None:
    def scopes() -> Iterator[Scope]:
        yield build("gpt2")
        raise ModelError("there is no such model.")

    with pytest.raises(ModelError, match="no such model"):
        export_site(scopes(), tmp_path / "site", built=built)
    assert list(tmp_path.iterdir()) == [built]


def test_two_models_of_one_name_are_refused(built: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="two models"):
        export_site([build("gpt2"), build("gpt2-untied")], tmp_path / "site", built=built)
    with pytest.raises(ModelError, match="at least one model"):
        export_site([], tmp_path / "site", built=built)


def test_a_page_that_was_not_built_is_said_before_any_model_is_loaded(tmp_path: Path) -> None:
    def scopes() -> Iterator[Scope]:
        raise AssertionError("a model was loaded")
        yield

    with pytest.raises(ResourceError, match="make web"):
        export_site(scopes(), tmp_path / "site", built=tmp_path / "nothing")


def test_names_of_folders() -> None:
    assert [slug(name) for name in ("a/b c", "../x", "ünï", ":")] == ["a-b-c", "x", "n", "model"]
