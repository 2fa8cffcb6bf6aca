"""The method of transformer-utils, written anew from its description: all logits in one numpy array, then scipy.

Every stage's logits are concatenated as `[stage, position, vocab]`; probabilities by `scipy.special.softmax` over all
of it; KL(final ‖ stage) with both distributions clipped from below at 1 / (10 · vocab) and not normalised again; a rank
counts the entries that are at least as large as the token's own.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy import special  # type: ignore[import-untyped, import-not-found, unused-ignore]

from benchmarks.contestants.captured import captured, load_plain, made_from
from benchmarks.contestants.worker import serve
from benchmarks.tasks import OWN, STATISTICS, TOP_K


class Concatenated:
    def load(self, folder: Path) -> None:
        self.model = load_plain(folder)

    def run(self, ids: list[int], task: str, subblocks: bool) -> dict[str, np.ndarray]:
        head, norm = self.model.lm_head, self.model.transformer.ln_f
        logits = np.concatenate([head(norm(stage))[None].numpy() for stage in captured(self.model, ids, subblocks)])
        probs = special.softmax(logits, axis=-1)
        if task == OWN:
            final = logits[-1].argmax(-1)
            return {
                "top_ids": logits.argmax(-1)[..., None],
                "top_prob": probs.max(-1),
                "final_rank": _rank(logits, final),
                "kl_from_final": _divergence(probs[-1], probs),
            }
        names = STATISTICS[task]
        text = np.array(ids)
        best = np.argpartition(logits, -TOP_K, axis=-1)[..., -TOP_K:]
        order = np.argsort(-np.take_along_axis(logits, best, -1), axis=-1)
        best = np.take_along_axis(best, order, -1)
        found = {"top_ids": best, "top_logprobs": np.log(np.take_along_axis(probs, best, -1))}
        if "entropy" in names:
            found["entropy"] = special.entr(probs).sum(-1)
        tokens = {"next": np.roll(text, -1), "final": logits[-1].argmax(-1), "input": text}
        for kind, token in tokens.items():
            if f"{kind}_rank" in names:
                found[f"{kind}_rank"] = _rank(logits, token)
                found[f"{kind}_logprob"] = np.log(_of(probs, token))
                found[f"{kind}_logit"] = _of(logits, token)
        if "logsumexp" in names:
            found["top_logits"] = np.take_along_axis(logits, best, -1)
            found["logsumexp"] = special.logsumexp(logits, axis=-1)
            found["logit_mean"], found["logit_std"] = logits.mean(-1), logits.std(-1)
            for kind, of_reference in (("final", probs[-1]), ("input", probs[0])):
                found[f"kl_from_{kind}"] = _divergence(of_reference, probs)
                found[f"kl_to_{kind}"] = _divergence(probs, of_reference)
        if "histogram" in names:
            standardised = (logits - found["logit_mean"][..., None]) / found["logit_std"][..., None]
            edges = np.concatenate([[-np.inf], np.arange(-7.75, 8, 0.25), [np.inf]])
            rows = standardised.reshape(-1, logits.shape[-1])
            counts = np.stack([np.histogram(row, edges)[0] for row in rows])
            found["histogram"] = counts.reshape(*logits.shape[:2], -1)
        for what, missing in (("rank", 0), ("logprob", np.nan), ("logit", np.nan)):
            if f"next_{what}" in found:
                found[f"next_{what}"][:, -1] = missing
        return {name: value for name, value in found.items() if name in names}

    def source(self, ids: list[int], subblocks: bool, positions: list[int]) -> dict[str, np.ndarray]:
        return made_from(self.model, ids, subblocks, positions)


def _of(values: np.ndarray, token: np.ndarray) -> np.ndarray:
    return np.asarray(np.take_along_axis(values, token[None, :, None], -1)[..., 0])


def _rank(logits: np.ndarray, token: np.ndarray) -> np.ndarray:
    return np.asarray((logits >= _of(logits, token)[..., None]).sum(-1))


def _divergence(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    least = 1 / (10 * p.shape[-1])
    return np.asarray(special.kl_div(np.clip(p, least, None), np.clip(q, least, None)).sum(-1))


if __name__ == "__main__":
    serve(Concatenated())
