"""A Scope: a model, a lens and the readout, joined; `trace(text)` makes a Trace.

Knows every room below it; knows nothing of drawing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Unpack

import torch

from logitscope.editing import Answer, Change, Fill, Step, ask, fill, replace, sample
from logitscope.editing.blank import BLANK
from logitscope.editing.sample import Method
from logitscope.editing.words import Source, Wanted
from logitscope.graph.activations import Activations
from logitscope.model.embedded import DEFAULT
from logitscope.model.load import load_model
from logitscope.model.model import Model
from logitscope.scope.batches import read_many
from logitscope.scope.following import read_following
from logitscope.scope.increments import read_increments
from logitscope.scope.pieces import first_of, read_pieces
from logitscope.scope.plan import Keywords, plan_trace, tokens_of
from logitscope.scope.reading import read_whole
from logitscope.scope.remembered import Remembered
from logitscope.trace import Trace
from logitscope.trace.increments import Increments

__all__ = ["Scope", "load"]


def load(
    model: Any = DEFAULT,
    *,
    tokenizer: Any = None,
    revision: str | None = None,
    dtype: str | torch.dtype | None = None,
    device: str | torch.device | None = None,
    device_map: Any = None,
    trust_remote_code: bool = False,
) -> Scope:
    """Loads a causal language model, takes it apart, checks it, and returns it ready to be looked into.

    Args:
        model: a hub id, a local folder, `embedded:tales` (default), `embedded:sort`, or a loaded Hugging Face model.
        tokenizer: of a loaded model; or a folder or hub id where the model's own folder has none.
        revision: branch, tag or commit on the hub; the commit stands in every trace.
        dtype: `float32`, `bfloat16`, `float16` or `auto` (the weights' own). Default: float32 on processors, the
            weights' own on accelerators. Logits are fp32 in any case.
        device: such as `cuda` or `cuda:1`; the processor by default.
        device_map: passed to transformers for models larger than one device, such as `auto`.
        trust_remote_code: run code that comes with the model. Off unless named.

    Raises:
        ModelError: it cannot be found, read or understood, or fails the self-check.
        ResourceError: memory ran out.
    """
    return Scope(
        load_model(
            model,
            tokenizer=tokenizer,
            revision=revision,
            dtype=dtype,
            device=device,
            device_map=device_map,
            trust_remote_code=trust_remote_code,
        )
    )


@dataclass(frozen=True)
class Scope:
    """A loaded model ready to be looked into."""

    model: Model

    def __repr__(self) -> str:
        m = self.model
        return f"Scope({m.name}, {m.anatomy.model_class}, {m.anatomy.n_blocks} blocks, self-check {m.check.figure:.1e})"

    def stages(self, *, subblocks: bool = False, embed: bool = True) -> tuple[str, ...]:
        """Names of the stages that exist in this model, in its order.

        Args:
            subblocks: also those after attention, where the model has them.
            embed: also what enters block 0.
        """
        return self.model.anatomy.stages(subblocks=subblocks, embed=embed)

    def trace(
        self,
        text: str | None = None,
        *,
        ids: Sequence[int] | None = None,
        lens: str = "logit",
        norm: str = "final",
        subblocks: bool = False,
        embed: bool = True,
        stages: Sequence[str] | None = None,
        positions: Iterable[int] | slice | None = None,
        top_k: int | None = None,
        watch: Sequence[str | int] | str | int = (),
        histogram: bool = False,
        statistics: Iterable[str] | None = None,
        bos: bool = False,
        window: int | None = None,
        stride: int | None = None,
        progress: Callable[[int, int], None] | None = None,
        prefix: Remembered | None = None,
    ) -> Trace:
        """Reads a text once and reads out every stage at every position.

        Args:
            text: what to read; or `ids`.
            ids: token ids to read instead of a text.
            lens: `logit`, or `tail:N` or `tail:N.mlp`: the last blocks from N on are run on every earlier stage.
            norm: `final`, `plain` (without the learned scale and shift) or `none`.
            subblocks: also the stages after attention, where the model has them.
            embed: also what enters block 0.
            stages: exactly these instead; one that does not exist is an error.
            positions: only these positions of the text, negative ones from its end, or a slice; all by default.
            top_k: how many of the likeliest tokens; 10 by default, fewer if the vocabulary is smaller.
            watch: tokens to follow everywhere, by text (such as " Paris") or id.
            histogram: also the histogram of all logits.
            statistics: only these names of the numeric contract; all by default.
            bos: put the tokenizer's BOS token before the text if its own convention does not.
            window: tokens that the model reads at once; its context by default.
            stride: new tokens per further window of a longer text; half a window by default.
            progress: called with (done, total) positions.
            prefix: what `remember` returned, where nearly the same text is read again and again.

        Raises:
            InputError: something asked for does not exist.
            ResourceError: memory ran out.
        """
        plan = plan_trace(
            self.model, text, ids, lens=lens, norm=norm, subblocks=subblocks, embed=embed, stages=stages,
            positions=positions, top_k=top_k, watch=watch, histogram=histogram, statistics=statistics, bos=bos,
            window=window, stride=stride,
        )  # fmt: skip
        return read_whole(self.model, plan, progress=progress, prefix=prefix)

    def pieces(
        self,
        text: str | None = None,
        *,
        ids: Sequence[int] | None = None,
        progress: Callable[[int, int], None] | None = None,
        cancelled: Callable[[], bool] | None = None,
        prefix: Remembered | None = None,
        first: Iterable[int] | Callable[[], Iterable[int]] | None = None,
        **asked: Unpack[Keywords],
    ) -> Iterator[Trace]:
        """The same as `trace`, a little at a time, so that something can be shown at once.

        First the last stage at every position, then earlier stages down to the first; or, with `first`, all earlier
        stages at the positions that somebody looks at, then at those around them. `logitscope.trace.merge` puts
        pieces together, all of them or those that are there already; each number is that of `trace` but for the order
        in which fp32 products are summed. What was asked for is checked here; the model runs when the first piece is
        taken.

        Args:
            text: what to read; or `ids`.
            ids: token ids to read instead of a text.
            progress: called with (done, total) cells: positions times stages.
            cancelled: asked between the model's blocks and between vocabulary tiles; once it says yes, `Cancelled` is
                raised.
            prefix: what `remember` returned; in use until the last piece was taken or the iterator is closed.
            first: positions of the text that are wanted before all others, in this order, negative ones from its end,
                or a function that says which they are now, asked before every piece; those not asked for are passed
                over. It changes the order alone, and no number.
            asked: further keywords of `trace`.

        Raises:
            InputError: something asked for does not exist.
            ResourceError: memory ran out.
            Cancelled: `cancelled` said so.
        """
        plan = plan_trace(self.model, text, ids, **asked)
        return read_pieces(
            self.model, plan, progress=progress, cancelled=cancelled, prefix=prefix, first=first_of(first)
        )

    def trace_many(
        self,
        texts: Iterable[str] | None = None,
        *,
        ids: Iterable[Sequence[int]] | None = None,
        batch_size: int = 16,
        progress: Callable[[int, int], None] | None = None,
        cancelled: Callable[[], bool] | None = None,
        **asked: Unpack[Keywords],
    ) -> Iterator[Trace]:
        """A trace of each of many texts, in their order, made from several texts at once.

        Texts of like length go together and shorter ones are filled up behind their end, where a causal model does not
        look; whether that holds of this model is tried out first. Each number is that of `trace` but for rounding.
        Texts are taken a few batches at a time, so that there may be any number of them. Those longer than the model's
        context, and those read through a lens that runs blocks, are read one by one.

        Args:
            texts: what to read; or `ids`.
            ids: token ids of each text instead.
            batch_size: how many texts go together at most; fewer where they are long or the model is large.
            progress: called with (done, total) texts; the total is of those seen so far where `texts` has no length.
            cancelled: asked between the model's blocks and between vocabulary tiles; once it says yes, `Cancelled` is
                raised.
            asked: further keywords of `trace`, the same for all.

        Raises:
            InputError: something asked for does not exist; which text it is about is said.
            ResourceError: memory ran out.
            Cancelled: `cancelled` said so.
        """
        return read_many(self.model, texts, ids, asked, batch_size, progress, cancelled)

    def remember(self, limit_mib: float = 256) -> Remembered:
        """A memory to pass as `prefix` to `trace` or `pieces`, so that reading an edited text costs what changed.

        Appending a token costs about as much as reading one, and changing the token at position p costs what the tail
        from p costs. Numbers are those of a fresh trace but for rounding. Where a model cannot be run in parts, its
        `reason` says so: the model then runs on the whole text, but only what changed is read out.

        Args:
            limit_mib: how many MiB may be kept, keys and values included.
        """
        return Remembered(self.model, limit_mib)

    def follow(
        self,
        text: str | None = None,
        position: int = -1,
        *,
        ids: Sequence[int] | None = None,
        progress: Callable[[int, int], None] | None = None,
        **asked: Unpack[Keywords],
    ) -> Trace:
        """A trace of one position that follows the tokens which the whole model ranks highest there.

        It is what `plot.evolution` and, with `histogram=True`, `plot.histogram` draw. Stages after attention are read
        too, unless `subblocks=False`.

        Args:
            text: what to read; or `ids`.
            position: of the text; negative ones count from its end.
            ids: token ids to read instead of a text.
            progress: called with (done, total) positions.
            asked: further keywords of `trace`, such as `top_k` (how many tokens to follow), `norm` and `histogram`.

        Raises:
            InputError: something asked for does not exist.
            ResourceError: memory ran out.
        """
        return read_following(self.model, text, ids, position, asked, progress)

    def increments(
        self,
        text: str | None = None,
        position: int = -1,
        *,
        ids: Sequence[int] | None = None,
        tokens: Sequence[str | int] | str | int = (),
        top_k: int | None = None,
        bos: bool = False,
        window: int | None = None,
        stride: int | None = None,
    ) -> Increments:
        """What each sublayer added to the scores of some tokens at one position, under one frozen final norm.

        Each increment is measured from what attention or the MLP really returned. The embedding's share, the increments
        and a constant (the shift of the final norm, the head's bias) add up to the model's own score.

        Args:
            text: what to read; or `ids`.
            position: of the text; negative ones count from its end.
            ids: token ids to read instead of a text.
            tokens: whose scores, by text (such as " Paris") or id; by default those that the model ranks highest here.
            top_k: how many of these; 10 by default, fewer if the vocabulary is smaller.
            bos: put the tokenizer's BOS token before the text if its own convention does not.
            window: tokens that the model reads at once; its context by default.
            stride: new tokens per further window of a longer text; half a window by default.

        Raises:
            InputError: something asked for does not exist, or the model's residual stream is no sum.
            ResourceError: memory ran out.
        """
        return read_increments(
            self.model, text, ids, position, tokens, top_k=top_k, bos=bos, window=window, stride=stride
        )

    def activations(
        self, text: str | None = None, *, ids: Sequence[int] | None = None, bos: bool = False, limit_mib: float = 512
    ) -> Activations:
        """Every tensor of the model reading one text, for whoever wants to see how a number came about.

        Nothing is computed before it is asked for: `run.block("0.attn.pattern")`; and `logitscope.graph.explain` says
        how one cell of it came about. Numbers are fp32, whatever the weights' type.

        Args:
            text: what to read, at most the model's context; or `ids`.
            ids: token ids to read instead of a text.
            bos: put the tokenizer's BOS token before the text if its own convention does not.
            limit_mib: of computed tensors held at once.

        Raises:
            InputError: a text that does not fit.
            ModelError: a family whose computation is not described; there are GPT-2, Llama, Mistral, Qwen2 and Qwen3.
        """
        tokens, _ = tokens_of(self.model, text, ids, bos)
        return Activations(self.model.hf, tokens.ids.tolist(), limit_mib)

    def replace(
        self,
        source: Source,
        position: int | str,
        token: Wanted,
        *,
        remove: int | None = None,
        bos: bool = False,
        prefix: Remembered | None = None,
    ) -> Change:
        """Replaces tokens by others, keeps the rest as ids, and says what that did to the bits of every later token.

        Args:
            source: a text, token ids, or a trace; one that holds the last stage's likelihoods is not made again.
            position: the first token to be replaced, negative from the end; or the exact text of one or more tokens,
                which stands there once.
            token: what stands there instead: a text, which may become several tokens, or be empty; an id; or ids.
            remove: how many tokens it replaces; 1 by default, or as many as the text given as `position`; 0 inserts.
            bos: put the BOS token first if it is not there.
            prefix: what `remember` returned, where one text is edited again and again.

        Raises:
            InputError: there is no such token, or nothing would be left.
        """
        made = partial(self.trace, prefix=prefix)
        return replace(self.model, source, position, token, remove=remove, bos=bos, trace=made)

    def sample(
        self,
        source: Source,
        *,
        n: int = 50,
        method: Method = "greedy",
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
        seed: int = 0,
        first: Wanted | None = None,
        stop_at_eos: bool = True,
        bos: bool = False,
        cancelled: Callable[[], bool] | None = None,
    ) -> Iterator[Step]:
        """Goes on with a text, token by token, each as soon as it is there; closing the iterator ends the work.

        Each step says the token, what the model gave it before any rule (`logprob`, `rank`, `entropy`), and the
        probability with which it was drawn after all of them (`prob`). It ends after `n` tokens, at the model's
        end-of-text token, or where the text fills the model's window; the last step says which.

        Args:
            source: a text, token ids, or a trace; an empty text where the tokenizer puts BOS first, or with `bos`.
            n: how many tokens at most.
            method: `greedy`, the likeliest each time, or `sample`.
            temperature: above 0; below 1 sharper, above 1 flatter.
            top_k: draw from this many of the likeliest alone; 1 or more.
            top_p: draw from the fewest likeliest that have this much probability together, above 0 and at most 1.
            seed: 0 or more; the same seed draws the same text.
            first: what comes first: a text, an id, or ids; the seed goes on as if it had been drawn.
            stop_at_eos: end at the model's end-of-text token.
            bos: put the BOS token first if it is not there.
            cancelled: asked between the model's blocks; once it says yes, `Cancelled` is raised.

        Raises:
            InputError: an option does not fit, or the text fills the model's window already.
            Cancelled: `cancelled` said so.
        """
        return sample(
            self.model, source, n=n, method=method, temperature=temperature, top_k=top_k, top_p=top_p, seed=seed,
            first=first, stop_at_eos=stop_at_eos, bos=bos, cancelled=cancelled,
        )  # fmt: skip

    def fill(
        self,
        text: str,
        *,
        n: int = 200,
        blank: str = BLANK,
        max_tokens: int = 3,
        bos: bool = False,
        cancelled: Callable[[], bool] | None = None,
    ) -> Fill:
        r"""Fills the blank of a text with likely words, ranked by the probability of the whole text.

        The words are found from what stands before the blank alone: the `n` likeliest tokens, and words of several.
        Then the whole text is read with each in its place. The result says how many were tried and how much of the
        probability they have.

        Args:
            text: with one `____` in it; `\____` stands for underscores.
            n: how many single tokens to try.
            blank: what marks it.
            max_tokens: 1 tries single tokens alone; more also tries words of up to so many tokens.
            bos: put the BOS token first if the tokenizer's own convention does not.
            cancelled: asked between the model's blocks; once it says yes, `Cancelled` is raised.

        Raises:
            InputError: no blank or several, nothing before it, or a text longer than the model reads at once.
            Cancelled: `cancelled` said so.
        """
        return fill(self.model, text, n=n, blank=blank, max_tokens=max_tokens, bos=bos, cancelled=cancelled)

    def ask(
        self,
        source: Source,
        position: int,
        tokens: Wanted | Sequence[Wanted],
        *,
        bos: bool = False,
        cancelled: Callable[[], bool] | None = None,
    ) -> list[Answer]:
        """How likely tokens and words are right after a position, in the order in which they are named.

        A word of several tokens has the product of their probabilities; only a single token has a rank.

        Args:
            source: a text, token ids, or a trace.
            position: of the token that they would follow; negative from the end, -1 for what follows the text.
            tokens: a text or an id; or a list of texts, ids and lists of ids.
            bos: put the BOS token first if it is not there.
            cancelled: asked between the model's blocks; once it says yes, `Cancelled` is raised.

        Raises:
            InputError: something named does not exist, or the text up to there does not fit the model's window.
            Cancelled: `cancelled` said so.
        """
        return ask(self.model, source, position, tokens, bos=bos, cancelled=cancelled)
