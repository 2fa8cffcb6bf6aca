"""Measures the embedded models with plain transformers and writes the figures into their cards.

    python -m training.report --corpus DIR [--models FOLDER] [--only sort|tales]

Knows nothing of Logitscope's engine on purpose: its figures are an outside check of it.
"""

from __future__ import annotations

import argparse
import math
import sys
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor
from transformers import AutoTokenizer, GPT2LMHeadModel, PreTrainedTokenizerBase

from training.card import EMBEDDED, write_figures
from training.corpus import Document, books, source_files
from training.sort import LENGTH, inputs, sorts

STRIDE = 256
"""New tokens a window: each token is scored once, with 257 to 512 tokens before it wherever the text has them."""

DRAWS = 64
PERIOD = 40
"""Random tokens that are read twice."""

PROMPTS = ("Once upon a time", "The old man looked at the sea and said", "def read(self, path):\n    ")


def load(folder: Path) -> tuple[GPT2LMHeadModel, PreTrainedTokenizerBase]:
    model: GPT2LMHeadModel = GPT2LMHeadModel.from_pretrained(folder, dtype=torch.float32)
    tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(folder)
    return model, tokenizer


@torch.no_grad()
def total_nats(model: GPT2LMHeadModel, ids: Tensor, batch: int = 8) -> float:
    """What `ids[1:]` cost altogether: windows of the model's context, each scoring its last `STRIDE` targets.

    The first window scores all it holds. fp32 logits, summed in float64.
    """
    context = model.config.n_positions
    last = len(ids) - 1
    # A window reads context inputs ending at target `end`; only the targets after `scored` are new.
    windows, scored = [], 0
    while scored < last:
        end = min(scored + (context if scored == 0 else STRIDE), last)
        windows.append((max(0, end - context), scored, end))
        scored = end
    total = 0.0
    for at in range(0, len(windows), batch):
        group = windows[at : at + batch]
        rows = [
            F.pad(ids[start : start + context + 1], (0, max(0, start + context + 1 - len(ids))))
            for start, _, _ in group
        ]
        block = torch.stack(rows)
        nats = cross_entropies(model, block)
        for row, (start, before, end) in zip(nats, group, strict=True):
            total += row[before - start : end - start].double().sum().item()
    return total


def cross_entropies(model: GPT2LMHeadModel, ids: Tensor) -> Tensor:
    """Nats of every target `[row, position]` of ids `[row, position + 1]`."""
    logits = model(ids[:, :-1]).logits.float()
    return F.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten(), reduction="none").view(len(ids), -1)


def bits_per_byte(
    model: GPT2LMHeadModel, tokenizer: PreTrainedTokenizerBase, documents: list[Document]
) -> dict[str, float]:
    """Of whole documents, each begun by the end-of-text token; every token of the text is scored exactly once."""
    nats, n_bytes, n_tokens = 0.0, 0, 0
    for i, document in enumerate(documents):
        ids = torch.tensor(
            [tokenizer.bos_token_id, *tokenizer.encode(document.text, add_special_tokens=False, verbose=False)]
        )
        nats += total_nats(model, ids)
        n_bytes += len(document.text.encode())
        n_tokens += len(ids) - 1
        bits = nats / math.log(2)
        print(f"  {i + 1}/{len(documents)}: {bits / n_bytes:.4f} bits per byte so far", file=sys.stderr, flush=True)
    return {
        "documents": len(documents),
        "bytes": n_bytes,
        "tokens": n_tokens,
        "bits_per_byte": bits / n_bytes,
        "bits_per_token": bits / n_tokens,
    }


@torch.no_grad()
def copying(model: GPT2LMHeadModel, seed: int = 0) -> dict[str, float]:
    """Mean nats per token of random tokens read twice: the first copy and the second.

    The first copy is scored from its second token on (nothing stands before its first), the second copy whole.
    """
    generator = torch.Generator().manual_seed(seed)
    unit = torch.randint(1, model.config.vocab_size, (DRAWS, PERIOD), generator=generator)
    nats = cross_entropies(model, torch.cat([unit, unit], dim=1)).double()
    first, second = nats[:, : PERIOD - 1], nats[:, PERIOD - 1 :]
    return {"first_copy_nats": first.mean().item(), "second_copy_nats": second.mean().item()}


@torch.no_grad()
def greedy(model: GPT2LMHeadModel, tokenizer: PreTrainedTokenizerBase, prompt: str, n_tokens: int = 60) -> str:
    """The prompt and what the model thinks likeliest after it, token by token."""
    ids = torch.tensor([[tokenizer.bos_token_id, *tokenizer.encode(prompt, add_special_tokens=False)]])
    for _ in range(n_tokens):
        ids = torch.cat([ids, model(ids).logits[:, -1:].argmax(-1)], dim=1)
    return str(tokenizer.decode(ids[0, 1:], clean_up_tokenization_spaces=False))


def report_tales(folder: Path, corpus: Path) -> None:
    model, tokenizer = load(folder)
    prose = bits_per_byte(model, tokenizer, list(books(corpus, "heldout")))
    code = bits_per_byte(model, tokenizer, list(source_files(held_out=True)))
    copies = copying(model)
    samples = [greedy(model, tokenizer, prompt) for prompt in PROMPTS]
    window = model.config.n_positions
    gain = copies["first_copy_nats"] - copies["second_copy_nats"]
    rows = [
        (
            f"bits per byte, {prose['documents']} held-out books whole ({prose['bytes']:,} bytes)",
            f"{prose['bits_per_byte']:.3f}",
        ),
        (
            f"bits per byte, {code['documents']} held-out source files whole ({code['bytes']:,} bytes)",
            f"{code['bits_per_byte']:.3f}",
        ),
        (f"{PERIOD} random tokens read twice: nats per token of the first copy", f"{copies['first_copy_nats']:.2f}"),
        ("of the second copy", f"{copies['second_copy_nats']:.2f} ({gain:.2f} less)"),
        *(
            (f"greedy, after {prompt!r}", _cell(sample[len(prompt) :]))
            for prompt, sample in zip(PROMPTS, samples, strict=True)
        ),
        (
            "how",
            f"computed in fp32; windows of {window} tokens, stride {STRIDE}; {DRAWS} draws of random tokens",
        ),
    ]
    figures = {"prose": prose, "code": code, "copying": copies, "greedy": dict(zip(PROMPTS, samples, strict=True))}
    write_figures(folder, figures | {"window": window, "stride": STRIDE, "draws": DRAWS, "period": PERIOD}, rows)
    _print("tales", rows)


def report_sort(folder: Path) -> None:
    model, _ = load(folder)
    everything = inputs()
    right = int(sorts(model, everything).sum())
    answers = everything.sort(dim=1).values
    with torch.no_grad():
        nats = cross_entropies(model, torch.cat([everything, answers], dim=1))[:, LENGTH - 1 :]
    figures = {"sorted": right, "inputs": len(everything), "lowest_probability": math.exp(-nats.max().item())}
    rows = [
        ("inputs sorted, each letter chosen greedily", f"{right} of {len(everything)}"),
        ("lowest probability of a right letter, the right ones given", f"{figures['lowest_probability']:.4f}"),
    ]
    write_figures(folder, figures, rows)
    _print("sort", rows)


def _cell(text: str) -> str:
    return "`" + text.replace("`", "'").replace("|", "¦").replace("\n", "⏎") + "`"


def _print(name: str, rows: list[tuple[str, str]]) -> None:
    print(f"embedded:{name}")
    for what, value in rows:
        print(f"  {what}: {value}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", type=Path, help="folder with books-heldout.jsonl.xz (for tales)")
    parser.add_argument("--models", type=Path, default=EMBEDDED, help="folder that holds sort/ and tales/")
    parser.add_argument("--only", choices=["sort", "tales"])
    args = parser.parse_args()
    if args.only != "tales":
        report_sort(args.models / "sort")
    if args.only != "sort":
        if args.corpus is None or not args.corpus.is_dir():
            raise SystemExit(
                f"The held-out books are not at {args.corpus}. Give the folder that has them with --corpus."
            )
        report_tales(args.models / "tales", args.corpus)


if __name__ == "__main__":
    main()
