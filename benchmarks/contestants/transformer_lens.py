"""TransformerLens: run with a cache, accumulate the residual stream, apply the final norm, unembed all of it at once.

`own` stops there, with the ten likeliest tokens. Its forward pass is its own, with layer norms folded into the weights,
so its vectors are compared with float64 on themselves.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from transformer_lens import (  # type: ignore[import-not-found, unused-ignore]
    HookedTransformer,
    HookedTransformerConfig,
)
from transformer_lens.pretrained.weight_conversions import (  # type: ignore[import-not-found, unused-ignore]
    convert_gpt2_weights,
)

from benchmarks.contestants.captured import load_plain
from benchmarks.contestants.statistics import every_stage
from benchmarks.contestants.worker import serve
from benchmarks.tasks import OWN, TOP_K


class TransformerLens:
    def load(self, folder: Path) -> None:
        plain = load_plain(folder)
        config = plain.config
        cfg = HookedTransformerConfig(
            n_layers=config.n_layer,
            d_model=config.n_embd,
            n_heads=config.n_head,
            d_head=config.n_embd // config.n_head,
            n_ctx=config.n_positions,
            d_vocab=config.vocab_size,
            act_fn=config.activation_function,
            eps=config.layer_norm_epsilon,
            normalization_type="LN",
            original_architecture="GPT2LMHeadModel",
            device="cpu",
        )
        self.model: Any = HookedTransformer(cfg)
        # As `from_pretrained` does it, but for `center_unembed`: that would shift the logits, which are compared.
        self.model.load_and_process_state_dict(
            convert_gpt2_weights(plain, cfg), fold_ln=True, center_writing_weights=True, center_unembed=False
        )
        self.model.eval().requires_grad_(False)

    def run(self, ids: list[int], task: str, subblocks: bool) -> dict[str, np.ndarray]:
        logits = self.model.unembed(self._stack(ids, subblocks))
        if task == OWN:
            best = logits.topk(TOP_K, -1)
            return {"top_ids": best.indices.numpy(), "top_logits": best.values.numpy()}
        return every_stage(logits, logits[-1], logits[0], ids, task)

    def _stack(self, ids: list[int], subblocks: bool) -> Tensor:
        _, cache = self.model.run_with_cache(torch.tensor([ids]))
        stack: Tensor = cache.accumulated_resid(layer=None, incl_mid=subblocks, apply_ln=True)[:, 0]
        return stack

    def source(self, ids: list[int], subblocks: bool, positions: list[int]) -> dict[str, np.ndarray]:
        unembed = self.model.unembed
        vectors = self._stack(ids, subblocks)[:, positions]
        return {"vectors": vectors.numpy(), "weight": unembed.W_U.T.contiguous().numpy(), "bias": unembed.b_U.numpy()}


if __name__ == "__main__":
    serve(TransformerLens())
