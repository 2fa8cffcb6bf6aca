"""Whether the hub has a model, asked once and without retries, so that being offline costs a moment and not minutes.

Knows the hub and its local cache; loads nothing.
"""

from __future__ import annotations

from pathlib import Path

from huggingface_hub import get_hf_file_metadata, hf_hub_url, try_to_load_from_cache
from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError, RevisionNotFoundError

__all__ = ["must_use_cache", "snapshot"]


def must_use_cache(model: str, revision: str | None) -> bool:
    """Whether a model has to be read from the local cache because the hub cannot be reached.

    Raises:
        Exception: what the hub said, or why it could not be reached, where the cache does not have the model either.
    """
    try:
        get_hf_file_metadata(hf_hub_url(model, "config.json", revision=revision))
    except (GatedRepoError, RepositoryNotFoundError, RevisionNotFoundError):
        raise
    except Exception:
        if snapshot(model, revision) is None:
            raise
        return True
    return False


def snapshot(model: str, revision: str | None) -> Path | None:
    """The folder of the local cache that a model is read from; its name is the commit."""
    config = try_to_load_from_cache(model, "config.json", revision=revision)
    return Path(config).parent if isinstance(config, str) else None
