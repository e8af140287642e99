from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from reidbench.datasets import FrameLoader, FrameWindow, TrackletView, stream_frames, stream_tracklets
from reidbench.datasets.frames import decode
from reidbench.errors import FrameError, PluginError


def write(path: Path, rgb: np.ndarray) -> Path:
    assert cv2.imwrite(str(path), rgb[..., ::-1])
    return path


@pytest.fixture
def image() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (16, 8, 3), dtype=np.uint8)


def test_png_is_decoded_exactly_as_rgb(tmp_path: Path, image: np.ndarray) -> None:
    np.testing.assert_array_equal(decode(write(tmp_path / "a.png", image)), image)


def test_halving_averages_areas(tmp_path: Path, image: np.ndarray) -> None:
    small = decode(write(tmp_path / "a.png", image), (8, 4))

    means = image.reshape(8, 2, 4, 2, 3).astype(float).mean((1, 3))
    np.testing.assert_allclose(small, means, atol=0.51)


def test_gray_and_palette_images_become_rgb(tmp_path: Path) -> None:
    assert cv2.imwrite(str(tmp_path / "gray.png"), np.full((4, 4), 7, np.uint8))

    assert decode(tmp_path / "gray.png").tolist() == np.full((4, 4, 3), 7).tolist()


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_truncated_image_is_named(tmp_path: Path, suffix: str, share: float) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (128, 64, 3), dtype=np.uint8)
    path = write(tmp_path / f"cut{suffix}", noise)
    contents = path.read_bytes()
    path.write_bytes(contents[: int(len(contents) * share)])

    with pytest.raises(FrameError, match=rf"cut\{suffix}.*restore the file"):
        decode(path)


def test_changed_byte_in_a_png_is_an_error(tmp_path: Path, image: np.ndarray) -> None:
    path = write(tmp_path / "a.png", image)
    contents = bytearray(path.read_bytes())
    contents[len(contents) // 2] ^= 255
    path.write_bytes(contents)

    with pytest.raises(FrameError):
        decode(path)


def test_missing_frame_is_named(tmp_path: Path) -> None:
    with pytest.raises(FrameError, match=r"missing\.png"):
        decode(tmp_path / "missing.png")


def test_frames_of_different_sizes_need_a_common_size(tmp_path: Path, image: np.ndarray) -> None:
    files = (write(tmp_path / "a.png", image), write(tmp_path / "b.png", image[:4]))

    assert FrameLoader().load(files, (16, 8)).shape == (2, 16, 8, 3)
    with pytest.raises(FrameError, match=r"b\.png: frames of a tracklet must have one size"):
        FrameLoader().load(files, None)


def test_frames_are_decoded_once_within_the_memory_limit(tmp_path: Path, image: np.ndarray) -> None:
    files = [(write(tmp_path / f"{n}.png", image),) for n in range(3)]
    loader = FrameLoader(memory=2 * image.nbytes)

    first = loader.load(files[0], None)
    assert loader.load(files[0], None) is first
    loader.load(files[1], None)
    # Evicts the least recently used.
    loader.load(files[2], None)
    assert loader.load(files[0], None) is not first


def test_decoded_frames_are_read_only(tmp_path: Path, image: np.ndarray) -> None:
    frames = FrameLoader().load((write(tmp_path / "a.png", image),), None)

    with pytest.raises(ValueError, match="read-only"):
        frames[0] = 0


def first_channel(frames: np.ndarray) -> np.ndarray:
    return frames[..., 0].copy()


def test_derived_arrays_are_computed_once_within_the_memory_limit(tmp_path: Path, image: np.ndarray) -> None:
    calls: list[tuple[int, ...]] = []

    def function(frames: np.ndarray) -> np.ndarray:
        calls.append(frames.shape)
        return first_channel(frames)

    view = TrackletView("x", (write(tmp_path / "a.png", image),), FrameLoader(), None)

    first = view.derive("red", function)
    assert view.derive("red", function) is first
    np.testing.assert_array_equal(first, image[None, ..., 0])
    assert view.derive("red", function, (8, 4)).shape == (1, 8, 4)
    assert view.derive("red again", function, (8, 4)).shape == (1, 8, 4)
    assert calls == [(1, 16, 8, 3), (1, 8, 4, 3), (1, 8, 4, 3)]
    # The frames have an entry of their own.
    np.testing.assert_array_equal(view.frames(), image[None])
    with pytest.raises(ValueError, match="read-only"):
        first[0] = 0


def test_frames_and_derived_arrays_share_one_memory_limit(tmp_path: Path, image: np.ndarray) -> None:
    files = (write(tmp_path / "a.png", image),)
    loader = FrameLoader(memory=image.nbytes + image.nbytes // 3)

    red = loader.derive(files, None, "red", first_channel)
    frames = loader.load(files, None)
    assert loader.load(files, None) is frames
    # Both fit.
    assert loader.derive(files, None, "red", first_channel) is red

    other = loader.derive(files, None, "other", first_channel)
    assert loader.load(files, None) is frames
    assert loader.derive(files, None, "other", first_channel) is other
    assert loader.derive(files, None, "red", first_channel) is not red


def test_threads_get_the_same_derived_array(tmp_path: Path) -> None:
    # Too small for all entries.
    loader = FrameLoader(memory=2000)
    views = [
        TrackletView(str(n), (write(tmp_path / f"{n}.png", np.full((16, 8, 3), n, np.uint8)),), loader, None)
        for n in range(6)
    ]

    found = list(stream_tracklets(views * 20, lambda view: view.derive("red", first_channel)))

    assert [int(red.max()) for red in found] == [int(red.min()) for red in found] == list(range(6)) * 20


def test_only_chosen_frames_are_decoded(tmp_path: Path) -> None:
    files = [tmp_path / f"{number}.png" for number in range(5)]
    for number, file in enumerate(files):
        write(file, np.full((4, 3, 3), 10 * number, np.uint8))
    files[2].write_bytes(b"damaged")
    view = TrackletView("id", tuple(files), FrameLoader(), None)

    frames = view.frames(None, [4, 0, 4, 1])

    assert frames[:, 0, 0, 0].tolist() == [40, 0, 40, 10]
    assert view.frames((8, 6), [3]).shape == (1, 8, 6, 3)
    with pytest.raises(FrameError, match=r"2\.png"):
        view.frames(None, [2])


def test_only_small_frames_of_one_size_stay_unchanged(tmp_path: Path) -> None:
    def view(*sizes: tuple[int, int]) -> TrackletView:
        files = []
        for number, (height, width) in enumerate(sizes):
            file = tmp_path / f"{height}x{width}-{number}.png"
            files.append(write(file, np.full((height, width, 3), 9, np.uint8)))
        return TrackletView("id", tuple(files), FrameLoader(), None)

    assert view((8, 4), (8, 4)).frames((16, 8), enlarge=False).shape == (2, 8, 4, 3)
    assert view((8, 4), (8, 4)).frames((16, 8)).shape == (2, 16, 8, 3)
    assert view((8, 4), (9, 4)).frames((16, 8), enlarge=False).shape == (2, 16, 8, 3)
    assert view((32, 16)).frames((16, 8), enlarge=False).shape == (1, 16, 8, 3)


def test_streaming_keeps_the_order_of_tracklets(tmp_path: Path) -> None:
    loader = FrameLoader()
    views = [
        TrackletView(str(n), (write(tmp_path / f"{n}.png", np.full((4, 4, 3), n, np.uint8)),), loader, None)
        for n in range(23)
    ]

    assert [int(frames[0, 0, 0, 0]) for frames in stream_frames(views)] == list(range(23))
    assert list(stream_frames([])) == []


def test_camera_needs_a_declaration() -> None:
    view = TrackletView("x", (), FrameLoader(), None)

    with pytest.raises(PluginError, match="uses_camera"):
        _ = view.camid


@pytest.mark.parametrize(
    ("window", "expected"),
    [
        (FrameWindow(), "abcde"),
        (FrameWindow("first", 2), "ab"),
        (FrameWindow("last", 2), "de"),
        (FrameWindow("last", 9), "abcde"),
    ],
    ids=str,
)
def test_window_selects_the_first_or_last_frames(window: FrameWindow, expected: str) -> None:
    files = tuple(Path(name) for name in "abcde")

    assert "".join(map(str, window.of(files))) == expected
