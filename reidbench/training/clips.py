"""Selection of the frames of a clip, in training and at test."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

from reidbench.errors import ConfigError

IntArray = npt.NDArray[np.int64]
Short = Literal["loop", "pad_last", "skip"]
WindowSide = Literal["first", "last", "center"]
Chunks = Literal["floor", "ceil_pad"]


def select_sequences(lengths: IntArray, clip_len: int, short: Short) -> IntArray:
    """Return the rows of the training sequences: all, or with short=skip those with at least `clip_len` frames.

    Raises:
        ConfigError: no sequence remains.
    """
    rows = np.flatnonzero(lengths >= (clip_len if short == "skip" else 1))
    if len(rows) == 0:
        raise ConfigError(
            f"clip_len must be at most {max(lengths.tolist(), default=0)}, the longest training sequence, with "
            f"short={short}, got {clip_len}"
        )
    return rows


def draw_clip(length: int, clip_len: int, short: Short, rng: np.random.Generator) -> IntArray:
    """Draw the frame indices of a clip: `clip_len` consecutive frames from a uniformly drawn start.

    A shorter sequence gives all its frames, then starts over (short=loop) or repeats its last frame (pad_last).

    Args:
        length: number of frames of the sequence, at least 1.
        clip_len: number of frames of the clip.
        short: loop or pad_last; skip acts like loop.
        rng: source of randomness; one number is drawn for any length.
    """
    start = int(rng.integers(max(length - clip_len, 0) + 1))
    frames = start + np.arange(clip_len)
    return np.minimum(frames, length - 1) if short == "pad_last" else frames % length


def cut_window(length: int, limit: int, side: WindowSide) -> slice:
    """Return the slice of the frames of a test sequence that are embedded: the first, last or middle `limit`."""
    if length <= limit or side == "first":
        return slice(0, min(length, limit))
    start = length - limit if side == "last" else (length - limit) // 2
    return slice(start, start + limit)


def sample_chunks(
    length: int, count: int, rng: np.random.Generator | None = None, *, chunks: Chunks = "floor"
) -> IntArray:
    """Return the index of one frame per chunk, for `count` chunks of equal duration in temporal order: (count,).

    Restricted random sampling (Li et al., CVPR 2018). A sequence with fewer frames than chunks repeats its last
    frame.

    Args:
        length: number F of frames of the sequence, at least 1.
        count: number N of chunks.
        rng: draws a frame per chunk; None selects the first one.
        chunks: chunk i contains the frames floor(i F/N) to floor((i+1) F/N) - 1 ("floor"), or ceil(F/N) frames from
            i ceil(F/N) of the sequence padded by its last frame ("ceil_pad").
    """
    if chunks == "floor":
        padded_length = max(length, count)
        borders = np.arange(count + 1) * padded_length // count
    else:
        borders = np.arange(count + 1) * -(-length // count)
    first, last = borders[:-1], borders[1:] - 1
    frames = first if rng is None else rng.integers(first, last + 1)
    return np.minimum(frames, length - 1)


def loop_frames(length: int, count: int, start: int = 0) -> IntArray:
    """Return the indices of `count` consecutive frames from `start`; the first frame follows the last."""
    return (start + np.arange(count)) % length
