"""The audit of near-duplicate frames, by perceptual hashes."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import torch
from torch import Tensor

from reidbench.datasets import TrackletView, stream_tracklets
from reidbench.nn import euclidean
from reidbench.plugin import Embeddings

from .audit import Array, Audit

# Side of the shrunk frame, and of the block of low frequencies that is kept, without the mean.
SIDE, BLOCK = 32, 8


class NearDuplicates(Audit):
    """The least number of different bits between the perceptual hashes of any two frames of two tracklets."""

    name = "audit-near-duplicates"

    def embed(self, tracklets: Sequence[TrackletView]) -> Embeddings:
        """Return the hashes of the frames of each tracklet (N, T, 63), bits of 0 and 1."""
        hashes = list(stream_tracklets(tracklets, self.describe))
        lengths = [len(part) for part in hashes]
        values = np.zeros((len(hashes), max(lengths), BLOCK**2 - 1), dtype=np.float32)
        for row, part in enumerate(hashes):
            values[row, : len(part)] = part
        return Embeddings(values=torch.from_numpy(values), lengths=torch.tensor(lengths))

    def describe(self, view: TrackletView) -> Array:
        """Return the hashes (T, 63) of the frames of a tracklet."""
        return np.stack([hash_frame(frame) for frame in self.read_frames(view)])

    def distance(self, query: Embeddings, gallery: Embeddings) -> Tensor:
        """Return the least number of different bits over all pairs of frames, (Q, G)."""
        nearest = torch.full((len(query), len(gallery)), torch.inf)
        for first in _list_frames(query):
            for second in _list_frames(gallery):
                torch.minimum(nearest, euclidean(first, second).square().round(), out=nearest)
        return nearest


def hash_frame(frame: Array) -> Array:
    """Return the perceptual hash (63,) of a frame: signs of low frequencies of its grey, relative to their median."""
    grey = cv2.cvtColor(np.ascontiguousarray(frame), cv2.COLOR_RGB2GRAY).astype(np.float32)
    shrunk = cv2.resize(grey, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    low = cv2.dct(shrunk)[:BLOCK, :BLOCK].ravel()[1:]
    return np.asarray(low > np.median(low), dtype=np.float32)


def _list_frames(items: Embeddings) -> list[Tensor]:
    """Return the vectors of all items by frame; shorter items repeat their last frame."""
    lengths = items.lengths
    if lengths is None:
        return [items.values]
    rows = torch.arange(len(items))
    return [items.values[rows, (lengths - 1).clamp(max=frame)] for frame in range(int(lengths.max()))]
