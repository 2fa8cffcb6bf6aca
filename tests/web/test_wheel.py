"""The wheel as a user has it: installed into an environment of its own, started by its command, opened in a browser."""

from __future__ import annotations

import re
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from logitscope.scope import Scope
from logitscope.view import likelihood
from tests.web.conftest import ROOT, await_tokens, becomes, read, says, tokens_drawn, type_text, visitor

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="environments have their commands elsewhere there")

TEXT = "Two <b>ships</b> & one 🐋 at sea"


@pytest.fixture(scope="module")
def installed(page_is_built: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the commands of an environment that holds the wheel; what it depends on is this environment's."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    environment = folder / "environment"
    venv.create(environment, with_pip=False)
    packages = next(environment.glob("lib/python*/site-packages"))
    # Read as a plain folder, so that the editable install that is noted there does not count.
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    pip = [sys.executable, "-m", "pip", "--python", str(environment / "bin" / "python"), "--quiet"]
    wheel = str(next(folder.glob("*.whl")))
    subprocess.run([*pip, "install", "--no-deps", "--no-index", "--force-reinstall", wheel], check=True)
    return environment / "bin"


@pytest.fixture
def address(installed: Path, tmp_path: Path) -> Iterator[str]:
    where = [installed / "python", "-c", "import logitscope; print(logitscope.__file__)"]
    found = subprocess.run(where, cwd=tmp_path, check=True, capture_output=True, text=True).stdout
    assert found.startswith(str(installed.parent))
    command = [str(installed / "logitscope"), "serve", "--port", "0"]
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            lines = (re.search(r"Logitscope is at (http://\S+)", line) for line in process.stderr)
            yield next(line[1] for line in lines if line)
        finally:
            process.kill()


def test_an_installed_wheel_serves_the_page_with_the_librarys_numbers(
    browser: Browser, address: str, tales: Scope
) -> None:
    with visitor(browser) as context:
        page = context.new_page()
        page.goto(address)
        read(page)
        type_text(page, TEXT)
        await_tokens(page, TEXT)
        spec = likelihood(tales.trace(TEXT))
        becomes(page, lambda: tokens_drawn(page), [run.text for run in spec.runs])
        says(page.get_by_label("Totals of the text"), f"{spec.summary.total_bits:.1f}")
