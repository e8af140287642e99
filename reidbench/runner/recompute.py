"""A run computed again from its record, without cached results."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec

from reidbench.cache import Cache
from reidbench.datasets import FrameLoader
from reidbench.errors import ConfigError
from reidbench.evaluation import Scores
from reidbench.plugin import Method, Runtime
from reidbench.plugin.config import as_plain
from reidbench.plugin.loading import load_target
from reidbench.plugin.manager import Plugins
from reidbench.records import (
    TOLERANCE,
    Difference,
    Environment,
    Interval,
    Record,
    RunResult,
    compare_scores,
    list_differences,
    with_results,
)
from reidbench.runner.plan import RunRequest, choose, choose_protocol, make_plan
from reidbench.runner.run import draft_record
from reidbench.runner.trial import TaskContext, execute_task

# Must be equal: other values mean other data or other rules.
IDENTITY = ("protocol", "weights")
COMPARED = ("figures", "chance", "trials", "cmc", "tar_at_far", "lengths")
# Rounding depends on these.
MACHINE = (
    "reidbench", "python", "system", "packages", "devices", "device_names", "threads", "cpu", "vector_extension",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Computed:
    """A new computation of a run.

    Attributes:
        record: its record; without figures if the data or the rules are others.
        scores: scores of each trial (inner list) of each seed (outer list).
    """

    record: Record
    scores: Sequence[Sequence[Scores]]


def recompute(
    record: Record, plugins: Plugins, cache: Cache, *, data_root: Path | None, synthetic: bool, device: str
) -> Computed:
    """Fit and embed again; only rendered trees come from the cache.

    Raises:
        ReidbenchError: errors of the method, the protocol and its data.
    """
    runtime = Runtime(device=device, progress=True)
    request = _make_request(record, plugins, data_root=data_root, synthetic=synthetic)
    plan = make_plan(choose(request, plugins, runtime), plugins, cache)
    draft = draft_record(plan)
    if _identity(draft) != _identity(record):
        return Computed(record=draft, scores=[])
    with TemporaryDirectory(prefix="reidbench-verify-") as folder:
        context = TaskContext(plan, Cache(Path(folder)), runtime, FrameLoader())
        results = [
            RunResult(
                trial=task.trial.index,
                seed=task.seed,
                lengths=task.lengths,
                result=execute_task(task, context),
            )
            for task in plan.tasks
        ]
    computed, _ = with_results(draft, results)
    main = [item for item in results if item.lengths is None]
    scores = [[item.result.scores for item in main if item.seed == seed] for seed in computed.seeds]
    return Computed(record=computed, scores=scores)


def compare_computed(
    record: Record, scores: Sequence[Sequence[Scores]], computed: Computed
) -> tuple[list[Difference], str]:
    """Return the differences between a record and a new computation, and how they were compared, in words."""
    other = computed.record
    if _identity(record) != _identity(other):
        differences = list(list_differences(_identity(record), _identity(other), "fingerprints"))
        return differences, "were not computed again: the data or the rules are others"
    differences = [*_compare_values(record, other)]
    for seed, stored, new in zip(record.seeds, scores, computed.scores, strict=True):
        differences += compare_scores(stored, new, seed)
    if not differences:
        return [], f"are equal to those of a new computation within {TOLERANCE:g}"
    if not (changes := list(_list_changes(record, other))):
        return differences, "are those of a new computation"
    return (
        list(_compare_intervals(record, other)),
        "are not equal to those of a new computation, which are inside the intervals of the record; "
        f"other than in the record: {', '.join(changes)}",
    )


def _identity(record: Record) -> dict[str, Any]:
    return {name: getattr(record.fingerprints, name) for name in IDENTITY}


def _compare_values(record: Record, other: Record) -> Iterator[Difference]:
    for name in COMPARED:
        # Records of schema 1 have no CMC.
        if name != "cmc" or record.cmc:
            one, two = (msgspec.to_builtins(getattr(part, name)) for part in (record, other))
            yield from list_differences(one, two, name)


def _compare_intervals(record: Record, other: Record) -> Iterator[Difference]:
    for name, figure in record.figures.items():
        mean = other.figures[name].mean
        low, high = (figure.mean if end is None else end for end in (figure.low, figure.high))
        if low is None or high is None or mean is None:
            yield from list_differences(figure.mean, mean, f"figures.{name}.mean")
        elif not low - TOLERANCE <= mean <= high + TOLERANCE:
            yield Difference(f"figures.{name}.mean of the new computation", mean, Interval(low, high))


def _list_changes(record: Record, other: Record) -> Iterator[str]:
    """Yield what may change figures by rounding or by other code: names of fields, and of packages."""
    yield from (
        name for name in ("method_version", "source") if getattr(record, name) != getattr(other, name)
    )
    if record.tested_on.digests.contents != other.tested_on.digests.contents:
        yield "contents of the files"
    if other.environment is None:
        return
    environments = [found for found in (record.environment, *record.other_environments) if found is not None]
    if not environments:
        yield "environment"
    names = [name for found in environments for name in _list_machine_changes(found, other.environment)]
    yield from dict.fromkeys(names)


def _list_machine_changes(environment: Environment, other: Environment) -> Iterator[str]:
    for name in MACHINE:
        one, two = getattr(environment, name), getattr(other, name)
        if name == "packages":
            yield from (key for key in sorted({*one, *two}) if one.get(key) != two.get(key))
        elif one != two:
            yield name


def _make_request(record: Record, plugins: Plugins, *, data_root: Path | None, synthetic: bool) -> RunRequest:
    """Return the request that a record is the result of."""
    seeds = range(record.seed, record.seed + len(record.seeds))
    if record.seeds != tuple(seeds):
        raise ConfigError(f"seeds of a record must be consecutive, got {list(record.seeds)}")
    plain = choose_protocol(record.protocol, plugins, conventions=record.conventions)
    prefix = f"{plain.title}; trained on "
    title = record.protocol_title
    lengths = sorted({length for item in record.lengths for length in (item.query, item.gallery)})
    return RunRequest(
        method=record.method,
        protocol=record.protocol,
        preset=record.preset,
        overrides=_find_overrides(record, plugins),
        data_root=data_root,
        synthetic=synthetic,
        trials=sum(trial.seed == record.seed for trial in record.trials) if record.partial else None,
        seed=record.seed,
        seeds=len(seeds),
        conventions=record.conventions,
        train_on=title.removeprefix(prefix) if title.startswith(prefix) else None,
        rerank=record.rerank is not None,
        lengths=tuple(lengths),
        fars=tuple(float(far) for far in record.tar_at_far or ()),
    )


def _find_overrides(record: Record, plugins: Plugins) -> Mapping[str, str]:
    """Return the settings of a record that are not those of its preset, as text."""
    spec = plugins.method(record.method)
    method: type[Method[Any]] = load_target(spec.name, spec.target)
    preset = method.presets.get(record.preset or next(iter(method.presets)))
    known = {} if preset is None else as_plain(preset)
    return {
        name: _as_text(value)
        for name, value in record.config.items()
        if name not in known or known[name] != value
    }


def _as_text(value: Any) -> str:
    """Return a setting in the form of `--set`."""
    if isinstance(value, (list, tuple)):
        return ",".join(map(_as_text, value))
    return str(value)
