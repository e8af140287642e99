"""The errors of reidbench and the exit code of each.

    ReidbenchError                      exit 2
    ├── UnknownNameError                an unknown method, protocol, dataset or preset
    ├── ConfigError                     a setting that does not exist or is out of range
    ├── ProtocolError                   an invalid protocol file
    ├── DatasetError                    a dataset folder that does not have the layout
    │   ├── DatasetNotFoundError        a missing dataset folder
    │   └── FrameError                  a frame that cannot be read
    ├── WeightsError                    missing or incompatible pretrained weights
    ├── CheckpointError                 a damaged checkpoint, or one of another configuration
    ├── RecordError                     a file that is not a readable record
    ├── FeatureError                    features or labels that cannot be evaluated
    ├── CacheError                      a damaged or unusable cache
    └── PluginError                     a plugin failed or returned invalid values; exit 3

A message is one line: what failed, where, the value received, and what to do.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path
from typing import ClassVar


class ReidbenchError(Exception):
    """Base of all errors that end a command with one clear message."""

    exit_code: ClassVar[int] = 2


class UnknownNameError(ReidbenchError):
    """An unknown name; `name` holds it."""

    def __init__(self, kind: str, name: str, known: Iterable[str], *, listed_by: str, hint: str = "") -> None:
        self.name = name
        known = sorted(known)
        near = difflib.get_close_matches(name, known, n=3, cutoff=0.4)
        guess = f" Did you mean {', '.join(near)}?" if near else ""
        super().__init__(f"unknown {kind} '{name}'.{guess} Run `{listed_by}` to list all{hint}.")


class ConfigError(ReidbenchError):
    """A setting does not exist or has a value that is not allowed."""


class ProtocolError(ReidbenchError):
    """A protocol file is invalid or does not fit its dataset."""


class DatasetError(ReidbenchError):
    """A dataset folder does not have the layout of the dataset."""


class DatasetNotFoundError(DatasetError):
    """The folder of a dataset is missing; `path` holds the path that was searched."""

    def __init__(self, dataset: str, path: Path, *, access: str) -> None:
        self.path = path
        super().__init__(
            f"dataset '{dataset}' not found at {path}: set --data-root or REIDBENCH_DATA, "
            f"or try --synthetic. How to obtain it: {access}"
        )


class FrameError(DatasetError):
    """A frame cannot be read; `path` holds the path of the file."""

    def __init__(self, path: Path, reason: str) -> None:
        self.path = path
        super().__init__(f"cannot read frame {path}: {reason}; restore the file from the dataset's archive")


class WeightsError(ReidbenchError):
    """Pretrained weights are missing or incompatible with the network."""


class CheckpointError(ReidbenchError):
    """A checkpoint is damaged or belongs to another configuration."""


class FeatureError(ReidbenchError):
    """Features, labels or distances that cannot be evaluated."""


class RecordError(ReidbenchError):
    """A file is not a record that this release can read."""


class CacheError(ReidbenchError):
    """The cache is damaged or cannot be used."""


class PluginError(ReidbenchError):
    """A plugin failed or returned invalid values."""

    exit_code = 3
