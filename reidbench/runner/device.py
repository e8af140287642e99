"""Which device a run takes."""

from __future__ import annotations

import re

import torch

from reidbench.errors import ConfigError


def resolve_device(wish: str) -> str:
    """Return "cpu" or "cuda:N" for auto, cpu, cuda or cuda:N.

    Raises:
        ConfigError: the wish is malformed, or the device is not there.
    """
    available = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if wish == "auto":
        return "cuda:0" if available else "cpu"
    if wish == "cpu":
        return wish
    match = re.fullmatch(r"cuda(?::(\d+))?", wish)
    if match is None:
        raise ConfigError(f"--device must be auto, cpu, cuda or cuda:N, got '{wish}'")
    number = int(match[1] or 0)
    if number >= available:
        raise ConfigError(
            f"--device {wish}: this machine has {available} CUDA devices; use --device auto or cpu"
        )
    return f"cuda:{number}"
