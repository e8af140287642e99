from __future__ import annotations

import numpy as np
import pytest
import torch

from reidbench.nn import normalize_imagenet
from reidbench.training import ClipAugmentation, augment_clip, cut_window, draw_augmentation


def number_pixels(height: int, width: int) -> torch.Tensor:
    """Return a frame (1, H, W, 3) whose pixels are numbered row by row."""
    return torch.arange(height * width, dtype=torch.uint8).view(1, height, width, 1).expand(-1, -1, -1, 3)


def pixels(clip: torch.Tensor) -> list[list[int]]:
    """Return the first channel of the first frame."""
    return clip[0, :, :, 0].tolist()


def test_default_augmentation_changes_nothing() -> None:
    clip = torch.randint(256, (2, 5, 4, 3), dtype=torch.uint8)

    assert torch.equal(augment_clip(clip, ClipAugmentation(), "replicate"), clip)


@pytest.mark.parametrize(
    ("pad_mode", "expected"),
    [
        ("replicate", [[4, 5, 5], [7, 8, 8], [7, 8, 8]]),
        ("reflect", [[4, 5, 4], [7, 8, 7], [4, 5, 4]]),
        ("zeros", [[4, 5, 0], [7, 8, 0], [0, 0, 0]]),
    ],
)
def test_positive_shift_moves_pixels_and_fills_the_border(pad_mode: str, expected: list[list[int]]) -> None:
    # 0 1 2 | 3 4 5 | 6 7 8
    frame = number_pixels(3, 3)

    assert pixels(augment_clip(frame, ClipAugmentation(dy=1, dx=1), pad_mode)) == expected
    assert pixels(frame) == [[0, 1, 2], [3, 4, 5], [6, 7, 8]]


@pytest.mark.parametrize(
    ("pad_mode", "expected"),
    [
        ("replicate", [[0, 0, 1], [3, 3, 4], [6, 6, 7]]),
        ("reflect", [[1, 0, 1], [4, 3, 4], [7, 6, 7]]),
        ("zeros", [[0, 0, 1], [0, 3, 4], [0, 6, 7]]),
    ],
)
def test_negative_shift_moves_pixels_and_fills_the_border(pad_mode: str, expected: list[list[int]]) -> None:
    assert pixels(augment_clip(number_pixels(3, 3), ClipAugmentation(dx=-1), pad_mode)) == expected


def test_mirroring_follows_the_shift() -> None:
    assert pixels(augment_clip(number_pixels(2, 3), ClipAugmentation(dx=1, mirror=True), "replicate")) == [
        [2, 2, 1],
        [5, 5, 4],
    ]


@pytest.mark.parametrize("pad_mode", ["replicate", "reflect", "zeros"])
def test_all_frames_of_all_clips_are_augmented_equally(pad_mode: str) -> None:
    clips = torch.randint(256, (2, 3, 6, 5, 3), dtype=torch.uint8)
    augmentation = ClipAugmentation(dy=-2, dx=1, mirror=True)

    augmented = augment_clip(clips, augmentation, pad_mode)

    assert augmented.shape == clips.shape
    for clip in range(2):
        for frame in range(3):
            assert torch.equal(
                augmented[clip, frame], augment_clip(clips[clip, frame][None], augmentation, pad_mode)[0]
            )


def test_drawn_augmentations_fill_the_range_and_mirror_half() -> None:
    rng = np.random.default_rng(0)
    drawn = [draw_augmentation(100, 40, 0.05, rng) for _ in range(1000)]

    assert {one.dy for one in drawn} == set(range(-5, 6))
    assert {one.dx for one in drawn} == set(range(-2, 3))
    assert 450 < sum(one.mirror for one in drawn) < 550


def test_zero_translation_draws_only_mirroring() -> None:
    rng = np.random.default_rng(0)

    drawn = {draw_augmentation(100, 40, 0.0, rng) for _ in range(50)}

    assert drawn == {ClipAugmentation(), ClipAugmentation(mirror=True)}


@pytest.mark.parametrize(
    ("length", "side", "expected"),
    [
        (5, "last", (0, 5)),
        (200, "first", (0, 128)),
        (200, "last", (72, 200)),
        (201, "center", (36, 164)),
    ],
)
def test_long_sequences_are_cut_on_the_given_side(length: int, side: str, expected: tuple[int, int]) -> None:
    window = cut_window(length, 128, side)

    assert (window.start, window.stop) == expected


def test_frames_are_normalised_with_imagenet_statistics() -> None:
    frames = torch.tensor([[[[255, 0, 128]]]], dtype=torch.uint8)

    normalised = normalize_imagenet(frames)

    expected = [(1 - 0.485) / 0.229, (0 - 0.456) / 0.224, (128 / 255 - 0.406) / 0.225]
    assert normalised.shape == (1, 3, 1, 1)
    torch.testing.assert_close(normalised.flatten(), torch.tensor(expected))
