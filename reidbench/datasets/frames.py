"""Decoding of frames, with a cache of decoded tracklets of limited size."""

from __future__ import annotations

import io
import stat
import threading
import warnings
from collections import OrderedDict
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError

from reidbench.errors import FrameError, ReidbenchError, describe_error, quote
from reidbench.limits import MEGAPIXELS

Frames = npt.NDArray[np.uint8]
# Height and width.
Size = tuple[int, int]
# In bytes; all of iLIDS-VID at 64 x 128 is about 1 GB.
DEFAULT_MEMORY = 3 << 30
FRAME_FORMATS = ("JPEG", "PNG", "BMP")
"""Formats of frames, by Pillow's names; a reader may declare more."""
# Encoders write about 10 scans.
_MAX_SCANS = 100
_START_OF_SCAN = b"\xff\xda"
# Pictures above Pillow's own limit are errors, not warnings.
warnings.simplefilter("error", Image.DecompressionBombWarning)
# 16-bit values are scaled to 8 bits: 65535 = 255 * 257. Pillow takes the high byte of each 16-bit colour itself.
_MODES_OF_16_BITS = ("I;16", "I;16L", "I;16B", "I;16N")
_MODES_OF_8_BITS = (
    "1",
    "L",
    "LA",
    "P",
    "PA",
    "RGB",
    "RGBA",
    "RGBX",
    "CMYK",
    "YCbCr",
    "LAB",
    "HSV",
    "La",
    "RGBa",
)


def decode(
    path: Path,
    size: tuple[int, int] | None = None,
    *,
    formats: Collection[str] = FRAME_FORMATS,
    contents: bytes | None = None,
) -> Frames:
    """Return one frame as RGB (H, W, 3), resized to (height, width) if a size is given.

    Reduction averages areas, enlargement is bilinear. 16-bit pictures are scaled to 8 bits.

    Args:
        path: of the frame.
        size: height and width; None = unchanged.
        formats: allowed formats, by Pillow's names. The contents of the file decide, not its name.
        contents: bytes of the file if they were read before; the path is then used in messages only.

    Raises:
        FrameError: the file is missing, truncated, corrupt, not a picture of an allowed format, has too many pixels,
            or pixels that are not 8-bit or 16-bit numbers.
    """
    frame = read_picture(path, "RGB", formats=formats, contents=contents)
    return frame if size is None else _resize(frame, size)


def read_picture(
    path: Path,
    mode: Literal["RGB", "L"],
    *,
    formats: Collection[str] = FRAME_FORMATS,
    contents: bytes | None = None,
) -> Frames:
    """Return the pixels of a picture, (H, W, 3) for "RGB" and (H, W) for "L"; arguments and errors as in `decode`."""
    try:
        # Opening a pipe would wait for its other end.
        if contents is None and not stat.S_ISREG(path.stat().st_mode):
            raise FrameError(path, "it is not a file")
        with _open(path if contents is None else io.BytesIO(contents), formats) as image:
            _check_pixels(path, image.size)
            _check_scans(path, image)
            return _to_8_bits(path, image, mode)
    except ReidbenchError:
        raise
    except UnidentifiedImageError as error:
        raise FrameError(path, f"it is not a picture of the format {_list_formats(formats)}") from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise FrameError(path, f"it has too many pixels, {_describe_limit(MEGAPIXELS.read())}") from error
    # Pillow's readers of damaged files raise many kinds of errors, such as struct.error and zlib.error.
    except Exception as error:
        raise FrameError(path, describe_error(error)) from error


def _open(source: Path | io.BytesIO, formats: Collection[str]) -> Image.Image:
    """Open a picture without decoding it; other formats are not tried, since some of them start other programs."""
    limit = int(MEGAPIXELS.read() * 1e6)
    if Image.MAX_IMAGE_PIXELS is not None and limit > Image.MAX_IMAGE_PIXELS:
        # Pillow has a limit of its own.
        Image.MAX_IMAGE_PIXELS = limit
    return Image.open(source, formats=tuple(formats))


def _check_pixels(path: Path, size: tuple[int, int]) -> None:
    limit = MEGAPIXELS.read()
    if size[0] * size[1] > limit * 1e6:
        raise FrameError(path, f"it has {size[0]:,} x {size[1]:,} pixels, {_describe_limit(limit)}")


def _check_scans(path: Path, image: Image.Image) -> None:
    """Check the number of scans of a progressive JPEG file; each of them takes the time of a complete picture."""
    if image.info.get("progressive") and (scans := path.read_bytes().count(_START_OF_SCAN)) > _MAX_SCANS:
        raise FrameError(path, f"a progressive JPEG file must have at most {_MAX_SCANS} scans, got {scans}")


def _describe_limit(limit: float) -> str:
    return f"more than the limit of {limit:g} megapixels; set {MEGAPIXELS.variable} to raise it"


def _to_8_bits(path: Path, image: Image.Image, mode: Literal["RGB", "L"]) -> Frames:
    """Decode a picture and return its pixels as 8-bit numbers."""
    # Some versions of Pillow open 16-bit grey PNG files as 32-bit numbers.
    if image.mode in _MODES_OF_16_BITS or (image.mode, image.format) == ("I", "PNG"):
        grey = ((np.asarray(image).astype(np.uint32) + 128) // 257).astype(np.uint8)
        return grey if mode == "L" else np.repeat(grey[..., None], 3, axis=2)
    if image.mode not in _MODES_OF_8_BITS:
        raise FrameError(
            path, f"its pixels must be 8-bit or 16-bit numbers, got Pillow's mode {quote(image.mode)}"
        )
    return np.asarray(image.convert(mode))


def _list_formats(formats: Collection[str]) -> str:
    *first, last = formats
    return f"{', '.join(first)} or {last}" if first else last


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
        self.formats = frozenset(FRAME_FORMATS)
        self._arrays: OrderedDict[tuple[tuple[Path, ...], Size | None, str], Frames] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def allow(self, formats: Collection[str]) -> None:
        """Add formats that the reader of a dataset declares to the allowed ones."""
        self.formats |= frozenset(formats)

    def decode(self, file: Path, size: Size | None) -> Frames:
        """Return one frame; see the function `decode`."""
        return decode(file, size, formats=self.formats)

    def load(self, files: tuple[Path, ...], size: Size | None, *, enlarge: bool = True) -> Frames:
        """Return the frames (T, H, W, 3), uint8 RGB, read-only.

        Args:
            files: the tracklet.
            size: height and width; None = unchanged, for frames of one size.
            enlarge: whether frames smaller than `size` are resized; if not, they stay unchanged if they have one size.
        """
        if size is None or enlarge:
            return self._load_cached(
                (files, size, ""),
                lambda: _stack(files, [self.decode(file, size) for file in files]),
            )
        return self._load_cached(
            (files, size, "not enlarged"),
            lambda: _shrink([self.decode(file, None) for file in files], size),
        )

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


def _shrink(frames: list[Frames], size: Size) -> Frames:
    """Return the frames unchanged if they have one size and are not larger than `size`, else resized to it."""
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
