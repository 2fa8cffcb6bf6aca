"""Which commit of a model the hub has, asked once and without retries: being offline costs a moment, not minutes.

Knows the hub and its local cache; loads nothing.
"""

from __future__ import annotations

from pathlib import Path

from huggingface_hub import get_hf_file_metadata, hf_hub_url, try_to_load_from_cache
from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError, RevisionNotFoundError

__all__ = ["pinned", "snapshot"]


def pinned(model: str, revision: str | None) -> tuple[str | None, bool]:
    """The commit that a revision stands for, and whether it has to come from the local cache.

    Everything is then loaded from that commit: a branch that moves meanwhile, or another revision that the hub offers
    in its place, cannot slip in.

    Raises:
        Exception: what the hub said, or why it could not be reached, where the cache does not have the model either.
    """
    try:
        return get_hf_file_metadata(hf_hub_url(model, "config.json", revision=revision)).commit_hash, False
    except (GatedRepoError, RepositoryNotFoundError, RevisionNotFoundError):
        raise
    except Exception:
        folder = snapshot(model, revision)
        if folder is None:
            raise
        return folder.name, True


def snapshot(model: str, revision: str | None) -> Path | None:
    """The folder of the local cache that a model is read from; its name is the commit."""
    config = try_to_load_from_cache(model, "config.json", revision=revision)
    return Path(config).parent if isinstance(config, str) else None
