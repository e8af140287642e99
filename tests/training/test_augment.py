from __future__ import annotations

import numpy as np
import pytest
import torch

from reidbench.nn import normalize_imagenet
from reidbench.training import ClipChange, change_clip, cut_window, draw_change


def numbered(height: int, width: int) -> torch.Tensor:
    """Return a frame (1, H, W, 3) whose pixels are numbered row by row."""
    return torch.arange(height * width, dtype=torch.uint8).view(1, height, width, 1).expand(-1, -1, -1, 3)


def shown(clip: torch.Tensor) -> list[list[int]]:
    return clip[0, :, :, 0].tolist()


def test_no_change_changes_nothing() -> None:
    clip = torch.randint(256, (2, 5, 4, 3), dtype=torch.uint8)

    assert torch.equal(change_clip(clip, ClipChange(), "replicate"), clip)


@pytest.mark.parametrize(
    ("pad_mode", "expected"),
    [
        ("replicate", [[4, 5, 5], [7, 8, 8], [7, 8, 8]]),
        ("reflect", [[4, 5, 4], [7, 8, 7], [4, 5, 4]]),
        ("zeros", [[4, 5, 0], [7, 8, 0], [0, 0, 0]]),
    ],
)
def test_a_shift_shows_what_was_below_and_right_and_fills_the_border(
    pad_mode: str, expected: list[list[int]]
) -> None:
    frame = numbered(3, 3)  # 0 1 2 | 3 4 5 | 6 7 8

    assert shown(change_clip(frame, ClipChange(dy=1, dx=1), pad_mode)) == expected
    assert shown(frame) == [[0, 1, 2], [3, 4, 5], [6, 7, 8]]


@pytest.mark.parametrize(
    ("pad_mode", "expected"),
    [
        ("replicate", [[0, 0, 1], [3, 3, 4], [6, 6, 7]]),
        ("reflect", [[1, 0, 1], [4, 3, 4], [7, 6, 7]]),
        ("zeros", [[0, 0, 1], [0, 3, 4], [0, 6, 7]]),
    ],
)
def test_a_shift_the_other_way(pad_mode: str, expected: list[list[int]]) -> None:
    assert shown(change_clip(numbered(3, 3), ClipChange(dx=-1), pad_mode)) == expected


def test_the_mirror_comes_after_the_shift() -> None:
    assert shown(change_clip(numbered(2, 3), ClipChange(dx=1, mirror=True), "replicate")) == [
        [2, 2, 1],
        [5, 5, 4],
    ]


@pytest.mark.parametrize("pad_mode", ["replicate", "reflect", "zeros"])
def test_all_frames_of_all_clips_change_alike(pad_mode: str) -> None:
    clips = torch.randint(256, (2, 3, 6, 5, 3), dtype=torch.uint8)
    change = ClipChange(dy=-2, dx=1, mirror=True)

    changed = change_clip(clips, change, pad_mode)

    assert changed.shape == clips.shape
    for clip in range(2):
        for frame in range(3):
            assert torch.equal(
                changed[clip, frame], change_clip(clips[clip, frame][None], change, pad_mode)[0]
            )


def test_drawn_changes_fill_the_allowed_range_and_mirror_every_other_clip() -> None:
    rng = np.random.default_rng(0)
    changes = [draw_change(100, 40, 0.05, rng) for _ in range(1000)]

    assert {change.dy for change in changes} == set(range(-5, 6))
    assert {change.dx for change in changes} == set(range(-2, 3))
    assert 450 < sum(change.mirror for change in changes) < 550


def test_without_translation_only_the_mirror_is_drawn() -> None:
    rng = np.random.default_rng(0)

    assert {draw_change(100, 40, 0.0, rng) for _ in range(50)} == {ClipChange(), ClipChange(mirror=True)}


@pytest.mark.parametrize(
    ("length", "side", "expected"),
    [
        (5, "last", (0, 5)),
        (200, "first", (0, 128)),
        (200, "last", (72, 200)),
        (201, "center", (36, 164)),
    ],
)
def test_long_sequences_are_cut_on_the_side_of_the_settings(
    length: int, side: str, expected: tuple[int, int]
) -> None:
    window = cut_window(length, 128, side)

    assert (window.start, window.stop) == expected


def test_frames_are_normalised_with_imagenets_figures() -> None:
    frames = torch.tensor([[[[255, 0, 128]]]], dtype=torch.uint8)  # one pixel

    normalised = normalize_imagenet(frames)

    expected = [(1 - 0.485) / 0.229, (0 - 0.456) / 0.224, (128 / 255 - 0.406) / 0.225]
    assert normalised.shape == (1, 3, 1, 1)
    torch.testing.assert_close(normalised.flatten(), torch.tensor(expected))
