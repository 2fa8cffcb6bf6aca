"""Step 2 of 3 for `tales`: train it.

    python -m training.tales --work DIR                                # one process
    torchrun --nproc-per-node 2 -m training.tales --work DIR           # one process a core: the fastest on a laptop
    python -m training.tales --work DIR --device cuda --rows 64        # a GPU

The learning rate is constant and falls to zero over the last `--cooldown` of `--steps`; `--polish` further steps at a
low rate teach when to stop copying. A run that was stopped goes on from its last checkpoint; `--steps` may be changed
then, as long as the fall has not begun. What was read at a step depends on the seed and the step alone.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from pathlib import Path

import numpy as np
import torch
import torch.distributed as dist
import torch.nn.functional as F
from tokenizers import Tokenizer
from torch import Tensor
from transformers import GPT2Config, GPT2LMHeadModel

from training.corpus import END_OF_TEXT, Mixture
from training.optim import Muon

CONTEXT = 512
WARMUP = 50
POLISH_RATE = 0.3


def build(vocab_size: int, end_of_text: int) -> GPT2LMHeadModel:
    """The untrained model: GPT-2's class, 8 blocks, 4 heads, d_model 192, tied head."""
    config = GPT2Config(
        vocab_size=vocab_size,
        n_positions=CONTEXT,
        n_embd=192,
        n_layer=8,
        n_head=4,
        activation_function="gelu_pytorch_tanh",
        attn_pdrop=0.0,
        resid_pdrop=0.0,
        embd_pdrop=0.0,
        bos_token_id=end_of_text,
        eos_token_id=end_of_text,
        use_cache=False,
    )
    return GPT2LMHeadModel(config)


def summed_loss(model: GPT2LMHeadModel, ids: Tensor, mask: Tensor) -> Tensor:
    hidden = model.transformer(ids[:, :-1]).last_hidden_state
    losses = F.cross_entropy(model.lm_head(hidden).flatten(0, 1).float(), ids[:, 1:].flatten(), reduction="none")
    return (losses * mask[:, 1:].flatten()).sum()


@torch.no_grad()
def mean_nats(model: GPT2LMHeadModel, stream: np.ndarray, rows: int, device: str) -> float:
    """Mean loss over `rows` evenly spaced blocks of the stream: a quick gauge, not the card's figure."""
    starts = np.linspace(0, len(stream) - CONTEXT - 2, rows).astype(int)
    total = 0.0
    for start in starts:
        ids = torch.tensor(stream[start : start + CONTEXT + 1].astype(np.int64), device=device)[None]
        total += summed_loss(model, ids, torch.ones_like(ids)).item() / CONTEXT
    return total / rows


def rate(step: int, steps: int, cooldown: int, polish: int) -> float:
    """The learning rate as a share of its peak."""
    if step >= steps:
        return POLISH_RATE * min((step - steps + 1) / 10, (steps + polish - step) / polish)
    return min((step + 1) / WARMUP, 1.0, (steps - step) / cooldown)


def average_gradients(parameters: list[Tensor], world: int, weight: float) -> None:
    grads = [p.grad for p in parameters if p.grad is not None]
    flat = torch.cat([grad.flatten() for grad in grads])
    if world > 1:
        dist.all_reduce(flat)
    flat.div_(weight)
    for grad, mean in zip(grads, torch.split(flat, [grad.numel() for grad in grads]), strict=True):
        grad.copy_(mean.view_as(grad))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True, help="the folder that prepare.py filled")
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--cooldown", type=int, default=1000)
    parser.add_argument("--polish", type=int, default=400, help="further steps that teach when to stop copying")
    parser.add_argument("--rows", type=int, default=16, help="rows of 512 tokens a step, over all processes")
    parser.add_argument("--micro", type=int, default=4, help="rows at once in one process")
    parser.add_argument("--muon-lr", type=float, default=0.02)
    parser.add_argument("--adam-lr", type=float, default=0.003)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    args = parser.parse_args()

    rank, world = int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))
    if world > 1:
        torch.set_num_threads(1)
        dist.init_process_group("gloo")
    torch.manual_seed(args.seed)
    work: Path = args.work
    tokenizer = Tokenizer.from_file(str(work / "tokenizer.json"))
    mixture = Mixture(
        prose=np.load(work / "prose.npy", mmap_mode="r"),
        code=np.load(work / "code.npy", mmap_mode="r"),
        vocab_size=tokenizer.get_vocab_size(),
        length=CONTEXT,
        seed=args.seed,
    )
    held_out = {name: np.load(work / f"{name}_heldout.npy") for name in ("prose", "code")}
    end_of_text = tokenizer.token_to_id(END_OF_TEXT)
    if end_of_text is None:
        raise SystemExit(f"{work / 'tokenizer.json'} has no {END_OF_TEXT}; let prepare.py write it.")
    model = build(tokenizer.get_vocab_size(), end_of_text).to(args.device)
    parameters = list(model.parameters())
    matrices = [p for name, p in model.named_parameters() if p.ndim == 2 and ".h." in name]
    chosen = {id(p) for p in matrices}
    others = [p for p in parameters if id(p) not in chosen]
    optimisers = [
        Muon(matrices, lr=args.muon_lr, weight_decay=0.01),
        torch.optim.AdamW(others, lr=args.adam_lr, betas=(0.9, 0.95), weight_decay=0.0),
    ]
    peaks = [args.muon_lr, args.adam_lr]

    first, checkpoint = 0, work / "checkpoint.pt"
    if checkpoint.exists():
        # Our own file, written below; the released weights are safetensors.
        saved = torch.load(checkpoint, weights_only=True, map_location=args.device)
        model.load_state_dict(saved["model"])
        for optimiser, state in zip(optimisers, saved["optimisers"], strict=True):
            optimiser.load_state_dict(state)
        first = saved["step"]

    began, seen = time.time(), 0
    last = args.steps + args.polish - 1
    for step in range(first, last + 1):
        factor = rate(step, args.steps, args.cooldown, args.polish)
        for optimiser, peak in zip(optimisers, peaks, strict=True):
            optimiser.param_groups[0]["lr"] = peak * factor
        draw = mixture.rows if step < args.steps else mixture.polishing_rows
        ids, mask = (torch.from_numpy(a).to(args.device) for a in draw(step, args.rows))
        weight = mask[:, 1:].sum().item()
        mine = list(range(rank, args.rows, world))
        model.zero_grad(set_to_none=True)
        total = 0.0
        for at in range(0, len(mine), args.micro):
            rows = mine[at : at + args.micro]
            loss = summed_loss(model, ids[rows], mask[rows])
            loss.backward()  # type: ignore[no-untyped-call]
            total += loss.item()
        average_gradients(parameters, world, weight)
        for optimiser in optimisers:
            optimiser.step()
        seen += args.rows * CONTEXT

        if rank == 0 and (step % 20 == 0 or step == last):
            record = {
                "step": step,
                "loss": total * world / weight,
                "lr": factor,
                "tokens_per_s": seen / (time.time() - began),
            }
            if step % 250 == 0 or step == last:
                record |= {f"{name}_nats": mean_nats(model, ids_, 24, args.device) for name, ids_ in held_out.items()}
            print(json.dumps(record), flush=True)
        if rank == 0 and ((step + 1) % 50 == 0 or step == last):
            state = {
                "model": model.state_dict(),
                "optimisers": [o.state_dict() for o in optimisers],
                "step": step + 1,
                "arguments": {k: str(v) for k, v in vars(args).items()},
            }
            torch.save(state, checkpoint.with_suffix(".tmp"))
            checkpoint.with_suffix(".tmp").replace(checkpoint)
    if world > 1:
        dist.destroy_process_group()


if __name__ == "__main__":
    main()
