from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from reidbench_plugins.conv_attention.config import ConvAttentionConfig
from reidbench_plugins.conv_attention.frames import (
    Crop,
    central_crop,
    crop_frames,
    draw_crop,
    normalize_frames,
    view_crops,
)
from torch import Tensor

PAPER = ConvAttentionConfig()


def noise(*shape: int) -> Tensor:
    return torch.randint(0, 256, shape, generator=torch.Generator().manual_seed(0), dtype=torch.uint8)


def test_normalised_channels_have_mean_0_and_deviation_1() -> None:
    frames = normalize_frames(noise(2, 3, 64, 48, 5), "std")

    assert frames.shape == (2, 3, 5, 64, 48)
    torch.testing.assert_close(frames.mean((-2, -1)), torch.zeros(2, 3, 5), atol=1e-5, rtol=0)
    torch.testing.assert_close(frames.std((-2, -1), correction=0), torch.ones(2, 3, 5))


def test_sqrt_std_divides_by_the_root_of_the_deviation() -> None:
    clip = noise(2, 16, 12, 5)
    deviation = (clip.float() / 255)[..., 3:].std((1, 2), correction=0)

    frames = normalize_frames(clip, "sqrt_std")

    torch.testing.assert_close(frames[:, 3:].std((-2, -1), correction=0), deviation.sqrt())


def test_normalisation_removes_brightness_and_contrast() -> None:
    dark = torch.randint(20, 90, (1, 16, 12, 3), generator=torch.Generator().manual_seed(0)).byte()

    torch.testing.assert_close(
        normalize_frames(2 * dark + 5, "std"), normalize_frames(dark, "std"), atol=1e-4, rtol=0
    )


@pytest.mark.parametrize("norm", ["std", "sqrt_std"])
def test_gray_frames_have_no_colour_and_static_frames_no_flow(norm: str) -> None:
    gray = noise(1, 16, 12, 1).expand(-1, -1, -1, 3)
    still = torch.full((1, 16, 12, 2), 127, dtype=torch.uint8)

    frames = normalize_frames(torch.cat([gray, still], -1), norm)

    assert frames[:, 0].std() > 0.1
    torch.testing.assert_close(frames[:, 1:], torch.zeros(1, 4, 16, 12), atol=1e-2, rtol=0)


@pytest.mark.parametrize(
    ("colour", "expected"),
    [([0, 0, 0], [0, 0, 0]), ([255, 255, 255], [1, 0, 0]), ([255, 0, 0], [0.299, -0.147, 0.615])],
)
def test_colours_become_luma_and_colour_differences(colour: list[int], expected: list[float]) -> None:
    # One pixel of the colour, one black.
    frames = torch.zeros(1, 1, 2, 3, dtype=torch.uint8)
    frames[0, 0, 0] = torch.tensor(colour, dtype=torch.uint8)

    result = normalize_frames(frames, "sqrt_std")[0, :, 0]

    # of two pixels x and 0 the deviation is |x| / 2, so x / 2 becomes sign(x) sqrt(|x| / 2)
    values = torch.tensor(expected)
    torch.testing.assert_close(result[:, 0], values.sign() * (values.abs() / 2).sqrt(), atol=1e-3, rtol=0)


def test_crop_is_mirrored_and_centred_over_all_channels() -> None:
    frames = torch.randn(2, 5, 64, 48, generator=torch.Generator().manual_seed(0))

    plain = crop_frames(frames, Crop(top=3, left=5), PAPER)
    mirrored = crop_frames(frames, Crop(top=3, left=5, mirror=True), PAPER)

    assert plain.shape == (2, 5, 56, 40)
    torch.testing.assert_close(plain.mean((1, 2, 3)), torch.zeros(2), atol=1e-6, rtol=0)
    part = frames[:, :, 3:59, 5:45]
    torch.testing.assert_close(plain - plain[:, :1, :1, :1], part - part[:, :1, :1, :1])
    torch.testing.assert_close(mirrored.flip(-1), plain)


def test_mirror_flow_motion_negates_horizontal_motion() -> None:
    config = dataclasses.replace(PAPER, mirror_flow="motion")
    frames = torch.zeros(1, 5, 64, 48)
    # The left half moves to the right.
    frames[:, 3, :, :24] = 1.0
    frames[:, 3, :, 24:] = -1.0
    frames[:, 4, 32:] = 1.0

    crop = Crop(top=4, left=4, mirror=True)
    seen, still = crop_frames(frames, crop, config), crop_frames(frames, crop, PAPER)

    plain = crop_frames(frames, Crop(top=4, left=4), PAPER)
    # The halves move towards each other before and after mirroring.
    torch.testing.assert_close(seen, plain)
    torch.testing.assert_close(still[:, 3], plain[:, 3].flip(-1))


def test_training_crops_have_eight_positions_per_axis() -> None:
    rng = np.random.default_rng(0)

    drawn = [draw_crop(PAPER, rng) for _ in range(600)]

    assert {crop.top for crop in drawn} == {crop.left for crop in drawn} == set(range(1, 9))
    assert len({(crop.top, crop.left) for crop in drawn}) == 64
    assert 0.4 < np.mean([crop.mirror for crop in drawn]) < 0.6


def test_view_crops_are_eight_diagonal_crops_and_mirrored() -> None:
    crops = view_crops(PAPER)

    positions = [(crop.top, crop.left) for crop in crops]
    assert positions == [(position, position) for position in range(1, 9)] * 2
    assert [crop.mirror for crop in crops] == [False] * 8 + [True] * 8
    assert central_crop(PAPER) == Crop(top=4, left=4)
    assert view_crops(dataclasses.replace(PAPER, test_aug="none")) == [central_crop(PAPER)]
    assert [crop.mirror for crop in view_crops(dataclasses.replace(PAPER, test_aug="mirror"))] == [
        False,
        True,
    ]


def test_crop_of_the_frame_size_is_the_frame() -> None:
    config = dataclasses.replace(PAPER, crop_height=64, crop_width=48, test_aug="none")

    assert view_crops(config) == [Crop(top=0, left=0)]
    drawn = draw_crop(config, np.random.default_rng(0))
    assert (drawn.top, drawn.left) == (0, 0)
