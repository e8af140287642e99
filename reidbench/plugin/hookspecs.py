"""The hooks that a plugin can implement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pluggy

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

    from reidbench.plugin.specs import DatasetSpec, MethodSpec

PROJECT = "reidbench"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def reidbench_methods() -> Sequence[MethodSpec]:  # type: ignore[empty-body]
    """Called when methods are first needed; returns the methods of this plugin.

    A spec names its class as "module:Class", so that listing methods imports no framework. If a method name is
    already taken, the later plugin fails with an error that names both.
    """


@hookspec
def reidbench_datasets() -> Sequence[DatasetSpec]:  # type: ignore[empty-body]
    """Called when datasets are first needed; returns the dataset readers of this plugin.

    Names follow the same rule as those of methods.
    """


@hookspec
def reidbench_protocols() -> Sequence[Traversable]:  # type: ignore[empty-body]
    """Called when protocols are first needed; returns the protocol files (TOML) of this plugin.

    The name of a protocol is its file name without the suffix.
    """


@hookspec
def reidbench_run_start(method: str, protocol: str, fingerprint: str, config: Mapping[str, Any]) -> None:
    """Called when a run or the evaluation of a feature file starts.

    Args:
        method: name of the method.
        protocol: name of the protocol.
        fingerprint: fingerprint of the run, as in its record.
        config: all settings of the method.
    """


@hookspec
def reidbench_epoch_end(
    fingerprint: str, trial: int, seed: int, epoch: int, values: Mapping[str, float]
) -> None:
    """Called when a method reports the values of an epoch with `FitJob.log`.

    A fit that comes from the cache reports nothing. A resumed fit reports the epochs that it still runs.

    Args:
        fingerprint: fingerprint of the run.
        trial: 0-based number of the trial.
        seed: training seed.
        epoch: 0-based number of the epoch.
        values: for example the mean losses of the epoch by name.
    """


@hookspec
def reidbench_trial_end(
    fingerprint: str, trial: int, figures: Mapping[str, float | None], seed: int, cached: bool
) -> None:
    """Called when a trial is finished, for each training seed.

    `reidbench evaluate` calls it for each trial in the file.

    Args:
        fingerprint: fingerprint of the run.
        trial: 0-based number of the trial.
        figures: rank1, rank5, ..., minp in [0, 1]; None if undefined.
        seed: training seed.
        cached: whether the figures came from the cache; otherwise this run computed at least a part of the trial.
    """


@hookspec
def reidbench_run_end(record: Mapping[str, Any]) -> None:
    """Called when a run or the evaluation of a feature file is finished and its record is written.

    The arguments of life-cycle hooks are copies. A failure in one of them is reported on stderr and ends nothing.

    Args:
        record: the record as JSON types; its field `cached` names the parts that came from the cache.
    """
