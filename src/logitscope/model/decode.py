"""From a vector of the residual stream to logits: final norm, head, multiplier, softcap, each once.

Knows the Anatomy; knows nothing of texts, stages or statistics.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from logitscope.errors import InputError, ModelError
from logitscope.model.anatomy import Anatomy
from logitscope.model.running import device_of, exact_products, present

__all__ = ["Decoder", "Norm", "NormForm", "head_logits", "norm_form", "plain_norm"]

Norm = Literal["final", "plain", "none"]


@dataclass(frozen=True)
class Decoder:
    """Decodes vectors of any stage with the model's own final norm and head.

    Attributes:
        anatomy: of the model.
        n_tokens: rows of the head that the tokenizer knows; the rest is padding.
        norm: `final` (the model's own), `plain` (normalised, without learned scale and shift, as the logit-lens post
            of nostalgebraist, 2020, plotted it) or `none` (straight onto the output matrix).
    """

    anatomy: Anatomy
    n_tokens: int
    norm: Norm = "final"
    _plain: Callable[[Tensor], Tensor] | None = field(default=None, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.norm not in get_args(Norm):
            raise InputError(f'norm="{self.norm}" was given; it is "final", "plain" or "none".')
        if self.norm == "plain" and self.anatomy.norm_index is None:
            raise InputError(
                f'{self.anatomy.model_class} has no final norm, so norm="plain" does not exist. Use "final".'
            )

        norm = None if self.anatomy.norm_index is None else self.anatomy.tail[self.anatomy.norm_index]
        plain = plain_norm(norm, self.anatomy.d_model) if norm is not None and self.norm == "plain" else None
        object.__setattr__(self, "_plain", plain)

    @torch.no_grad()
    def normalise(self, vectors: Tensor) -> Tensor:
        """What the head reads for vectors `[..., d_model]` of the residual stream, in fp32, where the head is.

        The model's own norm works in the weights' type, as in its own forward pass; its statistics are those of the
        vectors given.
        """
        x = vectors
        with exact_products(self.anatomy.device):
            for index, module in enumerate(self.anatomy.tail):
                if index != self.anatomy.norm_index or self.norm == "final":
                    x = module(x.to(device_of(module) if any(True for _ in module.parameters()) else x.device))
                elif self._plain is not None:
                    x = self._plain(x)
        return x.to(self.anatomy.device).float()

    @torch.no_grad()
    def logits(self, vectors: Tensor) -> Tensor:
        """All logits `[..., vocab]` of a few vectors `[..., d_model]`, in fp32. The readout works by tiles instead."""
        x = self.normalise(vectors)
        return head_logits(self.anatomy, x)


def head_logits(anatomy: Anatomy, x: Tensor) -> Tensor:
    """Head, multiplier and softcap, in fp32, of what the head reads."""
    bias = anatomy.bias
    with exact_products(anatomy.device):
        z = F.linear(x.to(anatomy.device).float(), anatomy.weight.float(), None if bias is None else bias.float())
    z = z * anatomy.multiplier
    return z if anatomy.softcap is None else anatomy.softcap * torch.tanh(z / anatomy.softcap)


@dataclass(frozen=True)
class NormForm:
    """A norm written out: `shift + scale · x / √(mean of x² + eps)`, where x is h, or h less its mean.

    Attributes:
        centred: x is h less its mean (a layer norm), not h itself (an RMS norm).
        eps: added to the mean of squares.
        scale: learned, in fp32, an offset that the module adds to it included; None where there is none.
        shift: learned, in fp32; None where there is none.
    """

    centred: bool
    eps: float
    scale: Tensor | None
    shift: Tensor | None

    def plain(self, x: Tensor) -> Tensor:
        """Normalised, without scale and shift, in the type of `x`."""
        return _layer_norm(x, self.eps) if self.centred else _rms_norm(x, self.eps)


@torch.no_grad()
def norm_form(module: nn.Module, d_model: int) -> NormForm | None:
    """What a norm does, found by comparing it with both kinds; None if it is neither."""
    eps = next((v for k in ("eps", "variance_epsilon", "layer_norm_epsilon") if (v := getattr(module, k, None))), 1e-5)
    weight, bias = present(module, "weight"), present(module, "bias")
    dtype = torch.float32 if weight is None else weight.dtype
    # Rows of different means: a centred probe could not tell the two kinds apart.
    probe = torch.linspace(-1, 3, 4 * d_model, device=device_of(module)).reshape(4, -1).to(dtype)
    wanted = module(probe).float()
    limit = (1e-4 if dtype == torch.float32 else 3e-2) * wanted.abs().max().clamp(min=1)
    for centred in (True, False):
        for offset in (0.0, 1.0):  # Gemma and Nemotron store their scale less one.
            scale = None if weight is None else weight.float().to(wanted.device) + offset
            shift = None if bias is None else bias.float().to(wanted.device)
            form = NormForm(centred, eps, scale, shift)
            scaled = form.plain(probe.float())
            scaled = scaled if scale is None else scaled * scale
            scaled = scaled if shift is None else scaled + shift
            if (scaled - wanted).abs().max() <= limit:
                return form
    return None


def plain_norm(module: nn.Module, d_model: int) -> Callable[[Tensor], Tensor]:
    """The normalisation of a module without its learned scale and shift.

    Raises:
        ModelError: the module is neither a layer norm nor an RMS norm.
    """
    form = norm_form(module, d_model)
    if form is None:
        raise ModelError(
            f'{type(module).__name__} is neither a layer norm nor an RMS norm, so norm="plain" is unknown. Use "final".'
        )
    return lambda x: form.plain(x.float()).to(x.dtype)


def _layer_norm(x: Tensor, eps: float) -> Tensor:
    return F.layer_norm(x, x.shape[-1:], eps=eps)


def _rms_norm(x: Tensor, eps: float) -> Tensor:
    return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + eps)
