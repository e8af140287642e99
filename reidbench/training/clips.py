"""Which frames of a sequence make a clip, in training and at test."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

from reidbench.errors import ConfigError

IntArray = npt.NDArray[np.int64]
Short = Literal["loop", "pad_last", "skip"]
WindowSide = Literal["first", "last", "center"]
Chunks = Literal["floor", "ceil_pad"]


def long_enough(lengths: IntArray, clip_len: int, short: Short) -> IntArray:
    """Return the rows of the sequences that are trained on: all, or with short=skip those of a clip or more.

    Raises:
        ConfigError: none is.
    """
    rows = np.flatnonzero(lengths >= (clip_len if short == "skip" else 1))
    if len(rows) == 0:
        raise ConfigError(
            f"clip_len must be at most {max(lengths.tolist(), default=0)}, the longest training sequence, with "
            f"short={short}, got {clip_len}"
        )
    return rows


def draw_clip(length: int, clip_len: int, short: Short, rng: np.random.Generator) -> IntArray:
    """Draw which frames of a sequence make a clip: `clip_len` consecutive ones, their start uniform.

    Of a sequence that is shorter, all frames from the first, then again from the first (short=loop) or the last
    one repeated (pad_last).

    Args:
        length: frames of the sequence, at least 1.
        clip_len: frames of the clip.
        short: loop or pad_last; skip is as loop.
        rng: source of randomness; one number is drawn whatever the length.
    """
    start = int(rng.integers(max(length - clip_len, 0) + 1))
    frames = start + np.arange(clip_len)
    return np.minimum(frames, length - 1) if short == "pad_last" else frames % length


def cut_window(length: int, limit: int, side: WindowSide) -> slice:
    """Return which frames of a test sequence are embedded: all, or the first, last or middle `limit`."""
    if length <= limit or side == "first":
        return slice(0, min(length, limit))
    start = length - limit if side == "last" else (length - limit) // 2
    return slice(start, start + limit)


def chunk_frames(
    length: int, count: int, rng: np.random.Generator | None = None, *, chunks: Chunks = "floor"
) -> IntArray:
    """Return one frame of each of `count` chunks of equal duration, in order of time: (count,).

    Restricted random sampling (Li et al., CVPR 2018). A sequence of fewer frames than chunks has its last frame
    repeated.

    Args:
        length: frames of the sequence, at least 1.
        count: number of chunks.
        rng: draws a frame of each chunk; None takes the first one.
        chunks: chunk i holds the frames floor(i F/N) to floor((i+1) F/N) - 1 ("floor"), or ceil(F/N) frames from
            i ceil(F/N), the sequence padded by its last frame ("ceil_pad").
    """
    if chunks == "floor":
        padded = max(length, count)
        borders = np.arange(count + 1) * padded // count
    else:
        borders = np.arange(count + 1) * -(-length // count)
    first, last = borders[:-1], borders[1:] - 1
    frames = first if rng is None else rng.integers(first, last + 1)
    return np.minimum(frames, length - 1)


def loop_frames(length: int, count: int, start: int = 0) -> IntArray:
    """Return `count` consecutive frames from `start`; after the last frame comes the first again."""
    return (start + np.arange(count)) % length
