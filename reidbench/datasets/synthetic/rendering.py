"""Renders tracks to PNG files, on several processors when that pays."""

from __future__ import annotations

import multiprocessing
import os
import sys
import threading
from collections.abc import Iterator, Sequence
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

_BATCH = 8  # tracks that travel to a process together: still images are tiny jobs
_Batch = tuple[Path, Sequence["TrackJob"]]

_OPTIONS: dict[str, list[int]] = {
    # The least effort of the compressor with the filter that suits noise: the encoder takes a quarter of the time.
    ".png": [
        *(cv2.IMWRITE_PNG_COMPRESSION, 1),
        *(cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_HUFFMAN_ONLY),
        *(cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_UP),
    ],
    ".jpg": [cv2.IMWRITE_JPEG_QUALITY, 92],
    ".bmp": [],
}


@dataclass(frozen=True, kw_only=True)
class TrackJob:
    """One track and the files it becomes.

    Attributes:
        person: who walks.
        camera: who watches.
        index: number that, with seed and camera, names the random stream of the track; no two tracks of a camera
            may share it.
        seed: of the tree.
        frames: file of each frame in temporal order, relative to the dataset folder; the suffix is the format.
        single: file that receives a copy of the clearest frame.
        masks: mask file (PNG) of each frame.
        size: (width, height) of the pictures; None = as they are rendered.
    """

    person: Appearance
    camera: Camera
    index: int
    seed: int
    frames: tuple[str, ...]
    single: str | None = None
    masks: tuple[str, ...] | None = None
    size: tuple[int, int] | None = None


def render_tracks(
    folder: Path, jobs: Sequence[TrackJob], *, workers: int | None, progress: bool | None
) -> None:
    """Render all jobs.

    Args:
        folder: of the dataset.
        jobs: what to render; their order does not matter.
        workers: processes; None = as many as there are processors, fewer when there is little to do.
        progress: show a progress bar on stderr; None = when stderr is a terminal.

    Raises:
        ConfigError: `workers` is below 1.
    """
    if workers is not None and workers < 1:
        raise ConfigError(f"workers must be at least 1, got {workers}")
    frames = sum(len(job.frames) for job in jobs)
    if workers is None:
        workers = max(1, min(os.cpu_count() or 1, frames // _FRAMES_PER_WORKER))
    batches = [(folder, jobs[start : start + _BATCH]) for start in range(0, len(jobs), _BATCH)]
    finished = map(_render_batch, batches) if workers == 1 else _render_in_processes(batches, workers)
    shown = sys.stderr.isatty() if progress is None else progress
    with Progress(console=Console(stderr=True), disable=not shown, transient=True) as bar:
        task = bar.add_task("rendering frames", total=frames)
        for count in finished:
            bar.advance(task, count)


def _render_in_processes(batches: list[_Batch], workers: int) -> Iterator[int]:
    """Yield the frames of each finished batch; a failure or an interrupt drops what has not begun."""
    context = multiprocessing.get_context("spawn")  # forking a process that has threads may lock up
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_begin_worker)
    try:
        for future in as_completed([pool.submit(_render_batch, batch) for batch in batches]):
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


def _render_batch(batch: _Batch) -> int:
    """Write the files of some tracks and return their number of frames."""
    folder, jobs = batch
    return sum(_render_track(folder, job) for job in jobs)


def _render_track(folder: Path, job: TrackJob) -> int:
    track = Track(job.person, job.camera, seed=job.seed, index=job.index, frames=len(job.frames))
    files = (*job.frames, *(job.masks or ()), *((job.single,) if job.single else ()))
    for parent in {(folder / file).parent for file in files}:
        parent.mkdir(parents=True, exist_ok=True)
    single = _clearest_frame(track)
    for index, file in enumerate(job.frames):
        picture = _sized(cv2.cvtColor(track.render(index), cv2.COLOR_RGB2BGR), job.size, cv2.INTER_LINEAR)
        data = _encode(picture, Path(file).suffix)
        (folder / file).write_bytes(data)
        if job.single is not None and index == single:
            (folder / job.single).write_bytes(data)
        if job.masks is not None:
            mask = _sized(track.mask(index), job.size, cv2.INTER_NEAREST)
            (folder / job.masks[index]).write_bytes(_encode(mask, ".png"))
    return len(job.frames)


def _sized(picture: MatLike, size: tuple[int, int] | None, interpolation: int) -> MatLike:
    return picture if size is None else cv2.resize(picture, size, interpolation=interpolation)


def _clearest_frame(track: Track) -> int:
    """Return the frame nearest to the middle in which nothing stands before the person, else the middle."""
    middle = track.length // 2
    clear = [frame for frame in range(track.length) if track.is_clear(frame)]
    return min(clear, key=lambda frame: abs(frame - middle), default=middle)


def _encode(picture: MatLike, suffix: str) -> bytes:
    written, data = cv2.imencode(suffix, picture, _OPTIONS[suffix])
    if not written:
        raise DatasetError(
            f"OpenCV could not encode a frame as {suffix}: install opencv-python-headless with support for it"
        )
    return data.tobytes()
