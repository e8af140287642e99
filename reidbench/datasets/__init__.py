"""Datasets: readers of official layouts, tracklet tables and frames.

The names of this package are imported on first use, so importing the package is fast.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from reidbench.datasets.frames import FrameLoader
    from reidbench.datasets.masks import MASK_BACKGROUND, MASK_PERSON
    from reidbench.datasets.reader import Dataset
    from reidbench.datasets.tracklets import DatasetContents, TrackletTable
    from reidbench.datasets.views import (
        FrameWindow,
        TrackletView,
        TrainingSet,
        make_training_set,
        make_views,
        stream_frames,
        stream_tracklets,
    )

_MODULES = {
    "Dataset": "reader",
    "DatasetContents": "tracklets",
    "FrameLoader": "frames",
    "FrameWindow": "views",
    "MASK_BACKGROUND": "masks",
    "MASK_PERSON": "masks",
    "TrackletTable": "tracklets",
    "TrackletView": "views",
    "TrainingSet": "views",
    "stream_frames": "views",
    "stream_tracklets": "views",
    "make_training_set": "views",
    "make_views": "views",
}
__all__ = [
    "MASK_BACKGROUND",
    "MASK_PERSON",
    "Dataset",
    "DatasetContents",
    "FrameLoader",
    "FrameWindow",
    "TrackletTable",
    "TrackletView",
    "TrainingSet",
    "make_training_set",
    "make_views",
    "stream_frames",
    "stream_tracklets",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module 'reidbench.datasets' has no attribute '{name}'")
    return getattr(import_module(f"reidbench.datasets.{_MODULES[name]}"), name)
