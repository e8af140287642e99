"""Encoding of images as files, and the digest of their pixels."""

from __future__ import annotations

import hashlib

import cv2
import numpy as np

from reidbench.datasets.frame_mark import mark_image
from reidbench.datasets.frames import Frames
from reidbench.errors import DatasetError

_ENCODER_OPTIONS: dict[str, list[int]] = {
    # Fastest compression with a filter that suits noise: encoding takes a quarter of the default time.
    ".png": [
        *(cv2.IMWRITE_PNG_COMPRESSION, 1),
        *(cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_HUFFMAN_ONLY),
        *(cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_UP),
    ],
    ".jpg": [cv2.IMWRITE_JPEG_QUALITY, 92],
    ".bmp": [],
}


def encode_image(image: Frames, suffix: str, *, is_rendered: bool) -> bytes:
    """Return an image as the bytes of a file.

    Args:
        image: (H, W, 3), RGB, or (H, W); uint8.
        suffix: .png, .jpg or .bmp.
        is_rendered: whether the file gets the mark of rendered images.

    Raises:
        DatasetError: OpenCV does not support the format.
    """
    pixels = image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    succeeded, data = cv2.imencode(suffix, pixels, _ENCODER_OPTIONS[suffix])
    if not succeeded:
        raise DatasetError(
            f"cannot encode a frame as {suffix}: install an opencv-python-headless that supports this format"
        )
    return mark_image(data.tobytes()) if is_rendered else data.tobytes()


def digest_image(image: Frames) -> str:
    """Return the SHA-256 of the pixels of an image before encoding, in hexadecimal.

    It is of the text "height width channels" and a line feed, and of the bytes of all rows: three bytes (red, green,
    blue) per pixel of a frame, one byte per pixel of a mask.
    """
    channels = 1 if image.ndim == 2 else image.shape[2]
    digest = hashlib.sha256(f"{image.shape[0]} {image.shape[1]} {channels}\n".encode())
    digest.update(np.ascontiguousarray(image).tobytes())
    return digest.hexdigest()
