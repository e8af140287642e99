"""Checkpoints: written whole, read without unpickling, refused when they belong to something else."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from reidbench.errors import CheckpointError
from reidbench.files import replacing

FORMAT_VERSION = 1


def save_checkpoint(path: Path, fingerprint: str, contents: Mapping[str, Any]) -> None:
    """Write tensors, numbers, texts and containers of these, with the fingerprint of what they belong to."""
    with replacing(path) as temporary:
        torch.save({"format_version": FORMAT_VERSION, "fingerprint": fingerprint, **contents}, temporary)


def load_checkpoint(path: Path, fingerprint: str, *, device: str = "cpu") -> dict[str, Any] | None:
    """Return what was saved, or None when there is no checkpoint.

    Raises:
        CheckpointError: the file is damaged, of another format, or belongs to another fingerprint; both are
            named.
    """
    if not path.exists():
        return None
    try:
        contents: dict[str, Any] = torch.load(path, map_location=device, weights_only=True)
        found = (contents["format_version"], contents["fingerprint"])
    except Exception as error:
        raise CheckpointError(
            f"checkpoint {path} is damaged ({_short(error)}); delete it to start again"
        ) from error
    if found != (FORMAT_VERSION, fingerprint):
        raise CheckpointError(
            f"checkpoint {path} belongs to {found[1]} (format {found[0]}), this training is {fingerprint} "
            f"(format {FORMAT_VERSION}); delete it or restore the settings it was made with"
        )
    return contents


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:120] or type(error).__name__
