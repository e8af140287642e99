"""Pretrained weights of torchvision's networks: published ones, a file, or none; read without unpickling."""

from __future__ import annotations

import hashlib
import pickle
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from reidbench.errors import WeightsError

Weights = Mapping[str, Tensor]

# Raised for files that are missing, unreachable, truncated, have another hash or other contents.
_UNREADABLE = (OSError, EOFError, RuntimeError, ValueError, pickle.UnpicklingError)


def read_weights(source: str, published: Any) -> Weights | None:
    """Return the state dict of pretrained weights, or None for "none".

    Args:
        source: "imagenet", "none", or the path of a file with a state dict.
        published: torchvision's enum member for "imagenet", for example `ResNet50_Weights.IMAGENET1K_V1`.

    Raises:
        WeightsError: the weights cannot be fetched or read, or are not a state dict.
    """
    if source == "none":
        return None
    return _read_published(published) if source == "imagenet" else _read_file(source)


def weights_digest(source: str, published: Any) -> str | None:
    """Return the identity of pretrained weights: the published name, the SHA-256 of a file, or None for "none".

    Raises:
        WeightsError: the file cannot be read.
    """
    if source == "none":
        return None
    if source == "imagenet":
        return str(published)
    try:
        with Path(source).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise WeightsError(f"cannot read weights from {source}: {_first_line(error)}") from error


def load_strictly(network: nn.Module, weights: Weights, *, source: str, name: str) -> None:
    """Load a state dict whose names and shapes must equal those of a network.

    Args:
        network: a torchvision network.
        weights: the result of `read_weights`.
        source: source of the weights, for the message.
        name: name of the network, for the message.

    Raises:
        WeightsError: they do not fit; the message counts and names entries that are missing, unexpected or misshapen.
    """
    expected = {key: value.shape for key, value in network.state_dict().items()}
    given = {key: value.shape for key, value in weights.items()}
    misfits = {
        "missing": sorted(expected.keys() - given.keys()),
        "unexpected": sorted(given.keys() - expected.keys()),
        "of another shape": sorted(key for key in expected.keys() & given if expected[key] != given[key]),
    }
    problems = [f"{len(names)} {kind} ({', '.join(names[:3])})" for kind, names in misfits.items() if names]
    if problems:
        raise WeightsError(
            f"weights from {source} do not fit torchvision's {name}: {', '.join(problems)}. "
            "Use the state dict of the complete network."
        )
    network.load_state_dict(weights)


def _read_published(published: Any) -> Weights:
    try:
        weights: Weights = published.get_state_dict(
            progress=sys.stderr.isatty(), check_hash=True, map_location="cpu", weights_only=True
        )
    except _UNREADABLE as error:
        path = Path(torch.hub.get_dir(), "checkpoints", Path(published.url).name)
        raise WeightsError(
            f"cannot fetch the ImageNet weights {published} to {path} from {published.url}: {_first_line(error)}. "
            "Download them on another machine and use --set weights=PATH, or use --set weights=none."
        ) from error
    return weights


def _read_file(path: str) -> Weights:
    try:
        weights = torch.load(Path(path), map_location="cpu", weights_only=True)
    except _UNREADABLE as error:
        raise WeightsError(
            f"cannot read weights from {path}: {_first_line(error)}. "
            "weights must be imagenet, none, or the path of a torchvision state dict."
        ) from error
    if not isinstance(weights, dict) or not all(isinstance(value, Tensor) for value in weights.values()):
        raise WeightsError(
            f"weights from {path} must be a state dict of tensors, as saved from network.state_dict() of torchvision"
        )
    return weights


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
