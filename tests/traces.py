"""Small exact traces made by hand: real byte pieces, chosen logits, every statistic by a naive float64 loop."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from logitscope.trace import Provenance, Tokens, Trace, Vocabulary

BOS = b"<s>"


def make_trace(
    pieces: Sequence[bytes],
    *,
    stages: Sequence[str] = ("embed", "0.mlp", "1.mlp", "2.mlp"),
    logits: np.ndarray | None = None,
    extra: Sequence[bytes] = (b" a", b" the", b"\xf0\x9f", b"\n"),
    top_k: int = 3,
    watch: Sequence[bytes] = (),
    bos: bool = False,
    seams: Sequence[int] = (),
    seed: int = 0,
    lens: str = "logit",
    text: str | None = None,
    spans: Sequence[tuple[int, int]] | None = None,
) -> Trace:
    """A trace of the given tokens over the vocabulary of their distinct bytes and some `extra` ones.

    Args:
        pieces: the bytes of each token, in order; a BOS token comes first with `bos`.
        stages: names, in order.
        logits: float64 `[stage, position, vocab]`; a deterministic jumble that spreads with depth, by default.
        extra: further tokens of the vocabulary.
        watch: the bytes of tokens to follow.
        seed: shifts the jumble.
        seams: positions at which a window begins to be read.
    """
    vocab = list(dict.fromkeys([*([BOS] if bos else []), *pieces, *extra]))
    ids = [vocab.index(piece) for piece in ([BOS] if bos else []) + list(pieces)]
    n, v = len(ids), len(vocab)
    if logits is None:
        # No random generator: goldens are compared on every platform and with every version of numpy.
        s, t, w = np.meshgrid(np.arange(len(stages)), np.arange(n), np.arange(v), indexing="ij")
        wave = np.sin(1.7 * s + 2.3 * t * t + 5.1 * w * (1 + t) + seed) + 0.01 * w
        logits = wave * np.linspace(1.0, 4.0, len(stages))[:, None, None]
    watched = [vocab.index(piece) for piece in watch]
    arrays = naive_statistics(np.asarray(logits, dtype=np.float64), ids, min(top_k, v), watched)
    return Trace(
        tokens=Tokens.from_pieces(
            ids,
            ([b""] if bos else []) + list(pieces),
            [bos and i == 0 for i in range(n)],
            text=text,
            spans=spans,
            names={0: BOS.decode()} if bos else {},
        ),
        stages=tuple(stages),
        positions=np.arange(n, dtype=np.int32),
        arrays=arrays,
        vocabulary=Vocabulary(dict(enumerate(vocab)), frozenset({0} if bos else ())),
        provenance=Provenance(
            model="made:by-hand",
            model_class="NoModel",
            dtype="float64",
            lens=lens,
            self_check=0.0,
            bos="tokenizer" if bos else "none",
            last_stage=stages[-1],
        ),
        watched=tuple(watched),
        context_lengths=np.arange(1, n + 1, dtype=np.int32),
        seams=tuple(seams),
    )


def naive_statistics(
    logits: np.ndarray, ids: Sequence[int], top_k: int, watched: Sequence[int] = ()
) -> dict[str, np.ndarray]:
    """Every statistic of the contract but the histogram, one cell at a time."""
    n_stages, n, _ = logits.shape
    out: dict[str, np.ndarray] = {}

    def put(name: str, s: int, t: int, value: object, shape: tuple[int, ...] = ()) -> None:
        if name not in out:
            blank = 0 if name.endswith(("rank", "ids")) else math.nan
            out[name] = np.full((n_stages, n, *shape), blank)
        out[name][s, t] = value

    logp = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    for s in range(n_stages):
        for t in range(n):
            z, lp, final = logits[s, t], logp[s, t], logp[-1, t]
            order = np.argsort(-z, kind="stable")[:top_k]
            for name, values in (("top_ids", order), ("top_logprobs", lp[order]), ("top_logits", z[order])):
                put(name, s, t, values, (top_k,))
            put("logsumexp", s, t, math.log(np.exp(z).sum()))
            put("logit_mean", s, t, z.mean())
            put("logit_std", s, t, z.std())
            put("entropy", s, t, -(np.exp(lp) * lp).sum())
            put("kl_from_final", s, t, (np.exp(final) * (final - lp)).sum())
            put("kl_to_final", s, t, (np.exp(lp) * (lp - final)).sum())
            put("kl_from_input", s, t, (np.exp(logp[0, t]) * (logp[0, t] - lp)).sum())
            put("kl_to_input", s, t, (np.exp(lp) * (lp - logp[0, t])).sum())
            targets = {
                "next": ids[t + 1] if t + 1 < n else None,
                "final": int(np.argmax(logits[-1, t])),
                "input": ids[t],
            }
            for name, target in targets.items():
                put(f"{name}_logit", s, t, math.nan if target is None else z[target])
                put(f"{name}_logprob", s, t, math.nan if target is None else lp[target])
                put(f"{name}_rank", s, t, 0 if target is None else 1 + int((z > z[target]).sum()))
            if watched:
                w = (len(watched),)
                put("watch_logit", s, t, z[list(watched)], w)
                put("watch_logprob", s, t, lp[list(watched)], w)
                put("watch_rank", s, t, [1 + int((z > z[i]).sum()) for i in watched], w)
    return out
