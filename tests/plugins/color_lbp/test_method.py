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


def test_descriptor_has_2580_values_in_two_unit_vectors() -> None:
    descriptors = describe(random_frames(), ColorLbpConfig())

    colour, texture = parts(descriptors)
    assert descriptors.shape == (3, 2580)
    np.testing.assert_allclose(np.square(colour).sum((1, 2, 3)), 1)
    np.testing.assert_allclose(np.square(texture).sum((1, 2)), 1)


def test_histograms_have_equal_sums_before_normalisation() -> None:
    colour, texture = parts(describe(random_frames(1), ColorLbpConfig()))

    sums = colour.sum(3)
    # All histograms are scaled by the same norm.
    np.testing.assert_allclose(sums, sums[0, 0, 0])
    np.testing.assert_allclose(texture[..., :59].sum(2), texture[..., 59:].sum(2))


def test_constant_image_fills_one_bin_per_channel_and_pattern() -> None:
    frame = np.full((1, 128, 64, 3), (200, 40, 90), np.uint8)

    colour, texture = parts(describe(frame, ColorLbpConfig()))

    assert ((colour > 0).sum(3) == 1).all()
    # Without the outer stripes, where the image border has other codes.
    inside = texture[:, 1:-1]
    assert ((inside > 0).sum(2) >= 2).all()


@pytest.mark.parametrize("rgb", [(200, 40, 90), (0, 0, 0), (255, 255, 255), (12, 250, 129), (70, 70, 70)])
def test_colours_fall_into_the_bins_of_their_definitions(rgb: tuple[int, int, int]) -> None:
    colour, _ = parts(describe(np.full((1, 128, 64, 3), rgb, np.uint8), ColorLbpConfig()))

    red, green, blue = (value / 255 for value in rgb)
    # ITU-R BT.601, over 16..235.
    luma = (65.481 * red + 128.553 * green + 24.966 * blue) / 219
    # Over 16..240.
    chroma = (112 - 37.797 * red - 74.203 * green + 112 * blue) / 224
    expected = [red, green, blue, *colorsys.rgb_to_hsv(red, green, blue), luma, chroma]
    result = dict(zip(CHANNELS, colour[0, 2].argmax(1).tolist(), strict=True))
    assert result == {
        name: min(int(value * 16 + 1e-9), 15) for name, value in zip(CHANNELS, expected, strict=True)
    }


def test_mirroring_does_not_change_colour_histograms() -> None:
    frames = random_frames()

    straight, mirrored = (parts(describe(f, ColorLbpConfig()))[0] for f in (frames, frames[:, :, ::-1]))

    np.testing.assert_array_equal(straight, mirrored)


def test_stripes_depend_only_on_their_own_rows() -> None:
    frames = random_frames(1)
    changed = frames.copy()
    # Rows of the first stripe.
    changed[:, :10] = 0

    before, after = (parts(describe(f, ColorLbpConfig()))[0] for f in (frames, changed))

    assert not np.allclose(before[:, 0], after[:, 0])
    # The common norm changes, the ratios do not.
    ratio = after[:, 1:].sum() / before[:, 1:].sum()
    np.testing.assert_allclose(after[:, 1:], before[:, 1:] * ratio)


def test_dark_dots_have_the_code_of_all_brighter_neighbours() -> None:
    frame = np.full((1, 128, 64, 3), 200, np.uint8)
    # Isolated dots, away from the border: each has 8 brighter neighbours.
    frame[:, 2::5, 4:60:5] = 10

    flat = describe(np.full((1, 128, 64, 3), 200, np.uint8), ColorLbpConfig())
    dotted = describe(frame, ColorLbpConfig())

    of_flat, of_dots = (parts(d)[1][0, 2, :59] for d in (flat, dotted))
    # "All at least as bright" is one code, on flat areas and on dots.
    assert of_flat.argmax() == of_dots.argmax()
    # beside a dot one neighbour is darker, with the two interpolated ones where it lies straight: 4 + 4 codes
    assert (of_dots > 0).sum() == 1 + 8


def test_embedding_is_the_mean_over_frames_in_any_batch(tmp_path: Path) -> None:
    loader = FrameLoader()
    views = []
    for number in range(3):
        files = []
        for index, frame in enumerate(random_frames(number + 2, seed=number)):
            path = tmp_path / f"{number}_{index}.png"
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
def test_settings_out_of_range_raise_config_error(field: str) -> None:
    with pytest.raises(ConfigError, match=f"{field} must be in \\[.*\\], got 0"):
        ColorLbpConfig(**{field: 0})
