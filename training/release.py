"""Step 3 of 3 for `tales`: from a checkpoint to the folder that ships: fp16 safetensors, tokenizer, card, sources.

    python -m training.release --work DIR [--out DIR]

The figures in the card come afterwards, from report.py, measured on what was written here.
"""

from __future__ import annotations

import argparse
import json
import platform
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer
from transformers import GPT2LMHeadModel, PreTrainedTokenizerFast
from transformers.activations import ACT2FN

from training.card import EMBEDDED, fill_card, save_model
from training.corpus import CODE_SHARE, END_OF_TEXT, HELD_OUT_CODE_IN, REPEAT_SHARE, source_files
from training.tales import CONTEXT, build


def load_checkpoint(work: Path, vocab_size: int, end_of_text: int) -> tuple[GPT2LMHeadModel, dict[str, Any]]:
    """The trained model, its activation under the name that GPT-2 readers know, and what the run said of itself."""
    saved = torch.load(work / "checkpoint.pt", weights_only=True, map_location="cpu")
    model = build(vocab_size, end_of_text)
    model.load_state_dict(saved["model"])
    grid = torch.linspace(-20, 20, 100_001, dtype=torch.float64)
    trained, named = ACT2FN[model.config.activation_function], ACT2FN["gelu_new"]
    if not torch.allclose(trained(grid), named(grid), rtol=0, atol=1e-12):
        raise SystemExit(f"gelu_new is not the {model.config.activation_function} that the model was trained with.")
    model.config.activation_function = "gelu_new"
    model.config.use_cache = model.generation_config.use_cache = True
    return model, {"step": saved["step"], **saved["arguments"]}


def list_sources(sources: dict[str, list[dict[str, Any]]]) -> str:
    """SOURCES.md: the books one by one; the source files as one version of Python where they are those of this one."""
    lines = ["# What tales has read", "", "SHA-256 of the UTF-8 text of each book, as it was read."]
    for split, title in {"prose": "Books", "prose_heldout": "Held-out books, never read"}.items():
        lines += ["", f"## {title}", "", "| book | bytes | SHA-256 |", "|---|---:|---|"]
        lines += [f"| {d['name']} | {d['bytes']:,} | `{d['sha256']}` |" for d in sorted(sources[split], key=_name)]
    lines += ["", "## Source code", ""]
    for split, held_out in {"code": False, "code_heldout": True}.items():
        documents = sources[split]
        here = {(d.name, d.sha256) for d in source_files(held_out=held_out)}
        same = here == {(d["name"], d["sha256"]) for d in documents}
        origin = f"Python {platform.python_version()}'s" if same else "Python's"
        size = sum(d["bytes"] for d in documents)
        lines.append(
            f"- {'held out, never read' if held_out else 'read'}: {len(documents)} files of {origin} standard "
            f"library, {size:,} bytes"
        )
    return "\n".join(lines) + "\n"


def _name(document: dict[str, Any]) -> str:
    return str(document["name"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--work", type=Path, required=True, help="the folder with checkpoint.pt, tokenizer.json, sources.json"
    )
    parser.add_argument("--out", type=Path, default=EMBEDDED / "tales")
    args = parser.parse_args()

    tokenizer = Tokenizer.from_file(str(args.work / "tokenizer.json"))
    end_of_text = tokenizer.token_to_id(END_OF_TEXT)
    if end_of_text is None:
        raise SystemExit(f"{args.work / 'tokenizer.json'} has no {END_OF_TEXT}; let prepare.py write it.")
    model, run = load_checkpoint(args.work, tokenizer.get_vocab_size(), end_of_text)
    sources = json.loads((args.work / "sources.json").read_text(encoding="utf-8"))
    parameters = model.num_parameters()
    unfinished = int(run["steps"]) + int(run["polish"]) - int(run["step"])
    card = fill_card(
        "tales",
        parameters=parameters,
        half_megabytes=parameters * 2 / 1e6,
        books=len(sources["prose"]),
        tokens=int(run["step"]) * int(run["rows"]) * CONTEXT / 1e6,
        book_bytes=sum(d["bytes"] for d in sources["prose"]) / 1e6,
        code_bytes=sum(d["bytes"] for d in sources["code"]) / 1e6,
        prose_share=1 - CODE_SHARE - REPEAT_SHARE,
        code_share=CODE_SHARE,
        repeat_share=REPEAT_SHARE,
        unfinished=f"\nThe run was stopped {unfinished:,} steps before its end." if unfinished else "",
        context=CONTEXT,
        torch=torch.__version__.partition("+")[0],
        end_of_text=END_OF_TEXT,
        held_out_code_in=HELD_OUT_CODE_IN,
        **{k: getattr(model.config, k) for k in ("n_layer", "n_head", "n_embd", "vocab_size")},
        **{k: int(run[k]) for k in ("step", "steps", "cooldown", "polish", "rows", "seed")},
        **{k: run[k] for k in ("muon_lr", "adam_lr")},
    )
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token=END_OF_TEXT, eos_token=END_OF_TEXT)  # type: ignore[no-untyped-call]
    args.out.mkdir(parents=True, exist_ok=True)
    (args.out / "SOURCES.md").write_text(list_sources(sources), encoding="utf-8")
    save_model(args.out, model.half(), fast, card)  # type: ignore[no-untyped-call]


if __name__ == "__main__":
    main()
