"""The build: the pages get into the wheel, stay small, and can be left out; without a registry one line says so."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from PIL import Image

ROOT = Path(__file__).parents[2]
MIB = 2**20


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The sources that a build reads, in a folder of their own; node_modules are those of the tree."""
    tree = tmp_path / "tree"
    ignored = shutil.ignore_patterns("node_modules", "web_build", "__pycache__", "*.safetensors")
    for name in ("src", "web"):
        shutil.copytree(ROOT / name, tree / name, ignore=ignored)
    for name in ("pyproject.toml", "README.md", "LICENSE", "hatch_build.py"):
        shutil.copy(ROOT / name, tree / name)
    return tree


def wheel(tree: Path, **environment: str) -> tuple[dict[str, int], str]:
    """The sizes of the files in the wheel by name, and what was said."""
    done = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tree / "out")],
        cwd=tree,
        env=os.environ | {"LOGITSCOPE_NO_WEB": ""} | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    said = done.stdout + done.stderr
    if done.returncode:
        return {}, said
    with zipfile.ZipFile(next((tree / "out").glob("*.whl"))) as archive:
        return {info.filename: info.file_size for info in archive.infolist()}, said


def web_build(tree: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "web/build.py"],
        cwd=tree,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.skipif(
    not (ROOT / "web" / "node_modules" / ".logitscope-stamp").is_file(),
    reason="needs web/node_modules (make web), and they are not there",
)
def test_the_wheel_holds_small_pages_and_they_are_built_once(copy: Path) -> None:
    (copy / "web" / "node_modules").symlink_to(ROOT / "web" / "node_modules")
    files, said = wheel(copy)
    assert "logitscope/web_build/app/app.html" in files, said
    app = {name: size for name, size in files.items() if name.startswith("logitscope/web_build/app/")}
    snapshot = {name: size for name, size in files.items() if name.startswith("logitscope/web_build/snapshot/")}
    assert sum(app.values()) < 2 * MIB  # half of it is the scene, which is loaded when it is looked at
    assert {Path(name).suffix for name in snapshot} == {".js", ".css"}
    assert 0 < sum(snapshot.values()) < MIB
    site = {name.partition("/site/")[2]: size for name, size in files.items() if "/web_build/site/" in name}
    programs = sorted(name for name in site if name.startswith("ort/"))
    assert site.keys() >= {"index.html", "sw.js", "manifest.webmanifest", "icons/512-maskable.png"}
    # Packed; they are 14 and 27 MB. The second one is for graphics processors.
    assert [site[program] < size * MIB for program, size in zip(programs, (4, 7), strict=True)] == [True, True]
    assert sum(size for name, size in site.items() if name not in programs) < 2 * MIB
    # The runtime is the site's alone, and there once.
    assert not [name for name in files if name.endswith(".wasm")]
    assert [name for name in files if "ort-wasm" in name and "/site/" not in name] == []
    assert not [name for name in files if "node_modules" in name or name.startswith("web/")]

    assert web_build(copy).stdout == "web app is up to date\n"
    with (copy / "web" / "app.html").open("a") as page:
        page.write("<!-- changed -->\n")
    assert web_build(copy).stdout == "web app built\n"
    assert "<!-- changed -->" in (copy / "src" / "logitscope" / "web_build" / "app" / "app.html").read_text()


def test_it_can_be_left_out(copy: Path) -> None:
    files, said = wheel(copy, LOGITSCOPE_NO_WEB="1")
    assert "logitscope/__init__.py" in files
    assert not [name for name in files if "web_build" in name]
    assert "LOGITSCOPE_NO_WEB is set" in said


def test_without_a_registry_one_line_says_what_to_do(copy: Path) -> None:
    unreachable = {"NPM_CONFIG_REGISTRY": "http://127.0.0.1:9", "NPM_CONFIG_FETCH_RETRIES": "0"}
    done = web_build(copy, **unreachable, NPM_CONFIG_CACHE=str(copy / "cache"))
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "NPM_CONFIG_REGISTRY" in done.stderr
    assert "LOGITSCOPE_NO_WEB=1" in done.stderr
    files, said = wheel(copy, **unreachable, NPM_CONFIG_CACHE=str(copy / "cache"))
    assert not files
    assert "npm reached no package registry" in said
    assert "Traceback" not in said


def test_the_icons_are_those_of_the_drawing() -> None:
    spec = importlib.util.spec_from_file_location("make_icons", ROOT / "web" / "make_icons.py")
    assert spec is not None
    assert spec.loader is not None
    icons = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(icons)
    for name, (size, full) in icons.SIZES.items():
        with Image.open(icons.ICONS / name) as drawn:
            assert drawn.size == (size, size)
            assert drawn.tobytes() == icons.draw(size, full=full).tobytes(), name


def test_the_lockfile_names_no_registry() -> None:
    assert '"resolved"' not in (ROOT / "web" / "package-lock.json").read_text()
