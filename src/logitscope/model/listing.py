"""What models there are, and what one is made of, as lines of text.

Loads no torch: a model that is described has been loaded by whoever asks.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from logitscope.errors import ModelError
from logitscope.model.embedded import DEFAULT, EMBEDDED, PREFIX, embedded_folder

if TYPE_CHECKING:
    from torch import nn

    from logitscope.model.anatomy import Block
    from logitscope.model.model import Model

__all__ = ["describe", "notes", "overview"]


def overview() -> list[str]:
    """The embedded models and the causal language models in the local hub cache."""
    lines = ["embedded in this package"]
    for name, what in EMBEDDED.items():
        try:
            size = _size(_bytes_of(embedded_folder(PREFIX + name).glob("*.safetensors")))
        except ModelError:
            size = "missing"
        default = " (default)" if PREFIX + name == DEFAULT else ""
        lines.append(f"  {PREFIX + name:<16} {size:>9}  {what.removesuffix('; the default')}{default}")
    cached = list(_cached())
    lines += ["", "in the local hub cache" if cached else "in the local hub cache: none"]
    width = max((len(name) for name, _, _ in cached), default=0)
    lines += [f"  {name:<{width}}  {size:>9}  {what}" for name, size, what in cached]
    lines += ["", "any other: a hub id such as openai-community/gpt2, or a folder with config.json and safetensors"]
    return lines


def _cached() -> Iterable[tuple[str, str, str]]:
    from huggingface_hub import scan_cache_dir
    from huggingface_hub.errors import CacheNotFound

    try:
        repositories = scan_cache_dir().repos
    except (CacheNotFound, OSError):
        return
    for repository in sorted(repositories, key=lambda r: r.repo_id):
        revision = max(repository.revisions, key=lambda r: r.last_modified, default=None)
        if repository.repo_type != "model" or revision is None:
            continue
        files = {f.file_name: f for f in revision.files}
        architectures = _architectures(files["config.json"].file_path) if "config.json" in files else ()
        if not any("CausalLM" in a or "LMHead" in a for a in architectures):
            continue
        weights = [f for name, f in files.items() if name.endswith(".safetensors")]
        what = ", ".join(architectures) if weights else "no safetensors weights in the cache"
        yield repository.repo_id, _size(sum(f.size_on_disk for f in weights)), what


def _architectures(config: Path) -> tuple[str, ...]:
    """What a config.json names; nothing where it is none: a cache holds whatever somebody uploaded."""
    try:
        config_of = json.loads(config.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return ()
    named = config_of.get("architectures") if isinstance(config_of, dict) else None
    return tuple(name for name in named if isinstance(name, str)) if isinstance(named, list) else ()


def describe(model: Model) -> list[str]:
    """The anatomy as a tree with shapes and parameter counts, the stages and the self-check figure."""
    a, check = model.anatomy, model.check
    origin = f", revision {model.revision}" if model.revision else ""
    window = f"{a.context_window:,} tokens" if a.context_window else "any number of tokens"
    vocabulary = f"vocabulary {model.n_tokens:,}{_padding(model)}"
    lines = [
        f"{model.name}: {a.model_class}, {model.n_parameters:,} parameters, {model.dtype} on {model.device}{origin}",
        f"  d_model {a.d_model:,} · {a.n_blocks} blocks · {vocabulary} · reads {window}",
        "",
        f"  embed          what enters block 0{_of(model.hf.get_input_embeddings(), 'token embedding')}",
    ]
    for blocks in _alike(a.blocks):
        lines += _block_lines(blocks)
    for path, module in zip(a.tail_paths, a.tail, strict=True):
        role = "final norm" if a.norm_index is not None and module is a.tail[a.norm_index] else "projection"
        lines.append(f"  {role:<14} {path} {_shape(module)}")
    tied = ", tied to the token embedding" if a.tied else ""
    lines.append(f"  {'head':<14} {a.head_path} {_shape(a.head)}{tied}")
    if a.multiplier != 1:
        lines.append(f"  {'multiplier':<14} logits × {a.multiplier:g}")
    if a.softcap is not None:
        lines.append(f"  {'softcap':<14} {a.softcap:g} · tanh(logits / {a.softcap:g})")
    stages = a.stages(subblocks=True)
    shown = stages if len(stages) <= 12 else (*stages[:5], "…", *stages[-3:])
    lines += [
        "",
        f"  stages         {' '.join(shown)}  ({len(stages)} in all)",
        *(f"  note           {note}" for note in notes(model)),
        f"  self-check     {check.figure:.1e}  (logits {check.logits:.1e}, blocks {check.blocks:.1e}, "
        f"residual sums {check.residual:.1e}, later tokens {check.causal:.1e})",
    ]
    return lines


def notes(model: Model) -> Iterable[str]:
    """What a reader of the model's numbers should know besides, a line each."""
    kinds = {b.kind for b in model.anatomy.blocks}
    if "parallel" in kinds:
        yield "attention and MLP read the same input in parallel: there are no stages i.attn"
    if "post-norm" in kinds:
        yield "normalised after each residual add: i.attn is what the MLP reads; no residual sums"
    if "opaque" in kinds:
        yield "some blocks could not be split into attention and MLP: they have no stage i.attn"
    if model.length_dependent:
        yield "rotary scaling depends on the length: appending text changes earlier numbers"


def _block_lines(blocks: list[Block]) -> list[str]:
    first, last = blocks[0], blocks[-1]
    name = f"block {first.index}" if first is last else f"blocks {first.index}-{last.index}"
    each = "" if first is last else " each"
    lines = [f"  {name:<14} {type(first.module).__name__}, {first.kind}, {_count(first.module):,} parameters{each}"]
    parts = [("attention", first.attention, "attn"), ("mlp", first.mlp, "mlp")]
    for number, (role, sublayer, _) in enumerate(parts):
        if sublayer is None:
            continue
        branch = "└─" if number == len(parts) - 1 else "├─"
        extra = f" × {sublayer.multiplier:g}" if sublayer.multiplier != 1 else ""
        inner = _sublayer_module(first, sublayer.name)
        lines.append(f"  {'':<14} {branch} {role:<9} {sublayer.name}{extra}, {_count(*inner):,} parameters")
        lines += [
            f"  {'':<14} {'  ' if branch == '└─' else '│ '}    {line}"
            for line in _matrices(first.module, sublayer.name)
        ]
    return lines


def _sublayer_module(block: Block, name: str) -> list[nn.Module]:
    return [block.module.get_submodule(part) for part in name.split(" + ")]


def _matrices(block: nn.Module, name: str) -> Iterable[str]:
    for part in name.split(" + "):
        for path, parameter in block.get_submodule(part).named_parameters():
            if parameter.ndim >= 2:
                yield f"{part}.{path} [{' × '.join(f'{n:,}' for n in parameter.shape)}]"


def _alike(blocks: Iterable[Block]) -> list[list[Block]]:
    """Neighbouring blocks of the same class, kind and shapes."""
    groups: list[list[Block]] = []
    for block in blocks:
        if groups and _signature(groups[-1][-1]) == _signature(block):
            groups[-1].append(block)
        else:
            groups.append([block])
    return groups


def _signature(block: Block) -> tuple[Any, ...]:
    shapes = tuple((path, tuple(p.shape)) for path, p in block.module.named_parameters())
    return type(block.module), block.kind, shapes


def _padding(model: Model) -> str:
    padding = model.anatomy.n_vocab - model.n_tokens
    return f" (+ {padding:,} rows of padding)" if padding > 0 else ""


def _of(module: nn.Module, what: str) -> str:
    return f"; {what} {_shape(module)}"


def _shape(module: nn.Module) -> str:
    shapes = [f"[{' × '.join(f'{n:,}' for n in p.shape)}]" for _, p in module.named_parameters(recurse=False)]
    return f"{type(module).__name__} {' '.join(shapes) or 'without parameters'}"


def _count(*modules: nn.Module) -> int:
    return sum(p.numel() for module in modules for p in module.parameters())


def _bytes_of(files: Iterable[Path]) -> int:
    return sum(f.stat().st_size for f in files)


def _size(n_bytes: int) -> str:
    if n_bytes <= 0:
        return "-"
    power = min(int(math.log(n_bytes, 1000)), 4)
    return f"{n_bytes / 1000**power:.3g} {('B', 'kB', 'MB', 'GB', 'TB')[power]}"
