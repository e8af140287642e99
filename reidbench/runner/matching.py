"""Matching queries with a gallery: the one place where a protocol's rules meet features or a distance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import pad

from reidbench.datasets.tracklets import IntArray
from reidbench.evaluation import (
    PairScorer,
    RerankSettings,
    Scores,
    Unmatched,
    evaluate,
    evaluate_pairs,
    rerank,
    rerank_pairs,
    single_shot_scores,
    tar_at_far,
)
from reidbench.plugin import Embeddings, Method
from reidbench.runner.guard import guard_plugin

BLOCK = 1024  # rows and columns of a distance matrix that are asked for at once
Labels = tuple[IntArray, IntArray, IntArray, IntArray]


@dataclass(frozen=True, kw_only=True)
class Rules:
    """What a protocol and a request say about matching.

    Attributes:
        shots: whether all of the gallery is ranked, or one image of each person ("single").
        rerank: settings of a re-ranking, if there is one.
        fars: false accept rates at which true accept rates are wanted.
    """

    unmatched: Unmatched = "exclude"
    shots: Literal["all", "single"] = "all"
    rerank: RerankSettings | None = None
    fars: tuple[float, ...] = ()


class Matching:
    """Queries and gallery of one search, compared by exactly one of three things.

    Attributes:
        labels: query pids, gallery pids, query camids, gallery camids.
        features: (Q, D) and (G, D), compared by Euclidean distance.
        scorer: a distance by blocks.
        distances: (Q, G), known already.
    """

    def __init__(
        self,
        labels: Labels,
        *,
        features: tuple[Tensor, Tensor] | None = None,
        scorer: PairScorer | None = None,
        distances: Tensor | None = None,
    ) -> None:
        self.labels = labels
        self.features = features
        self.scorer = scorer
        self.distances = distances

    @classmethod
    def of_embeddings(
        cls,
        method: Method,
        query: Embeddings,
        gallery: Embeddings,
        labels: Labels,
        settings: RerankSettings | None,
    ) -> Matching:
        """Compare embeddings by a method's distance, re-ranked if there are settings for it."""
        is_plain = all(side.views is None and side.lengths is None for side in (query, gallery))
        if is_plain and type(method).distance is Method.distance:
            features = (query.values, gallery.values)
            if settings is None:
                return cls(labels, features=features)
            return cls(labels, scorer=rerank(*features, settings))
        if settings is None:
            return cls(labels, scorer=_scorer(method, query, gallery))
        everything = _concatenated(query, gallery)
        scorer = _scorer(method, everything, everything)
        return cls(labels, scorer=rerank_pairs(scorer, len(query), len(gallery), settings))

    def scores(self, rules: Rules) -> Scores:
        """Return the scores."""
        if rules.shots == "single":
            features, matrix = self._features_or_matrix()
            return single_shot_scores(*features, *self.labels, distances=matrix, unmatched=rules.unmatched)
        if self.scorer is not None and self.distances is None:
            return evaluate_pairs(self.scorer, *self.labels, unmatched=rules.unmatched)
        features, matrix = self._features_or_matrix()
        return evaluate(*features, *self.labels, distances=matrix, unmatched=rules.unmatched)

    def tar(self, rules: Rules) -> dict[float, float]:
        """Return the true accept rate at each false accept rate that the rules ask for."""
        if not rules.fars:
            return {}
        features, matrix = self._features_or_matrix()
        return tar_at_far(*features, *self.labels, fars=rules.fars, distances=matrix)

    def matrix(self) -> Tensor | None:
        """Return all distances (Q, G) on the CPU where they are no Euclidean ones of features, else None."""
        if self.distances is None and self.scorer is not None:
            self.distances = _matrix(self.scorer, len(self.labels[0]), len(self.labels[1]))
        return self.distances

    def _features_or_matrix(self) -> tuple[tuple[Tensor | None, Tensor | None], Tensor | None]:
        matrix = self.matrix()
        return (self.features if matrix is None and self.features is not None else (None, None)), matrix


def _scorer(method: Method, query: Embeddings, gallery: Embeddings) -> PairScorer:
    with guard_plugin(method.name, "pair_scorer"):
        scorer = method.pair_scorer(query, gallery)

    def guarded(rows: slice, columns: slice) -> Tensor:
        with guard_plugin(method.name, "distance"):
            return scorer(rows, columns)

    return guarded


def _matrix(scorer: PairScorer, queries: int, items: int) -> Tensor:
    def block(row: int, column: int) -> Tensor:
        rows, columns = slice(row, min(row + BLOCK, queries)), slice(column, min(column + BLOCK, items))
        return scorer(rows, columns).cpu()

    starts = range(0, items, BLOCK)
    rows = [torch.cat([block(row, column) for column in starts], dim=1) for row in range(0, queries, BLOCK)]
    return torch.cat(rows)


def _concatenated(first: Embeddings, second: Embeddings) -> Embeddings:
    """Return the embeddings of both, padded to the same number of views and length of sequences."""
    sides = [_with_views(first), _with_views(second)] if _have_views(first, second) else [first, second]
    shape = [max(sizes) for sizes in zip(*(side.values.shape[1:] for side in sides), strict=True)]
    lengths = [side.lengths for side in sides if side.lengths is not None]
    views = [side.views for side in sides if side.views is not None]
    return Embeddings(
        values=torch.cat([_padded(side.values, shape) for side in sides]),
        views=torch.cat(views) if views else None,
        lengths=torch.cat(lengths) if lengths else None,
    )


def _have_views(*sides: Embeddings) -> bool:
    return any(side.views is not None for side in sides)


def _with_views(side: Embeddings) -> Embeddings:
    if side.views is not None:
        return side
    ones = torch.ones(len(side), dtype=torch.long, device=side.values.device)
    return Embeddings(values=side.values[:, None], views=ones, lengths=side.lengths)


def _padded(values: Tensor, shape: list[int]) -> Tensor:
    missing = [(0, wanted - size) for size, wanted in zip(values.shape[1:], shape, strict=True)]
    return pad(values, [side for pair in reversed(missing) for side in pair])
