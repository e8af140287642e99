"""The base class of audits: one vector per tracklet from at most a few frames, without learning."""

from __future__ import annotations

import abc
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import torch

from reidbench.datasets import TrackletView, stream_tracklets
from reidbench.plugin import Embeddings, FixedMethod, check_settings, setting

Array = npt.NDArray[Any]
Floats = npt.NDArray[np.float64]
SIZE = (128, 64)
"""Height and width of the frames of all audits, so that each frame is decoded once for all of them."""


@dataclass(frozen=True, kw_only=True)
class AuditConfig:
    """Settings of an audit."""

    frames: int = setting(
        16,
        "most frames per tracklet, evenly spaced; those of motion and gait: twice as many in a row",
        stage="embed",
        ge=1,
        le=1024,
    )

    def __post_init__(self) -> None:
        check_settings(self)


class Audit(FixedMethod[AuditConfig], abc.ABC):
    """A trivial method: `describe` turns one tracklet into one vector."""

    version = "1"
    Config = AuditConfig
    presets: ClassVar[dict[str, AuditConfig]] = {"default": AuditConfig()}

    def embed(self, tracklets: Sequence[TrackletView]) -> Embeddings:
        """Return the vectors, float32 (N, D), compared by the Euclidean distance."""
        rows = list(stream_tracklets(tracklets, self.describe))
        return Embeddings(values=torch.from_numpy(np.stack(rows).astype(np.float32)))

    @abc.abstractmethod
    def describe(self, view: TrackletView) -> Array:
        """Return the vector (D,) of a tracklet."""

    def choose_frames(self, view: TrackletView) -> npt.NDArray[np.int64]:
        """Return the indices of evenly spaced frames, all frames of a short tracklet."""
        return choose_evenly(len(view), self.config.frames)

    def read_frames(self, view: TrackletView) -> Array:
        """Return evenly spaced frames (T, 128, 64, 3), RGB uint8."""
        return view.frames(SIZE, self.choose_frames(view))


class FrameAudit(Audit):
    """An audit whose vector is the mean of the vectors of evenly spaced frames."""

    def describe(self, view: TrackletView) -> Array:
        """Return the mean vector of a tracklet."""
        return np.asarray(self.describe_frames(self.read_frames(view)).mean(0))

    @abc.abstractmethod
    def describe_frames(self, frames: Array) -> Array:
        """Return one vector per frame (T, D) of frames (T, 128, 64, 3), RGB uint8."""


def choose_evenly(length: int, count: int) -> npt.NDArray[np.int64]:
    """Return at most `count` indices less than `length`; a single one is that of the middle."""
    if count == 1:
        return np.array([length // 2])
    return np.unique(np.linspace(0, length - 1, min(count, length)).round().astype(np.int64))
