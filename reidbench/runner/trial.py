"""Execution of one task: fit, embed and match, with cached parts reused."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from reidbench.cache import Cache
from reidbench.checkpoint import load_checkpoint, save_checkpoint
from reidbench.datasets import FrameLoader, make_training_set
from reidbench.datasets.hidden_facts import FactSource
from reidbench.datasets.tracklets import IntArray
from reidbench.datasets.views import make_item_id
from reidbench.errors import ConfigError, PluginError
from reidbench.evaluation import Labels, Search, pool_queries
from reidbench.fingerprints import derive_seed
from reidbench.plugin import Embeddings, FitJob, Method, Runtime
from reidbench.protocols.trials import Sides
from reidbench.records import (
    Environment,
    TrialResult,
    current_environment,
    list_distinct,
    read_result,
    write_result,
)
from reidbench.runner.calls import (
    create_method,
    fit_once,
    has_own_distance,
    needs_fit_to_match,
    read_state,
    restore_method,
)
from reidbench.runner.embedding import Part, embed_parts
from reidbench.runner.epochs import EpochLog
from reidbench.runner.isolation import fit_isolated
from reidbench.runner.matching import Rules, reorder_scores, score_trial, search_of_embeddings
from reidbench.runner.plan import Plan, TrialTask
from reidbench.runner.stability import RepeatCount

FITTED = "fitted.pt"
log = logging.getLogger(__name__)

EpochListener = Callable[[TrialTask, int, Mapping[str, float]], None]


def _ignore_epoch(task: TrialTask, epoch: int, values: Mapping[str, float]) -> None:
    """Discard the values of an epoch."""


@dataclass
class TaskContext:
    """What all tasks of a run share.

    Attributes:
        on_epoch: called with a task, an epoch and its values while the method is fitted.
    """

    plan: Plan
    cache: Cache
    runtime: Runtime
    loader: FrameLoader
    on_epoch: EpochListener = _ignore_epoch
    _recomputed: set[Path] = field(default_factory=set)
    _repeats: dict[str, RepeatCount] = field(default_factory=dict)

    def repeats_of(self, fit: str) -> RepeatCount:
        """Return the count of the items that are embedded again to check a fit."""
        return self._repeats.setdefault(fit, RepeatCount())

    def __post_init__(self) -> None:
        for contents in (self.plan.contents, self.plan.training):
            self.loader.allow(contents.frame_formats)

    @cached_property
    def facts(self) -> FactSource | None:
        """The hidden facts of the tested dataset for an audit; None for every other method."""
        return FactSource(self.plan.contents) if self.plan.choice.method_class.uses_hidden_facts else None

    @property
    def environment(self) -> Environment:
        """The machine and software of this run."""
        return current_environment([self.runtime.device])

    def environment_json(self) -> str:
        """Return the environment as JSON."""
        return msgspec.json.encode(self.environment).decode()

    def delete_on_first_use(self, path: Path) -> None:
        """With --no-resume, delete a cache entry on first use."""
        if not self.plan.choice.request.resume and path not in self._recomputed:
            self.cache.delete(path)
            self._recomputed.add(path)


def execute_task(task: TrialTask, context: TaskContext) -> TrialResult:
    """Return the result of a task, from the cache if possible.

    Raises:
        PluginError: the method failed or returned invalid values.
        CacheError: the cache cannot be read or written.
    """
    path = context.cache.trial(task.keys.scores)
    if context.plan.choice.request.resume:
        cached = read_result(path, context.plan.choice.protocol.unmatched)
        if cached is not None:
            return cached
    result = _TrialWork(task, context).result()
    write_result(path, result)
    return result


def embed_task(task: TrialTask, context: TaskContext) -> list[tuple[Sides, Embeddings, Embeddings, Search]]:
    """Return the rows, the query embeddings, the gallery embeddings and the search of each side of a task."""
    return _TrialWork(task, context).searches()


def fit_method(task: TrialTask, context: TaskContext) -> Method:
    """Return the method, fitted for a task; the fit comes from the cache if possible."""
    return _TrialWork(task, context).restore_or_fit()


class _TrialWork:
    """The work on one task; the method is fitted only if a later step needs it."""

    def __init__(self, task: TrialTask, context: TaskContext) -> None:
        self.task, self.context, self.plan, self.trial = task, context, context.plan, task.trial
        choice = context.plan.choice
        self.name = choice.method_class.name
        self.method = create_method(choice.method_class, choice.config, context.runtime)
        self.fit_seconds: dict[str, float] = {}
        self.embed_seconds: dict[str, float] = {}
        self.item_bytes: dict[str, float] = {}
        self.training: dict[str, list[tuple[int, dict[str, float]]]] = {}
        self.environments: list[Environment] = []
        self.computed: set[str] = set()
        self._is_fitted = False
        # The rows of a trial are sorted by person, which a distance could use.
        hides_order = has_own_distance(self.method)
        self.sides = [self._sort_by_id(side) if hides_order else side for side in self.trial.sides]

    def result(self) -> TrialResult:
        """Embed and match; return the scores and what each part cost."""
        choice = self.plan.choice
        protocol = choice.protocol
        rules = Rules(unmatched=protocol.unmatched, shots=protocol.shots, fars=choice.request.fars)
        embedded = self._embed_sides()
        started = time.monotonic()
        searches = [self._search(side, *pair) for side, pair in zip(self.sides, embedded, strict=True)]
        scores, tar = score_trial(searches, rules)
        scores = reorder_scores(scores, [side.query for side in self.sides])
        match = time.monotonic() - started
        self.computed.add("match")
        return TrialResult(
            scores=scores,
            tar=tar,
            fit=dict(self.fit_seconds),
            embed=dict(self.embed_seconds),
            match=match,
            device=self.context.runtime.device,
            environments=list_distinct([self.context.environment, *self.environments]),
            item_bytes=dict(self.item_bytes),
            training=dict(self.training),
            computed=frozenset(self.computed),
        )

    def searches(self) -> list[tuple[Sides, Embeddings, Embeddings, Search]]:
        """Return each side, in the order of its search, with its embeddings and the search."""
        pairs = zip(self.sides, self._embed_sides(), strict=True)
        return [
            (side, query, gallery, self._search(side, query, gallery)) for side, (query, gallery) in pairs
        ]

    def restore_or_fit(self) -> Method:
        """Return the method, fitted or restored from the cache."""
        if self._is_fitted or not self.method.learns:
            return self.method
        key, cache = self.task.keys.fit, self.context.cache
        workspace = cache.fit(key)
        with cache.lock(workspace):
            self.context.delete_on_first_use(workspace)
            saved = load_checkpoint(workspace / FITTED, key)
            if saved is None:
                saved = self._fit(workspace)
            else:
                restore_method(self.method, saved["state"])
        self.fit_seconds[key] = saved["seconds"]
        self.environments.append(msgspec.convert(saved["environment"], Environment))
        if saved["epochs"]:
            self.training[key] = [(epoch, dict(values)) for epoch, values in saved["epochs"]]
        self._is_fitted = True
        return self.method

    def _fit(self, workspace: Path) -> dict[str, Any]:
        key = self.task.keys.fit
        train = make_training_set(
            self.plan.training.table,
            self.trial.train,
            self.context.loader,
            digests=self.plan.training.row_digests,
            key=key,
            seed=self.task.seed,
        )
        # Not from the contents of files, so re-encoded copies of a dataset are trained with the same seed.
        labels = self.plan.training.table.label_rows(self.trial.train)
        seed = derive_seed("fit", self.task.seed, labels)
        workspace.mkdir(parents=True, exist_ok=True)
        epochs = EpochLog(
            workspace, self.name, lambda epoch, values: self.context.on_epoch(self.task, epoch, values)
        )
        started = time.monotonic()
        job = FitJob(seed=seed, workspace=workspace, fingerprint=key, on_epoch=epochs.add)
        if self.plan.choice.request.isolate:
            files = [self.plan.training.table.files(row) for row in self.trial.train.tolist()]
            reported, state = fit_isolated(self.context, train, job, files)
            restore_method(self.method, state)
        else:
            reported = fit_once(self.method, train, job)
            state = read_state(self.method)
        seconds = time.monotonic() - started if reported is None else reported
        environment = msgspec.to_builtins(self.context.environment)
        saved = {
            "state": state,
            "seconds": seconds,
            "epochs": epochs.rows(),
            "environment": environment,
        }
        try:
            save_checkpoint(workspace / FITTED, key, saved)
        except PluginError as error:
            raise PluginError(f"method '{self.name}' returned an invalid state: {error}") from error
        # The fitted method replaces the checkpoints.
        for path in [*workspace.glob("checkpoint*"), epochs.path]:
            path.unlink(missing_ok=True)
        self.computed.add("fit")
        return saved

    def _embed_sides(self) -> list[tuple[Embeddings, Embeddings]]:
        windows, keys, sides = self.task.windows, self.task.keys, self.sides
        parts = []
        for side in sides:
            queries = side.query if side.boxes is None else side.boxes
            parts += [
                Part(queries, windows.query, keys.query),
                Part(side.gallery, windows.gallery, keys.gallery),
            ]
        embedded = embed_parts(
            parts,
            self.context,
            seed=self.task.seed,
            fit=keys.fit,
            fitted=self.context.cache.fit(keys.fit) / FITTED,
            get_method=self.restore_or_fit,
        )
        self.embed_seconds.update(embedded.seconds)
        self.environments += [msgspec.json.decode(text, type=Environment) for text in embedded.environments]
        self.item_bytes.update(embedded.item_bytes)
        if embedded.is_computed:
            self.computed.add("embed")
        if needs_fit_to_match(self.method) or not self.fit_seconds:
            self.restore_or_fit()
        pairs = zip(sides, embedded.parts[::2], embedded.parts[1::2], strict=True)
        return [
            (query if side.boxes is None else self._pool(side.query, query, side.boxes), gallery)
            for side, query, gallery in pairs
        ]

    def _sort_by_id(self, side: Sides) -> Sides:
        """Return a side with queries and gallery in the order of their anonymous ids."""
        digests, keys = self.plan.contents.row_digests, self.task.keys

        def sort(rows: IntArray, key: str) -> IntArray:
            return np.array(
                sorted(rows.tolist(), key=lambda row: make_item_id(key, digests[row])), dtype=np.int64
            )

        return replace(side, query=sort(side.query, keys.query), gallery=sort(side.gallery, keys.gallery))

    def _pool(self, queries: IntArray, boxes: Embeddings, rows: IntArray) -> Embeddings:
        """Return multi-query embeddings: each query pooled over the boxes of its person and camera."""
        table = self.plan.contents.table
        if boxes.views is not None or boxes.lengths is not None:
            kind = "several views per image" if boxes.views is not None else "sequences"
            raise ConfigError(
                f"protocol '{self.plan.choice.protocol.name}' cannot pool the embeddings of method '{self.name}': "
                f"they are {kind}; choose a setting with one vector per image"
            )
        values = pool_queries(
            boxes.values,
            table.pids[rows],
            table.camids[rows],
            table.pids[queries],
            table.camids[queries],
            how=self.plan.choice.protocol.conventions.pooling or "mean",
        )
        return Embeddings(values=values)

    def _search(self, side: Sides, query: Embeddings, gallery: Embeddings) -> Search:
        table = self.plan.contents.table
        labels = Labels(
            table.pids[side.query],
            table.pids[side.gallery],
            table.camids[side.query],
            table.camids[side.gallery],
        )
        return search_of_embeddings(self.method, query, gallery, labels, self.plan.choice.rerank)
