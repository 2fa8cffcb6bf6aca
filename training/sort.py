"""Trains `embedded:sort`: six letters A B C in, the same letters sorted out (about two minutes on one core).

    python -m training.sort [--out DIR]

The task and the shape are those of the nano-GPT that Brendan Bycroft's 3D walkthrough of a transformer shows, and
Karpathy's minGPT before it; the weights are our own. A quarter of the 729 inputs is never trained on.
"""

from __future__ import annotations

import argparse
from itertools import product
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from tokenizers import Tokenizer, decoders, models
from torch import Tensor
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

from training.card import EMBEDDED, fill_card, save_model

LETTERS = "ABC"
LENGTH = 6
"""Letters in; as many come out, so that a run reads 11 tokens and predicts at positions 5 to 10."""

HELD_OUT_IN = 4
"""One input in this many is never trained on."""

BATCH = 64


def build() -> GPT2LMHeadModel:
    """The untrained model: GPT-2's class, 3 blocks, 3 heads, d_model 48, a head of its own."""
    config = GPT2Config(
        vocab_size=len(LETTERS),
        n_positions=2 * LENGTH - 1,
        n_embd=48,
        n_layer=3,
        n_head=3,
        attn_pdrop=0.0,
        resid_pdrop=0.0,
        embd_pdrop=0.0,
        bos_token_id=None,
        eos_token_id=None,
        tie_word_embeddings=False,
    )
    return GPT2LMHeadModel(config)


def build_tokenizer() -> PreTrainedTokenizerFast:
    """One token a letter. Other characters are dropped, not mistaken for a letter."""
    tokenizer = Tokenizer(models.BPE(vocab={letter: i for i, letter in enumerate(LETTERS)}, merges=[]))
    tokenizer.decoder = decoders.Fuse()
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer)  # type: ignore[no-untyped-call]


def inputs() -> Tensor:
    """All 729 of them, `[input, 6]`."""
    return torch.tensor(list(product(range(len(LETTERS)), repeat=LENGTH)))


@torch.no_grad()
def sorts(model: GPT2LMHeadModel, letters: Tensor) -> Tensor:
    """Which inputs `[input, 6]` are sorted, each letter chosen greedily after those before it."""
    ids = letters
    for _ in range(LENGTH):
        ids = torch.cat([ids, model(ids).logits[:, -1].argmax(-1, keepdim=True)], dim=1)
    return (ids[:, LENGTH:] == letters.sort(dim=1).values).all(dim=1)


def train(seed: int, steps: int, peak: float = 1e-3) -> tuple[GPT2LMHeadModel, Tensor]:
    """The trained model and which of `inputs()` it never saw."""
    torch.manual_seed(seed)
    model = build()
    everything = inputs()
    held_out = torch.zeros(len(everything), dtype=torch.bool)
    held_out[torch.randperm(len(everything))[: len(everything) // HELD_OUT_IN]] = True
    seen = everything[~held_out]
    matrices = [p for p in model.parameters() if p.ndim == 2]
    vectors = [p for p in model.parameters() if p.ndim == 1]
    groups: list[dict[str, Any]] = [{"params": matrices}, {"params": vectors, "weight_decay": 0.0}]
    optimiser = torch.optim.AdamW(groups, weight_decay=0.1)
    for step in range(steps):
        for group in optimiser.param_groups:
            group["lr"] = peak * min(1.0, (step + 1) / 100, (steps - step) / (steps // 2))
        letters = seen[torch.randint(len(seen), (BATCH,))]
        answer = letters.sort(dim=1).values
        logits = model(torch.cat([letters, answer[:, :-1]], dim=1)).logits
        # Only the answer is learned: the input letters cannot be foreseen.
        loss = F.cross_entropy(logits[:, LENGTH - 1 :].flatten(0, 1), answer.flatten())
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        if step % 250 == 0 or step == steps - 1:
            print(
                f"step {step}: loss {loss.item():.5f}, sorts {int(sorts(model, everything).sum())} of 729", flush=True
            )
    return model, held_out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=EMBEDDED / "sort")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--steps", type=int, default=2000)
    args = parser.parse_args()

    torch.set_num_threads(1)
    model, held_out = train(args.seed, args.steps)
    right = sorts(model, inputs())
    print(
        f"sorts {int(right.sum())} of 729 inputs, {int(right[held_out].sum())} of the {int(held_out.sum())} never seen"
    )
    if not right.all():
        raise SystemExit("It does not sort everything; nothing was saved. Give more --steps or another --seed.")
    card = fill_card(
        "sort",
        parameters=sum(p.numel() for p in model.parameters()),
        seed=args.seed,
        steps=args.steps,
        batch=BATCH,
        torch=torch.__version__.partition("+")[0],
        trained=int((~held_out).sum()),
        held_out=int(held_out.sum()),
    )
    save_model(args.out, model, build_tokenizer(), card)


if __name__ == "__main__":
    main()
