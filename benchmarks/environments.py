"""An environment for each of the other tools, and one command that makes them: `make bench-peers`.

    python -m benchmarks.environments             all of them
    python -m benchmarks.environments nnsight     some of them

They lie in `.peers`, which git ignores. A tool that cannot be installed is named with pip's own last line, and its rows
of the table say so; nothing else depends on it.
"""

from __future__ import annotations

import subprocess
import sys
import venv
from dataclasses import dataclass
from pathlib import Path

__all__ = ["PEERS", "ROOT", "Peer", "python_of"]

ROOT = Path(__file__).parents[1] / ".peers"
_TORCH = "torch==2.13.0"


@dataclass(frozen=True)
class Peer:
    """Another tool.

    Attributes:
        name: of its environment.
        requirements: exact pins; what they pull in is pip's choice, and is noted with the results.
        shows: packages whose versions stand beside the results.
    """

    name: str
    requirements: tuple[str, ...]
    shows: tuple[str, ...]


PEERS = {
    peer.name: peer
    for peer in (
        Peer("nnsight", ("nnsight==0.8.1", _TORCH), ("nnsight", "transformers", "torch")),
        # It asks for numpy 1, which newer builds of pyarrow refuse.
        Peer(
            "transformer-lens",
            ("transformer-lens==2.18.0", "pyarrow==21.0.0", _TORCH),
            ("transformer-lens", "transformers", "torch"),
        ),
        Peer("tuned-lens", ("tuned-lens==0.2.0", _TORCH), ("tuned-lens", "transformers", "torch")),
        Peer("concatenated", ("scipy==1.17.1", "transformers==5.23.0", _TORCH), ("scipy", "transformers", "torch")),
    )
}


def python_of(name: str) -> Path | None:
    """The interpreter of an environment that was installed to the end."""
    folder = ROOT / name
    python = folder / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    return python if (folder / "installed").exists() and python.exists() else None


def install(peer: Peer) -> str | None:
    """Make an environment; returns what went wrong, in one line.

    What is installed already with these pins is left as it is.
    """
    folder = ROOT / peer.name
    stamp, pins = folder / "installed", " ".join(peer.requirements)
    if stamp.exists() and stamp.read_text() == pins:
        return None
    stamp.unlink(missing_ok=True)
    venv.create(folder, with_pip=True)
    python = folder / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    command = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *peer.requirements]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.startswith("ERROR")] or done.stderr.splitlines()
        return lines[-1] if lines else f"pip ended with status {done.returncode}"
    stamp.write_text(pins)
    return None


def main() -> int:
    asked = sys.argv[1:] or list(PEERS)
    if unknown := [name for name in asked if name not in PEERS]:
        print(f"{unknown[0]!r} is no tool to compare with. There are {', '.join(PEERS)}.", file=sys.stderr)
        return 2
    failed = 0
    for name in asked:
        problem = install(PEERS[name])
        failed += problem is not None
        print(f"{name}: {'installed' if problem is None else f'cannot be installed: {problem}'}", flush=True)
    return min(1, failed)


if __name__ == "__main__":
    sys.exit(main())
