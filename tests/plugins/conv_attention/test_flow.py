from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from reidbench_plugins.conv_attention.config import ConvAttentionConfig
from reidbench_plugins.conv_attention.flow import flow_images, optical_flow, read_frames

from .conftest import Write, draw_texture


def moving(dx: int, dy: int, frames: int = 3) -> np.ndarray:
    """Return a window that moves over a picture by (-dx, -dy), so that its contents move by (dx, dy)."""
    picture = draw_texture(np.random.default_rng(3), 140, 100)
    starts = [(40 - dy * t, 30 - dx * t) for t in range(frames)]
    return np.stack([picture[top : top + 64, left : left + 48] for top, left in starts])


@pytest.mark.parametrize(("dx", "dy"), [(0, 0), (1, 0), (0, 1), (-2, 1), (3, -3)])
def test_flow_of_a_shifted_picture_is_the_shift(dx: int, dy: int) -> None:
    flow = optical_flow(moving(dx, dy))

    inside = flow[:, 8:-8, 8:-8].reshape(3, -1, 2)
    np.testing.assert_allclose(np.median(inside, axis=1), [[dx, dy]] * 3, atol=0.05)
    assert (np.abs(inside - (dx, dy)).max(-1) < 0.5).mean() > 0.95


def test_last_frame_repeats_the_previous_flow() -> None:
    flow = optical_flow(np.concatenate([moving(1, 0), moving(0, 2)[1:]]))

    np.testing.assert_array_equal(flow[-1], flow[-2])
    assert np.abs(flow[-1] - flow[0]).max() > 0.5


def test_single_frames_and_flat_pictures_have_zero_flow() -> None:
    assert not optical_flow(moving(2, 2, frames=1)).any()
    assert not optical_flow(np.full((3, 20, 16, 3), 90, np.uint8)).any()


def test_flow_images_are_127_plus_rounded_pixels() -> None:
    images = flow_images(moving(2, -1), (64, 48))

    assert images.dtype == np.uint8
    assert np.median(images.reshape(-1, 2), axis=0).tolist() == [129, 126]
    assert (flow_images(moving(2, 2, frames=1), (64, 48)) == 127).all()


def test_resized_flow_keeps_its_values() -> None:
    halved = flow_images(moving(2, -2), (32, 24))

    assert halved.shape == (3, 32, 24, 2)
    assert np.median(halved.reshape(-1, 2), axis=0).tolist() == [129, 125]


@pytest.mark.parametrize(("flow_size", "expected"), [("file", [129, 123]), ("frame", [128, 125])])
def test_flow_size_decides_the_frames_for_flow(write: Write, flow_size: str, expected: list[int]) -> None:
    view = write(f"pan-{flow_size}", moving(2, -4))
    config = ConvAttentionConfig(
        frame_height=32, frame_width=24, crop_height=24, crop_width=16, flow_size=flow_size
    )

    frames = read_frames(view, config, slice(None))

    assert frames.shape == (3, 32, 24, 5)
    assert np.median(frames[..., 3:].reshape(-1, 2).numpy(), axis=0).tolist() == expected
    np.testing.assert_array_equal(frames[..., :3].numpy(), view.frames((32, 24)))


def test_selected_frames_have_their_flow_channels(write: Write) -> None:
    view = write("chosen", np.concatenate([moving(1, 0), moving(0, 2)[1:]]))
    config = ConvAttentionConfig()

    complete = read_frames(view, config, slice(None))

    assert torch.equal(read_frames(view, config, np.array([3, 0, 3])), complete[[3, 0, 3]])
    without = read_frames(view, dataclasses.replace(config, use_flow=False), slice(1, 3))
    assert torch.equal(without, complete[1:3, ..., :3])
