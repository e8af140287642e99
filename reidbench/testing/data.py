"""Small rendered data on which plugins are checked."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from reidbench.datasets import (
    DatasetContents,
    FrameLoader,
    TrackletTable,
    TrackletView,
    TrainingSet,
    make_training_set,
    make_views,
)
from reidbench.datasets.hidden_facts import FactSource
from reidbench.datasets.tracklets import IntArray
from reidbench.datasets.views import FrameWindow
from reidbench.plugin import DatasetSpec
from reidbench.plugin.loading import load_target
from reidbench.plugin.manager import Plugins
from reidbench.runner.data import render_dataset

Kind = Literal["video", "image"]
# Of people, cameras and frames there are several, and a check of a descriptor takes seconds.
_TREES: dict[Kind, tuple[str, dict[str, Any]]] = {
    "video": (
        "ilids-vid",
        {"people": 8, "min_frames": 5, "max_frames": 10, "mean_frames": 8, "seed": 5, "masks": True},
    ),
    "image": ("market1501", {"people": 8, "seed": 5, "masks": True}),
}
_TRAINED = 48
_TESTED = 12


@dataclass(frozen=True)
class SmallData:
    """Tracklets of a few rendered people.

    Attributes:
        kind: video or image.
        table: the tracklets.
        train: rows of the training set.
        test: rows that are embedded.
        facts: what views hide, for audits.
    """

    kind: Kind
    facts: FactSource
    table: TrackletTable
    train: IntArray
    test: IntArray

    def training_set(self, loader: FrameLoader) -> TrainingSet:
        """Return labels and frames for `fit`."""
        return make_training_set(self.table, self.train, loader, key="fit")

    def views(
        self, loader: FrameLoader, *, with_camera: bool, with_facts: bool, key: str = "embed"
    ) -> list[TrackletView]:
        """Return the tested tracklets as `embed` receives them; another key gives other ids."""
        return make_views(
            self.table,
            self.test,
            loader,
            FrameWindow(),
            with_camera=with_camera,
            key=key,
            facts=self.facts if with_facts else None,
        )


def render_small_data(kind: Kind, plugins: Plugins, data_root: Path) -> SmallData:
    """Render a small tree and return its tracklets.

    Args:
        kind: tracklets of several frames, or single images.
        plugins: registry of datasets.
        data_root: folder that receives the tree.
    """
    name, settings = _TREES[kind]
    spec: DatasetSpec = plugins.dataset(name)
    folder = render_dataset(spec, data_root, settings, workers=1)
    contents: DatasetContents = load_target(spec.name, spec.target)().read(folder)
    table = contents.table
    people = np.flatnonzero(table.pids > 0)
    # Evenly spaced, so that every person and camera is among them.
    train, test = (
        people[np.unique(np.linspace(0, len(people) - 1, count).round().astype(np.int64))]
        for count in (_TRAINED, _TESTED)
    )
    return SmallData(kind, FactSource(contents), table, train, test)
