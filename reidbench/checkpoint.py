"""Checkpoints: cache entries of torch, read without unpickling, and refused if they belong to something else."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from reidbench.entries import read_entry, write_entry
from reidbench.errors import CheckpointError, PluginError, describe_error

FORMAT_VERSION = 2


def save_checkpoint(path: Path, fingerprint: str, contents: Mapping[str, Any]) -> None:
    """Write tensors, numbers, strings and containers of these, with the fingerprint of their owner.

    The written bytes are read back first, so nothing that cannot be loaded replaces a checkpoint.

    Raises:
        PluginError: the contents have a value of another type.
        CacheError: the file cannot be written.
    """
    buffer = io.BytesIO()
    try:
        torch.save({"format_version": FORMAT_VERSION, "fingerprint": fingerprint, **contents}, buffer)
        _load(buffer.getvalue(), "cpu")
    # torch and pickle raise many types of errors for objects that they cannot save or load.
    except Exception as error:
        raise PluginError(
            f"cannot save checkpoint {path}: {_find_unsupported(contents) or describe_error(error)}; use tensors, "
            "numbers, strings and containers of these"
        ) from error
    write_entry(path, buffer.getvalue())


def load_checkpoint(path: Path, fingerprint: str, *, device: str = "cpu") -> dict[str, Any] | None:
    """Return what was saved, or None if there is no checkpoint or a damaged one, which is named and removed.

    Raises:
        CheckpointError: the file has another format or fingerprint; the message names both.
        CacheError: the file cannot be read.
    """
    contents = read_entry(path, lambda payload: _parse(payload, device))
    if contents is None:
        return None
    found = (contents["format_version"], contents["fingerprint"])
    if found != (FORMAT_VERSION, fingerprint):
        raise CheckpointError(
            f"checkpoint {path} must have fingerprint {fingerprint} (format {FORMAT_VERSION}), got {found[1]} "
            f"(format {found[0]}); delete it or restore its settings"
        )
    return contents


def _parse(payload: bytes, device: str) -> dict[str, Any]:
    """Return the contents of a checkpoint.

    Raises:
        ValueError: torch cannot read it.
    """
    try:
        return _load(payload, device)
    except MemoryError:
        raise
    # torch raises many types of errors for files that it did not write.
    except Exception as error:
        raise ValueError(describe_error(error)) from error


def _load(payload: bytes, device: str) -> dict[str, Any]:
    contents: dict[str, Any] = torch.load(io.BytesIO(payload), map_location=device, weights_only=True)
    return contents


def _find_unsupported(value: Any, name: str = "") -> str | None:
    """Return the name and type of the first value that a checkpoint cannot contain; None if there is no such value."""
    if isinstance(value, Mapping):
        items: Any = value.items()
    elif isinstance(value, (list, tuple)):
        items = enumerate(value)
    # Subclasses of numbers, such as those of NumPy, are objects.
    elif isinstance(value, torch.Tensor) or type(value) in (type(None), str, bytes, bool, int, float):
        return None
    else:
        return f"{name} is of type {type(value).__module__}.{type(value).__qualname__}"
    found = (_find_unsupported(inner, f"{name}[{key!r}]" if name else str(key)) for key, inner in items)
    return next((text for text in found if text is not None), None)
