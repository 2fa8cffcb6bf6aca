"""What went wrong while loading or running a model, said in one line with what to do about it.

Knows the errors of torch, transformers and the hub; knows nothing of how a model is loaded.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator

import torch

from logitscope.errors import LogitscopeError, ModelError, ResourceError

__all__ = ["plain_load_errors", "plain_memory_errors"]

_NO_MEMORY = re.compile(r"can't allocate memory|not enough memory|out of memory", re.IGNORECASE)
_UNREACHABLE = {
    "ConnectError",
    "ConnectTimeout",
    "ConnectionError",
    "LocalEntryNotFoundError",
    "OfflineModeIsEnabled",
    "ProxyError",
}


@contextlib.contextmanager
def plain_memory_errors(name: str) -> Iterator[None]:
    """Running out of memory below, said in one line; everything else passes through."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if isinstance(error, (MemoryError, torch.OutOfMemoryError)) or _NO_MEMORY.search(str(error)):
            raise ResourceError(
                f"memory ran out with {name}. Use a smaller dtype (bfloat16), a smaller window, fewer stages, "
                'or device_map="auto" to spread it over devices.'
            ) from error
        raise


@contextlib.contextmanager
def plain_load_errors(name: str) -> Iterator[None]:
    """Whatever goes wrong while loading the model of that name, said in one line."""
    try:
        with plain_memory_errors(name):
            yield
    except LogitscopeError:
        raise
    except PermissionError as error:
        raise ResourceError(
            f"{name} cannot be read: permission denied. Ask for the right to read its files."
        ) from error
    except Exception as error:
        raise ModelError(f"{name} {_explain(error)}") from error


def _explain(error: Exception) -> str:
    """What follows the model's name."""
    chain: list[BaseException] = [error]
    while (following := chain[-1].__cause__ or chain[-1].__context__) is not None and following not in chain:
        chain.append(following)
    kinds = {type(e).__name__ for e in chain}
    text = " ".join(str(e) for e in chain).lower()
    if "GatedRepoError" in kinds or "gated repo" in text:
        return "is gated: accept its terms on its hub page, then log in with `hf auth login`."
    if "RevisionNotFoundError" in kinds:
        return "has no such revision on the hub; leave it out, or name a branch, tag or commit."
    if kinds & _UNREACHABLE or "couldn't connect" in text or "offline mode" in text:
        return (
            "is not in the local cache and the hub could not be reached. Connect once to fetch it, give a local "
            "folder, or use embedded:tales."
        )
    if "RepositoryNotFoundError" in kinds or "is not a local folder and is not a valid model identifier" in text:
        return (
            "is neither a folder nor a model on the hub that can be seen from here. Check the spelling, or log in "
            "with `hf auth login` if it is private."
        )
    if "SafetensorError" in kinds or ("safetensor" in text and "header" in text):
        return f"has weights that are damaged or cut short ({_line(error)}). Fetch or copy them again."
    if "does not appear to have a file named" in text and "safetensors" in text:
        return (
            "has no safetensors weights, and pickled ones are not read because unpickling can run any code. "
            "Use a revision with safetensors, or convert it."
        )
    if "trust_remote_code" in text:
        return (
            "needs code of its own to run, which is off. If you have read that code and trust it, pass "
            "--trust-remote-code (trust_remote_code=True)."
        )
    if "accelerate" in text and "device_map" in text:
        return 'needs the accelerate package for device_map: pip install "logitscope[large]".'
    if "FileNotFoundError" in kinds:
        return f"lacks a file ({_line(error)}). Fetch or copy it again."
    return f"could not be loaded: {_line(error).rstrip('.')}."


def _line(error: BaseException) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 240 else f"{text[:237]}..."
