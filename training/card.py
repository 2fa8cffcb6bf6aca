"""How an embedded model lies in its folder: weights, configuration, tokenizer, card, and figures within the card.

Knows file formats; knows nothing of what the models do.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from transformers import PreTrainedModel, PreTrainedTokenizerFast

EMBEDDED = Path(__file__).parents[1] / "src" / "logitscope" / "embedded"

_BEGIN, _END = "<!-- figures: written by `make embedded-report` -->", "<!-- end of figures -->"


def fill_card(name: str, **values: object) -> str:
    """The card `training/cards/NAME.md` with its values; the place of its figures says that they are not there yet."""
    template = (Path(__file__).parent / "cards" / f"{name}.md").read_text(encoding="utf-8")
    return template.format(figures=f"{_BEGIN}\nNot measured yet.\n{_END}", **values)


def save_model(folder: Path, model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, card: str) -> None:
    """Write everything that `transformers` and a reader need; no pickle anywhere."""
    folder.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    (folder / "README.md").write_text(card, encoding="utf-8")
    for path in sorted(folder.iterdir()):
        print(f"{path}: {path.stat().st_size:,} bytes")


def write_figures(folder: Path, figures: Mapping[str, object], rows: Iterable[tuple[str, str]]) -> None:
    """Write `figures.json`, and the same as a table into the card."""
    (folder / "figures.json").write_text(json.dumps(figures, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    card = (folder / "README.md").read_text(encoding="utf-8")
    before, begin, rest = card.partition(_BEGIN)
    _, end, after = rest.partition(_END)
    if not begin or not end:
        raise SystemExit(f"{folder / 'README.md'} has no place for figures; it needs {_BEGIN} and {_END}.")
    table = "\n".join(["| measured | |", "|---|---|", *(f"| {what} | {value} |" for what, value in rows)])
    (folder / "README.md").write_text(f"{before}{begin}\n{table}\n{end}{after}", encoding="utf-8")
