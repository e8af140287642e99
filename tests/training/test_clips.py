from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reidbench.training import loop_frames, sample_chunks


@given(st.integers(1, 300), st.integers(1, 40), st.integers(0, 99))
@settings(deadline=None)
def test_each_chunk_gives_one_frame_in_order(length: int, count: int, seed: int) -> None:
    for chunks in ("floor", "ceil_pad"):
        for rng in (None, np.random.default_rng(seed)):
            frames = sample_chunks(length, count, rng, chunks=chunks)

            assert len(frames) == count
            assert (np.diff(frames) >= 0).all()
            assert 0 <= frames.min() <= frames.max() <= length - 1
            if length >= count and chunks == "floor":
                assert (np.diff(frames) > 0).all()
                borders = np.arange(count + 1) * length // count
                assert ((frames >= borders[:-1]) & (frames < borders[1:])).all()


@pytest.mark.parametrize(
    ("chunks", "length", "expected"),
    [
        ("floor", 13, [0, 2, 4, 6, 8, 10]),
        ("ceil_pad", 13, [0, 3, 6, 9, 12, 12]),
        ("floor", 4, [0, 1, 2, 3, 3, 3]),
        ("ceil_pad", 4, [0, 1, 2, 3, 3, 3]),
    ],
)
def test_sampling_without_rng_selects_first_frames_of_chunks(
    chunks: str, length: int, expected: list[int]
) -> None:
    assert sample_chunks(length, 6, chunks=chunks).tolist() == expected  # type: ignore[arg-type]


def test_random_sampling_reaches_every_frame() -> None:
    rng = np.random.default_rng(0)

    assert {int(frame) for _ in range(300) for frame in sample_chunks(13, 6, rng)} == set(range(13))


def test_loop_starts_over_after_the_last_frame() -> None:
    assert loop_frames(3, 7, start=1).tolist() == [1, 2, 0, 1, 2, 0, 1]
