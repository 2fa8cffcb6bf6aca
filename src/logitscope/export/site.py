"""The static site: the built page, the models' folders, and lists by which the page finds and checks every file.

Knows files; what is in a model's folder, `model_folder` knows.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from logitscope.errors import InputError, ModelError, ResourceError
from logitscope.export.folder import MADE_BY, described, new_folder, write, write_json
from logitscope.export.model_folder import Report, write_model
from logitscope.export.weights import Arithmetic, Form
from logitscope.model.embedded import EMBEDDED, PREFIX
from logitscope.samples import NAMES, sample
from logitscope.scope import Scope
from logitscope.server.contract import StartingText
from logitscope.server.walkthrough import shapes_json

__all__ = ["BUILT", "MARKER", "SiteReport", "export_site", "seal", "slug"]

BUILT = Path(__file__).parent.parent / "web_build" / "site"
"""Where the build puts the page."""

MARKER = "site.json"
"""By which a site is known."""

_PAGE, _WORKER, _PROGRAM, _SHAPES = "index.html", "sw.js", "ort/", "shapes.json.deflate"

_GRAPHICS = ("ort/webgpu-*", "assets/webgpu-*")
"""What lets a page compute on a graphics processor: more to download, and left out where no model is computed so."""

_RELEASE = b"self.LOGITSCOPE_RELEASE="
"""How the line begins by which the service worker knows its files."""


@dataclass(frozen=True)
class SiteReport:
    """What was written.

    Attributes:
        models: in the order in which the page lists them.
        n_bytes: of all files.
        page_bytes: of those that are fetched whichever model is chosen.
    """

    models: tuple[Report, ...]
    n_bytes: int
    page_bytes: int


def export_site(
    scopes: Iterable[Scope],
    folder: str | os.PathLike[str],
    form: Form = "stored",
    arithmetic: Arithmetic = "fp32",
    *,
    built: Path | None = None,
    progress: Callable[[str], None] | None = None,
) -> SiteReport:
    """Writes a folder that any static host serves: the page with these models, and no server; whole or not at all.

    Args:
        scopes: the models; the first is the one that the page begins with. Taken one at a time, so that no more than
            one need be loaded.
        folder: missing, empty, or what an earlier export wrote.
        form: how weights are kept; see `export_model`.
        arithmetic: what they are multiplied in; see there too.
        built: the page's own files; those that came with the package by default.
        progress: told what is being done.

    Raises:
        ResourceError: the page is not built, or the folder cannot be written.
        ModelError: a model cannot be exported.
        InputError: the folder holds something else, or two models have one name.
    """
    built = built or BUILT
    if not (built / _PAGE).is_file():
        raise ResourceError(
            "the page of the site is not built in this installation. In a checkout: make web; otherwise install "
            "Logitscope again."
        )
    tell = progress or (lambda _: None)
    with new_folder(folder, MARKER) as site:
        shutil.copytree(built, site, dirs_exist_ok=True)
        reports: list[Report] = []
        folders: dict[str, str] = {}
        for scope in scopes:
            name = scope.model.name
            if slug(name) in folders.values():
                raise InputError(f'two models of the site would be called "{name}"; leave one out.')
            folders[name] = slug(name)
            tell(f"writing {name}")
            place = site / "models" / slug(name)
            place.mkdir(parents=True)
            reports.append(write_model(scope, place, form, arithmetic))
        if not reports:
            raise ModelError("a site needs at least one model; name one with --model.")
        if not any(report.manifest["weights"]["graphics"] for report in reports):
            for pattern in _GRAPHICS:
                for path in site.glob(pattern):
                    path.unlink()
        _write_index(site, reports, folders)
        seal(site)
        sizes = {path: path.stat().st_size for path in site.rglob("*") if path.is_file()}
        page = sum(size for path, size in sizes.items() if path.relative_to(site).parts[0] != "models")
        return SiteReport(tuple(reports), sum(sizes.values()), page)


def slug(name: str) -> str:
    """A model's name as a folder's.

    >>> slug("embedded:tales"), slug("openai-community/gpt2")
    ('embedded-tales', 'openai-community-gpt2')
    """
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.") or "model"


def _write_index(site: Path, reports: Sequence[Report], folders: dict[str, str]) -> None:
    """`site.json`, which the page reads first; the list of files is added to it last."""
    said = {
        "version": 1,
        "made_by": f"{MADE_BY} {version('logitscope')}",
        "default_model": reports[0].name,
        "files": [],
        "models": [_listed(report, folders[report.name]) for report in reports],
        "texts": [_starting(name) for name in NAMES],
    }
    write_json(site, MARKER, said)
    # Large, and of use only to whoever walks through a model; packed, as not every host does that.
    write(site, _SHAPES, zlib.compress(shapes_json()[0], 9))


def seal(site: Path) -> str:
    """Lists the page's files as they are now: in `site.json`, and at the head of the service worker.

    Whoever changes a file of an exported site by hand calls this. What lies in models' folders their manifests list.

    Returns:
        The release, by which the worker tells this site from the one before.

    Raises:
        InputError: the folder is no exported site.
    """
    index, worker = site / MARKER, site / _WORKER
    if not index.is_file():
        raise InputError(f"{site} is no exported site; it has no {MARKER}.")
    paths = [path for path in sorted(site.rglob("*")) if path.is_file() and path not in (index, worker)]
    files = [described(site, path) for path in paths]
    files = [one for one in files if not one["path"].startswith("models/") or one["path"].endswith("/manifest.json")]
    said = json.loads(index.read_text(encoding="utf-8")) | {"files": files}
    # The program is large, and so are models: these are kept when they are first used.
    shell = [one for one in files if not one["path"].startswith(_PROGRAM)]
    shell.append(write_json(site, MARKER, said))
    release = hashlib.sha256(_json(shell).encode()).hexdigest()[:16]
    if worker.is_file():
        script = worker.read_bytes()
        if script.startswith(_RELEASE):
            script = script.partition(b"\n")[2]
        line = _RELEASE + _json({"version": release, "files": shell}).encode() + b";\n"
        write(site, _WORKER, line + script)
    return release


def _listed(report: Report, folder: str) -> dict[str, Any]:
    card = report.manifest["card"]
    embedded = EMBEDDED.get(report.name.removeprefix(PREFIX), "") if report.name.startswith(PREFIX) else ""
    title = embedded.partition(";")[0]
    return {
        "name": report.name,
        "folder": f"models/{folder}",
        "bytes": sum(one["bytes"] for one in report.manifest["files"]),
        "n_parameters": card["n_parameters"],
        "n_blocks": card["n_blocks"],
        **({"title": title} if title else {}),
    }


def _starting(name: str) -> dict[str, Any]:
    one = sample(name)
    said: dict[str, Any] = StartingText(name=one.name, title=one.title, text=one.text, focus=one.focus).model_dump()
    return said


def _json(value: Any) -> str:
    # A line of a script: what JSON allows and an old script did not stays an escape.
    return json.dumps(value, ensure_ascii=True, separators=(",", ":"))
