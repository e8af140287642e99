"""Every error that reidbench raises on purpose, and the exit code each one means.

    ReidbenchError                      exit 2
    ├── UnknownNameError                a method, protocol, dataset or preset nobody registered
    ├── ConfigError                     a setting that does not exist or is out of range
    ├── ProtocolError                   a protocol file that breaks the schema
    ├── DatasetError                    a tree that is not what its layout demands
    │   ├── DatasetNotFoundError        no folder where the dataset should lie
    │   └── FrameError                  a frame that cannot be read
    ├── WeightsError                    pretrained weights that are missing or do not fit
    ├── CheckpointError                 a checkpoint that belongs to another configuration
    ├── RecordError                     a file that is not a record this release can read
    ├── FeatureError                    features or labels that cannot be evaluated
    ├── CacheError                      a damaged or unusable cache
    └── PluginError                     a plugin failed or broke its contract; exit 3

A message is one line: what, where, what came, what to do.
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
    """A name was asked for that nobody registered; `name` holds it."""

    def __init__(self, kind: str, name: str, known: Iterable[str], *, listed_by: str, hint: str = "") -> None:
        self.name = name
        known = sorted(known)
        near = difflib.get_close_matches(name, known, n=3, cutoff=0.4)
        guess = f"; did you mean {', '.join(near)}?" if near else ";"
        super().__init__(f"unknown {kind} '{name}'{guess} `{listed_by}` lists all{hint}")


class ConfigError(ReidbenchError):
    """A setting does not exist or has a value that is not allowed."""


class ProtocolError(ReidbenchError):
    """A protocol file breaks the schema or does not fit its dataset."""


class DatasetError(ReidbenchError):
    """A dataset tree is not what its layout demands."""


class DatasetNotFoundError(DatasetError):
    """No folder lies where the dataset should be; `path` holds the place that was looked at."""

    def __init__(self, dataset: str, path: Path, *, access: str) -> None:
        self.path = path
        super().__init__(
            f"dataset '{dataset}' not found at {path}: set --data-root or REIDBENCH_DATA, "
            f"or try --synthetic; to obtain it: {access}"
        )


class FrameError(DatasetError):
    """A frame cannot be read; `path` holds the file."""

    def __init__(self, path: Path, reason: str) -> None:
        self.path = path
        super().__init__(f"cannot read frame {path}: {reason}; restore the file from the dataset's archive")


class WeightsError(ReidbenchError):
    """Pretrained weights are missing or do not fit the network."""


class CheckpointError(ReidbenchError):
    """A checkpoint belongs to another configuration or is damaged."""


class FeatureError(ReidbenchError):
    """Features, labels or distances that cannot be evaluated."""


class RecordError(ReidbenchError):
    """A file is not a record this release can read."""


class CacheError(ReidbenchError):
    """The cache is damaged or cannot be used."""


class PluginError(ReidbenchError):
    """A plugin failed or broke its contract."""

    exit_code = 3
