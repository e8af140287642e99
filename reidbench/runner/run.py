"""Runs: one method on one protocol, from tasks to a record."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path

from reidbench.cache import Cache
from reidbench.datasets import FrameLoader
from reidbench.evaluation import trial_figures
from reidbench.logs import LogFile
from reidbench.plugin import Runtime
from reidbench.plugin.config import as_plain
from reidbench.plugin.manager import Plugins
from reidbench.progress import progress_label
from reidbench.records import (
    Cost,
    DataSource,
    Fingerprints,
    Record,
    RunResult,
    with_results,
    write_record,
)
from reidbench.runner.attention import measure_attention
from reidbench.runner.plan import Choice, Plan, TrialTask, make_plan
from reidbench.runner.saved_features import save_features
from reidbench.runner.trackers import notify, notify_end, notify_start, notify_trial
from reidbench.runner.trial import EpochListener, TaskContext, execute_task

log = logging.getLogger(__name__)


def run(
    choice: Choice, plugins: Plugins, runtime: Runtime, *, cache: Cache, output: Path, loader: FrameLoader
) -> tuple[Record, Path]:
    """Run one method on one protocol; write the record and return it with its path."""
    plan = make_plan(choice, plugins, cache)
    with _log_to(output / "logs" / f"{choice.method_class.name}-{plan.fingerprint}.log"):
        log.info("source %s: %s", choice.source.value, dict(choice.source.parts))
        notify_start(plugins, draft_record(plan))
        context = TaskContext(plan, cache, runtime, loader, on_epoch=_epoch_listener(plan, plugins))
        results = [_execute(task, context, plugins) for task in plan.tasks]
        if choice.request.save_features is not None:
            save_features(context, choice.request.save_features)
        attention = measure_attention(context)
        draft = replace(draft_record(plan), attention=attention, cost=_cost(plan, results))
        record, side = with_results(draft, results)
        record, path = write_record(record, side, output)
        notify_end(plugins, record)
    return record, path


def _execute(task: TrialTask, context: TaskContext, plugins: Plugins) -> RunResult:
    """Execute a task, log its figures and call the hook."""
    name = _describe_task(task, context.plan)
    try:
        with progress_label(name):
            result = execute_task(task, context)
    except Exception as error:
        error.add_note(f"in {name} of protocol '{context.plan.choice.protocol.name}'")
        raise
    log.info("%s: %s", name, trial_figures(result.scores))
    item = RunResult(trial=task.trial.index, seed=task.seed, lengths=task.lengths, result=result)
    if task.lengths is None:
        notify_trial(plugins, context.plan.fingerprint, item)
    return item


def _describe_task(task: TrialTask, plan: Plan) -> str:
    parts = [f"trial {task.trial.index + 1} of {len(plan.trials)}"]
    if len(plan.choice.seeds) > 1:
        parts.append(f"seed {task.seed}")
    if task.lengths is not None:
        parts.append(f"{task.lengths[0]} query and {task.lengths[1]} gallery frames")
    return ", ".join(parts)


def _epoch_listener(plan: Plan, plugins: Plugins) -> EpochListener:
    """Return a function that logs the values of an epoch and calls the hook."""

    def report(task: TrialTask, epoch: int, values: Mapping[str, float]) -> None:
        text = ", ".join(f"{name} {value:.6g}" for name, value in values.items())
        log.info("%s, epoch %d: %s", _describe_task(task, plan), epoch, text)
        notify(
            plugins,
            "reidbench_epoch_end",
            fingerprint=plan.fingerprint,
            trial=task.trial.index,
            seed=task.seed,
            epoch=epoch,
            values=dict(values),
        )

    return report


def draft_record(plan: Plan) -> Record:
    """Return the record of a run without the fields that follow from its results."""
    choice, keys = plan.choice, plan.keys
    method, protocol = choice.method_class, choice.protocol
    tested = DataSource(
        dataset=protocol.dataset,
        digests=keys.tested_digests,
        synthetic=plan.contents.is_synthetic,
        renderer=plan.contents.renderer,
    )
    training = DataSource(
        dataset=protocol.train.dataset or protocol.dataset,
        digests=keys.training_digests,
        synthetic=plan.training.is_synthetic,
        renderer=plan.training.renderer,
    )
    rerank = None if choice.rerank is None else {"method": "k-reciprocal", **asdict(choice.rerank)}
    return Record(
        method=method.name,
        method_version=method.version,
        settings=choice.settings,
        preset=choice.preset,
        config=as_plain(choice.config),
        protocol=protocol.name,
        protocol_title=protocol.title,
        conventions=dict(choice.request.conventions),
        unmatched=protocol.unmatched,
        source=choice.source.value,
        seed=choice.request.seed,
        seeds=choice.seeds,
        synthetic=tested.synthetic,
        partial=plan.is_partial,
        transductive=choice.rerank is not None,
        isolated=choice.request.isolate,
        tested_on=tested,
        trained_on=(training,),
        fingerprints=Fingerprints(
            run=plan.fingerprint,
            protocol=keys.protocol_fingerprint,
            dataset=keys.tested_digests.labels,
            weights=choice.weights,
        ),
        rerank=rerank,
    )


def _cost(plan: Plan, results: list[RunResult]) -> Cost:
    """Return the frames and bytes of all embedded items; an item with the same feature key counts once."""
    item_bytes = {key: size for item in results for key, size in item.result.item_bytes.items()}
    rows: dict[str, set[int]] = {}
    frames, lengths = 0, plan.contents.table.lengths
    for task in plan.tasks:
        for side in task.trial.sides:
            query = side.query if side.boxes is None else side.boxes
            for key, window, items in (
                (task.keys.query, task.windows.query, query),
                (task.keys.gallery, task.windows.gallery, side.gallery),
            ):
                new = set(items.tolist()) - rows.setdefault(key, set())
                rows[key] |= new
                frames += sum(window.length_of(int(lengths[row])) for row in new)
    total = sum(len(items) * item_bytes[key] for key, items in rows.items())
    return Cost(frames=frames, embedding_bytes=round(total))


@contextmanager
def _log_to(path: Path) -> Iterator[None]:
    """Append all log lines of reidbench, and of plugins that use its logger, to a file."""
    handler = LogFile(path)
    logger = logging.getLogger("reidbench")
    logger.setLevel(logging.INFO)
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        handler.close()
