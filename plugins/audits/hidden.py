"""Audits of what views hide from methods: masks, lengths, file sizes, names, order and camera."""

from __future__ import annotations

import numpy as np

from reidbench.datasets import MASK_PERSON, TrackletView

from .audit import Array, Audit
from .pixels import resize_masks


class Silhouette(Audit):
    """Mask of the person, averaged over frames."""

    name = "audit-silhouette"
    uses_hidden_facts = True

    def describe(self, view: TrackletView) -> Array:
        """Return 2048 numbers: the share of the person in each cell of a grid of 64 x 32."""
        masks = view.facts.masks(self.choose_frames(view))
        return np.asarray(resize_masks(masks, MASK_PERSON, (64, 32)).mean(0).ravel())


class TrackLength(Audit):
    """Number of frames of the complete tracklet."""

    name = "audit-track-length"
    modality = "video"
    uses_hidden_facts = True

    def describe(self, view: TrackletView) -> Array:
        """Return one number."""
        return break_ties(view.facts.length, view)


class FileSize(Audit):
    """Sizes of the files, and bytes per pixel, which show how they are compressed; on a logarithmic scale."""

    name = "audit-file-size"
    uses_hidden_facts = True

    def describe(self, view: TrackletView) -> Array:
        """Return four numbers: mean, smallest and largest size, and bytes per pixel."""
        sizes = np.maximum(view.facts.file_sizes(), 1)
        pixels = view.frames(chosen=[0])[0, ..., 0].size
        kilobytes = sizes / 1000
        return np.log([kilobytes.mean(), kilobytes.min(), kilobytes.max(), sizes.mean() / pixels])


class Names(Audit):
    """Time stamps or frame numbers in file names."""

    name = "audit-names"
    uses_hidden_facts = True

    def describe(self, view: TrackletView) -> Array:
        """Return the numbers in the names of the first and last frame that are not labels, scaled to [0, 1]."""
        return view.facts.name_numbers


class Order(Audit):
    """Position in the table of the dataset."""

    name = "audit-order"
    uses_hidden_facts = True

    def describe(self, view: TrackletView) -> Array:
        """Return one number."""
        return np.array([view.facts.position])


class Camera(Audit):
    """Number of the camera."""

    name = "audit-camera"
    uses_camera = True

    def describe(self, view: TrackletView) -> Array:
        """Return one number."""
        return break_ties(view.camid, view)


def break_ties(number: int, view: TrackletView) -> Array:
    """Return one number near a whole one, so that items that share it are in random order.

    Ties count against a method: without this, a number that many people share would look worse than chance.
    """
    # Different whole numbers stay further apart than equal ones.
    return np.array([number + np.random.default_rng(view.window_seed).uniform(-0.2, 0.2)])
