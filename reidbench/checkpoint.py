"""Checkpoints: written atomically, read without unpickling, and refused if they belong to something else."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from reidbench.errors import CheckpointError
from reidbench.files import replacing

FORMAT_VERSION = 1


def save_checkpoint(path: Path, fingerprint: str, contents: Mapping[str, Any]) -> None:
    """Write tensors, numbers, strings and containers of these, with the fingerprint of their owner."""
    with replacing(path) as temporary:
        torch.save({"format_version": FORMAT_VERSION, "fingerprint": fingerprint, **contents}, temporary)


def load_checkpoint(path: Path, fingerprint: str, *, device: str = "cpu") -> dict[str, Any] | None:
    """Return what was saved, or None if there is no checkpoint.

    Raises:
        CheckpointError: the file is damaged, or has another format or fingerprint; the message names both.
    """
    if not path.exists():
        return None
    try:
        contents: dict[str, Any] = torch.load(path, map_location=device, weights_only=True)
        found = (contents["format_version"], contents["fingerprint"])
    except Exception as error:
        raise CheckpointError(
            f"cannot read checkpoint {path}: {_summarize_error(error)}; delete it to start again"
        ) from error
    if found != (FORMAT_VERSION, fingerprint):
        raise CheckpointError(
            f"checkpoint {path} must have fingerprint {fingerprint} (format {FORMAT_VERSION}), got {found[1]} "
            f"(format {found[0]}); delete it or restore its settings"
        )
    return contents


def _summarize_error(error: Exception) -> str:
    return " ".join(str(error).split())[:120] or type(error).__name__
