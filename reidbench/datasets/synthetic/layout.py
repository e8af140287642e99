"""Layouts that can be rendered: what a dataset's writer says, and how a tree of it comes to be."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from reidbench.datasets.marker import marker_digest, write_marker
from reidbench.datasets.synthetic.lengths import Lengths
from reidbench.datasets.synthetic.placing import placed_tree
from reidbench.datasets.synthetic.rendering import TrackJob, render_tracks
from reidbench.datasets.synthetic.settings import SyntheticSettings
from reidbench.errors import ConfigError, DatasetError

_MAT_TEXT = b"MATLAB 5.0 MAT-file, written by reidbench".ljust(116)  # scipy's text holds the time


@dataclass(frozen=True, kw_only=True)
class TreePlan:
    """What a tree will hold.

    Attributes:
        jobs: the tracks; their paths are relative to the dataset folder.
        files: label and split files by path relative to the dataset folder.
        finish: called with the folder when all tracks are rendered, for files that hold pictures themselves.
    """

    jobs: Sequence[TrackJob]
    files: Mapping[str, bytes] = field(default_factory=dict)
    finish: Callable[[Path], None] | None = None


@dataclass(frozen=True, kw_only=True)
class Layout:
    """An official on-disk layout that can be rendered.

    Attributes:
        name: of the dataset.
        folder: of the dataset, below a data root.
        people: of the official dataset; the number that is rendered when the settings name none.
        lengths: natural track lengths; None for still images.
        run_frames: frames of every track where a run asks for a stand-in of the whole dataset; None takes
            natural lengths, which is affordable for small datasets only.
        plan: from settings whose `people` and, for videos, lengths are filled in, to what the tree will hold.
        labels: official label files, relative to the folder of `SyntheticSettings.labels`, that the writer can
            follow; with them a full tree has exactly the real labels.
    """

    name: str
    folder: str
    people: int
    lengths: Lengths | None
    plan: Callable[[SyntheticSettings], TreePlan]
    run_frames: int | None = None
    labels: tuple[str, ...] = ()

    def run_settings(self) -> SyntheticSettings:
        """Return the settings of the tree that `--synthetic` takes in place of the dataset."""
        return SyntheticSettings(frames=self.run_frames)

    def resolve(self, settings: SyntheticSettings) -> SyntheticSettings:
        """Return the settings with nothing left open.

        Raises:
            ConfigError: lengths out of order, labels together with a number of people, or labels that this layout
                cannot follow.
        """
        if settings.labels is not None and settings.people is not None:
            raise ConfigError("labels fix the people: leave out --people or --labels")
        if settings.labels is not None and not self.labels:
            raise ConfigError(f"the writer of '{self.name}' follows no label files; leave out --labels")
        chosen = asdict(settings) | {"people": settings.people or self.people}
        if self.lengths is None:
            names = ("frames", "min_frames", "max_frames", "mean_frames")
            if given := [name for name in names if getattr(settings, name) is not None]:
                raise ConfigError(f"'{self.name}' holds still images; leave out {given[0]}")
        else:
            lengths = self.lengths.chosen_by(settings)
            chosen |= {
                "min_frames": lengths.shortest,
                "max_frames": lengths.longest,
                "mean_frames": lengths.mean,
            }
        return SyntheticSettings(**chosen)

    def digest(self, settings: SyntheticSettings) -> str:
        """Return the digest that a tree of these settings has in its marker: SHA-256 in hexadecimal."""
        return marker_digest(self._description(settings))

    def synthesize(
        self,
        data_root: Path,
        settings: SyntheticSettings,
        *,
        workers: int | None = None,
        progress: bool | None = None,
    ) -> Path:
        """Render a synthetic dataset in this layout.

        The tree appears whole under its final name or not at all, and holds the same bytes whatever the number of
        workers. An equal tree that is there already is left as it is.

        Args:
            data_root: folder that receives the dataset folder.
            settings: size and seed.
            workers: processes; None = as many as there are processors, fewer for small trees.
            progress: show a progress bar on stderr; None = when stderr is a terminal.

        Returns:
            The dataset folder.

        Raises:
            DatasetError: something else than an equal tree lies at the destination, or a label file is missing or
                damaged.
            ConfigError: settings that do not fit the layout, or `workers` below 1.
        """
        destination = data_root / self.folder
        description = self._description(settings)
        with placed_tree(destination, marker_digest(description)) as unfinished:
            if unfinished is not None:
                plan = self.plan(self.resolve(settings))
                for name, contents in plan.files.items():
                    path = unfinished / name
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_bytes(contents)
                render_tracks(unfinished, plan.jobs, workers=workers, progress=progress)
                if plan.finish is not None:
                    plan.finish(unfinished)
                write_marker(unfinished, description)
        return destination

    def _description(self, settings: SyntheticSettings) -> dict[str, Any]:
        parameters = asdict(self.resolve(settings))
        parameters["labels"] = None if settings.labels is None else self._labels_digest(settings.labels)
        return {"layout": self.name, "parameters": parameters}

    def _labels_digest(self, folder: Path) -> str:
        digest = hashlib.sha256()
        for name in self.labels:
            digest.update(read_label_file(folder / name))
        return digest.hexdigest()


def read_label_file(path: Path) -> bytes:
    """Return the bytes of a label file.

    Raises:
        DatasetError: it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise DatasetError(
            f"label file {path} cannot be read: {error.strerror}; give the folder that holds it"
        ) from error


def mat_bytes(**arrays: Any) -> bytes:
    """Return a MATLAB 5 file, the same bytes for the same arrays."""
    import scipy.io

    buffer = io.BytesIO()
    scipy.io.savemat(buffer, arrays)
    return _MAT_TEXT + buffer.getvalue()[len(_MAT_TEXT) :]
