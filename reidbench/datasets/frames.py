"""Decoding of frames, with a cache of decoded tracklets of limited size."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from reidbench.errors import FrameError

Frames = npt.NDArray[np.uint8]
# Height and width.
Size = tuple[int, int]
# In bytes; all of iLIDS-VID at 64 x 128 is about 1 GB.
DEFAULT_MEMORY = 3 << 30


def decode(path: Path, size: tuple[int, int] | None = None) -> Frames:
    """Return one frame as RGB (H, W, 3), resized to (height, width) if a size is given.

    Reduction averages areas, enlargement is bilinear.

    Raises:
        FrameError: the file is missing, truncated, corrupt or not an image.
    """
    try:
        with Image.open(path) as image:
            frame = np.asarray(image.convert("RGB"))
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise FrameError(path, " ".join(str(error).split()) or type(error).__name__) from error
    return frame if size is None else _resize(frame, size)


def _resize(frame: Frames, size: Size) -> Frames:
    if frame.shape[:2] == size:
        return frame
    height, width = size
    shrinks = height * width < frame.shape[0] * frame.shape[1]
    method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(frame, (width, height), interpolation=method), dtype=np.uint8)


class FrameLoader:
    """Decodes tracklets and keeps them in memory up to a limit; the least recently used are dropped first.

    A run has one loader, so a frame that ten trials read is decoded once. Arrays that methods compute from the frames
    of a tracklet, such as optical flow, count towards the same limit. Safe to use from threads.
    """

    def __init__(self, memory: int = DEFAULT_MEMORY) -> None:
        self.memory = memory
        self._arrays: OrderedDict[tuple[tuple[Path, ...], Size | None, str], Frames] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def load(self, files: tuple[Path, ...], size: Size | None, *, enlarge: bool = True) -> Frames:
        """Return the frames (T, H, W, 3), uint8 RGB, read-only.

        Args:
            files: the tracklet.
            size: height and width; None = unchanged, for frames of one size.
            enlarge: whether frames smaller than `size` are resized; if not, they stay unchanged if they have one size.
        """
        if size is None or enlarge:
            return self._load_cached(
                (files, size, ""), lambda: _stack(files, [decode(file, size) for file in files])
            )
        return self._load_cached((files, size, "not enlarged"), lambda: _load_small(files, size))

    def derive(
        self, files: tuple[Path, ...], size: Size | None, name: str, function: Callable[[Frames], Frames]
    ) -> Frames:
        """Return the result of a function of the frames that `load` returns, read-only.

        Args:
            files: the tracklet.
            size: of the frames that the function receives; None = unchanged.
            name: of the result, not empty; functions with different results must have different names.
            function: from frames (T, H, W, 3) to an array of uint8, of any shape.
        """
        return self._load_cached((files, size, name), lambda: function(self.load(files, size)))

    def _load_cached(
        self, key: tuple[tuple[Path, ...], Size | None, str], make: Callable[[], Frames]
    ) -> Frames:
        with self._lock:
            if key in self._arrays:
                self._arrays.move_to_end(key)
                return self._arrays[key]
        # Outside the lock, so that no thread waits for the tracklet of another.
        array = make()
        array.setflags(write=False)
        with self._lock:
            if key not in self._arrays and array.nbytes <= self.memory:
                self._arrays[key] = array
                self._bytes += array.nbytes
                while self._bytes > self.memory:
                    self._bytes -= self._arrays.popitem(last=False)[1].nbytes
        return array


def _load_small(files: tuple[Path, ...], size: Size) -> Frames:
    """Return the frames unchanged if they have one size and are not larger than `size`, else resized to it."""
    frames = [decode(file) for file in files]
    shapes = {frame.shape[:2] for frame in frames}
    if len(shapes) > 1 or frames[0][..., 0].size > size[0] * size[1]:
        frames = [_resize(frame, size) for frame in frames]
    return np.stack(frames)


def _stack(files: tuple[Path, ...], frames: list[Frames]) -> Frames:
    for file, frame in zip(files, frames, strict=True):
        if frame.shape != frames[0].shape:
            raise FrameError(
                file,
                f"frames of a tracklet must have one size, got {frame.shape[:2]} after {frames[0].shape[:2]}",
            )
    return np.stack(frames)
