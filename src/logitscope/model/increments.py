"""What attention and MLP of each block really returned at one position, and the head's directions under a frozen norm.

The product of the two says how much each sublayer added to a token's score. All of it is in float64, on the processor:
it is a few vectors. Knows the Anatomy; knows nothing of texts, readouts or traces.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from logitscope.errors import InputError, ModelError
from logitscope.model.anatomy import Anatomy
from logitscope.model.capture import capture
from logitscope.model.decode import norm_form
from logitscope.model.running import device_of, present

__all__ = ["Directions", "Parts", "frozen", "mean_row", "parts_of", "require_sums"]

_ROWS = 8192
"""Rows of the head that are looked at together."""


@dataclass(frozen=True)
class Parts:
    """The residual stream at one position as the sum that it is.

    Attributes:
        names: `embed`, then each sublayer in the model's order.
        vectors: what each added to the stream, `[part, d_model]` in float64.
        last: the stream after the last block, `[1, d_model]` in the model's own type and place.
    """

    names: tuple[str, ...]
    vectors: Tensor
    last: Tensor


@dataclass(frozen=True)
class Directions:
    """From a vector of the residual stream to scores, while the final norm keeps its statistics: `stream @ rows.T`.

    Attributes:
        rows: `[token, d_model]` in float64.
        constants: what is added whatever the stream holds, `[token]` in float64.
    """

    rows: Tensor
    constants: Tensor


def require_sums(anatomy: Anatomy) -> None:
    """Raises InputError where the residual stream is no sum of what the sublayers returned."""
    for block in anatomy.blocks:
        if block.kind == "post-norm":
            raise InputError(
                f"{anatomy.model_class} normalises the residual stream after each addition, so it is no sum of what "
                'the sublayers returned, and there are no increments. Use the "logit" values.'
            )
        if block.kind == "opaque" or block.attention is None or block.mlp is None:
            raise InputError(
                f"block {block.index} of {anatomy.model_class} could not be split into attention and MLP, so there are "
                'no increments. Use the "logit" values.'
            )


def parts_of(anatomy: Anatomy, ids: Tensor, row: int) -> Parts:
    """Runs the body once and takes the residual stream at one position apart.

    Args:
        anatomy: of the model.
        ids: `[position]` integers, one window of the text.
        row: the position, within the window.

    Raises:
        InputError: the residual stream is no sum.
    """
    require_sums(anatomy)
    stages = anatomy.stages(subblocks=True)
    captured = capture(anatomy, ids, stages, torch.tensor([row]), keep_returned=True)

    def stage(name: str) -> Tensor:
        return captured.vectors[name].cpu().double()

    names, vectors = ["embed"], [stage("embed")]
    for block in anatomy.blocks:
        entry = stage("embed" if block.index == 0 else f"{block.index - 1}.mlp")
        middle = stage(f"{block.index}.attn") if block.has_middle else entry
        for part, sublayer, before in (("attn", block.attention, entry), ("mlp", block.mlp, middle)):
            if sublayer is None:  # require_sums has refused it
                continue
            returned = captured.returned[block.index, part].cpu().double()
            # BLOOM's sublayers hand back the sum; what was theirs is what they made of it.
            vectors.append(returned - before if sublayer.includes_residual else sublayer.multiplier * returned)
            names.append(f"{block.index}.{part}")
    return Parts(tuple(names), torch.cat(vectors), captured.vectors[anatomy.last_stage])


@torch.no_grad()
def frozen(anatomy: Anatomy, last: Tensor, rows: Tensor, offsets: Tensor) -> Directions:
    """The directions of the residual stream that scores are read along, once the final norm is frozen at `last`.

    Args:
        anatomy: of the model.
        last: the stream whose statistics the norm keeps, `[1, d_model]`.
        rows: of the head, `[token, d]` in float64.
        offsets: the head's bias for them, `[token]` in float64.

    Raises:
        ModelError: a module between the last block and the head is no norm and no linear map.
    """
    # What each module of the tail reads when the model makes its own prediction.
    read, steps = last, []
    for index, module in enumerate(anatomy.tail):
        form = norm_form(module, read.shape[-1]) if index == anatomy.norm_index else None
        if form is None and not isinstance(module, nn.Linear):
            raise ModelError(
                f"{anatomy.tail_paths[index]} of {anatomy.model_class} is neither a layer norm, an RMS norm nor a "
                "linear map, so it cannot be frozen."
            )
        steps.append((module, form, read.cpu().double()))
        read = module(read.to(device_of(module) if any(True for _ in module.parameters()) else read.device))
    for module, form, x in reversed(steps):
        if form is None:
            weight, bias = present(module, "weight"), present(module, "bias")
            offsets = offsets if bias is None else offsets + rows @ bias.cpu().double()
            rows = rows if weight is None else rows @ weight.cpu().double()
            continue
        offsets = offsets if form.shift is None else offsets + rows @ form.shift.cpu().double()
        rows = rows if form.scale is None else rows * form.scale.cpu().double()
        deviations = x - x.mean() if form.centred else x
        rows = rows / (deviations.pow(2).mean() + form.eps).sqrt()
        # Taking the mean off what is read is the same as taking it off the direction it is read along.
        rows = rows - rows.mean(-1, keepdim=True) if form.centred else rows
    return Directions(rows * anatomy.multiplier, offsets * anatomy.multiplier)


@torch.no_grad()
def mean_row(anatomy: Anatomy, n_tokens: int) -> tuple[Tensor, Tensor]:
    """The mean of the head's rows `[1, d]`, and of its bias `[1]`, over the tokenizer's vocabulary, in float64."""
    weight, bias = anatomy.weight, anatomy.bias
    # Apple's accelerators have no float64.
    device = torch.device("cpu") if weight.device.type == "mps" else weight.device
    total = torch.zeros(weight.shape[1], dtype=torch.float64, device=device)
    for start in range(0, n_tokens, _ROWS):
        total += weight[start : min(start + _ROWS, n_tokens)].to(device).sum(0, dtype=torch.float64)
    mean = torch.zeros(1, dtype=torch.float64) if bias is None else bias[:n_tokens].double().mean().cpu()[None]
    return total.cpu()[None] / n_tokens, mean
