"""One trial: fit, embed, match, each taken from the cache when it is there."""

from __future__ import annotations

import json
import logging
import math
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from reidbench.cache import Cache
from reidbench.datasets import FrameLoader, TrackletView, training_set, views_of
from reidbench.datasets.tracklets import IntArray
from reidbench.datasets.views import FrameWindow
from reidbench.errors import CacheError, PluginError
from reidbench.evaluation import Scores, Unmatched, evaluate, evaluate_pairs
from reidbench.features import Block, FeatureStore
from reidbench.files import write_text
from reidbench.fingerprints import canonical_json, derived_seed
from reidbench.plugin import Embeddings, FitJob, Method, Runtime
from reidbench.plugin.guard import plugin_border
from reidbench.progress import progress_bar
from reidbench.protocols.trials import Trial
from reidbench.runner.plan import Plan
from reidbench.training import load_checkpoint, save_checkpoint

BLOCK = 32  # tracklets; what a kill during embedding loses at most
FITTED = "fitted.pt"
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class TrialResult:
    """Scores of a trial and what they cost when they were computed.

    Attributes:
        fit: seconds by fit key; trials that share a fit name the same key.
        embed: seconds by block of embeddings; shared likewise.
        match: seconds of distances and ranking.
        device: where it was computed.
        computed: the parts this run computed: of "fit", "embed", "match".
    """

    scores: Scores
    fit: Mapping[str, float]
    embed: Mapping[str, float]
    match: float
    device: str
    computed: frozenset[str] = field(default=frozenset())


class TrialRunner:
    """Runs the trials of one plan."""

    def __init__(self, plan: Plan, cache: Cache, runtime: Runtime, loader: FrameLoader) -> None:
        self.plan = plan
        self.cache = cache
        self.runtime = runtime
        self.loader = loader
        self._renewed: set[Path] = set()

    def run(self, trial: Trial) -> TrialResult:
        """Return the result of a trial."""
        place = self.cache.trial(self.plan.trial_key(trial))
        if self.plan.choice.request.resume and place.exists():
            return _read_result(place, self.plan.choice.protocol.unmatched)
        result = _TrialInHand(self, trial).result()
        _write_result(place, result)
        return result

    def renew(self, part: Path) -> None:
        """Forget a part of the cache once, if the user wants everything computed anew."""
        if not self.plan.choice.request.resume and part not in self._renewed:
            shutil.rmtree(part, ignore_errors=True)
            self._renewed.add(part)


class _TrialInHand:
    """The work on one trial; the method is fitted only when something needs it."""

    def __init__(self, runner: TrialRunner, trial: Trial) -> None:
        self.runner, self.plan, self.trial = runner, runner.plan, trial
        choice = runner.plan.choice
        self.name = choice.method_class.name
        self.method: Method = choice.method_class(choice.config, runner.runtime)
        self.fit_key = runner.plan.fit_key(trial)
        self.fit_seconds: dict[str, float] = {}
        self.embed_seconds: dict[str, float] = {}
        self.computed: set[str] = set()
        self._is_fitted = False

    def result(self) -> TrialResult:
        query = self._embedded(self.trial.query, self.plan.query_window)
        gallery = self._embedded(self.trial.gallery, self.plan.gallery_window)
        if self.method.needs_fit_to_match() or not self.fit_seconds:
            self._fitted()
        started = time.monotonic()
        with plugin_border(self.name, "distance"):
            scores = self._match(query, gallery)
        match = time.monotonic() - started
        self.computed.add("match")
        return TrialResult(
            scores,
            dict(self.fit_seconds),
            dict(self.embed_seconds),
            match,
            self.runner.runtime.device,
            frozenset(self.computed),
        )

    def _fitted(self) -> Method:
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
                with plugin_border(self.name, "restore"):
                    self.method.restore(saved["state"])
        self.fit_seconds[self.fit_key] = saved["seconds"]
        self._is_fitted = True
        return self.method

    def _fit(self, workspace: Path) -> dict[str, Any]:
        train = training_set(self.plan.contents.table, self.trial.train, self.runner.loader)
        seed = derived_seed("fit", self.plan.choice.request.seed, train.digest)
        workspace.mkdir(parents=True, exist_ok=True)
        started = time.monotonic()
        with plugin_border(self.name, "fit"):
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
        values, counts = store.read(ids)
        return Embeddings(
            values=torch.from_numpy(values).to(self.runner.runtime.device),
            views=None if counts is None else torch.from_numpy(counts).to(self.runner.runtime.device),
        )

    def _embed_missing(self, store: FeatureStore, views: Sequence[TrackletView]) -> None:
        missing = set(store.missing(view.id for view in views))
        if missing:
            self._fitted()  # before the bar: training draws one of its own
        with progress_bar("embed", len(views), shown=self.runner.runtime.progress) as advance:
            for start in range(0, len(views), BLOCK):
                # Blocks are cut from the whole list, so an interrupted run goes on with the same ones.
                block = [view for view in views[start : start + BLOCK] if view.id in missing]
                if block:
                    store.write(self._embed_block(block))
                    self.computed.add("embed")
                advance(len(views[start : start + BLOCK]))

    def _embed_block(self, views: Sequence[TrackletView]) -> Block:
        method = self._fitted()
        started = time.monotonic()
        with plugin_border(self.name, "embed"):
            embeddings = method.embed(views)
        seconds = time.monotonic() - started
        values, counts = _checked(self.name, embeddings, len(views))
        return Block(tuple(view.id for view in views), values, counts, seconds)

    def _match(self, query: Embeddings, gallery: Embeddings) -> Scores:
        table, trial = self.plan.contents.table, self.trial
        labels = (table.pids[trial.query], table.pids[trial.gallery])
        cameras = (table.camids[trial.query], table.camids[trial.gallery])
        unmatched = self.plan.choice.protocol.unmatched
        is_plain = query.views is None and gallery.views is None
        if is_plain and type(self.method).distance is Method.distance:
            return evaluate(query.values, gallery.values, *labels, *cameras, unmatched=unmatched)

        def scorer(rows: slice, columns: slice) -> torch.Tensor:
            return self.method.distance(query[rows], gallery[columns])

        return evaluate_pairs(scorer, *labels, *cameras, unmatched=unmatched)


def _checked(name: str, embeddings: Embeddings, count: int) -> tuple[Any, Any]:
    """Return values and views as arrays, or name the plugin that broke the contract."""
    values, views = embeddings.values, embeddings.views
    wanted = 2 if views is None else 3
    if values.ndim != wanted or len(values) != count or not values.is_floating_point():
        raise PluginError(
            f"method '{name}' must embed {count} tracklets as floating-point values with {wanted} axes, "
            f"got shape {tuple(values.shape)} of {values.dtype}"
        )
    if views is not None and (
        views.shape != (count,) or not bool(((views >= 1) & (views <= values.shape[1])).all())
    ):
        raise PluginError(
            f"method '{name}' must count 1..{values.shape[1]} views of each tracklet, got {views.tolist()}"
        )
    if not bool(torch.isfinite(values).all()):
        row = int((~torch.isfinite(values).flatten(1).all(1)).nonzero()[0])
        raise PluginError(
            f"method '{name}' embedded tracklet {row} of a block with a value that is not finite"
        )
    return values.detach().cpu().float().numpy(), None if views is None else views.cpu().numpy().astype(
        np.int64
    )


def _write_result(place: Path, result: TrialResult) -> None:
    columns = {name: column.tolist() for name, column in result.scores.per_query.items()}
    contents = {
        "per_query": {name: [_defined(value) for value in values] for name, values in columns.items()},
        "gallery": result.scores.gallery,
        "chance_rank1": _defined(result.scores.chance_rank1),
        "seconds": {"fit": dict(result.fit), "embed": dict(result.embed), "match": result.match},
        "device": result.device,
    }
    write_text(place, canonical_json(contents) + "\n")


def _defined(value: float) -> float | None:
    return None if math.isnan(value) else value


def _read_result(place: Path, unmatched: Unmatched) -> TrialResult:
    try:
        contents = json.loads(place.read_text(encoding="utf-8"))
        per_query = pd.DataFrame(contents["per_query"]).astype(
            dict.fromkeys(("ap", "ap_trapezoid", "inp"), float)
        )
        chance = contents["chance_rank1"]
        scores = Scores.from_per_query(
            per_query,
            gallery=contents["gallery"],
            chance_rank1=math.nan if chance is None else chance,
            unmatched=unmatched,
        )
        seconds = contents["seconds"]
        return TrialResult(scores, seconds["fit"], seconds["embed"], seconds["match"], contents["device"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CacheError(
            f"cached trial {place} is damaged ({error}); delete it to compute it again"
        ) from error
