"""`--save-features`: the embeddings of a run as a file that `reidbench evaluate` and others can read."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from reidbench.datasets import views_of
from reidbench.datasets.tracklets import IntArray
from reidbench.datasets.views import FrameWindow
from reidbench.features import Items, Search, SearchFile, write_searches
from reidbench.plugin import Embeddings
from reidbench.protocols.trials import Trial
from reidbench.runner.trial import TrialRunner


def save_features(runner: TrialRunner, path: Path) -> None:
    """Write the embeddings of all trials, with labels; distances too where they are not Euclidean ones of vectors.

    Embeddings come from the cache, where a run has just put them. Junk (person -1) is not part of it.
    """
    plan = runner.plan
    searches = [search for trial in plan.trials for search in _searches(runner, trial)]
    about = {
        "method": plan.choice.method_class.name,
        "variant": plan.choice.label,
        "protocol": plan.choice.protocol.name,
        "protocol_fingerprint": plan.protocol_fingerprint,
        "run_fingerprint": plan.run_fingerprint,
        "synthetic": plan.is_synthetic,
        "transductive": plan.choice.rerank is not None,
        "seed": plan.choice.request.seed,
    }
    write_searches(path, SearchFile(searches=searches, about=about))


def _searches(runner: TrialRunner, trial: Trial) -> list[Search]:
    windows = runner.plan.windows
    found = []
    searches = runner.searches(trial, windows)
    for side, (query, gallery, search) in zip(trial.sides, searches, strict=True):
        matrix = search.matrix()
        found.append(
            Search(
                name=f"trial_{trial.index:02d}",
                query=_items(runner, side.query, windows.query, query),
                gallery=_items(runner, side.gallery, windows.gallery, gallery),
                distances=None if matrix is None else matrix.numpy(),
            )
        )
    return found


def _items(runner: TrialRunner, rows: IntArray, window: FrameWindow, embeddings: Embeddings) -> Items:
    table = runner.plan.contents.table
    views = views_of(table, rows, runner.loader, window, with_camera=False)
    return Items(
        features=embeddings.values.cpu().numpy(),
        pid=table.pids[rows],
        camid=table.camids[rows],
        tracklet_id=np.array([view.id for view in views], dtype="S"),
        lengths=None if embeddings.lengths is None else embeddings.lengths.cpu().numpy(),
    )
