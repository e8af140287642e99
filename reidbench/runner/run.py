"""Runs: method × protocol -> trials -> record."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from reidbench.cache import Cache
from reidbench.datasets import FrameLoader
from reidbench.evaluation import trial_figures
from reidbench.plugin import Plugins, Runtime, as_plain
from reidbench.protocols.trials import Trial, draw_trials
from reidbench.runner.attention import attention_facts, measure
from reidbench.runner.data import read_tested, read_training
from reidbench.runner.plan import Choice, Plan, Windows
from reidbench.runner.record import Record, build_record, identity_of, write_record
from reidbench.runner.results import TrialResult
from reidbench.runner.saved_features import save_features
from reidbench.runner.trial import TrialRunner

log = logging.getLogger(__name__)


def make_plan(choice: Choice, plugins: Plugins, cache: Cache) -> Plan:
    """Read the data of a choice and draw its trials."""
    protocol, request = choice.protocol, choice.request
    sources: dict[str, Any] = {"data_root": request.data_root, "synthetic": request.synthetic}
    tested = read_tested(protocol, plugins, cache, **sources)
    other = read_training(protocol, plugins, cache, **sources)
    trials = draw_trials(protocol, tested, other)
    training = tested if other is None else other
    return Plan(choice, tested, training, tuple(trials[: request.trials]))


def run(
    choice: Choice, plugins: Plugins, runtime: Runtime, *, cache: Cache, output: Path, loader: FrameLoader
) -> tuple[Record, Path]:
    """Run one method on one protocol; write and return its record."""
    plan = make_plan(choice, plugins, cache)
    identity = plan.run_fingerprint
    with _logged(output / "logs" / f"{choice.method_class.name}-{identity}.log"):
        _notify(
            plugins,
            "reidbench_run_start",
            method=choice.method_class.name,
            protocol=choice.protocol.name,
            fingerprint=identity,
            config=as_plain(choice.config),
        )
        runner = TrialRunner(plan, cache, runtime, loader)
        results = []
        for trial in plan.trials:
            result = _run_trial(runner, trial, plan.windows)
            figures = trial_figures(result.scores)
            log.info("trial %d: %s", trial.index + 1, figures)
            _notify(plugins, "reidbench_trial_end", fingerprint=identity, trial=trial.index, figures=figures)
            results.append(result)
        studied = {
            lengths: [_run_trial(runner, trial, windows) for trial in plan.trials]
            for lengths, windows in plan.studied_lengths.items()
        }
        if choice.request.save_features is not None:
            save_features(runner, choice.request.save_features)
        looked = measure(runner)
        attention = None if looked is None else attention_facts(looked)
        record, side = build_record(identity_of(plan), results, studied, attention)
        path = write_record(record, side, output)
        _notify(plugins, "reidbench_run_end", record=record)
    return record, path


def _run_trial(runner: TrialRunner, trial: Trial, windows: Windows) -> TrialResult:
    plan = runner.plan
    log.info("trial %d of %d, %s", trial.index + 1, len(plan.trials), windows)
    try:
        return runner.run(trial, windows)
    except Exception as error:
        error.add_note(f"in trial {trial.index + 1} of protocol '{plan.choice.protocol.name}'")
        raise


def _notify(plugins: Plugins, hook: str, **arguments: Any) -> None:
    for failure in plugins.notify(hook, **arguments):
        log.warning("%s", failure)


@contextmanager
def _logged(path: Path) -> Iterator[None]:
    """Append all log lines of reidbench and of plugins that log below its name to a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handler = logging.FileHandler(path, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logger = logging.getLogger("reidbench")
    logger.setLevel(logging.INFO)
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        handler.close()
