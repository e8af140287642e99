"""Hostile frames: other file types in a .jpg, sizes that fill the memory, deep colours, damaged bytes."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tests.hostile.damage import BYTE_EDITS

SIZE = (12, 8)

Pixels = NDArray[Any]


def make_pixels(random: Random) -> Pixels:
    """Return RGB pixels (12, 8, 3), uint8."""
    return np.random.default_rng(random.randrange(2**32)).integers(0, 256, (*SIZE, 3), dtype=np.uint8)


def encode(pixels: Pixels, kind: str, **options: Any) -> bytes:
    """Return an encoded picture."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind, **options)
    return buffer.getvalue()


def make_picture(random: Random) -> tuple[bytes, str, str]:
    """Return the bytes of a hostile frame, its suffix and what it is."""
    name = random.choice(sorted(_PICTURES))
    suffix = random.choice((".jpg", ".jpg", ".png", ".bmp"))
    return _PICTURES[name](random), suffix, name


def _damage_random(kind: str, **options: Any) -> Callable[[Random], bytes]:
    def make(random: Random) -> bytes:
        return random.choice(list(BYTE_EDITS))(encode(make_pixels(random), kind, **options), random)

    return make


def _encode_random(kind: str, mode: str = "RGB", **options: Any) -> Callable[[Random], bytes]:
    def make(random: Random) -> bytes:
        buffer = io.BytesIO()
        Image.fromarray(make_pixels(random)).convert(mode).save(buffer, kind, **options)
        return buffer.getvalue()

    return make


def _png(
    width: int, height: int, data: bytes, *, depth: int = 8, colour: int = 2, more: bytes = b""
) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + more + _chunk(b"IDAT", data) + _chunk(b"IEND", b"")
    )


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _png_bomb(width: int, height: int) -> Callable[[Random], bytes]:
    def make(random: Random) -> bytes:
        # Enough zeros for the first rows.
        return _png(width, height, zlib.compress(bytes(3 * min(width, 10**6) + 1) * 2, 9))

    return make


def _text_bomb(random: Random) -> bytes:
    pixels = zlib.compress(b"\x00" * (SIZE[0] * (3 * SIZE[1] + 1)))
    text = b"Comment\x00\x00" + zlib.compress(bytes(random.choice((10**5, 8 * 10**7))), 9)
    return _png(SIZE[1], SIZE[0], pixels, more=_chunk(b"zTXt", text))


def _bmp_bomb(random: Random) -> bytes:
    width, height = random.choice(((60_000, 60_000), (-1, 8), (2**31 - 1, 2**31 - 1), (8, -(2**31)), (0, 0)))
    header = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, 0, 0, 0, 0, 0)
    return b"BM" + struct.pack("<IHHI", 54, 0, 0, 54) + header + b"\x00" * 100


def _jpeg_bomb(random: Random) -> bytes:
    data = bytearray(encode(make_pixels(random), "JPEG"))
    start = data.index(b"\xff\xc0") + 5
    data[start : start + 4] = struct.pack(
        ">HH", *random.choice(((65_500, 65_500), (0, 8), (65_535, 1), (9_000, 9_000)))
    )
    return bytes(data)


def _deep_png(random: Random) -> bytes:
    rng = np.random.default_rng(random.randrange(2**32))
    return encode(rng.integers(0, 2**16, SIZE, dtype=np.uint16), "PNG")


def _float_tiff(random: Random) -> bytes:
    return encode(np.random.default_rng(random.randrange(2**32)).random(SIZE, dtype=np.float32), "TIFF")


_POSTSCRIPT = (
    b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 64 128\n%%EndComments\n{ } loop\nshowpage\n%%EOF\n"
)
_PICTURES: dict[str, Callable[[Random], bytes]] = {
    "damaged JPEG": _damage_random("JPEG"),
    "damaged progressive JPEG": _damage_random("JPEG", progressive=True),
    "damaged PNG": _damage_random("PNG"),
    "damaged BMP": _damage_random("BMP"),
    "PostScript": lambda random: _POSTSCRIPT,
    "PostScript with preview": lambda random: b"\xc5\xd0\xd3\xc6" + struct.pack("<7I", 32, 90, *[0] * 5) + _POSTSCRIPT,
    "GIF": _encode_random("GIF"),
    "TIFF": _encode_random("TIFF"),
    "WebP": _encode_random("WEBP"),
    "PPM": _encode_random("PPM"),
    "ICO": _encode_random("ICO"),
    "PDF": _encode_random("PDF"),
    "TGA": _encode_random("TGA"),
    "CMYK JPEG": _encode_random("JPEG", "CMYK"),
    "grey JPEG": _encode_random("JPEG", "L"),
    "grey PNG with alpha": _encode_random("PNG", "LA"),
    "palette PNG": _encode_random("PNG", "P"),
    "1-bit PNG": _encode_random("PNG", "1"),
    "RGBA PNG": _encode_random("PNG", "RGBA"),
    "16-bit PNG": _deep_png,
    "float TIFF": _float_tiff,
    "PNG of 900 megapixels": _png_bomb(30_000, 30_000),
    "PNG of 100 megapixels": _png_bomb(10_000, 10_000),
    "PNG of 4 gigapixels": _png_bomb(2**31 - 1, 2),
    "PNG without pixels": _png_bomb(0, 8),
    "PNG with a large text": _text_bomb,
    "BMP of impossible size": _bmp_bomb,
    "JPEG of another size": _jpeg_bomb,
    "SVG": lambda random: b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>',
    "nothing": lambda random: b"",
    "zeros": lambda random: bytes(5000),
    "random bytes": lambda random: random.randbytes(500),
    "start of a JPEG": lambda random: b"\xff\xd8\xff\xe0" + random.randbytes(200),
    "XPM": lambda random: b'/* XPM */\nstatic char *a[] = {"99999 99999 2 1", "a c #000", "b c #fff"};',
    "FITS": lambda random: b"SIMPLE  =                    T".ljust(80) + b"END".ljust(2800),
}  # fmt: skip


# What must be refused: other formats, and more than 50 megapixels.
REFUSED = frozenset(
    name
    for name in _PICTURES
    if name.startswith(("PostScript", "GIF", "TIFF", "WebP", "PPM", "ICO", "PDF", "TGA"))
) | {
    "float TIFF",
    "PNG of 900 megapixels",
    "PNG of 100 megapixels",
    "PNG of 4 gigapixels",
    "SVG",
    "XPM",
    "FITS",
}


def make_deep_picture(random: Random) -> tuple[bytes, Pixels, str]:
    """Return a lossless picture of an unusual kind, the 8-bit RGB pixels (12, 8, 3) that it shows, and its kind."""
    rng = np.random.default_rng(random.randrange(2**32))
    kind = random.choice(
        ("16-bit grey", "16-bit grey, dark", "16-bit colour", "8-bit grey", "1-bit", "palette")
    )
    if kind.startswith("16-bit grey"):
        deep = rng.integers(0, 2**16 if kind == "16-bit grey" else 2**9, SIZE, dtype=np.uint16)
        return encode(deep, "PNG"), np.repeat((deep >> 8)[..., None], 3, 2).astype(np.uint8), kind
    if kind == "16-bit colour":
        colours = rng.integers(0, 2**16, (*SIZE, 3), dtype=np.uint16)
        rows = b"".join(b"\x00" + row.astype(">u2").tobytes() for row in colours)
        data = _png(SIZE[1], SIZE[0], zlib.compress(rows), depth=16)
        return data, (colours >> 8).astype(np.uint8), kind
    image = Image.fromarray(rng.integers(0, 256, (*SIZE, 3), dtype=np.uint8))
    image = image.convert({"8-bit grey": "L", "1-bit": "1", "palette": "P"}[kind])
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue(), np.asarray(image.convert("RGB")), kind


def write_picture(path: Path, random: Random) -> None:
    """Write a valid picture in the format of the suffix."""
    path.parent.mkdir(parents=True, exist_ok=True)
    kind = {".jpg": "JPEG", ".jpeg": "JPEG", ".png": "PNG", ".bmp": "BMP"}[path.suffix.lower()]
    path.write_bytes(encode(make_pixels(random), kind))
