"""A slow second opinion: rankings written out item by item, in exact fractions, and small random cases."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Opinion:
    """What the oracle says about one query; None where it has no match."""

    ap: Fraction | None
    ap_trapezoid: Fraction | None
    inp: Fraction | None
    first_match_rank: int
    matches: int
    admissible: int


@dataclass(frozen=True, kw_only=True)
class Labelled:
    """Labels of a case, in the order in which `evaluate` takes them."""

    query_pids: list[int]
    gallery_pids: list[int]
    query_camids: list[int]
    gallery_camids: list[int]

    def __iter__(self) -> Any:
        return iter((self.query_pids, self.gallery_pids, self.query_camids, self.gallery_camids))


def consult(distances: Any, labels: Labelled) -> list[Opinion]:
    """Rank the gallery for each query by sorting; a wrong item at the distance of a match precedes it."""
    return [
        _one_query(list(row), pid, cam, labels)
        for row, pid, cam in zip(distances, labels.query_pids, labels.query_camids, strict=True)
    ]


def mean(values: list[Fraction | None], *, miss: bool) -> float:
    """Return the average over the queries that count; NaN if none counts."""
    counted = [value or Fraction(0) for value in values if miss or value is not None]
    return float(sum(counted) / len(counted)) if counted else float("nan")


def squared_distances(query: NDArray[Any], gallery: NDArray[Any]) -> list[list[Fraction]]:
    """Squared Euclidean distances without any rounding."""
    items = [[Fraction(value) for value in item] for item in gallery.tolist()]
    return [
        [
            sum(((Fraction(a) - b) ** 2 for a, b in zip(one, other, strict=True)), Fraction(0))
            for other in items
        ]
        for one in query.tolist()
    ]


def random_labels(random: np.random.Generator) -> Labelled:
    """A small case with junk, distractors, absent people, people of one camera, and often one camera in all."""
    queries, gallery = int(random.integers(1, 13)), int(random.integers(1, 13))
    people, cameras = int(random.integers(1, 5)), int(random.integers(1, 4))
    return Labelled(
        query_pids=random.integers(1, people + 2, queries).tolist(),
        gallery_pids=random.integers(-1, people + 1, gallery).tolist(),
        query_camids=random.integers(0, cameras, queries).tolist(),
        gallery_camids=random.integers(0, cameras, gallery).tolist(),
    )


def _one_query(row: list[Any], pid: int, cam: int, labels: Labelled) -> Opinion:
    ranking = []
    for distance, item_pid, item_cam in zip(row, labels.gallery_pids, labels.gallery_camids, strict=True):
        is_junk = item_pid == -1 or (item_pid == pid and item_cam == cam)
        if not is_junk:
            ranking.append((distance, item_pid == pid))
    # False sorts before True: wrong items before matches of the same distance.
    ranking.sort()
    ranks = [rank for rank, (_, is_match) in enumerate(ranking, start=1) if is_match]
    if not ranks:
        return Opinion(None, None, None, 0, 0, len(ranking))
    precisions = [Fraction(found, rank) for found, rank in enumerate(ranks, start=1)]
    return Opinion(
        ap=sum(precisions, Fraction(0)) / len(ranks),
        ap_trapezoid=_area(ranking, len(ranks)),
        inp=Fraction(len(ranks), ranks[-1]),
        first_match_rank=ranks[0],
        matches=len(ranks),
        admissible=len(ranking),
    )


def _area(ranking: list[tuple[Any, bool]], matches: int) -> Fraction:
    """Walk down the ranking and add up trapezoids below the precision-recall curve."""
    area, found, recall, precision = Fraction(0), 0, Fraction(0), Fraction(1)
    for rank, (_, is_match) in enumerate(ranking, start=1):
        found += is_match
        new_recall, new_precision = Fraction(found, matches), Fraction(found, rank)
        area += (new_recall - recall) * (precision + new_precision) / 2
        recall, precision = new_recall, new_precision
    return area
