"""How hard the synthetic pictures are: every knob, in one place.

The values were chosen on seeds that no reported figure uses, and are frozen: a change is a new renderer
version.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Difficulty:
    """Constants that decide how well colour, pattern and build tell people apart."""

    lookalike_share: float = 0.95  # share of people in look-alike groups, so that colours are not enough
    lookalike_colour_sigma: float = 2.5  # colour difference inside a group, in 8-bit levels
    clothes_colour_sigma: float = 6.0  # dyes differ a little even for the same palette entry
    plain_share: float = 0.55  # plain tops carry no pattern and must be told apart by the rest

    camera_strength: float = 1.0  # 0 = both cameras neutral, 1 = the full colour and tone of cameras.py
    track_gain_sigma: float = 0.035  # log exposure of one track: where in the hall the person walks
    track_cast_sigma: float = 0.01  # log gain of each channel of one track: mixed lamps
    drift: float = 0.05  # exposure change along one track, as a share
    light_slope: float = 0.04  # brightness slope over the picture, from lamps at one side

    heading_sigma: float = 25.0  # degrees around the camera's usual view, one draw per track
    heading_drift: float = 8.0  # degrees that a person turns along one track
    shift_sigma: float = 2.5  # box jitter in output pixels, correlated over frames
    shift_bias_sigma: float = 2.5  # constant box offset of one track, in output pixels
    scale_sigma: float = 0.05  # box scale jitter, log
    scale_bias_sigma: float = 0.06  # constant box scale of one track, log

    occluder_rate: float = 1.2  # mean number of things passing in front, per 73 frames
    behind_rate: float = 0.3  # mean number of people passing behind, per 73 frames
    motion_blur_share: float = 0.25  # share of frames with motion blur
    defocus: float = 1.3  # largest Gaussian sigma of a track's focus, in output pixels
    fold_amplitude: float = 0.10  # light and dark folds of cloth, as a share


DIFFICULTY = Difficulty()
