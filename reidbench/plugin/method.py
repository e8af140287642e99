"""The base class of methods: fit, embed, distance."""

from __future__ import annotations

import abc
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from torch import Tensor

    from reidbench.datasets import TrackletView, TrainingSet
    from reidbench.plugin.specs import Modality


@dataclass(frozen=True, kw_only=True)
class Runtime:
    """What a method is told about the machine.

    Attributes:
        device: a torch device, "cpu" or "cuda:0".
        progress: whether progress bars may be drawn on stderr.
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

    def log(self, epoch: int, /, **values: float) -> None:
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
        views: (N,) number of views of each item, 1..A; None for plain vectors or sequences. View a of an item
            counts when a < views; what stands behind is padding.
        lengths: (N,) vectors in each sequence, 1..T, the same in all views; None for vectors. What stands behind
            is padding.
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
    """Where and when a method looks in one tracklet.

    Attributes:
        frames: (F,) positions in the tracklet of the frames that were read, in the order they were read.
        spatial: (F, K, h, w) weights of K maps in each frame, each map sums to 1; None where the method has none.
        temporal: (K, F) weights of the frames for each of K parts, each row sums to 1; None where it has none.
        extent: the part of the frame that the maps cover: top, left, bottom, right as shares of height and width.
    """

    frames: Tensor
    spatial: Tensor | None = None
    temporal: Tensor | None = None
    extent: tuple[float, float, float, float] = (0.0, 0.0, 1.0, 1.0)


class Method(abc.ABC):
    """A method of re-identification; subclasses are the plugins.

    A new object is made for every fit. `embed` must give a tracklet the same result whatever else is in the
    call.

    Attributes:
        name: as registered.
        version: part of every cache key; change it whenever results may change.
        Config: frozen keyword-only dataclass of the settings.
        presets: named settings; "paper" or the first one is the default.
        modality: what it takes.
        uses_camera: whether `embed` may read a tracklet's camera.
        learns: whether `fit` does anything; embeddings of methods that learn nothing are shared by all
            trials.
        attends: whether `attention` can be asked.
        aligns: whether `alignment` can be asked.
    """

    name: ClassVar[str]
    version: ClassVar[str]
    Config: ClassVar[type]
    presets: ClassVar[Mapping[str, Any]]
    modality: ClassVar[Modality] = "both"
    uses_camera: ClassVar[bool] = False
    learns: ClassVar[bool] = True
    attends: ClassVar[bool] = False
    aligns: ClassVar[bool] = False

    def __init__(self, config: Any, runtime: Runtime) -> None:
        self.config = config
        self.runtime = runtime

    def prepare(self) -> None:  # noqa: B027  optional by design
        """Check, before any data is read, all that can be checked; for instance that weights are there."""

    def weights_digest(self) -> str | None:
        """Return the SHA-256 or the published name of the pretrained weights; None when there are none."""
        return None

    def needs_fit_to_match(self) -> bool:
        """Return whether `distance` reads what was fitted; if not, cached embeddings are matched without it."""
        return False

    @abc.abstractmethod
    def fit(self, train: TrainingSet, job: FitJob) -> float | None:
        """Learn from the training table. A repeated call for the same job continues an interrupted one.

        Returns:
            The seconds it took over all interruptions; None when the method does not keep count.
        """

    @abc.abstractmethod
    def state(self) -> Mapping[str, Any]:
        """Return all that was fitted: tensors, numbers, texts and containers of these."""

    @abc.abstractmethod
    def restore(self, state: Mapping[str, Any]) -> None:
        """Take back what `state` returned."""

    @abc.abstractmethod
    def embed(self, tracklets: Sequence[TrackletView]) -> Embeddings:
        """Embed tracklets: finite floating-point values, one row each, in the order given."""

    def distance(self, query: Embeddings, gallery: Embeddings) -> Tensor:
        """Return the distances (Q, G), smaller is nearer; called on blocks.

        The default is Euclidean; of several test-time views the distances are averaged. Sequences need a method
        with a distance of its own.
        """
        from reidbench.nn import euclidean, mean_over_views

        return mean_over_views(euclidean, query.values, query.views, gallery.values, gallery.views)

    def pair_scorer(self, query: Embeddings, gallery: Embeddings) -> Callable[[slice, slice], Tensor]:
        """Return what gives the distances of blocks: slices of queries and of gallery items to (q, g).

        Called once for a search. Methods whose distance needs something of each item alone compute it here, once;
        the default calls `distance` on blocks.
        """
        return lambda rows, columns: self.distance(query[rows], gallery[columns])

    def attention(self, tracklets: Sequence[TrackletView]) -> Sequence[Attention]:
        """Return where and when the fitted method looks in each tracklet, in its plain test-time view."""
        raise NotImplementedError(f"method '{self.name}' has no attention to show")

    def alignment(self, query: TrackletView, gallery: TrackletView) -> Tensor:
        """Return how much each vector of a query looks at each of a gallery item: (S, T), rows sum to 1."""
        raise NotImplementedError(f"method '{self.name}' aligns no sequences")


class FixedMethod(Method):
    """A method that learns nothing."""

    learns = False

    def fit(self, train: TrainingSet, job: FitJob) -> float | None:
        """Do nothing."""
        return None

    def state(self) -> Mapping[str, Any]:
        """Return nothing: there is nothing fitted."""
        return {}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take back nothing."""
