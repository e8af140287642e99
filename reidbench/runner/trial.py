"""One trial: fit, embed, match, each taken from the cache when it is there."""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from reidbench.cache import Cache
from reidbench.checkpoint import load_checkpoint, save_checkpoint
from reidbench.datasets import FrameLoader, TrackletView, training_set, views_of
from reidbench.datasets.tracklets import IntArray
from reidbench.datasets.views import FrameWindow
from reidbench.errors import ConfigError, PluginError
from reidbench.evaluation import Labels, Search, pool_queries
from reidbench.features import Block, FeatureStore
from reidbench.fingerprints import derived_seed
from reidbench.plugin import Embeddings, FitJob, Method, Runtime
from reidbench.progress import progress_bar
from reidbench.protocols.trials import Sides, Trial
from reidbench.runner.guard import guard_plugin
from reidbench.runner.matching import Rules, score_trial, search_of_embeddings
from reidbench.runner.plan import Plan, Windows
from reidbench.runner.results import TrialResult, read_result, write_result

BLOCK = 32  # tracklets; what a kill during embedding loses at most
FITTED = "fitted.pt"
log = logging.getLogger(__name__)


class TrialRunner:
    """Runs the trials of one plan."""

    def __init__(self, plan: Plan, cache: Cache, runtime: Runtime, loader: FrameLoader) -> None:
        self.plan = plan
        self.cache = cache
        self.runtime = runtime
        self.loader = loader
        self._renewed: set[Path] = set()

    def run(self, trial: Trial, windows: Windows) -> TrialResult:
        """Return the result of a trial whose tracklets are seen through windows."""
        place = self.cache.trial(self.plan.trial_key(trial, windows))
        if self.plan.choice.request.resume and place.exists():
            return read_result(place, self.plan.choice.protocol.unmatched)
        result = _TrialInHand(self, trial, windows).result()
        write_result(place, result)
        return result

    def searches(self, trial: Trial, windows: Windows) -> list[tuple[Embeddings, Embeddings, Search]]:
        """Return the embeddings of queries and gallery, and the search, of each side of a trial."""
        return _TrialInHand(self, trial, windows).searches()

    def fitted(self, trial: Trial) -> Method:
        """Return the method as it is fitted for a trial, from the cache where it is there."""
        return _TrialInHand(self, trial, self.plan.windows).fitted()

    def renew(self, part: Path) -> None:
        """Forget a part of the cache once, if the user wants everything computed anew."""
        if not self.plan.choice.request.resume and part not in self._renewed:
            shutil.rmtree(part, ignore_errors=True)
            self._renewed.add(part)


class _TrialInHand:
    """The work on one trial; the method is fitted only when something needs it."""

    def __init__(self, runner: TrialRunner, trial: Trial, windows: Windows) -> None:
        self.runner, self.plan, self.trial, self.windows = runner, runner.plan, trial, windows
        choice = runner.plan.choice
        self.name = choice.method_class.name
        self.method: Method = choice.method_class(choice.config, runner.runtime)
        self.fit_key = runner.plan.fit_key(trial)
        self.fit_seconds: dict[str, float] = {}
        self.embed_seconds: dict[str, float] = {}
        self.computed: set[str] = set()
        self._is_fitted = False

    def result(self) -> TrialResult:
        """Embed, match and keep count of the seconds."""
        choice = self.plan.choice
        protocol = choice.protocol
        rules = Rules(unmatched=protocol.unmatched, shots=protocol.shots, fars=choice.request.fars)
        embedded = self._embedded_sides()
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
            device=self.runner.runtime.device,
            computed=frozenset(self.computed),
        )

    def searches(self) -> list[tuple[Embeddings, Embeddings, Search]]:
        """Return the embeddings and the search of each side."""
        pairs = zip(self.trial.sides, self._embedded_sides(), strict=True)
        return [(query, gallery, self._search(side, query, gallery)) for side, (query, gallery) in pairs]

    def _embedded_sides(self) -> list[tuple[Embeddings, Embeddings]]:
        pairs = []
        for side in self.trial.sides:
            if side.boxes is None:
                query = self._embedded(side.query, self.windows.query)
            else:
                query = self._pooled(side.query, side.boxes)
            pairs.append((query, self._embedded(side.gallery, self.windows.gallery)))
        if self.method.needs_fit_to_match() or not self.fit_seconds:
            self.fitted()
        return pairs

    def _pooled(self, queries: IntArray, rows: IntArray) -> Embeddings:
        boxes = self._embedded(rows, self.windows.query)
        table = self.plan.contents.table
        if boxes.views is not None or boxes.lengths is not None:
            kind = "several views of an image" if boxes.views is not None else "sequences"
            raise ConfigError(
                f"method '{self.name}' embeds {kind}, which protocol '{self.plan.choice.protocol.name}' cannot "
                "pool; choose a setting that gives one vector"
            )
        how = self.plan.choice.protocol.conventions.pooling or "mean"
        values = pool_queries(
            boxes.values,
            table.pids[rows],
            table.camids[rows],
            table.pids[queries],
            table.camids[queries],
            how=how,
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

    def fitted(self) -> Method:
        """Return the method, fitted or restored."""
        if self._is_fitted or not self.method.learns:
            return self.method
        workspace = self.runner.cache.fit(self.fit_key)
        with self.runner.cache.lock(workspace):
            self.runner.renew(workspace)
            saved = load_checkpoint(workspace / FITTED, self.fit_key)
            if saved is None:
                saved = self._fit(workspace)
            else:
                with guard_plugin(self.name, "restore"):
                    self.method.restore(saved["state"])
        self.fit_seconds[self.fit_key] = saved["seconds"]
        self._is_fitted = True
        return self.method

    def _fit(self, workspace: Path) -> dict[str, Any]:
        train = training_set(self.plan.training.table, self.trial.train, self.runner.loader)
        seed = derived_seed("fit", self.plan.choice.request.seed, train.digest)
        workspace.mkdir(parents=True, exist_ok=True)
        started = time.monotonic()
        with guard_plugin(self.name, "fit"):
            known = self.method.fit(train, FitJob(seed=seed, workspace=workspace, fingerprint=self.fit_key))
            state = dict(self.method.state())
        saved = {"state": state, "seconds": time.monotonic() - started if known is None else known}
        save_checkpoint(workspace / FITTED, self.fit_key, saved)
        for left in workspace.glob("checkpoint*"):
            left.unlink()  # fitted.pt stands in for it from here on
        self.computed.add("fit")
        return saved

    def _embedded(self, rows: IntArray, window: FrameWindow) -> Embeddings:
        with_camera = self.method.uses_camera
        views = views_of(self.plan.contents.table, rows, self.runner.loader, window, with_camera=with_camera)
        key = self.plan.feature_key(self.trial, window)
        folder = self.runner.cache.features(key)
        with self.runner.cache.lock(folder):
            self.runner.renew(folder)
            store = FeatureStore(folder, {"feature_key": key, "method": self.name, "fit": self.fit_key})
            self._embed_missing(store, views)
        ids = [view.id for view in views]
        self.embed_seconds.update({f"{key}/{name}": cost for name, cost in store.seconds(ids).items()})
        arrays = [None if array is None else torch.from_numpy(array) for array in store.read(ids)]
        values, counts, lengths = [
            None if array is None else array.to(self.runner.runtime.device) for array in arrays
        ]
        return Embeddings(values=cast(Tensor, values), views=counts, lengths=lengths)

    def _embed_missing(self, store: FeatureStore, views: Sequence[TrackletView]) -> None:
        missing = set(store.missing(view.id for view in views))
        if missing:
            self.fitted()  # before the bar: training draws one of its own
        with progress_bar("embed", len(views), shown=self.runner.runtime.progress) as advance:
            for start in range(0, len(views), BLOCK):
                # Blocks are cut from the whole list, so an interrupted run goes on with the same ones.
                block = [view for view in views[start : start + BLOCK] if view.id in missing]
                if block:
                    store.write(self._embed_block(block))
                    self.computed.add("embed")
                advance(len(views[start : start + BLOCK]))

    def _embed_block(self, views: Sequence[TrackletView]) -> Block:
        method = self.fitted()
        started = time.monotonic()
        with guard_plugin(self.name, "embed"):
            embeddings = method.embed(views)
        seconds = time.monotonic() - started
        checked = _checked(self.name, embeddings, len(views))
        return Block(
            tuple(view.id for view in views),
            checked.values.detach().cpu().float().numpy(),
            _whole_numbers(checked.views),
            seconds,
            _whole_numbers(checked.lengths),
        )


def _checked(name: str, embeddings: Embeddings, count: int) -> Embeddings:
    """Return embeddings that keep the contract, or name the plugin that broke it."""
    values = embeddings.values
    wanted = 2 + (embeddings.views is not None) + (embeddings.lengths is not None)
    if values.ndim != wanted or len(values) != count or not values.is_floating_point():
        raise PluginError(
            f"method '{name}' must embed {count} tracklets as floating-point values with {wanted} axes, "
            f"got shape {tuple(values.shape)} of {values.dtype}"
        )
    for numbers, most, what in (
        (embeddings.views, values.shape[1], "views"),
        (embeddings.lengths, values.shape[-2], "vectors"),
    ):
        if numbers is not None and (
            numbers.shape != (count,) or not bool(((numbers >= 1) & (numbers <= most)).all())
        ):
            raise PluginError(
                f"method '{name}' must count 1..{most} {what} of each tracklet, got {numbers.tolist()}"
            )
    if not bool(torch.isfinite(values).all()):
        row = int((~torch.isfinite(values).flatten(1).all(1)).nonzero()[0])
        raise PluginError(
            f"method '{name}' embedded tracklet {row} of a block with a value that is not finite"
        )
    return embeddings


def _whole_numbers(numbers: Tensor | None) -> IntArray | None:
    return None if numbers is None else numbers.cpu().numpy().astype(np.int64)
