"""All constants of cameras, light, objects, boxes and sensor that calibration may change.

The values were chosen on seeds that no reported figure uses. A change needs a new renderer version. The constants of
the people are in `people/variety.py`. Every random value is always drawn, so that a constant of 0 switches an effect
off without a change of the others.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Difficulty:
    """Constants of a track.

    Attributes:
        heading_sigma: heading of a track around the usual heading of its camera, in degrees; each camera scales it.
        heading_drift: standard deviation of the turn along a track, in degrees.
        mirrored_share: fraction of tracks in which people walk to the other side.
        lateral: largest distance of the middle of the path from the axis of the camera, in metres.
        walk_seconds: longest duration of a track; longer tracks have more frames per second.
        frame_seconds: time between frames of shorter tracks.
        sun_sigma: direction of the sun around that of the camera, in degrees.
        elevation: mean elevation of the sun, in degrees.
        elevation_sigma: its standard deviation, in degrees.
        sun_low: smallest fraction of sunlight in the light of a track; the rest is light from the sky.
        sun_high: largest fraction of sunlight.
        track_exposure: standard deviation of the log exposure of a track.
        path_exposure: standard deviation of the log exposure along the path, in patches of sun and shade.
        path_cast: standard deviation of the log gain of each channel along the path.
        max_exposure: largest absolute sum of both log exposures.
        patch_length: mean length of a patch of sun or shade, in metres.
        object_rate: mean number of pillars, rails, desks and trolleys between camera and path.
        walkers_in_front: mean number of people who walk between camera and path.
        walkers_behind: mean number of people who walk behind the path.
        box_margin: height of a box without errors, in heights of the person.
        box_bias: standard deviation of the constant offset of the box of a track, in output pixels.
        box_jitter: standard deviation of the offset of each box, in output pixels, correlated over frames.
        box_scale_bias: standard deviation of the constant log scale of the box of a track.
        box_scale_jitter: standard deviation of the log scale of each box, correlated over frames.
        defocus: largest sigma of the focus blur of a track, in output pixels.
        motion_blur_share: fraction of frames with motion blur.
        quality_low: lowest JPEG quality of a camera's compression.
        quality_high: highest JPEG quality.
    """

    heading_sigma: float = 12.0
    heading_drift: float = 8.0
    mirrored_share: float = 0.0
    lateral: float = 0.8
    walk_seconds: float = 3.2
    frame_seconds: float = 0.2

    sun_sigma: float = 25.0
    elevation: float = 45.0
    elevation_sigma: float = 10.0
    sun_low: float = 0.25
    sun_high: float = 0.8
    track_exposure: float = 0.30
    path_exposure: float = 0.25
    path_cast: float = 0.02
    max_exposure: float = 0.5
    patch_length: float = 2.5

    object_rate: float = 0.2
    walkers_in_front: float = 0.25
    walkers_behind: float = 1.2

    box_margin: float = 1.06
    box_bias: float = 1.5
    box_jitter: float = 1.2
    box_scale_bias: float = 0.02
    box_scale_jitter: float = 0.015

    defocus: float = 0.8
    motion_blur_share: float = 0.2
    quality_low: float = 40.0
    quality_high: float = 75.0


DIFFICULTY = Difficulty()
