"""Audits of pixels: border, background, colours, and structure without colour."""

from __future__ import annotations

import numpy as np
from reidbench_plugins.color_lbp.method import ColorLbpConfig
from reidbench_plugins.color_lbp.method import describe as describe_color_lbp

from reidbench.datasets import MASK_BACKGROUND, MASK_PERSON, TrackletView

from .audit import SIZE, Array, Audit, FrameAudit
from .pixels import (
    average_border,
    average_cells,
    cut_box,
    hide_pixels,
    histogram_colours,
    normalise_grey,
    resize_masks,
)

# Shares of height and width inside which most torsos and legs lie.
TORSO = ((0.18, 0.5), (0.25, 0.75))
LEGS = ((0.55, 0.9), (0.25, 0.75))
# Of the 128 x 64 pixels of a frame.
BORDER = 4
GREY_SIZE = (64, 32)


class Border(FrameAudit):
    """Mean colours of the outer four pixels of the frame, in sixteen segments per side."""

    name = "audit-border"

    def describe_frames(self, frames: Array) -> Array:
        """Return 192 numbers per frame."""
        return average_border(frames, BORDER, 16)


class Background(Audit):
    """Mean colours of background pixels in a grid of 16 x 8 cells."""

    name = "audit-background"
    uses_hidden_facts = True

    def describe(self, view: TrackletView) -> Array:
        """Return 384 numbers."""
        shares = resize_masks(view.facts.masks(self.choose_frames(view)), MASK_BACKGROUND, SIZE)
        # Whole pixels only: others have some colour of the person.
        cells = average_cells(self.read_frames(view), (shares >= 1).astype(np.float64), (16, 8))
        return np.asarray(cells.mean(0))


class SixColours(FrameAudit):
    """Median RGB of torso and of legs, averaged over frames."""

    name = "audit-six-colours"

    def describe_frames(self, frames: Array) -> Array:
        """Return six numbers per frame."""
        medians = [np.median(cut_box(frames, *box), axis=(1, 2)) / 255 for box in (TORSO, LEGS)]
        return np.concatenate(medians, axis=1)


class ColourBoxes(FrameAudit):
    """Colour histograms of two boxes, torso and legs, averaged over frames."""

    name = "audit-colour-boxes"

    def describe_frames(self, frames: Array) -> Array:
        """Return 1024 numbers per frame."""
        return np.concatenate([histogram_colours(cut_box(frames, *box)) for box in (TORSO, LEGS)], axis=1)


class ColourHistogram(FrameAudit):
    """Colour histogram of the whole frame, averaged over frames."""

    name = "audit-colour-histogram"

    def describe_frames(self, frames: Array) -> Array:
        """Return 512 numbers per frame."""
        return histogram_colours(frames)


class PersonColourHistogram(ColourHistogram):
    """The same with all pixels but those of the person in grey."""

    name = "audit-colour-histogram-person"
    uses_hidden_facts = True

    def read_frames(self, view: TrackletView) -> Array:
        """Return frames that show the person only."""
        return show_person_only(super().read_frames(view), view, self.choose_frames(view))


class ColorLbpFrames(FrameAudit):
    """The descriptor of color-lbp, averaged over the frames of an audit."""

    name = "audit-color-lbp"

    def describe_frames(self, frames: Array) -> Array:
        """Return 2580 numbers per frame."""
        return np.asarray(describe_color_lbp(frames, ColorLbpConfig()))


class PersonColorLbp(ColorLbpFrames):
    """The same with all pixels but those of the person in grey."""

    name = "audit-color-lbp-person"
    uses_hidden_facts = True

    def read_frames(self, view: TrackletView) -> Array:
        """Return frames that show the person only."""
        return show_person_only(super().read_frames(view), view, self.choose_frames(view))


class GreyTemplate(FrameAudit):
    """Contrast-normalised grey, averaged over frames."""

    name = "audit-grey-template"

    def describe_frames(self, frames: Array) -> Array:
        """Return 2048 numbers per frame."""
        return normalise_grey(frames, GREY_SIZE).reshape(len(frames), -1)


class GreySingleFrame(GreyTemplate):
    """Contrast-normalised grey of the frame in the middle."""

    name = "audit-grey-single-frame"
    modality = "video"

    def read_frames(self, view: TrackletView) -> Array:
        """Return one of the frames that the other audits read."""
        frames = super().read_frames(view)
        return frames[len(frames) // 2 :][:1]


class RowProfile(FrameAudit):
    """Means of the rows of contrast-normalised grey, averaged over frames."""

    name = "audit-row-profile"

    def describe_frames(self, frames: Array) -> Array:
        """Return 64 numbers per frame."""
        return np.asarray(normalise_grey(frames, GREY_SIZE).mean(2))


def show_person_only(frames: Array, view: TrackletView, chosen: Array) -> Array:
    """Return frames with all pixels but those of the person in one level of grey."""
    return hide_pixels(frames, resize_masks(view.facts.masks(chosen), MASK_PERSON, SIZE) >= 0.5)
