"""Every hook a plugin may implement. The signature is the documentation."""

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
    """Return the methods this plugin offers.

    Called once, when methods are first needed. A spec names its class as "module:Class", so that listing
    methods imports no framework. A method name taken twice is a failure of the later plugin, and names both.
    """


@hookspec
def reidbench_datasets() -> Sequence[DatasetSpec]:  # type: ignore[empty-body]
    """Return the readers of dataset layouts this plugin offers.

    Called once, when datasets are first needed. Names follow the same rule as those of methods.
    """


@hookspec
def reidbench_protocols() -> Sequence[Traversable]:  # type: ignore[empty-body]
    """Return the protocol files (TOML) this plugin offers.

    Called once, when protocols are first needed. The stem of the file's name is the protocol's name.
    """


@hookspec
def reidbench_run_start(method: str, protocol: str, fingerprint: str, config: Mapping[str, Any]) -> None:
    """Called when a run starts.

    Args:
        method: name of the method.
        protocol: name of the protocol.
        fingerprint: the run's fingerprint, the same as in its record.
        config: the method's resolved settings.
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
def reidbench_trial_end(fingerprint: str, trial: int, figures: Mapping[str, float | None], seed: int) -> None:
    """Called when a trial is finished, for each training seed.

    Args:
        fingerprint: fingerprint of the run.
        trial: 0-based number of the trial.
        figures: rank1, rank5, ..., minp in [0, 1]; None if undefined.
        seed: training seed.
    """


@hookspec
def reidbench_run_end(record: Mapping[str, Any]) -> None:
    """Called when a run is finished and its record is written.

    A failure in a life-cycle hook is reported on stderr and does not end the run.
    """
