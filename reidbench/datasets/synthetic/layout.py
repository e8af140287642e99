"""Layouts that can be rendered, and the rendering of a tree."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from reidbench.datasets.marker import list_file, list_sizes, marker_digest, write_marker
from reidbench.datasets.synthetic.label_sampling import Lengths
from reidbench.datasets.synthetic.rendering import TrackJob, render_tracks
from reidbench.datasets.synthetic.settings import SyntheticSettings
from reidbench.datasets.synthetic.tree_folder import create_tree
from reidbench.errors import ConfigError, DatasetError
from reidbench.limits import MAX_LABEL_FILE, read_limited

# Replaces the header text of scipy, which contains the current time.
_MAT_HEADER = b"MATLAB 5.0 MAT-file, written by reidbench".ljust(116)


@dataclass(frozen=True, kw_only=True)
class TreePlan:
    """Contents of a tree to be rendered.

    Attributes:
        jobs: the tracks, with paths relative to the dataset folder.
        files: label and split files by path relative to the dataset folder.
        finish: called with the dataset folder after all tracks are rendered, to write files made from the images.
    """

    jobs: Sequence[TrackJob]
    files: Mapping[str, bytes] = field(default_factory=dict)
    finish: Callable[[Path], None] | None = None


@dataclass(frozen=True, kw_only=True)
class Layout:
    """An official on-disk layout that can be rendered.

    Attributes:
        name: name of the dataset.
        folder: folder of the dataset in a data root.
        people: people of the official dataset, and default of `SyntheticSettings.people`.
        lengths: natural track lengths; None for still images.
        plan: function from resolved settings to the contents of the tree.
        run_frames: frames per track with `reidbench run --synthetic`; None: natural lengths, for small datasets.
        labels: official label files that the layout can follow, relative to `SyntheticSettings.labels`. A tree that
            follows them has exactly the official labels.
    """

    name: str
    folder: str
    people: int
    lengths: Lengths | None
    plan: Callable[[SyntheticSettings], TreePlan]
    run_frames: int | None = None
    labels: tuple[str, ...] = ()

    def run_settings(self) -> SyntheticSettings:
        """Return the settings of the tree that `reidbench run --synthetic` renders."""
        return SyntheticSettings(frames=self.run_frames)

    def resolve(self, settings: SyntheticSettings) -> SyntheticSettings:
        """Return the settings with the defaults of this layout filled in.

        Raises:
            ConfigError: lengths out of order, labels together with a number of people, labels that this layout cannot
                follow, or lengths for a layout of still images.
        """
        if settings.labels is not None and settings.people is not None:
            raise ConfigError(
                "cannot combine people with labels, which fix the people: leave out --people or --labels"
            )
        if settings.labels is not None and not self.labels:
            raise ConfigError(f"layout '{self.name}' does not support labels: leave out --labels")
        resolved = asdict(settings) | {"people": settings.people or self.people}
        if self.lengths is None:
            names = ("frames", "min_frames", "max_frames", "mean_frames")
            if given := [name for name in names if getattr(settings, name) is not None]:
                raise ConfigError(f"layout '{self.name}' has still images: leave out {given[0]}")
        else:
            lengths = self.lengths.override(settings)
            resolved |= {
                "min_frames": lengths.shortest,
                "max_frames": lengths.longest,
                "mean_frames": lengths.mean,
            }
        return SyntheticSettings(**resolved)

    def digest(self, settings: SyntheticSettings) -> str:
        """Return the marker digest of a tree with these settings: SHA-256 in hexadecimal."""
        return marker_digest(self.name, self._parameters(settings))

    def synthesize(
        self,
        data_root: Path,
        settings: SyntheticSettings,
        *,
        workers: int | None = None,
        progress: bool | None = None,
    ) -> Path:
        """Render a synthetic dataset in this layout.

        The tree is created atomically, and its bytes do not depend on the number of workers. An existing tree with
        the same settings is reused.

        Args:
            data_root: directory that will contain the dataset folder.
            settings: size, seed and contents of the tree.
            workers: number of processes; None: one per CPU core, fewer for small trees.
            progress: whether to show a progress bar on stderr; None: if stderr is a terminal.

        Returns:
            The dataset folder.

        Raises:
            DatasetError: the destination holds other files, or a label file is missing or damaged.
            ConfigError: the settings do not fit the layout, or `workers` is less than 1.
        """
        destination = data_root / self.folder
        parameters = self._parameters(settings)
        with create_tree(destination, marker_digest(self.name, parameters)) as unfinished:
            if unfinished is not None:
                plan = self.plan(self.resolve(settings))
                for name, contents in plan.files.items():
                    path = unfinished / name
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_bytes(contents)
                images = render_tracks(unfinished, plan.jobs, workers=workers, progress=progress)
                if plan.finish is not None:
                    plan.finish(unfinished)
                others = {
                    path: list_file(unfinished / path)
                    for path in list_sizes(unfinished).keys() - images.keys()
                }
                write_marker(unfinished, self.name, parameters, images | others)
        return destination

    def _parameters(self, settings: SyntheticSettings) -> dict[str, Any]:
        """Return the settings for the marker; label files by their digest."""
        parameters = asdict(self.resolve(settings))
        if settings.labels is not None:
            files = (read_label_file(settings.labels / name) for name in self.labels)
            parameters["labels"] = hashlib.sha256(b"".join(files)).hexdigest()
        return parameters


def read_label_file(path: Path) -> bytes:
    """Read the bytes of a label file.

    Raises:
        DatasetError: the file cannot be read.
    """
    try:
        return read_limited(path, MAX_LABEL_FILE)
    except OSError as error:
        raise DatasetError(
            f"cannot read label file {path}: {error.strerror or error}. Set labels to the directory that contains it."
        ) from error


def format_mat(**arrays: Any) -> bytes:
    """Return the arrays as a MATLAB 5 file, with the same bytes for the same arrays."""
    import scipy.io

    buffer = io.BytesIO()
    scipy.io.savemat(buffer, arrays)
    return _MAT_HEADER + buffer.getvalue()[len(_MAT_HEADER) :]
