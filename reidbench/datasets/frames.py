"""Decoding frames, and what is computed from them: each once, in parallel, within a memory budget."""

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
Size = tuple[int, int]  # height and width
DEFAULT_MEMORY = 3 << 30  # all of iLIDS-VID at 64 x 128 is about 1 GB


def decode(path: Path, size: tuple[int, int] | None = None) -> Frames:
    """Return one frame as RGB (H, W, 3), resized to (height, width) if a size is given.

    Shrinking averages areas, growing is bilinear.

    Raises:
        FrameError: the file is missing, truncated, corrupt or not an image.
    """
    try:
        with Image.open(path) as image:
            frame = np.asarray(image.convert("RGB"))
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise FrameError(path, " ".join(str(error).split()) or type(error).__name__) from error
    return frame if size is None else _resized(frame, size)


def _resized(frame: Frames, size: Size) -> Frames:
    if frame.shape[:2] == size:
        return frame
    height, width = size
    shrinks = height * width < frame.shape[0] * frame.shape[1]
    method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(frame, (width, height), interpolation=method), dtype=np.uint8)


class FrameLoader:
    """Decoded tracklets, kept in memory up to a budget; the least recently used go first.

    One loader serves a whole run, so a frame is decoded once although ten trials read it. What methods derive of a
    tracklet's frames, such as optical flow, is kept under the same budget. Safe to use from threads.
    """

    def __init__(self, memory: int = DEFAULT_MEMORY) -> None:
        self.memory = memory
        self._held: OrderedDict[tuple[tuple[Path, ...], Size | None, str], Frames] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def load(self, files: tuple[Path, ...], size: Size | None, *, enlarge: bool = True) -> Frames:
        """Return the frames (T, H, W, 3) uint8 RGB; they must not be changed.

        Args:
            files: the tracklet.
            size: height and width; None leaves the frames as they are, which must then have one size.
            enlarge: whether smaller frames are enlarged to the size too; otherwise those that have one size are left.
        """
        if size is None or enlarge:
            return self._kept(
                (files, size, ""), lambda: _stack(files, [decode(file, size) for file in files])
            )
        return self._kept((files, size, "small as they are"), lambda: _shrunk(files, size))

    def derive(
        self, files: tuple[Path, ...], size: Size | None, name: str, function: Callable[[Frames], Frames]
    ) -> Frames:
        """Return what a function makes of the frames that `load` gives, read-only.

        Args:
            files: the tracklet.
            size: of the frames that the function is given; None takes them as they are.
            name: what is computed, not empty; it must differ wherever the function's results do.
            function: frames (T, H, W, 3) to an array of uint8, of any shape.
        """
        return self._kept((files, size, name), lambda: function(self.load(files, size)))

    def _kept(self, key: tuple[tuple[Path, ...], Size | None, str], make: Callable[[], Frames]) -> Frames:
        with self._lock:
            if key in self._held:
                self._held.move_to_end(key)
                return self._held[key]
        made = make()  # outside the lock, so that no thread waits for another's tracklet
        made.setflags(write=False)
        with self._lock:
            if key not in self._held and made.nbytes <= self.memory:
                self._held[key] = made
                self._bytes += made.nbytes
                while self._bytes > self.memory:
                    self._bytes -= self._held.popitem(last=False)[1].nbytes
        return made


def _shrunk(files: tuple[Path, ...], size: Size) -> Frames:
    """Return frames as they are where they have one size and are no larger than `size`, else of that size."""
    frames = [decode(file) for file in files]
    shapes = {frame.shape[:2] for frame in frames}
    if len(shapes) > 1 or frames[0][..., 0].size > size[0] * size[1]:
        frames = [_resized(frame, size) for frame in frames]
    return np.stack(frames)


def _stack(files: tuple[Path, ...], frames: list[Frames]) -> Frames:
    for file, frame in zip(files, frames, strict=True):
        if frame.shape != frames[0].shape:
            raise FrameError(
                file, f"size {frame.shape[:2]} differs from {frames[0].shape[:2]} of the tracklet's first"
            )
    return np.stack(frames)
