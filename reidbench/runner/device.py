"""Choice of the torch device."""

from __future__ import annotations

import re

import torch

from reidbench.errors import ConfigError, quote


def resolve_device(name: str) -> str:
    """Return "cpu" or "cuda:N" for auto, cpu, cuda or cuda:N.

    Raises:
        ConfigError: the name is invalid, or the machine has no such device.
    """
    available = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if name == "auto":
        return "cuda:0" if available else "cpu"
    if name == "cpu":
        return name
    match = re.fullmatch(r"cuda(?::(\d+))?", name)
    if match is None:
        raise ConfigError(f"--device must be auto, cpu, cuda or cuda:N, got {quote(name)}")
    number = int(match[1] or 0)
    if number >= available:
        raise ConfigError(
            f"--device must be auto, cpu or one of {available} CUDA devices of this machine, got {quote(name)}"
        )
    return f"cuda:{number}"
