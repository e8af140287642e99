from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest

from reidbench.datasets import FrameLoader, TrackletView, TrainingSet

Write = Callable[[str, np.ndarray], TrackletView]


def draw_texture(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """Return a smooth random picture (height, width, 3)."""
    coarse = rng.integers(0, 256, (height // 8 + 2, width // 8 + 2, 3)).astype(np.float32)
    fine = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.clip(fine, 0, 255).astype(np.uint8)


@pytest.fixture(scope="session")
def write(tmp_path_factory: pytest.TempPathFactory) -> Write:
    root, loader = tmp_path_factory.mktemp("frames"), FrameLoader()

    def write_frames(name: str, frames: np.ndarray) -> TrackletView:
        files = []
        for number, frame in enumerate(frames):
            files.append(root / f"{name}-{number}.png")
            assert cv2.imwrite(str(files[-1]), frame[..., ::-1])
        return TrackletView(name, tuple(files), loader, None)

    return write_frames


@pytest.fixture(scope="session")
def views(write: Write) -> list[TrackletView]:
    """Four tracklets of different length, of 32 x 24 pixels, that each pan over a picture."""
    return [_panning(write, f"view{length}", length, seed) for seed, length in enumerate((2, 6, 1, 5))]


@pytest.fixture(scope="session")
def training(write: Write) -> TrainingSet:
    """Four people, each seen by two cameras in tracklets of 5 frames of 32 x 24 pixels."""
    pids, camids = np.repeat([7, 3, 11, 20], 2), np.tile([1, 2], 4)
    tracklets = [
        _panning(write, f"train{pid}-{camid}", 5, pid) for pid, camid in zip(pids, camids, strict=True)
    ]
    return TrainingSet(pids, camids, tracklets, "digest")


def _panning(write: Write, name: str, length: int, seed: int) -> TrackletView:
    picture = draw_texture(np.random.default_rng(seed), 32, 24 + length)
    return write(name, np.stack([picture[:, start : start + 24] for start in range(length)]))
