from __future__ import annotations

import colorsys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from reidbench_plugins.color_lbp.method import ColorLbp, ColorLbpConfig, describe

from reidbench.datasets import FrameLoader, TrackletView
from reidbench.errors import ConfigError
from reidbench.plugin import Runtime

CHANNELS = ("R", "G", "B", "H", "S", "V", "Y", "Cb")


def random_frames(count: int = 3, height: int = 128, width: int = 64, seed: int = 0) -> np.ndarray:
    generator = np.random.default_rng(seed)
    coarse = generator.integers(0, 256, (count, height // 8, width // 8, 3), dtype=np.uint8)
    return coarse.repeat(8, 1).repeat(8, 2)


def parts(descriptor: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Split descriptors (T, 2580) into colour (T, 6, 8, 16) and texture (T, 6, 302)."""
    stripes = descriptor.reshape(len(descriptor), 6, 430)
    return stripes[..., :128].reshape(len(descriptor), 6, 8, 16), stripes[..., 128:]


def test_the_descriptor_has_2580_numbers_and_both_parts_are_unit_vectors() -> None:
    descriptors = describe(random_frames(), ColorLbpConfig())

    colour, texture = parts(descriptors)
    assert descriptors.shape == (3, 2580)
    np.testing.assert_allclose(np.square(colour).sum((1, 2, 3)), 1)
    np.testing.assert_allclose(np.square(texture).sum((1, 2)), 1)


def test_before_the_norm_each_histogram_sums_to_one() -> None:
    colour, texture = parts(describe(random_frames(1), ColorLbpConfig()))

    sums = colour.sum(3)
    np.testing.assert_allclose(sums, sums[0, 0, 0])  # all histograms are scaled by the one norm
    np.testing.assert_allclose(texture[..., :59].sum(2), texture[..., 59:].sum(2))


def test_a_constant_image_fills_one_bin_of_each_channel_and_one_code_of_each_pattern() -> None:
    frame = np.full((1, 128, 64, 3), (200, 40, 90), np.uint8)

    colour, texture = parts(describe(frame, ColorLbpConfig()))

    assert ((colour > 0).sum(3) == 1).all()
    inside = texture[:, 1:-1]  # the border of the image adds codes of its own in the outer stripes
    assert ((inside > 0).sum(2) >= 2).all()


@pytest.mark.parametrize("rgb", [(200, 40, 90), (0, 0, 0), (255, 255, 255), (12, 250, 129), (70, 70, 70)])
def test_a_colour_falls_into_the_bins_that_its_definition_gives(rgb: tuple[int, int, int]) -> None:
    colour, _ = parts(describe(np.full((1, 128, 64, 3), rgb, np.uint8), ColorLbpConfig()))

    red, green, blue = (value / 255 for value in rgb)
    luma = (65.481 * red + 128.553 * green + 24.966 * blue) / 219  # ITU-R BT.601, over 16..235
    chroma = (112 - 37.797 * red - 74.203 * green + 112 * blue) / 224  # over 16..240
    expected = [red, green, blue, *colorsys.rgb_to_hsv(red, green, blue), luma, chroma]
    found = dict(zip(CHANNELS, colour[0, 2].argmax(1).tolist(), strict=True))
    assert found == {
        name: min(int(value * 16 + 1e-9), 15) for name, value in zip(CHANNELS, expected, strict=True)
    }


def test_mirroring_leaves_the_colours_as_they_are() -> None:
    frames = random_frames()

    straight, mirrored = (parts(describe(f, ColorLbpConfig()))[0] for f in (frames, frames[:, :, ::-1]))

    np.testing.assert_array_equal(straight, mirrored)


def test_stripes_see_their_own_rows_only() -> None:
    frames = random_frames(1)
    changed = frames.copy()
    changed[:, :10] = 0  # rows of the first stripe

    before, after = (parts(describe(f, ColorLbpConfig()))[0] for f in (frames, changed))

    assert not np.allclose(before[:, 0], after[:, 0])
    ratio = after[:, 1:].sum() / before[:, 1:].sum()  # the common norm changes, the shares do not
    np.testing.assert_allclose(after[:, 1:], before[:, 1:] * ratio)


def test_a_dark_dot_pattern_gives_the_one_uniform_code_of_all_brighter_neighbours() -> None:
    frame = np.full((1, 128, 64, 3), 200, np.uint8)
    frame[:, 2::5, 4:60:5] = 10  # isolated dots, away from the border: each has 8 brighter neighbours

    flat = describe(np.full((1, 128, 64, 3), 200, np.uint8), ColorLbpConfig())
    dotted = describe(frame, ColorLbpConfig())

    of_flat, of_dots = (parts(d)[1][0, 2, :59] for d in (flat, dotted))
    assert of_flat.argmax() == of_dots.argmax()  # "all at least as bright" is one code, flat or dot
    # beside a dot one neighbour is darker, with the two interpolated ones where it lies straight: 4 + 4 codes
    assert (of_dots > 0).sum() == 1 + 8


def test_a_tracklet_is_the_mean_of_its_frames_whatever_else_is_embedded(tmp_path: Path) -> None:
    loader = FrameLoader()
    views = []
    for number in range(3):
        files = []
        for place, frame in enumerate(random_frames(number + 2, seed=number)):
            path = tmp_path / f"{number}_{place}.png"
            cv2.imwrite(str(path), frame[..., ::-1])
            files.append(path)
        views.append(TrackletView(str(number), tuple(files), loader, None))
    method = ColorLbp(ColorLbpConfig(), Runtime())

    together = method.embed(views).values

    for number, view in enumerate(views):
        frames = random_frames(number + 2, seed=number)
        mean = np.mean([describe(frame[None], ColorLbpConfig())[0] for frame in frames], axis=0)
        np.testing.assert_allclose(together[number], mean, atol=1e-7)
        assert torch.equal(method.embed([view]).values[0], together[number])


@pytest.mark.parametrize("field", ["stripes", "bins", "height", "width"])
def test_settings_out_of_range_are_refused(field: str) -> None:
    with pytest.raises(ConfigError, match=f"{field} must be in \\[.*\\], got 0"):
        ColorLbpConfig(**{field: 0})
