"""Writes a synthetic tree in the official layout of iLIDS-VID."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import numpy.typing as npt
import scipy.io

from reidbench.datasets.synthetic.cameras import CAMERAS
from reidbench.datasets.synthetic.marker import ILIDS_LAYOUT, settings_digest, write_marker
from reidbench.datasets.synthetic.people import draw_people
from reidbench.datasets.synthetic.placing import placed_tree
from reidbench.datasets.synthetic.rendering import TrackJob, render_tracks
from reidbench.datasets.synthetic.seeding import Stream, stream
from reidbench.datasets.synthetic.settings import SyntheticSettings

_SPLITS = 10
_MAT_TEXT = b"MATLAB 5.0 MAT-file, written by reidbench".ljust(116)  # scipy's text holds the time


def synthesize_ilids_vid(
    data_root: Path, settings: SyntheticSettings, *, workers: int | None = None, progress: bool | None = None
) -> Path:
    """Render a synthetic dataset in the layout of iLIDS-VID.

    The tree appears whole under its final name or not at all, and holds the same bytes whatever the number of
    workers. An equal tree that is there already is left as it is.

    Args:
        data_root: folder that receives the dataset folder `ilids-vid`.
        settings: size and seed.
        workers: processes; None = as many as there are processors, fewer for small trees.
        progress: show a progress bar on stderr; None = when stderr is a terminal.

    Returns:
        The dataset folder.

    Raises:
        DatasetError: something else than an equal tree lies at the destination.
        ConfigError: `workers` is below 1.
    """
    destination = data_root / "ilids-vid"
    with placed_tree(destination, settings_digest(settings, ILIDS_LAYOUT)) as unfinished:
        if unfinished is not None:
            _write_splits(unfinished, settings)
            render_tracks(_jobs(unfinished, settings), workers=workers, progress=progress)
            write_marker(unfinished, settings)
    return destination


def track_length(settings: SyntheticSettings, place: int, camera: int) -> int:
    """Return the number of frames of a track.

    Natural lengths follow a beta distribution between the shortest and the longest, skewed to the short side as
    in the real dataset (23..192 frames, mean 73).
    """
    if settings.frames is not None:
        return settings.frames
    low, high = settings.min_frames, settings.max_frames
    mean = (settings.mean_frames - low) / (high - low)
    concentration = 5.0
    share = stream(Stream.LENGTH, settings.seed, place, camera).beta(
        mean * concentration, (1 - mean) * concentration
    )
    return low + round(share * (high - low))


def folder_numbers(settings: SyntheticSettings) -> npt.NDArray[np.int64]:
    """Return the ascending folder numbers: 300 out of 1..319 as in the real dataset, others in proportion."""
    last = 319 if settings.people == 300 else settings.people + settings.people // 16
    numbers = stream(Stream.FOLDERS, settings.seed).choice(last, settings.people, replace=False) + 1
    return np.sort(numbers)


def _jobs(folder: Path, settings: SyntheticSettings) -> list[TrackJob]:
    """Return one job per track."""
    people = draw_people(settings.seed, settings.people)
    numbers = folder_numbers(settings).tolist()
    jobs = []
    for place, (person, number) in enumerate(zip(people, numbers, strict=True)):
        for camera in CAMERAS:
            name = f"cam{camera.number}_person{number:03d}"
            track = Path(f"cam{camera.number}") / f"person{number:03d}"
            jobs.append(
                TrackJob(
                    person=person,
                    camera=camera,
                    place=place,
                    seed=settings.seed,
                    frames=track_length(settings, place, camera.number),
                    first_number=int(
                        stream(Stream.LENGTH, settings.seed, place, camera.number, 1).integers(2, 9000)
                    ),
                    sequence=folder / "i-LIDS-VID" / "sequences" / track,
                    single=folder / "i-LIDS-VID" / "images" / track / f"{name}.png",
                    masks=folder / "masks" / track if settings.masks else None,
                    name=name,
                )
            )
    return jobs


def _write_splits(folder: Path, settings: SyntheticSettings) -> None:
    """Write ten random orders of the people; the values are positions in the sorted folder list, from 1."""
    rng = stream(Stream.SPLITS, settings.seed)
    orders = np.stack([rng.permutation(settings.people) + 1 for _ in range(_SPLITS)]).astype(np.uint16)
    buffer = io.BytesIO()
    scipy.io.savemat(buffer, {"ls_set": orders})
    path = folder / "train-test people splits" / "train_test_splits_ilidsvid.mat"
    path.parent.mkdir(parents=True)
    path.write_bytes(_MAT_TEXT + buffer.getvalue()[len(_MAT_TEXT) :])
