"""Where the time goes before a command has said anything.

    python -m benchmarks.start_up
    python -m benchmarks.start_up --json      the same for the file of results

Each line is a process of its own, run a few times; the shortest counts, by the clock and by the processor's time (which
tells more on a machine that is busy). Below: the steps of `logitscope likelihood` on the embedded model, and the
imports that took longest, by `python -X importtime`.
"""

from __future__ import annotations

import argparse
import json
import re
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.report import table

TEXT = "The old man looked at the sea."
COMMAND = "import sys; from logitscope.cli import command; sys.argv = ['logitscope', *{!r}]; command()"
WITHIN = "from logitscope.cli import main; main({!r})"
STEPS = """
import time
began = time.process_time()
def step(name):
    global began
    now = time.process_time()
    print(f"{now - began:.3f}\\t{name}")
    began = time.process_time()
import torch; step("import torch")
import logitscope.cli.app; step("the command line")
from logitscope.cli.lean import import_lean, in_own_process
with in_own_process(True): import_lean()
step("the part of transformers that it needs")
import logitscope.scope; step("the package")
scope = logitscope.scope.load(); step("the model: tokenizer, weights, anatomy, self-check")
scope.trace("The old man looked at the sea.", stages=["7.mlp"]); step("a first trace")
scope.trace("The old man looked at the sea.", stages=["7.mlp"]); step("a second one")
"""


def run(code: str, repeats: int) -> tuple[float, float]:
    """Shortest seconds by the clock, and of processor time."""
    clock, busy = [], []
    for _ in range(repeats):
        before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        clock.append(time.perf_counter() - began)
        busy.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return min(clock), min(busy)


def longest_imports(code: str, n: int) -> list[tuple[float, str]]:
    """Seconds with everything below, of the modules that no other listed one holds."""
    done = subprocess.run([sys.executable, "-X", "importtime", "-c", code], capture_output=True, text=True, check=True)
    found = re.findall(r"import time:\s+\d+ \|\s+(\d+) \|( +)(\S+)", done.stderr)
    return sorted(((int(micro) / 1e6, name) for micro, depth, name in found if len(depth) == 1), reverse=True)[:n]


def measured(repeats: int) -> dict[str, Any]:
    """The tables: whole processes, the steps of one, and its longest imports."""
    with tempfile.TemporaryDirectory() as folder:
        saved = str(Path(folder) / "a.trace.safetensors")
        likelihood = COMMAND.format(["likelihood", TEXT])
        subprocess.run([sys.executable, "-c", COMMAND.format(["trace", TEXT, "-o", saved])], check=True)
        lines = {
            "python alone": "pass",
            "import torch": "import torch",
            "logitscope --help": "from logitscope.cli import main\ntry: main(['--help'])\nexcept SystemExit: pass",
            "logitscope likelihood --trace FILE": COMMAND.format(["likelihood", "--trace", saved]),
            "logitscope likelihood TEXT": likelihood,
            "the same within another process": WITHIN.format(["likelihood", TEXT]),
        }
        found = {label: run(code, repeats) for label, code in lines.items()}
    bare = found["import torch"]
    done = subprocess.run([sys.executable, "-c", STEPS], check=True, stdout=subprocess.PIPE, text=True)
    return {
        "tables": [
            {
                "headings": ["process", "by the clock", "beside import torch", "processor time", "beside it"],
                "rows": [
                    [
                        label,
                        f"{clock:.2f}",
                        f"{clock - bare[0]:+.2f}" if clock > bare[0] else "",
                        f"{busy:.2f}",
                        f"{busy - bare[1]:+.2f}" if clock > bare[0] else "",
                    ]
                    for label, (clock, busy) in found.items()
                ],
            },
            {
                "headings": ["step of `logitscope likelihood`, embedded model", "processor time"],
                "rows": [line.split("\t")[::-1] for line in done.stdout.splitlines()],
            },
            {
                "headings": ["its longest imports, with all that they import", "seconds"],
                "rows": [[name, f"{seconds:.3f}"] for seconds, name in longest_imports(likelihood, 10)],
            },
        ],
        "notes": [f"Seconds, the shortest of {repeats} processes."],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="two of each")
    parser.add_argument("--json", action="store_true", help="for the file of results")
    options = parser.parse_args()
    found = measured(min(2, options.repeats) if options.quick else options.repeats)
    if options.json:
        json.dump(found, sys.stdout)
        return
    for part in found["tables"]:
        print(table(part["headings"], part["rows"]), end="\n\n")
    print(*found["notes"], sep="\n")


if __name__ == "__main__":
    main()
