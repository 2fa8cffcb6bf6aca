"""A reference distribution: the one that all stages are compared with, kept as one vector per position.

Without a softcap, E_p[z_s] = multiplier · (u · x_s + E_p[b]) with u = E_p[W]: what a distribution expects of any other
stage's logits is one dot product, so KL(reference ‖ stage) needs no second look at the vocabulary. The bias cancels.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from logitscope.readout.logits import Buffer, exponentials_of
from logitscope.readout.reducer import LOWEST

if TYPE_CHECKING:
    from jaxtyping import Float

    from logitscope.readout.state import State

__all__ = ["ExpectedRow", "Reference"]


class ExpectedRow:
    """u = Σ p(v) W[v], summed tile by tile like the values of an attention; float64 across tiles."""

    def __init__(self, n_positions: int, d_model: int, device: torch.device) -> None:
        self._maximum = torch.full((n_positions, 1), LOWEST, dtype=torch.float64, device=device)
        self._total = torch.zeros(n_positions, d_model, dtype=torch.float64, device=device)

    def add(
        self,
        logits: Float[Tensor, "position column"],
        weight: Float[Tensor, "column d_model"],
        scratch: Buffer,
        product: Buffer,
    ) -> None:
        """Take in one more tile of the reference's own logits."""
        peak = logits.amax(-1, keepdim=True).clamp_(min=LOWEST)
        exponentials = exponentials_of(logits, peak, scratch)
        rows = torch.mm(exponentials, weight, out=product.view(*self._total.shape))
        maximum = torch.maximum(self._maximum, peak.double())
        self._total *= (self._maximum - maximum).exp_()
        self._total.addcmul_(rows.double(), (peak - maximum).exp_())
        self._maximum = maximum

    def over(self, exp_sum: Float[Tensor, " position"]) -> Float[Tensor, "position d_model"]:
        """The mean row, given Σ exp(z − m); nothing can be added after that."""
        return self._total.div_(exp_sum.unsqueeze(1))


class Reference:
    """A distribution that has been read to the end.

    Attributes:
        name: of its stage.
        vectors: what the head was given.
        maximum: the largest logit.
        exp_sum: Σ exp(z − maximum).
        row: u = E_p[W], where KL(reference ‖ stage) is found by it.
    """

    def __init__(
        self, name: str, vectors: Float[Tensor, "position d_model"], state: State, row: ExpectedRow | None
    ) -> None:
        self.name = name
        self.vectors = vectors
        self.maximum: Float[Tensor, " position"] = state.maximum[0]
        self.exp_sum: Float[Tensor, " position"] = state.exp_sum[0]
        self.row: Float[Tensor, "position d_model"] | None = None if row is None else row.over(self.exp_sum)

    @property
    def logsumexp(self) -> Float[Tensor, " position"]:
        return self.maximum + self.exp_sum.log()

    def weights(self, logits: Float[Tensor, "position column"], into: Buffer) -> Float[Tensor, "position column"]:
        """exp(logit − maximum) for a tile of the reference's logits."""
        return exponentials_of(logits, self.maximum.float().unsqueeze(1), into)

    def expected_gap(
        self, multiplier: float, vectors: Float[Tensor, "stage position d_model"]
    ) -> Float[Tensor, "stage position"] | None:
        """E_reference[z_reference − z_stage], where the reference keeps its mean row."""
        if self.row is None:
            return None
        own = _dot(self.row, self.vectors)
        return multiplier * torch.stack([own - _dot(self.row, stage) for stage in vectors])


def _dot(a: Float[Tensor, "position d_model"], b: Float[Tensor, "position d_model"]) -> Float[Tensor, " position"]:
    """Row by row in float64, without a product of the size of its factors."""
    return torch.bmm(a.unsqueeze(1), b.double().unsqueeze(2)).flatten()
