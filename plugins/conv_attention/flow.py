"""Optical flow, and reading a tracklet's frames with it.

The flow is that of Lucas and Kanade (IJCAI 1981), as in McLaughlin et al. 2016, here computed by OpenCV's pyramidal
tracker with every pixel as a point.
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

# Side of the matched window in pixels: about the width of an arm of a pedestrian 128 pixels tall.
WINDOW = 9
# Halvings of the resolution, to detect motion of several pixels.
LEVELS = 2
# Pixel value of no motion.
ZERO = 127


def optical_flow(frames: Frames) -> FloatArray:
    """Return the motion (T, H, W, 2) in pixels, to the right and down, from each frame to the next.

    The last frame repeats the previous flow. A single frame and locations without texture have flow 0.

    Args:
        frames: (T, H, W, 3), RGB, in temporal order.
    """
    gray = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in frames]
    height, width = frames.shape[1:3]
    columns, rows = np.meshgrid(np.arange(width), np.arange(height))
    points = np.stack([columns, rows], axis=-1).reshape(-1, 1, 2).astype(np.float32)
    flow = np.zeros((len(frames), height, width, 2), dtype=np.float32)
    for index, (before, after) in enumerate(pairwise(gray)):
        moved, is_tracked, _ = cv2.calcOpticalFlowPyrLK(
            before,
            after,
            points,
            np.empty_like(points),
            winSize=(WINDOW, WINDOW),
            maxLevel=LEVELS,
        )
        motion = np.where(is_tracked.reshape(-1, 1) == 1, (moved - points).reshape(-1, 2), 0)
        flow[index] = motion.reshape(height, width, 2)
    if len(frames) > 1:
        flow[-1] = flow[-2]
    return flow


def flow_images(frames: Frames, size: tuple[int, int]) -> Frames:
    """Return optical flow as images (T, *size, 2), uint8: 127 plus the motion in whole pixels of the given frames.

    Args:
        frames: (T, H, W, 3), RGB.
        size: height and width of the images; the flow field is resized and its values stay the same.
    """
    flow = optical_flow(frames)
    if flow.shape[1:3] != size:
        shrinks = size[0] * size[1] < flow.shape[1] * flow.shape[2]
        method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
        flow = np.stack([cv2.resize(motion, size[::-1], interpolation=method) for motion in flow])
    return np.clip(np.rint(flow + ZERO), 0, 255).astype(np.uint8)


def read_frames(
    view: TrackletView, config: ConvAttentionConfig, indices: npt.NDArray[np.int64] | slice
) -> Tensor:
    """Read frames of a tracklet (F, H, W, C), uint8: red, green, blue and, with use_flow, the flow images.

    The flow is computed on the complete tracklet, so it points to the next frame of the tracklet.
    """
    size = config.frame_size
    frames = view.frames(size)[indices]
    if not config.use_flow:
        return torch.tensor(frames)
    source = None if config.flow_size == "file" else size
    flow = view.derive(f"flow {size[0]}x{size[1]}", partial(flow_images, size=size), source)
    return torch.from_numpy(np.concatenate([frames, flow[indices]], axis=-1))
