"""Views of tracklets for methods: frames and an opaque id; labels only for training."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Literal, TypeVar

import numpy as np

from reidbench.datasets.frames import FrameLoader, Frames, Size
from reidbench.datasets.hidden_facts import FactSource, HiddenFacts
from reidbench.datasets.tracklets import IntArray, TrackletTable
from reidbench.errors import PluginError
from reidbench.fingerprints import derive_seed, fingerprint

Side = Literal["first", "last", "all"]
DECODERS = 4
R = TypeVar("R")


@dataclass(frozen=True)
class FrameWindow:
    """The frames of a tracklet that a method receives: the first or last `limit`, or all."""

    side: Side = "all"
    limit: int | None = None

    def of(self, files: tuple[Path, ...]) -> tuple[Path, ...]:
        """Return the files inside the window; all files of a shorter tracklet."""
        if self.side == "all" or self.limit is None or len(files) <= self.limit:
            return files
        return files[: self.limit] if self.side == "first" else files[-self.limit :]

    def length_of(self, frames: int) -> int:
        """Return the number of frames inside the window for a tracklet with this many frames."""
        return frames if self.side == "all" or self.limit is None else min(frames, self.limit)


class TrackletView:
    """A tracklet without its label: an opaque id, the frames and, for methods that declare it, the camera.

    Attributes:
        id: opaque; reveals neither person nor camera, file or side.
        window_seed: seed of random test windows. It depends on the run's seed and the tracklet only.
    """

    def __init__(
        self,
        identifier: str,
        files: tuple[Path, ...],
        loader: FrameLoader,
        camid: int | None,
        *,
        window_seed: int = 0,
        facts: HiddenFacts | None = None,
    ) -> None:
        self.id = identifier
        self.window_seed = window_seed
        self._source = _FrameSource(files, loader)
        self._camid = camid
        self._facts = facts

    def __len__(self) -> int:
        return len(self._source)

    @property
    def camid(self) -> int:
        """The camera; only for methods with `uses_camera`."""
        if self._camid is None:
            raise PluginError(
                "cannot read the camera of a tracklet: the method must declare uses_camera = True"
            )
        return self._camid

    @property
    def facts(self) -> HiddenFacts:
        """What views hide from methods; only for audits, which declare `uses_hidden_facts`."""
        if self._facts is None:
            raise PluginError(
                "cannot read the hidden facts of a tracklet: only the audits of reidbench, with uses_hidden_facts = "
                "True, receive them"
            )
        return self._facts

    def frames(
        self,
        size: tuple[int, int] | None = None,
        chosen: Sequence[int] | IntArray | None = None,
        *,
        enlarge: bool = True,
    ) -> Frames:
        """Return the frames (T, H, W, 3), RGB, uint8, read-only, resized to (height, width) if given.

        Args:
            size: height and width; None = unchanged.
            chosen: indices of frames, in any order, with repetitions; only these are decoded. Use it for tracklets
                that are read once. If a tracklet is read many times, load all its frames: they stay in memory.
            enlarge: False leaves frames unchanged that are smaller than `size` and have one size. Networks that
                enlarge frames on the device use it, since small frames need less memory.
        """
        if chosen is None:
            return self._source.load(None, size, enlarge)
        needed, inverse = np.unique(np.asarray(chosen, dtype=np.int64), return_inverse=True)
        frames: Frames = self._source.load(needed.tolist(), size, enlarge)[inverse]
        return frames

    def derive(
        self, name: str, function: Callable[[Frames], Frames], size: tuple[int, int] | None = None
    ) -> Frames:
        """Return the result of a function of the frames, read-only; it stays in memory with the frames.

        Args:
            name: of the result, such as "optical flow"; functions with different results must have different names.
            function: from frames (T, H, W, 3), RGB, uint8, to an array of uint8, of any shape.
            size: height and width of the frames that the function receives; None = unchanged.
        """
        return self._source.derive(size, name, function)


class _FrameSource:
    """Reads the frames of one tracklet; no attribute holds their paths, which name people and cameras."""

    __slots__ = ("_length", "derive", "load")

    def __init__(self, files: tuple[Path, ...], loader: FrameLoader) -> None:
        def load(chosen: Sequence[int] | None, size: Size | None, enlarge: bool) -> Frames:
            wanted = files if chosen is None else tuple(files[frame] for frame in chosen)
            return loader.load(wanted, size, enlarge=enlarge)

        def derive(size: Size | None, name: str, function: Callable[[Frames], Frames]) -> Frames:
            return loader.derive(files, size, name, function)

        self.load = load
        self.derive = derive
        self._length = len(files)

    def __len__(self) -> int:
        return self._length


def stream_tracklets(views: Sequence[TrackletView], read: Callable[[TrackletView], R]) -> Iterator[R]:
    """Yield the result of `read` for each tracklet, in order; threads read a few tracklets ahead."""
    remaining = iter(views)
    with ThreadPoolExecutor(DECODERS) as pool:
        waiting: list[Future[R]] = [pool.submit(read, view) for view in islice(remaining, 2 * DECODERS)]
        while waiting:
            result = waiting.pop(0).result()
            for view in islice(remaining, 1):
                waiting.append(pool.submit(read, view))
            yield result


def stream_frames(views: Sequence[TrackletView], size: tuple[int, int] | None = None) -> Iterator[Frames]:
    """Yield the frames of each tracklet, in order; threads decode a few tracklets ahead."""
    return stream_tracklets(views, lambda view: view.frames(size))


@dataclass(frozen=True)
class TrainingSet:
    """The argument of `fit`: labels and frames of the training table.

    Attributes:
        pids: (N,) person of each tracklet.
        camids: (N,) camera of each tracklet.
        tracklets: N views.
        digest: fingerprint of persons, cameras and names of the items.
    """

    pids: IntArray
    camids: IntArray
    tracklets: Sequence[TrackletView]
    digest: str

    def __len__(self) -> int:
        return len(self.tracklets)


def make_views(
    table: TrackletTable,
    rows: IntArray,
    loader: FrameLoader,
    window: FrameWindow,
    *,
    with_camera: bool,
    digests: Sequence[str] | None = None,
    key: str = "",
    seed: int = 0,
    facts: FactSource | None = None,
) -> list[TrackletView]:
    """Return the views of some rows.

    Args:
        table: the tracklets.
        rows: N rows of the table.
        loader: decodes the frames.
        window: the frames that a method receives.
        with_camera: whether a method may read the camera.
        digests: row digests of the whole table, which identify the items; None uses the names of the items.
        key: key of the ids. A run uses the fit key or the feature key, so no id is the same in two uses.
        seed: the run's seed, on which the seeds of random test windows depend.
        facts: hidden facts of the table for an audit; None for every other method.

    Returns:
        N views. Ids do not reveal label, file or side.
    """
    identities = table.names if digests is None else digests
    views = []
    for row in rows.tolist():
        digest = identities[row]
        files = window.of(table.files(row))
        view = TrackletView(
            make_item_id(key, digest),
            files,
            loader,
            int(table.camids[row]) if with_camera else None,
            window_seed=derive_seed("window", seed, digest),
            facts=None if facts is None else facts.of(row, files),
        )
        views.append(view)
    return views


def make_item_id(key: str, digest: str) -> str:
    """Return the id under which a method sees an item: an HMAC of its row digest, 32 hexadecimal digits."""
    return hmac.new(key.encode(), digest.encode(), hashlib.sha256).hexdigest()[:32]


def make_training_set(
    table: TrackletTable,
    rows: IntArray,
    loader: FrameLoader,
    *,
    digests: Sequence[str] | None = None,
    key: str = "",
    seed: int = 0,
) -> TrainingSet:
    """Return the training set of some rows: complete tracklets with labels; see `make_views`."""
    views = make_views(
        table, rows, loader, FrameWindow(), with_camera=True, digests=digests, key=key, seed=seed
    )
    return TrainingSet(table.pids[rows], table.camids[rows], views, fingerprint(table.label_rows(rows)))
