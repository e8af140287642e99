"""Optical flow, and reading a tracklet's frames with it.

Flow is Lucas and Kanade's (IJCAI 1981), as in McLaughlin et al. 2016, here by OpenCV's pyramidal tracker with every
pixel as a point to be followed.
"""

from __future__ import annotations

from functools import partial
from itertools import pairwise

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from reidbench.datasets import TrackletView

from .config import ConvAttentionConfig

Frames = npt.NDArray[np.uint8]
FloatArray = npt.NDArray[np.float32]

WINDOW = 9  # pixels around a point that are matched: about an arm of a pedestrian 128 pixels tall
LEVELS = 2  # halvings of the resolution, so that motion of several pixels is found
ZERO = 127  # pixel value of no motion


def optical_flow(frames: Frames) -> FloatArray:
    """Return the motion (T, H, W, 2) in pixels, to the right and down, from each frame to the next.

    The flow of the last frame repeats the one before; a single frame has none, which is 0, as have places without
    texture.

    Args:
        frames: (T, H, W, 3), RGB, in order of time.
    """
    gray = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in frames]
    height, width = frames.shape[1:3]
    columns, rows = np.meshgrid(np.arange(width), np.arange(height))
    points = np.stack([columns, rows], axis=-1).reshape(-1, 1, 2).astype(np.float32)
    flow = np.zeros((len(frames), height, width, 2), dtype=np.float32)
    for number, (before, after) in enumerate(pairwise(gray)):
        moved, found, _ = cv2.calcOpticalFlowPyrLK(
            before,
            after,
            points,
            np.empty_like(points),
            winSize=(WINDOW, WINDOW),
            maxLevel=LEVELS,
        )
        motion = np.where(found.reshape(-1, 1) == 1, (moved - points).reshape(-1, 2), 0)
        flow[number] = motion.reshape(height, width, 2)
    if len(frames) > 1:
        flow[-1] = flow[-2]
    return flow


def flow_images(frames: Frames, size: tuple[int, int]) -> Frames:
    """Return optical flow as images (T, *size, 2), uint8: 127 plus the motion in whole pixels of the given frames.

    Args:
        frames: (T, H, W, 3), RGB.
        size: height and width of the images; the motion is resized to it, not rescaled.
    """
    flow = optical_flow(frames)
    if flow.shape[1:3] != size:
        shrinks = size[0] * size[1] < flow.shape[1] * flow.shape[2]
        method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
        flow = np.stack([cv2.resize(motion, size[::-1], interpolation=method) for motion in flow])
    return np.clip(np.rint(flow + ZERO), 0, 255).astype(np.uint8)


def read_frames(
    view: TrackletView, config: ConvAttentionConfig, chosen: npt.NDArray[np.int64] | slice
) -> Tensor:
    """Return some frames of a tracklet (F, H, W, C), uint8: red, green, blue and, with use_flow, the flow images.

    Flow is that of the whole tracklet, so the flow of a chosen frame leads to the frame that follows it in the
    tracklet.
    """
    size = config.frame_size
    frames = view.frames(size)[chosen]
    if not config.use_flow:
        return torch.tensor(frames)
    source = None if config.flow_size == "file" else size
    flow = view.derived(f"flow {size[0]}x{size[1]}", partial(flow_images, size=size), source)
    return torch.from_numpy(np.concatenate([frames, flow[chosen]], axis=-1))
