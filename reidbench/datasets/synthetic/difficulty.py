"""All constants that set the difficulty of the synthetic images.

The values were chosen on seeds that no reported figure uses. A change needs a new renderer version.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Difficulty:
    """Constants that decide how well colour, pattern and build distinguish people.

    Attributes:
        lookalike_share: fraction of people in look-alike groups, who differ little in colour.
        lookalike_colour_sigma: colour difference in a group, in 8-bit levels.
        clothes_colour_sigma: colour difference between clothes of the same palette colour, in 8-bit levels.
        plain_share: fraction of tops without a pattern.
        camera_strength: 0: both cameras neutral, 1: the full colour and tone response in cameras.py.
        track_gain_sigma: log exposure of a track, which depends on the position of the person.
        track_cast_sigma: log gain of each channel of a track, as with mixed lamps.
        drift: exposure change along a track, as a fraction.
        light_slope: brightness slope over the image, as with lamps on one side.
        heading_sigma: heading of a track around the usual heading of the camera, in degrees.
        heading_drift: change of heading along a track, in degrees.
        shift_sigma: box jitter in output pixels, correlated over frames.
        shift_bias_sigma: constant box offset of a track, in output pixels.
        scale_sigma: log box scale jitter, correlated over frames.
        scale_bias_sigma: constant log box scale of a track.
        occluder_rate: mean number of occluding people and objects per 73 frames.
        behind_rate: mean number of people behind the person per 73 frames.
        motion_blur_share: fraction of frames with motion blur.
        defocus: largest Gaussian sigma of the focus blur of a track, in output pixels.
        fold_amplitude: amplitude of light and dark folds of cloth, as a fraction.
    """

    lookalike_share: float = 0.95
    lookalike_colour_sigma: float = 2.5
    clothes_colour_sigma: float = 6.0
    plain_share: float = 0.55

    camera_strength: float = 1.0
    track_gain_sigma: float = 0.035
    track_cast_sigma: float = 0.01
    drift: float = 0.05
    light_slope: float = 0.04

    heading_sigma: float = 25.0
    heading_drift: float = 8.0
    shift_sigma: float = 2.5
    shift_bias_sigma: float = 2.5
    scale_sigma: float = 0.05
    scale_bias_sigma: float = 0.06

    occluder_rate: float = 1.2
    behind_rate: float = 0.3
    motion_blur_share: float = 0.25
    defocus: float = 1.3
    fold_amplitude: float = 0.10


DIFFICULTY = Difficulty()
