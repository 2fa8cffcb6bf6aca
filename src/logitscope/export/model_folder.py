"""One model's folder: its graphs, the weights that they share, its tokenizer, and a manifest that says what is what.

Nothing is handed out that was not measured against the model first.
"""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, get_args

import numpy as np
from torch import Tensor

from logitscope.editing.sample import ends_of
from logitscope.errors import InputError, ModelError
from logitscope.export.activations import activations_graph, n_bytes
from logitscope.export.card import browser_card
from logitscope.export.check import (
    LIMIT,
    Differences,
    Passage,
    compare,
    of_halves,
    passages,
    trace_of,
    with_parameters,
)
from logitscope.export.decode import next_graph, require_plain_head
from logitscope.export.exported import HALVED, Exported
from logitscope.export.folder import MADE_BY, new_folder, write, write_json, write_parts
from logitscope.export.forward import forward_graph, in_float64, is_small
from logitscope.export.histogram import histogram_graph
from logitscope.export.nodes import WEIGHTS_FILE, on_processor
from logitscope.export.readout import OUTPUTS, readout_graph
from logitscope.export.tokens import TOKENIZER_FILES, token_table, tokenizer_files
from logitscope.export.weights import Arithmetic, Form, Weights
from logitscope.graph import FAMILIES, Graph, graph_of
from logitscope.graph.build import weights_of
from logitscope.model.model import Model
from logitscope.scope import Scope

__all__ = ["MARKER", "Report", "export_model", "write_model"]

MARKER = "manifest.json"
"""By which a model's folder is known."""

_MOST = 2**31 - 2**20
"""Bytes of weights: what a browser holds in one piece."""

_INSIDE_PARAMETERS = 40_000_000
"""Up to so many the walkthrough's tensors are computed in the page."""

_HALVED_AGAIN = 4.0
"""How many times as far off as here half precision may be in a page: here each product is rounded once, and processors
that add in half precision round each sum."""

_CHECKED = ("next_logprob", "entropy", "kl_from_final", "final_rank")
"""What a page recomputes after loading."""


@dataclass(frozen=True)
class Report:
    """What was written.

    Attributes:
        name: of the model.
        n_bytes: all that a page fetches before it can use the model.
        agreement: the largest differences between the graphs and the model with the exported weights.
        errors: the same between the graphs and the model's own weights in fp32.
        halved: the same of the graph that multiplies in half precision, if it was asked for.
        texts: what was read to measure them.
        manifest: as written.
    """

    name: str
    n_bytes: int
    agreement: Differences
    errors: Differences
    texts: tuple[str, ...]
    manifest: Mapping[str, Any]
    halved: Differences | None = None


def export_model(
    scope: Scope, folder: str | os.PathLike[str], form: Form = "stored", arithmetic: Arithmetic = "fp32"
) -> Report:
    """Writes a model as ONNX graphs with everything that a page needs to use it, whole or not at all.

    Args:
        scope: a model of the GPT-2 or Llama family, loaded in fp32.
        folder: missing, empty, or what an earlier export wrote.
        form: `stored` keeps every number exactly; `fp16` rounds matrices to half precision; `int8` and `int4` keep them
            in blocks of few bits.
        arithmetic: `fp32` computes in fp32, and a small model's stages in float64. With `fp16` graphics processors that
            have half precision multiply by weights in it; all others compute in fp32.

    Raises:
        ModelError: a family that is not known, a model too large, or graphs that do not say what the model says.
        InputError: the folder holds something else, or there is no such form or arithmetic.
        ResourceError: it cannot be written.
    """
    _require_exportable(scope.model)
    with new_folder(folder, MARKER) as partial_folder:
        return write_model(scope, partial_folder, form, arithmetic)


def write_model(scope: Scope, folder: Path, form: Form, arithmetic: Arithmetic = "fp32") -> Report:
    """The same into an empty folder."""
    if arithmetic not in get_args(Arithmetic):
        raise InputError(f'compute="{arithmetic}" was given; it is one of {", ".join(get_args(Arithmetic))}.')
    model, halved = scope.model, arithmetic == "fp16"
    graph = _require_exportable(model)
    weights = Weights(model.hf, form)
    if weights.n_bytes > _MOST:
        raise ModelError(
            f"the weights of {model.name} take {weights.n_bytes / 2**30:.1f} GiB, but a browser holds at most 2 GiB in "
            "one piece. Export with --weights int8 or int4, or a smaller model."
        )
    without = _without(model, graph, form)
    # Whoever asks for half precision wants what graphics processors can do, and they know no float64.
    precise = in_float64(model.hf, weights) and not halved
    graphics = not precise and (halved or not is_small(model.hf))
    makers: dict[str, Callable[[], Any]] = {
        "forward": partial(forward_graph, model.hf, weights, precise),
        "readout": partial(readout_graph, model, weights, wide=not graphics),
        "histogram": partial(histogram_graph, model, weights, wide=not graphics),
        "next": partial(next_graph, model, weights),
    }
    if "graph" not in without:
        makers["activations"] = partial(activations_graph, model.hf, graph, weights)
    if halved:
        makers[HALVED] = partial(forward_graph, model.hf, weights, halved=True)
    graphs, elsewhere = {}, set[str]()
    for name, make in makers.items():
        made = make()
        elsewhere |= set(on_processor(made))
        graphs[name] = write(folder, f"{name}.onnx", made.SerializeToString(deterministic=True))
    with (folder / WEIGHTS_FILE).open("wb") as file:
        digest = hashlib.sha256()
        for content in weights.contents():
            file.write(content)
            digest.update(content)
    texts = passages(scope)
    rounded = None if form == "stored" else weights.rounded()
    agreement, errors, check = _measured(scope, Exported(folder), texts, rounded)
    rounding = _rounding(scope, Exported(folder, halved=True), texts, rounded) if halved else None
    of_rounding = rounding[1] if rounding else None
    (folder / WEIGHTS_FILE).unlink()
    parts = write_parts(folder, "weights", weights.contents())
    tokenizer = {name: write(folder, name, content) for name, content in tokenizer_files(model.tokeniser).items()}
    table = write_json(folder, "token_bytes.json", token_table(model.tokeniser))
    described = None
    if "graph" not in without:
        described = write_json(folder, "graph.json", {"graph": graph.to_dict(), "weights": _places(model, weights)})
    content_hash = model.content_hash if form == "stored" else f"sha256:{digest.hexdigest()}"
    figures = _figures(errors)
    dtype = "float64, logits in float32" if precise else model.dtype
    files = [*graphs.values(), *tokenizer.values(), table, *([described] if described else []), *parts]
    manifest = {
        "version": 1,
        "made_by": f"{MADE_BY} {version('logitscope')}",
        "card": browser_card(
            scope, form, dtype, content_hash, figures, _figures(of_rounding) if of_rounding else None, without
        ),
        "files": files,
        "graphs": graphs,
        "tokenizer": tokenizer[TOKENIZER_FILES[0]],
        "tokenizer_config": tokenizer[TOKENIZER_FILES[1]],
        "token_bytes": table,
        **({"graph": described} if described else {}),
        "weights": {
            "stored": form,
            "computed": "float64" if precise else "float32",
            "graphics": graphics,
            "files": [{"name": WEIGHTS_FILE, "bytes": weights.n_bytes, "parts": parts}],
            "errors": {**figures, "texts": [one.name for one in texts]},
            "agreement": _figures(agreement),
            **({"halved": _tolerated(*rounding)} if rounding else {}),
        },
        "io": _io(model, graph, scope) | {"on_processor": sorted(elsewhere)},
        "header": _header(model, dtype, content_hash),
        "check": check,
    }
    written = write_json(folder, MARKER, manifest)
    n_files = sum(one["bytes"] for one in files) + written["bytes"]
    names = tuple(one.name for one in texts)
    return Report(model.name, n_files, agreement, errors, names, manifest, of_rounding)


def _require_exportable(model: Model) -> Graph:
    """The model's description.

    Raises:
        ModelError: it has none, or something stands between its last stage and its logits that no graph here knows.
    """
    config = model.hf.config
    if config.model_type not in FAMILIES:
        raise ModelError(
            f"{model.name} is a {config.model_type} model, which cannot be exported; those of "
            f"{', '.join(FAMILIES)} can."
        )
    if model.dtype != "float32":
        raise ModelError(f"{model.name} was loaded in {model.dtype}; load it in float32 to export it.")
    try:
        graph = graph_of(config)
    except ModelError as error:
        raise ModelError(f"{model.name} cannot be exported: {error}") from error
    require_plain_head(model)
    return graph


def _without(model: Model, graph: Graph, form: Form) -> dict[str, str]:
    """What the export cannot do, and why."""
    reason = None
    if form in ("int8", "int4"):
        reason = "This export keeps its weights in few bits, and the walkthrough shows them as numbers."
    elif model.n_parameters > _INSIDE_PARAMETERS:
        reason = (
            f"The walkthrough computes every tensor in the page, which is for models of up to "
            f"{_INSIDE_PARAMETERS // 10**6} million parameters; this one has {model.n_parameters / 1e6:,.0f} million."
        )
    return {} if reason is None else dict.fromkeys(("graph", "tile", "explain"), reason)


def _measured(
    scope: Scope, exported: Exported, texts: Sequence[Passage], rounded: Mapping[str, Tensor] | None
) -> tuple[Differences, Differences, dict[str, Any]]:
    """How far the graphs are from the model with these weights, and with its own; and what a page is to find again.

    Raises:
        ModelError: the graphs do not say what the model says.
    """
    with with_parameters(scope.model, rounded):
        agreement = compare(scope, exported, texts)
        check = _check(scope, texts[0], agreement)
    if not max(agreement.logprob, agreement.kl) <= agreement.limit:
        raise ModelError(
            f"the exported graphs of {scope.model.name} differ from the model by {agreement.logprob:.1e} nats in "
            f"log-probabilities and {agreement.kl:.1e} in divergences; at most {agreement.limit:.0e} is let through. "
            "Nothing was written; please report the model."
        )
    errors = agreement if rounded is None else compare(scope, exported, texts)
    return agreement, errors, check


def _rounding(
    scope: Scope, exported: Exported, texts: Sequence[Passage], rounded: Mapping[str, Tensor] | None
) -> tuple[Differences, Differences]:
    """How far multiplying in half precision is from fp32 with these weights, and with the model's own.

    Raises:
        ModelError: numbers leave the range of half precision, or its graph does not say what the model says.
    """
    rounding, errors = of_halves(scope, texts, rounded)
    if not math.isfinite(rounding.logprob + rounding.kl):
        raise ModelError(
            f"numbers inside {scope.model.name} leave the range of half precision (65,504), so it cannot be multiplied "
            "in it. Export with --compute fp32."
        )
    with with_parameters(scope.model, rounded):
        agreement = compare(scope, exported, texts[:1])
    if not max(agreement.logprob, agreement.kl) <= _allowed(rounding):
        raise ModelError(
            f"the exported graph of {scope.model.name} in half precision differs from the model by "
            f"{agreement.logprob:.1e} nats. Nothing was written; please report the model."
        )
    return rounding, errors


def _allowed(rounding: Differences) -> float:
    return max(LIMIT, _HALVED_AGAIN * max(rounding.logprob, rounding.kl))


def _figures(found: Differences) -> dict[str, float]:
    return {"logprob": found.logprob, "kl": found.kl, "mean": found.mean}


def _tolerated(rounding: Differences, errors: Differences) -> dict[str, Any]:
    return {"errors": _figures(errors), "tolerance": _allowed(rounding)}


def _check(scope: Scope, text: Passage, agreement: Differences) -> dict[str, Any]:
    trace = trace_of(scope, text.ids)
    return {
        "text": text.text,
        "ids": list(text.ids),
        "stages": list(trace.stages),
        "arrays": {name: [[_json(x) for x in row] for row in trace[name]] for name in _CHECKED},
        "tolerance": agreement.limit,
    }


def _json(value: Any) -> float | int | None:
    if isinstance(value, (int, np.integer)):
        return int(value)
    # Nine digits are every fp32 number.
    return float(f"{value:.9g}") if math.isfinite(value) else None


def _places(model: Model, weights: Weights) -> dict[str, Any]:
    """Where each weight of the walkthrough lies: bytes into the file, then elements."""
    found = {}
    for block, window in weights_of(model.hf).items():
        name, element = weights.place(window)
        stored = weights[name]
        found[block] = {
            "file": WEIGHTS_FILE,
            "offset": stored.offset + element * stored.numbers.element_size(),
            "dtype": stored.dtype,
            "shape": list(window.shape),
            "strides": list(window.stride()),
        }
    return found


def _io(model: Model, graph: Graph, scope: Scope) -> dict[str, Any]:
    bos = model.tokeniser.hf.bos_token_id
    sizes = graph.sizes
    said: dict[str, Any] = {name: sizes[name] for name in ("n_blocks", "n_key_heads", "d_head", "d_model")}
    said |= {
        "n_rows": model.anatomy.n_vocab,
        "stages": list(scope.stages(subblocks=True)),
        "eos_ids": sorted(ends_of(model)),
        "bos_id": None if bos is None else int(bos),
        "readout_outputs": list(OUTPUTS),
        "activation_bytes": [n_bytes(graph, n) for n in (1, sizes["context"])],
    }
    return said


def _header(model: Model, dtype: str, content_hash: str) -> dict[str, Any]:
    packages = ("logitscope", "torch", "transformers", "tokenizers", "onnx", "onnxruntime")
    return {
        "model": model.name,
        "model_class": model.anatomy.model_class,
        "dtype": dtype,
        "revision": model.revision,
        "content_hash": content_hash,
        "self_check": model.check.figure,
        "last_stage": model.anatomy.last_stage,
        "length_dependent": model.length_dependent,
        "versions": {package: version(package) for package in packages},
    }
