"""Frames that are not what their name says, are too large, or have other pixels than 8-bit numbers."""

from __future__ import annotations

import os
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import EpsImagePlugin, Image

from reidbench.datasets import FrameLoader
from reidbench.datasets.frames import decode
from reidbench.datasets.masks import MASK_PERSON, read_mask
from reidbench.errors import ConfigError, FrameError
from reidbench.limits import MEGAPIXELS

POSTSCRIPT = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n{} loop\n%%EOF\n"


def write_png_header(path: Path, width: int, height: int) -> Path:
    """Write a PNG file of this size without pixels."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")
    )
    return path


def test_postscript_in_a_jpg_is_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(EpsImagePlugin, "Ghostscript", lambda *_: pytest.fail("Ghostscript was started"))
    (tmp_path / "a.jpg").write_bytes(POSTSCRIPT)

    with pytest.raises(
        FrameError, match=r"a\.jpg: it is not a picture of the format JPEG, PNG or BMP; restore"
    ):
        decode(tmp_path / "a.jpg")


@pytest.mark.parametrize("form", ["GIF", "TIFF", "WEBP", "PPM", "ICO", "TGA", "PCX", "JPEG2000", "SGI"])
def test_other_formats_are_refused(tmp_path: Path, form: str) -> None:
    Image.new("RGB", (16, 16)).save(tmp_path / "a.jpg", format=form)

    with pytest.raises(FrameError, match="it is not a picture of the format JPEG, PNG or BMP"):
        decode(tmp_path / "a.jpg")


@pytest.mark.parametrize("form", ["JPEG", "PNG", "BMP"])
def test_contents_decide_the_format(tmp_path: Path, form: str) -> None:
    Image.new("RGB", (4, 2), (9, 9, 9)).save(tmp_path / "a.bin", format=form)

    assert decode(tmp_path / "a.bin").shape == (2, 4, 3)


def test_declared_format_is_read(tmp_path: Path) -> None:
    Image.new("RGB", (4, 2), (9, 8, 7)).save(tmp_path / "a.tif")
    loader = FrameLoader()
    loader.allow(("TIFF",))

    assert loader.load((tmp_path / "a.tif",), None)[0, 0, 0].tolist() == [9, 8, 7]


@pytest.mark.parametrize(("width", "height"), [(10_000, 5_001), (14_000, 10_000), (2**31 - 1, 2**31 - 1)])
def test_large_frame_is_refused_before_it_is_decoded(tmp_path: Path, width: int, height: int) -> None:
    path = write_png_header(tmp_path / "a.png", width, height)

    with pytest.raises(
        FrameError, match="more than the limit of 50 megapixels; set REIDBENCH_MAX_MEGAPIXELS"
    ):
        decode(path)


def test_limit_of_pixels_can_be_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.new("RGB", (1000, 1000)).save(tmp_path / "a.png")

    monkeypatch.setenv(MEGAPIXELS.variable, "0.9")
    with pytest.raises(FrameError, match=r"1,000 x 1,000 pixels, more than the limit of 0\.9 megapixels"):
        decode(tmp_path / "a.png")
    monkeypatch.setenv(MEGAPIXELS.variable, "1")
    assert decode(tmp_path / "a.png").shape == (1000, 1000, 3)


@pytest.mark.parametrize("text", ["0", "-1", "many", "inf", "nan"])
def test_invalid_limit_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv(MEGAPIXELS.variable, text)

    with pytest.raises(ConfigError, match="REIDBENCH_MAX_MEGAPIXELS must be a number above 0"):
        MEGAPIXELS.read()


def test_16_bit_grey_is_scaled_to_8_bits(tmp_path: Path) -> None:
    values = np.array([[0, 128, 129, 257], [32_767, 32_896, 65_406, 65_535]], np.uint16)
    assert cv2.imwrite(str(tmp_path / "a.png"), values)

    frame = decode(tmp_path / "a.png")

    expected = np.array([[0, 0, 1, 1], [127, 128, 254, 255]])
    np.testing.assert_array_equal(frame, np.repeat(expected[..., None], 3, axis=2))


def test_16_bit_colour_is_scaled_to_8_bits(tmp_path: Path) -> None:
    levels = np.random.default_rng(0).integers(0, 256, (6, 5, 3))
    assert cv2.imwrite(str(tmp_path / "a.png"), (levels * 257).astype(np.uint16)[..., ::-1])

    np.testing.assert_array_equal(decode(tmp_path / "a.png"), levels)


@pytest.mark.parametrize(("dtype", "mode"), [(np.float32, "F"), (np.int32, "I")])
def test_frames_of_floats_and_32_bit_numbers_are_refused(tmp_path: Path, dtype: type, mode: str) -> None:
    Image.fromarray(np.ones((4, 4), dtype)).save(tmp_path / "a.tif")

    with pytest.raises(
        FrameError, match=f"pixels must be 8-bit or 16-bit numbers, got Pillow's mode '{mode}'"
    ):
        decode(tmp_path / "a.tif", formats=("TIFF",))


def test_progressive_jpeg_with_many_scans_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    Image.new("RGB", (16, 16)).save(path, progressive=True)
    assert decode(path).shape == (16, 16, 3)
    contents = path.read_bytes()
    last_scan = contents[contents.rindex(b"\xff\xda") : -2]

    path.write_bytes(contents[:-2] + 200 * last_scan + contents[-2:])
    with pytest.raises(FrameError, match="a progressive JPEG file must have at most 100 scans, got 2"):
        decode(path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no named pipes")
def test_pipe_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.jpg")

    with pytest.raises(FrameError, match="it is not a file"):
        decode(tmp_path / "a.jpg")


def test_mask_of_another_format_is_refused(tmp_path: Path) -> None:
    (tmp_path / "masks").mkdir()
    Image.fromarray(np.full((2, 2), MASK_PERSON, np.uint8)).save(tmp_path / "masks" / "a.png")
    assert read_mask(tmp_path, tmp_path / "a.jpg").tolist() == [[MASK_PERSON] * 2] * 2

    (tmp_path / "masks" / "a.png").write_bytes(POSTSCRIPT)
    with pytest.raises(FrameError, match="it is not a picture of the format PNG"):
        read_mask(tmp_path, tmp_path / "a.jpg")
