"""Cache keys and fingerprints of a run: SHA-256 of everything that a cached part depends on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

from reidbench.datasets import DatasetContents
from reidbench.datasets.digests import Digests
from reidbench.datasets.views import FrameWindow
from reidbench.evaluation import RerankSettings
from reidbench.evaluation.version import EVALUATOR_VERSION
from reidbench.fingerprints import fingerprint
from reidbench.plugin import Method
from reidbench.plugin.config import as_plain
from reidbench.protocols import Protocol
from reidbench.protocols.trials import Trial
from reidbench.records.trial import RESULT_VERSION

FIT_VERSION = 3
"""Part of the key of a fit; changes when the files of a fit change."""


@dataclass(frozen=True)
class Windows:
    """The frames of queries and of gallery items that a method receives."""

    query: FrameWindow
    gallery: FrameWindow


@dataclass(frozen=True, kw_only=True)
class TaskKeys:
    """The cache keys of one task.

    Attributes:
        fit: the fitted method.
        query: embeddings of queries.
        gallery: embeddings of gallery items.
        scores: the result of the trial.
    """

    fit: str
    query: str
    gallery: str
    scores: str


@dataclass(frozen=True)
class RunKeys:
    """Computes the keys of a run from a method, a protocol and their data.

    Attributes:
        method: the method.
        config: its settings.
        weights: digest or name of pretrained weights; None without pretrained weights.
        source: source digest of the method.
        protocol: the protocol.
        contents: the tested dataset.
        training: the training dataset; the same object if the tested dataset is trained on.
        rerank: settings of the re-ranking, if any.
        fars: false accept rates.
        isolate: whether fits and embeddings are computed in processes of their own. The run has the same fingerprint,
            since its figures must be the same, but other cache entries, so that the mark in a record is true.
    """

    method: type[Method[Any]]
    config: Any
    weights: str | None
    source: str
    protocol: Protocol
    contents: DatasetContents
    training: DatasetContents
    rerank: RerankSettings | None
    fars: tuple[float, ...]
    isolate: bool = False

    @cached_property
    def tested_digests(self) -> Digests:
        """Digests of the tested dataset."""
        return self.contents.digests

    @cached_property
    def training_digests(self) -> Digests:
        """Digests of the training dataset."""
        return self.training.digests

    @cached_property
    def protocol_fingerprint(self) -> str:
        """Fingerprint of the protocol on its datasets."""
        training = None if self.training is self.contents else self.training_digests
        return self.protocol.fingerprint(self.tested_digests, training, evaluator=EVALUATOR_VERSION)

    def run(self, *, trials: int, seeds: Sequence[int], lengths: Sequence[int]) -> str:
        """Return the fingerprint of a run with this number of trials, these seeds and these studied lengths."""
        return fingerprint(
            {
                **self._method_identity,
                "config": as_plain(self.config),
                "protocol": self.protocol_fingerprint,
                "contents": [self.tested_digests.contents, self.training_digests.contents],
                "trials": trials,
                "seeds": list(seeds),
                "rerank": self._rerank,
                "lengths": list(lengths),
                "fars": list(self.fars),
            }
        )

    def task(self, trial: Trial, seed: int, windows: Windows) -> TaskKeys:
        """Return the keys of one trial with one seed."""
        fit = self._fit(trial, seed)
        query, gallery = (self._features(fit, seed, side) for side in (windows.query, windows.gallery))
        return TaskKeys(fit=fit, query=query, gallery=gallery, scores=self._scores(trial, query, gallery))

    def _fit(self, trial: Trial, seed: int) -> str:
        """Return the key of a fit. The protocol is not part of it, so a shared training table is fitted once."""
        identity = {**self._method_identity, "config": as_plain(self.config, ["fit"]), "version": FIT_VERSION}
        if self.isolate:
            identity["isolate"] = True
        if not self.method.learns:
            return fingerprint(identity)
        training = {
            "contents": self.training_digests.contents,
            "rows": self.training.digest_rows(trial.train),
        }
        return fingerprint({**identity, "training": training, "seed": seed})

    def _features(self, fit: str, seed: int, window: FrameWindow) -> str:
        return fingerprint(
            {
                "fit": fit,
                # Random test windows depend on it.
                "seed": seed,
                "config": as_plain(self.config, ["embed"]),
                "contents": self.tested_digests.contents,
                "window": [window.side, window.limit],
            }
        )

    def _scores(self, trial: Trial, query_key: str, gallery_key: str) -> str:
        digest_rows = self.contents.digest_rows
        sides = [
            {
                "query": [query_key, digest_rows(side.query)],
                "gallery": [gallery_key, digest_rows(side.gallery)],
                "boxes": None if side.boxes is None else digest_rows(side.boxes),
            }
            for side in trial.sides
        ]
        return fingerprint(
            {
                "version": RESULT_VERSION,
                "sides": sides,
                "config": as_plain(self.config, ["match"]),
                "rules": [self.protocol.unmatched, self.protocol.shots, self.protocol.conventions.pooling],
                "rerank": self._rerank,
                "fars": list(self.fars),
                "evaluator": EVALUATOR_VERSION,
            }
        )

    @property
    def _rerank(self) -> dict[str, Any] | None:
        return None if self.rerank is None else asdict(self.rerank)

    @property
    def _method_identity(self) -> dict[str, Any]:
        return {
            "method": self.method.name,
            "version": self.method.version,
            "source": self.source,
            "weights": self.weights,
        }
