"""Audits: trivial methods that show which shortcuts solve a dataset; `reidbench data audit` runs all of them."""

from __future__ import annotations

from collections.abc import Sequence

from reidbench.plugin import MethodSpec, Modality, hookimpl

# Name, class in its module, what it looks at, accepted input.
_AUDITS: tuple[tuple[str, str, str, Modality], ...] = (
    ("border", "appearance:Border", "mean colours along the border of the frame", "both"),
    ("background", "appearance:Background", "colours of background pixels in a grid; needs masks", "both"),
    ("six-colours", "appearance:SixColours", "median RGB of torso and of legs", "both"),
    ("colour-boxes", "appearance:ColourBoxes", "colour histograms of two boxes, torso and legs", "both"),
    ("colour-histogram", "appearance:ColourHistogram", "colour histogram of the whole frame", "both"),
    (
        "colour-histogram-person",
        "appearance:PersonColourHistogram",
        "colour histogram, all but the person in grey; needs masks",
        "both",
    ),
    ("color-lbp", "appearance:ColorLbpFrames", "color-lbp on at most 16 frames", "both"),
    (
        "color-lbp-person",
        "appearance:PersonColorLbp",
        "color-lbp, all but the person in grey; needs masks",
        "both",
    ),
    ("grey-template", "appearance:GreyTemplate", "contrast-normalised grey, averaged over frames", "both"),
    ("grey-single-frame", "appearance:GreySingleFrame", "contrast-normalised grey of one frame", "video"),
    ("row-profile", "appearance:RowProfile", "rows of contrast-normalised grey, 64 numbers", "both"),
    ("silhouette", "hidden:Silhouette", "mask of the person, averaged over frames; needs masks", "both"),
    ("motion", "motion:Motion", "where neighbouring frames differ", "video"),
    ("motion-shuffled", "motion:ShuffledMotion", "the same with frames shuffled in time", "video"),
    ("gait", "motion:Gait", "correlation of the body with itself at lags of 1 to 8 frames", "video"),
    ("gait-shuffled", "motion:ShuffledGait", "the same with frames shuffled in time", "video"),
    ("track-length", "hidden:TrackLength", "number of frames of the tracklet", "video"),
    ("file-size", "hidden:FileSize", "bytes of the files and bytes per pixel", "both"),
    ("names", "hidden:Names", "time stamps or frame numbers in file names", "both"),
    ("order", "hidden:Order", "position in the table of the dataset", "both"),
    ("camera", "hidden:Camera", "number of the camera", "both"),
    ("near-duplicates", "duplicates:NearDuplicates", "perceptual hashes, nearest pair of frames", "both"),
)


@hookimpl
def reidbench_methods() -> Sequence[MethodSpec]:
    """Return the audits."""
    return [
        MethodSpec(
            name=f"audit-{name}",
            target=f"{__name__}.{target}",
            summary=f"Audit: {summary}",
            modality=modality,
        )
        for name, target, summary, modality in _AUDITS
    ]
