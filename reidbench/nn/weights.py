"""Pretrained weights of torchvision's networks: published ones, a file, or none; never unpickled."""

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

# what reading weights can raise: absent or unreachable, cut short, of another hash, of other content
_UNREADABLE = (OSError, EOFError, RuntimeError, ValueError, pickle.UnpicklingError)


def read_weights(source: str, published: Any) -> Weights | None:
    """Return a state dict, or None for "none".

    Args:
        source: "imagenet", "none", or the path of a file with a state dict.
        published: torchvision's entry that "imagenet" stands for, such as `ResNet50_Weights.IMAGENET1K_V1`.

    Raises:
        WeightsError: the weights cannot be fetched or read, or are no state dict.
    """
    if source == "none":
        return None
    return _read_published(published) if source == "imagenet" else _read_file(source)


def weights_digest(source: str, published: Any) -> str | None:
    """Return what identifies weights: a published name, a file's SHA-256, or None for "none".

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
        raise WeightsError(f"weights cannot be read from {source} ({_one_line(error)})") from error


def load_strictly(network: nn.Module, weights: Weights, *, source: str, name: str) -> None:
    """Load a state dict whose names and shapes are exactly those of a network.

    Args:
        network: of torchvision.
        weights: what `read_weights` returned.
        source: where they came from, for the message.
        name: of the network, for the message.

    Raises:
        WeightsError: they do not fit; the message counts and names what is missing, unknown or of another shape.
    """
    expected = {key: value.shape for key, value in network.state_dict().items()}
    given = {key: value.shape for key, value in weights.items()}
    wrong = {
        "missing": sorted(expected.keys() - given.keys()),
        "unknown": sorted(given.keys() - expected.keys()),
        "of another shape": sorted(key for key in expected.keys() & given if expected[key] != given[key]),
    }
    found = [f"{len(names)} {kind} ({', '.join(names[:3])})" for kind, names in wrong.items() if names]
    if found:
        raise WeightsError(
            f"weights {source} do not fit torchvision's {name}: {', '.join(found)}; "
            "give the state dict of the whole network"
        )
    network.load_state_dict(weights)


def _read_published(published: Any) -> Weights:
    try:
        weights: Weights = published.get_state_dict(
            progress=sys.stderr.isatty(), check_hash=True, map_location="cpu", weights_only=True
        )
    except _UNREADABLE as error:
        place = Path(torch.hub.get_dir(), "checkpoints", Path(published.url).name)
        raise WeightsError(
            f"ImageNet weights ({published}) are neither at {place} nor to be had from {published.url} "
            f"({_one_line(error)}): download them elsewhere and --set weights=PATH, or --set weights=none"
        ) from error
    return weights


def _read_file(path: str) -> Weights:
    try:
        weights = torch.load(Path(path), map_location="cpu", weights_only=True)
    except _UNREADABLE as error:
        raise WeightsError(
            f"weights cannot be read from {path} ({_one_line(error)}): "
            f"--set weights= takes imagenet, none, or the path of a torchvision state dict"
        ) from error
    if not isinstance(weights, dict) or not all(isinstance(value, Tensor) for value in weights.values()):
        raise WeightsError(
            f"weights {path} hold no state dict of tensors: save network.state_dict() of torchvision's"
        )
    return weights


def _one_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
