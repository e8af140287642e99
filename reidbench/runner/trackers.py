"""Calls of the life-cycle hooks, which experiment trackers implement."""

from __future__ import annotations

import logging
from typing import Any

from reidbench.evaluation import trial_figures
from reidbench.plugin.manager import Plugins
from reidbench.records import Record, RunResult

log = logging.getLogger(__name__)


def notify(plugins: Plugins, hook: str, **arguments: Any) -> None:
    """Call a life-cycle hook of every plugin; a failure is one warning line and ends nothing."""
    for failure in plugins.notify(hook, **arguments):
        log.warning("%s", failure)


def notify_start(plugins: Plugins, draft: Record) -> None:
    """Report the start of a run, with the identity that its record will have."""
    notify(
        plugins,
        "reidbench_run_start",
        method=draft.method,
        protocol=draft.protocol,
        fingerprint=draft.fingerprints.run,
        config=dict(draft.config),
    )


def notify_trial(plugins: Plugins, fingerprint: str, item: RunResult) -> None:
    """Report the figures of one trial with one seed."""
    notify(
        plugins,
        "reidbench_trial_end",
        fingerprint=fingerprint,
        trial=item.trial,
        figures=trial_figures(item.result.scores),
        seed=item.seed,
        cached=not item.result.computed,
    )


def notify_end(plugins: Plugins, record: Record) -> None:
    """Report the record of a run, after it was written."""
    notify(plugins, "reidbench_run_end", record=record.to_plain())
