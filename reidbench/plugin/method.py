"""The base class of methods: fit, embed, distance."""

from __future__ import annotations

import abc
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Generic

if TYPE_CHECKING:
    from torch import Tensor
    from typing_extensions import TypeVar

    from reidbench.datasets import TrackletView, TrainingSet
    from reidbench.plugin.specs import Modality

    # The default keeps `Method` without a parameter valid for type checkers.
    C = TypeVar("C", default=Any)
else:
    from typing import TypeVar

    C = TypeVar("C")


@dataclass(frozen=True, kw_only=True)
class Runtime:
    """Device and progress display of a method.

    Attributes:
        device: a torch device, "cpu" or "cuda:0".
        progress: whether to draw progress bars on stderr.
    """

    device: str = "cpu"
    progress: bool = False


def _ignore_epoch(epoch: int, values: Mapping[str, float]) -> None:
    """Discard the values of an epoch."""


@dataclass(frozen=True, kw_only=True)
class FitJob:
    """One fit.

    Attributes:
        seed: the only source of randomness that a fit may use.
        workspace: a folder for checkpoints, kept between interrupted runs of the same fit.
        fingerprint: identifies the fit; a checkpoint with another fingerprint must be refused.
        on_epoch: receives what `log` is called with.
    """

    seed: int
    workspace: Path
    fingerprint: str
    on_epoch: Callable[[int, Mapping[str, float]], None] = _ignore_epoch

    def log(self, epoch: int, **values: float) -> None:
        """Report the values of a finished epoch, for example its mean losses.

        The harness stores the values with the fit and in the record, writes them to the log file, and calls the
        hook `reidbench_epoch_end`. If a resumed fit repeats an epoch, the new values replace the old ones.

        Args:
            epoch: 0-based number of the epoch.
            values: finite numbers by name.
        """
        self.on_epoch(epoch, {name: float(value) for name, value in values.items()})


@dataclass(frozen=True, kw_only=True)
class Embeddings:
    """What `embed` returns for N tracklets.

    Attributes:
        values: (N, D) vectors or (N, T, D) sequences, with an axis of up to A test-time views after the first where
            a tracklet has several: (N, A, D), (N, A, T, D).
        views: (N,) number of views of each item, 1..A, the rest is padding; None for plain vectors or sequences.
        lengths: (N,) number of vectors of each sequence, 1..T, the same in all views, the rest is padding; None for
            vectors.
    """

    values: Tensor
    views: Tensor | None = None
    lengths: Tensor | None = None

    def __getitem__(self, rows: slice) -> Embeddings:
        return Embeddings(
            values=self.values[rows],
            views=None if self.views is None else self.views[rows],
            lengths=None if self.lengths is None else self.lengths[rows],
        )

    def __len__(self) -> int:
        return len(self.values)


@dataclass(frozen=True, kw_only=True)
class Attention:
    """Spatial and temporal attention of a method in one tracklet.

    Attributes:
        frames: (F,) indices of the frames that were read, in reading order.
        spatial: (F, K, h, w) weights of K maps per frame, each map sums to 1; None without spatial attention.
        temporal: (K, F) frame weights for each of K parts, each row sums to 1; None without temporal attention.
        extent: region of the frame that the maps cover: top, left, bottom, right as fractions of height and width.
    """

    frames: Tensor
    spatial: Tensor | None = None
    temporal: Tensor | None = None
    extent: tuple[float, float, float, float] = (0.0, 0.0, 1.0, 1.0)


class Method(abc.ABC, Generic[C]):
    """Base class of re-identification methods.

    `Method[MyConfig]` types `self.config`; the parameter is optional. Every fit uses a new object. The embedding of
    a tracklet must not depend on the other tracklets of the call.

    Attributes:
        name: as registered.
        version: part of every cache key; change it whenever results may change.
        Config: frozen keyword-only dataclass of the settings.
        presets: named settings; "paper" or the first one is the default.
        modality: accepted input: "video", "image" or "both".
        uses_camera: whether `embed` may read a tracklet's camera.
        uses_hidden_facts: whether `embed` may read names, sizes and order of files, and masks; only for the audits of
            reidbench, whose names start with "audit-".
        learns: whether `fit` does anything; all trials share the embeddings of methods that learn nothing.
        attends: whether `attention` is implemented.
        aligns: whether `alignment` is implemented.
        config: the settings of this object.
        runtime: device and progress display.
    """

    name: ClassVar[str]
    version: ClassVar[str]
    Config: ClassVar[type]
    presets: ClassVar[Mapping[str, Any]]
    modality: ClassVar[Modality] = "both"
    uses_camera: ClassVar[bool] = False
    uses_hidden_facts: ClassVar[bool] = False
    learns: ClassVar[bool] = True
    attends: ClassVar[bool] = False
    aligns: ClassVar[bool] = False

    def __init__(self, config: C, runtime: Runtime) -> None:
        self.config = config
        self.runtime = runtime

    def prepare(self) -> None:
        """Check everything that needs no data, such as the pretrained weights; called before data is read."""

    def weights_digest(self) -> str | None:
        """Return the SHA-256 or the published name of the pretrained weights, or None without them."""
        return None

    def needs_fit_to_match(self) -> bool:
        """Return whether `distance` reads the fitted state; if not, cached embeddings are matched without a fit."""
        return False

    @abc.abstractmethod
    def fit(self, train: TrainingSet, job: FitJob) -> float | None:
        """Learn from the training table; a second call for the same job resumes an interrupted fit.

        Returns:
            The seconds over all interruptions; None if the method does not measure them.
        """

    @abc.abstractmethod
    def state(self) -> Mapping[str, Any]:
        """Return the fitted state: tensors, numbers, strings and containers of these."""

    @abc.abstractmethod
    def restore(self, state: Mapping[str, Any]) -> None:
        """Restore what `state` returned."""

    @abc.abstractmethod
    def embed(self, tracklets: Sequence[TrackletView]) -> Embeddings:
        """Return one row of finite floating-point values per tracklet, in the given order."""

    def distance(self, query: Embeddings, gallery: Embeddings) -> Tensor:
        """Return the distances (Q, G) of a block; smaller is nearer.

        The default is Euclidean, averaged over test-time views. Methods that embed sequences must override it.
        """
        from reidbench.nn import euclidean, mean_over_views

        return mean_over_views(euclidean, query.values, query.views, gallery.values, gallery.views)

    def pair_scorer(self, query: Embeddings, gallery: Embeddings) -> Callable[[slice, slice], Tensor]:
        """Return a function that computes blocks of distances: a slice of queries and one of gallery items to (q, g).

        Called once per search, so values that depend on a single item are computed here. The default calls
        `distance` on blocks.
        """
        return lambda rows, columns: self.distance(query[rows], gallery[columns])

    def attention(self, tracklets: Sequence[TrackletView]) -> Sequence[Attention]:
        """Return the attention of the fitted method in the plain test-time view of each tracklet."""
        raise NotImplementedError(f"method '{self.name}' does not implement attention")

    def alignment(self, query: TrackletView, gallery: TrackletView) -> Tensor:
        """Return the attention of each vector of a query to those of a gallery item: (S, T), rows sum to 1."""
        raise NotImplementedError(f"method '{self.name}' does not implement alignment")


class FixedMethod(Method[C]):
    """Base class of methods that learn nothing."""

    learns = False

    def fit(self, train: TrainingSet, job: FitJob) -> float | None:
        """Do nothing."""
        return None

    def state(self) -> Mapping[str, Any]:
        """Return an empty state."""
        return {}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Do nothing."""
