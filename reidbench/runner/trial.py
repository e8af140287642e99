"""Execution of one task: fit, embed and match, with cached parts reused."""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from reidbench.cache import Cache
from reidbench.checkpoint import load_checkpoint, save_checkpoint
from reidbench.datasets import FrameLoader, TrackletView, make_training_set, make_views
from reidbench.datasets.tracklets import IntArray
from reidbench.datasets.views import FrameWindow
from reidbench.errors import ConfigError, PluginError
from reidbench.evaluation import Labels, Search, pool_queries
from reidbench.features import Block, FeatureStore
from reidbench.fingerprints import derive_seed
from reidbench.plugin import Embeddings, FitJob, Method, Runtime
from reidbench.progress import progress_bar
from reidbench.protocols.trials import Sides
from reidbench.records import TrialResult, read_result, write_result
from reidbench.runner.epochs import EpochLog
from reidbench.runner.guard import guard_plugin
from reidbench.runner.matching import Rules, score_trial, search_of_embeddings
from reidbench.runner.plan import Plan, TrialTask

# Tracklets per block; a kill during embedding loses at most one block.
BLOCK = 32
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

    def __post_init__(self) -> None:
        for contents in (self.plan.contents, self.plan.training):
            self.loader.allow(contents.frame_formats)

    def delete_on_first_use(self, path: Path) -> None:
        """With --no-resume, delete a cache entry on first use."""
        if not self.plan.choice.request.resume and path not in self._recomputed:
            shutil.rmtree(path, ignore_errors=True)
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


def embed_task(task: TrialTask, context: TaskContext) -> list[tuple[Embeddings, Embeddings, Search]]:
    """Return the query embeddings, the gallery embeddings and the search of each side of a task."""
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
        self.method: Method = choice.method_class(choice.config, context.runtime)
        self.fit_seconds: dict[str, float] = {}
        self.embed_seconds: dict[str, float] = {}
        self.item_bytes: dict[str, float] = {}
        self.training: dict[str, list[tuple[int, dict[str, float]]]] = {}
        self.computed: set[str] = set()
        self._is_fitted = False

    def result(self) -> TrialResult:
        """Embed and match; return the scores and what each part cost."""
        choice = self.plan.choice
        protocol = choice.protocol
        rules = Rules(unmatched=protocol.unmatched, shots=protocol.shots, fars=choice.request.fars)
        embedded = self._embed_sides()
        started = time.monotonic()
        searches = [self._search(side, *pair) for side, pair in zip(self.trial.sides, embedded, strict=True)]
        scores, tar = score_trial(searches, rules)
        match = time.monotonic() - started
        self.computed.add("match")
        return TrialResult(
            scores=scores,
            tar=tar,
            fit=dict(self.fit_seconds),
            embed=dict(self.embed_seconds),
            match=match,
            device=self.context.runtime.device,
            item_bytes=dict(self.item_bytes),
            training=dict(self.training),
            computed=frozenset(self.computed),
        )

    def searches(self) -> list[tuple[Embeddings, Embeddings, Search]]:
        """Return the embeddings and the search of each side."""
        pairs = zip(self.trial.sides, self._embed_sides(), strict=True)
        return [(query, gallery, self._search(side, query, gallery)) for side, (query, gallery) in pairs]

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
                with guard_plugin(self.name, "restore"):
                    self.method.restore(saved["state"])
        self.fit_seconds[key] = saved["seconds"]
        if saved["epochs"]:
            self.training[key] = [(epoch, dict(values)) for epoch, values in saved["epochs"]]
        self._is_fitted = True
        return self.method

    def _fit(self, workspace: Path) -> dict[str, Any]:
        key = self.task.keys.fit
        train = make_training_set(self.plan.training.table, self.trial.train, self.context.loader)
        # Not from the contents of files, so re-encoded copies of a dataset are trained with the same seed.
        labels = self.plan.training.table.label_rows(self.trial.train)
        seed = derive_seed("fit", self.task.seed, labels)
        workspace.mkdir(parents=True, exist_ok=True)
        epochs = EpochLog(
            workspace, self.name, lambda epoch, values: self.context.on_epoch(self.task, epoch, values)
        )
        started = time.monotonic()
        with guard_plugin(self.name, "fit"):
            job = FitJob(seed=seed, workspace=workspace, fingerprint=key, on_epoch=epochs.add)
            reported = self.method.fit(train, job)
            state = dict(self.method.state())
        seconds = time.monotonic() - started if reported is None else reported
        saved = {"state": state, "seconds": seconds, "epochs": epochs.rows()}
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
        windows, keys = self.task.windows, self.task.keys
        pairs = []
        for side in self.trial.sides:
            if side.boxes is None:
                query = self._embed(side.query, windows.query, keys.query)
            else:
                query = self._pool(side.query, self._embed(side.boxes, windows.query, keys.query), side.boxes)
            pairs.append((query, self._embed(side.gallery, windows.gallery, keys.gallery)))
        if self.method.needs_fit_to_match() or not self.fit_seconds:
            self.restore_or_fit()
        return pairs

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

    def _embed(self, rows: IntArray, window: FrameWindow, key: str) -> Embeddings:
        cache, loader = self.context.cache, self.context.loader
        with_camera = self.method.uses_camera
        views = make_views(self.plan.contents.table, rows, loader, window, with_camera=with_camera)
        folder = cache.features(key)
        with cache.lock(folder):
            self.context.delete_on_first_use(folder)
            store = FeatureStore(folder, {"feature_key": key, "method": self.name, "fit": self.task.keys.fit})
            self._embed_missing(store, views)
        ids = [view.id for view in views]
        self.embed_seconds.update({f"{key}/{name}": cost for name, cost in store.seconds(ids).items()})
        arrays = [None if array is None else torch.from_numpy(array) for array in store.read(ids)]
        values, counts, lengths = [
            None if array is None else array.to(self.context.runtime.device) for array in arrays
        ]
        embeddings = Embeddings(values=cast(Tensor, values), views=counts, lengths=lengths)
        self.item_bytes.setdefault(key, _mean_item_bytes(embeddings))
        return embeddings

    def _embed_missing(self, store: FeatureStore, views: Sequence[TrackletView]) -> None:
        missing = set(store.missing(view.id for view in views))
        if missing:
            # Training has its own progress bar, so it comes before the bar of the embedding.
            self.restore_or_fit()
        with progress_bar("embed", len(views), shown=self.context.runtime.progress) as advance:
            for start in range(0, len(views), BLOCK):
                # Blocks are cut from the full list, so an interrupted run resumes with the same blocks.
                block = [view for view in views[start : start + BLOCK] if view.id in missing]
                if block:
                    store.write(self._embed_block(block))
                    self.computed.add("embed")
                advance(len(views[start : start + BLOCK]))

    def _embed_block(self, views: Sequence[TrackletView]) -> Block:
        method = self.restore_or_fit()
        started = time.monotonic()
        with guard_plugin(self.name, "embed"):
            embeddings = method.embed(views)
        seconds = time.monotonic() - started
        _check_embeddings(self.name, embeddings, len(views))
        return Block(
            tuple(view.id for view in views),
            embeddings.values.detach().cpu().float().numpy(),
            _to_int64(embeddings.views),
            seconds,
            _to_int64(embeddings.lengths),
        )


def _check_embeddings(name: str, embeddings: Embeddings, count: int) -> None:
    """Raise a PluginError if embeddings do not have the documented shape, type and range."""
    values = embeddings.values
    axes = 2 + (embeddings.views is not None) + (embeddings.lengths is not None)
    if values.ndim != axes or len(values) != count or not values.is_floating_point():
        raise PluginError(
            f"method '{name}' must embed {count} tracklets as floating-point values with {axes} axes, "
            f"got shape {tuple(values.shape)} of {values.dtype}"
        )
    for numbers, limit, what in (
        (embeddings.views, values.shape[1], "views"),
        (embeddings.lengths, values.shape[-2], "vectors"),
    ):
        if numbers is not None and (
            numbers.shape != (count,) or not bool(((numbers >= 1) & (numbers <= limit)).all())
        ):
            raise PluginError(
                f"method '{name}' must return between 1 and {limit} {what} per tracklet, got {numbers.tolist()}"
            )
    # The store keeps float32; larger float64 values would become infinite.
    for kept, requirement in ((values, "finite embeddings"), (values.float(), "embeddings that fit float32")):
        rows = (~torch.isfinite(kept).flatten(1).all(1)).nonzero()
        if len(rows):
            row = int(rows[0])
            raise PluginError(
                f"method '{name}' must return {requirement}, got {float(values[row].abs().max()):.3g} in row {row}"
            )


def _to_int64(numbers: Tensor | None) -> IntArray | None:
    return None if numbers is None else numbers.cpu().numpy().astype(np.int64)


def _mean_item_bytes(embeddings: Embeddings) -> float:
    """Return the mean bytes of the float32 embedding of an item, without padding."""
    vectors = torch.ones(len(embeddings), dtype=torch.float64)
    for numbers in (embeddings.views, embeddings.lengths):
        if numbers is not None:
            vectors *= numbers.cpu().double()
    return float(vectors.mean()) * embeddings.values.shape[-1] * 4
