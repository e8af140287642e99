"""Rendering of tracks to image files, in parallel processes for large trees."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import as_completed
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from rich.console import Console
from rich.progress import Progress

from reidbench.datasets.frames import Frames
from reidbench.datasets.image_files import digest_image, encode_image
from reidbench.datasets.marker import ListedFile
from reidbench.datasets.masks import mask_files
from reidbench.datasets.synthetic.cameras import Camera
from reidbench.datasets.synthetic.people import Appearance
from reidbench.datasets.synthetic.scene import Track
from reidbench.datasets.synthetic.settings import SyntheticSettings
from reidbench.datasets.worker_processes import worker_processes
from reidbench.errors import ConfigError

# Fewer frames take less time than the start of another process.
_FRAMES_PER_WORKER = 2_000

# Tracks per task, since tracks of still images are short.
_BATCH_SIZE = 8
_Batch = tuple[Path, Sequence["TrackJob"]]
# The number of rendered frames, and the written images by path.
_Rendered = tuple[int, dict[str, ListedFile]]


@dataclass(frozen=True, kw_only=True)
class TrackJob:
    """One track to render, and its files.

    Attributes:
        person: appearance of the person.
        camera: camera of the track.
        index: key of the random generator of the track, together with seed and camera; unique per camera.
        seed: seed of the tree.
        frames: file of each frame in temporal order, relative to the dataset folder; the suffix sets the format.
        single: file for a copy of the clearest frame; None: no copy.
        masks: mask file (PNG) of each frame; None: no masks.
        size: (width, height) of the images; None: the size of the renderer.
    """

    person: Appearance
    camera: Camera
    index: int
    seed: int
    frames: tuple[str, ...]
    single: str | None = None
    masks: tuple[str, ...] | None = None
    size: tuple[int, int] | None = None


def plan_track(
    settings: SyntheticSettings,
    index: int,
    person: Appearance,
    camera: Camera,
    frames: Iterable[str],
    *,
    single: str | None = None,
    size: tuple[int, int] | None = None,
) -> TrackJob:
    """Return the job of a track, with masks if the settings ask for them; the arguments are those of `TrackJob`."""
    files = tuple(frames)
    masks = mask_files(files) if settings.masks else None
    return TrackJob(
        person=person,
        camera=camera,
        index=index,
        seed=settings.seed,
        frames=files,
        single=single,
        masks=masks,
        size=size,
    )


def render_tracks(
    folder: Path, jobs: Sequence[TrackJob], *, workers: int | None, progress: bool | None
) -> dict[str, ListedFile]:
    """Render all jobs, and return the written images by path relative to the folder.

    Args:
        folder: folder of the dataset.
        jobs: tracks to render, in any order.
        workers: number of processes; None: one per CPU core, fewer for few frames.
        progress: whether to show a progress bar on stderr; None: if stderr is a terminal.

    Raises:
        ConfigError: `workers` is less than 1.
    """
    if workers is not None and workers < 1:
        raise ConfigError(f"workers must be at least 1, got {workers}")
    frames = sum(len(job.frames) for job in jobs)
    if workers is None:
        workers = max(1, min(os.cpu_count() or 1, frames // _FRAMES_PER_WORKER))
    batches = [(folder, jobs[start : start + _BATCH_SIZE]) for start in range(0, len(jobs), _BATCH_SIZE)]
    finished = map(_render_batch, batches) if workers == 1 else _render_in_processes(batches, workers)
    show = sys.stderr.isatty() if progress is None else progress
    with Progress(console=Console(stderr=True), disable=not show, transient=True) as bar:
        task = bar.add_task("rendering frames", total=frames)
        images: dict[str, ListedFile] = {}
        for frames_done, written in finished:
            images |= written
            bar.advance(task, frames_done)
    return images


def _render_in_processes(batches: list[_Batch], workers: int) -> Iterator[_Rendered]:
    """Yield the result of each finished batch; a failure or an interrupt cancels the other batches."""
    with worker_processes(workers) as pool:
        for future in as_completed([pool.submit(_render_in_worker, batch) for batch in batches]):
            yield future.result()


def _render_in_worker(batch: _Batch) -> _Rendered:
    # One process per core.
    cv2.setNumThreads(1)
    return _render_batch(batch)


def _render_batch(batch: _Batch) -> _Rendered:
    """Render a batch of tracks."""
    folder, jobs = batch
    images: dict[str, ListedFile] = {}
    for job in jobs:
        images |= _render_track(folder, job)
    return sum(len(job.frames) for job in jobs), images


def _render_track(folder: Path, job: TrackJob) -> dict[str, ListedFile]:
    images = {}
    track = Track(job.person, job.camera, seed=job.seed, index=job.index, frames=len(job.frames))
    files = (*job.frames, *(job.masks or ()), *((job.single,) if job.single else ()))
    for parent in {(folder / file).parent for file in files}:
        parent.mkdir(parents=True, exist_ok=True)
    single = None if job.single is None else _find_clearest_frame(track)
    for index, file in enumerate(job.frames):
        image = _resize(track.render(index), job.size, cv2.INTER_LINEAR)
        images[file] = _write(image, folder / file)
        if job.single is not None and index == single:
            images[job.single] = _write(image, folder / job.single)
        if job.masks is not None:
            mask = _resize(track.render_mask(index), job.size, cv2.INTER_NEAREST)
            images[job.masks[index]] = _write(mask, folder / job.masks[index])
    return images


def _write(image: Frames, path: Path) -> ListedFile:
    data = encode_image(image, path.suffix, is_rendered=True)
    path.write_bytes(data)
    return ListedFile(len(data), hashlib.sha256(data).hexdigest(), digest_image(image))


def _resize(image: Frames, size: tuple[int, int] | None, interpolation: int) -> Frames:
    return (
        image if size is None else np.asarray(cv2.resize(image, size, interpolation=interpolation), np.uint8)
    )


def _find_clearest_frame(track: Track) -> int:
    """Return the unoccluded frame nearest to the middle, or the middle frame if all frames are occluded."""
    middle = track.length // 2
    clear = [frame for frame in range(track.length) if track.is_clear(frame)]
    return min(clear, key=lambda frame: abs(frame - middle), default=middle)
