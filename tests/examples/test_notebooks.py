"""Every notebook runs from its first cell to its last, in a kernel of its own."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

EXAMPLES = Path(__file__).parents[2] / "examples"
NOTEBOOKS = sorted(EXAMPLES.glob("*.ipynb"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=[path.stem for path in NOTEBOOKS])
def test_a_notebook_runs_and_shows_something(path: Path, tmp_path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(tmp_path)}})
    client.execute()
    shown = [cell for cell in notebook.cells if cell.cell_type == "code" and cell.outputs]
    assert len(shown) > 1
    outputs = [output for cell in shown for output in cell.outputs]
    assert [output["text"] for output in outputs if output.get("name") == "stderr"] == []
    for cell in shown:
        for output in cell.outputs:
            # A figure that is only named has not been shown.
            assert ("image/png" in output.get("data", {})) == ("ls.plot." in cell.source.splitlines()[-1])


def test_there_is_a_notebook_for_each_founding_document() -> None:
    assert [path.stem[0] for path in NOTEBOOKS] == ["1", "2", "3", "4", "5"]
