"""Renders tracks to PNG files, on several processors when that pays."""

from __future__ import annotations

import multiprocessing
import os
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing.connection import wait
from pathlib import Path

import cv2
from cv2.typing import MatLike
from rich.console import Console
from rich.progress import Progress

from reidbench.datasets.synthetic.appearance import Appearance
from reidbench.datasets.synthetic.cameras import Camera
from reidbench.datasets.synthetic.scene import Track
from reidbench.errors import ConfigError, DatasetError

_FRAMES_PER_WORKER = 2_000  # fewer are rendered before another process has started

# The least effort of the compressor with the filter that suits noise: the encoder takes a quarter of the time.
_PNG = [
    *(cv2.IMWRITE_PNG_COMPRESSION, 1),
    *(cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_HUFFMAN_ONLY),
    *(cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_UP),
]


@dataclass(frozen=True, kw_only=True)
class TrackJob:
    """One track and the files it becomes; frame t of a sequence has the number `first_number` + t."""

    person: Appearance
    camera: Camera
    place: int  # position of the person in the tree
    seed: int
    frames: int
    first_number: int
    name: str  # of the files, before the frame number
    sequence: Path
    single: Path
    masks: Path | None


def render_tracks(jobs: list[TrackJob], *, workers: int | None, progress: bool | None) -> None:
    """Render all jobs.

    Args:
        jobs: what to render; their order does not matter.
        workers: processes; None = as many as there are processors, fewer when there is little to do.
        progress: show a progress bar on stderr; None = when stderr is a terminal.

    Raises:
        ConfigError: `workers` is below 1.
    """
    if workers is not None and workers < 1:
        raise ConfigError(f"workers must be at least 1, got {workers}")
    frames = sum(job.frames for job in jobs)
    if workers is None:
        workers = max(1, min(os.cpu_count() or 1, frames // _FRAMES_PER_WORKER))
    finished = map(_render_track, jobs) if workers == 1 else _render_in_processes(jobs, workers)
    shown = sys.stderr.isatty() if progress is None else progress
    with Progress(console=Console(stderr=True), disable=not shown, transient=True) as bar:
        task = bar.add_task("rendering frames", total=frames)
        for count in finished:
            bar.advance(task, count)


def _render_in_processes(jobs: list[TrackJob], workers: int) -> Iterator[int]:
    """Yield the frames of each finished track; a failure or an interrupt drops what has not begun."""
    context = multiprocessing.get_context("spawn")  # forking a process that has threads may lock up
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_begin_worker)
    try:
        for future in as_completed([pool.submit(_render_track, job) for job in jobs]):
            yield future.result()
    finally:
        pool.shutdown(cancel_futures=True)


def _begin_worker() -> None:
    """Use one thread, and end with the process that asked for the pictures, however that one ends."""
    cv2.setNumThreads(1)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()


def _end_with(sentinel: int) -> None:
    wait([sentinel])
    os._exit(1)  # the pool's own way out waits for work that nobody will send


def _render_track(job: TrackJob) -> int:
    """Write the files of one track and return its number of frames."""
    track = Track(job.person, job.camera, seed=job.seed, place=job.place, frames=job.frames)
    for folder in (job.sequence, job.single.parent, job.masks):
        if folder is not None:
            folder.mkdir(parents=True)
    single = _clearest_frame(track)
    for index in range(job.frames):
        name = f"{job.name}_{job.first_number + index:05d}.png"
        picture = _encode(cv2.cvtColor(track.render(index), cv2.COLOR_RGB2BGR))
        (job.sequence / name).write_bytes(picture)
        if index == single:
            job.single.write_bytes(picture)
        if job.masks is not None:
            (job.masks / name).write_bytes(_encode(track.mask(index)))
    return job.frames


def _clearest_frame(track: Track) -> int:
    """Return the frame nearest to the middle in which nothing stands before the person, else the middle."""
    middle = track.length // 2
    clear = [frame for frame in range(track.length) if track.is_clear(frame)]
    return min(clear, key=lambda frame: abs(frame - middle), default=middle)


def _encode(picture: MatLike) -> bytes:
    written, data = cv2.imencode(".png", picture, _PNG)
    if not written:
        raise DatasetError(
            "OpenCV could not encode a frame as PNG: install opencv-python-headless with PNG support"
        )
    return data.tobytes()
