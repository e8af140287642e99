"""`--save-features`: the embeddings of a run as a file that `reidbench evaluate` and others can read."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from reidbench.datasets.tracklets import IntArray
from reidbench.features import Items, Search, SearchFile, write_searches
from reidbench.plugin import Embeddings
from reidbench.runner.plan import TrialTask
from reidbench.runner.trial import TaskContext, embed_task


def save_features(context: TaskContext, path: Path) -> None:
    """Write the embeddings of all trials with labels, and distances unless they are Euclidean distances of vectors.

    The embeddings come from the cache, which the run has just filled. Junk (person -1) is left out. With several
    training seeds, the features of the first seed are written.
    """
    plan = context.plan
    seed = plan.choice.seeds[0]
    searches = [
        search for task in plan.main_tasks if task.seed == seed for search in _searches(task, context)
    ]
    about = {
        "method": plan.choice.method_class.name,
        "settings": plan.choice.settings,
        "protocol": plan.choice.protocol.name,
        "protocol_fingerprint": plan.keys.protocol_fingerprint,
        "run_fingerprint": plan.fingerprint,
        "synthetic": plan.contents.is_synthetic,
        "renderer": plan.contents.renderer,
        "transductive": plan.choice.rerank is not None,
        "seed": seed,
    }
    write_searches(path, SearchFile(searches=searches, about=about))


def _searches(task: TrialTask, context: TaskContext) -> list[Search]:
    searches = []
    for side, query, gallery, search in embed_task(task, context):
        matrix = search.matrix()
        # A search may have another order than the file.
        queries, items = np.argsort(side.query), np.argsort(side.gallery)
        searches.append(
            Search(
                name=f"trial_{task.trial.index:02d}",
                query=_items(context, side.query, query, queries),
                gallery=_items(context, side.gallery, gallery, items),
                distances=None if matrix is None else matrix.numpy()[np.ix_(queries, items)],
            )
        )
    return searches


def _items(context: TaskContext, rows: IntArray, embeddings: Embeddings, order: IntArray) -> Items:
    """Return the items in this order of their rows."""
    table, rows = context.plan.contents.table, rows[order]
    return Items(
        features=embeddings.values.cpu().numpy()[order],
        pid=table.pids[rows],
        camid=table.camids[rows],
        tracklet_id=np.array([table.names[row].encode() for row in rows.tolist()]),
        lengths=None if embeddings.lengths is None else embeddings.lengths.cpu().numpy()[order],
    )
