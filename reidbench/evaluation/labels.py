"""The junk and distractor rules, applied to the labels of one trial."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reidbench.errors import FeatureError
from reidbench.evaluation.inputs import Values, as_labels

JUNK = -1
"""Person id of gallery items that are ignored: bad boxes."""

DISTRACTOR = 0
"""Person id of gallery items that are wrong for every query."""

Integers = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Companions:
    """The pairs of a query and a gallery item that show the same person, for a block of queries.

    Attributes:
        row: (P,) query of the pair, counted from the start of the block; ascending.
        column: (P,) gallery item of the pair, counted in the gallery without junk.
        is_match: (P,) False where the camera is the same too: such an item is junk for this query.
    """

    row: Integers
    column: Integers
    is_match: NDArray[np.bool_]


class Labels:
    """The labels of one trial under the rules of the literature (Market-1501, MARS).

    For a query of person p in camera c: gallery items of person -1, and of person p in camera c, are junk and
    ignored; items of person p in another camera are matches; all other items are wrong, including
    person 0 and other people in camera c.

    Attributes:
        query_pids, query_camids: (Q,).
        gallery_pids, gallery_camids: (G,) without the items of person -1, sorted by person.
        kept: (G,) index of each of these items among all N.
        given_pids, given_camids: (N,) all gallery items in their order, junk included.
        same_person: (Q,) gallery items of each query's person, junk or not.
        matches: (Q,) matches of each query.
        admissible: (Q,) gallery items that are not junk for each query.
    """

    def __init__(
        self,
        query_pids: Values | None,
        gallery_pids: Values | None,
        query_camids: Values | None,
        gallery_camids: Values | None,
    ) -> None:
        """Check the four label lists.

        Raises:
            FeatureError: a list is missing, empty or of another length than its partner, or a person id is
                not allowed: queries need 1 or more, the gallery -1 or more.
        """
        self.query_pids, self.query_camids = _side("query", query_pids, query_camids, lowest=1)
        pids, camids = _side("gallery", gallery_pids, gallery_camids, lowest=JUNK)
        self.given_pids, self.given_camids = pids, camids
        self.kept: Integers = np.argsort(pids, kind="stable")[np.count_nonzero(pids == JUNK) :].astype(
            np.int64
        )
        self.gallery_pids, self.gallery_camids = pids[self.kept], camids[self.kept]
        self._first, self.same_person = _runs(self.gallery_pids, self.query_pids)
        same_camera = self._same_person_and_camera()
        self.matches: Integers = self.same_person - same_camera
        self.admissible: Integers = len(self.kept) - same_camera

    def companions(self, queries: slice) -> Companions:
        """Return the pairs of the same person among these queries and the gallery without junk."""
        counts = self.same_person[queries]
        row = np.repeat(np.arange(len(counts)), counts)
        column = np.repeat(self._first[queries], counts) + _positions(counts)
        is_match = self.gallery_camids[column] != self.query_camids[queries][row]
        return Companions(row=row, column=column, is_match=is_match)

    def reorder(self, order: Integers) -> Labels:
        """Return the labels with the queries in another order."""
        labels = copy(self)
        for name in ("query_pids", "query_camids", "same_person", "matches", "admissible", "_first"):
            setattr(labels, name, getattr(self, name)[order])
        return labels

    def _same_person_and_camera(self) -> Integers:
        """Count, for each query, the gallery items of its person in its camera."""
        people = np.unique(self.gallery_pids)
        cameras, camera = np.unique(
            np.concatenate([self.gallery_camids, self.query_camids]), return_inverse=True
        )
        person = np.searchsorted(people, np.concatenate([self.gallery_pids, self.query_pids]))
        key = person * len(cameras) + camera
        _, counts = _runs(key[: len(self.kept)], key[len(self.kept) :])
        return np.where(self.same_person > 0, counts, 0)


def _positions(counts: Integers) -> Integers:
    """Return 0 .. n - 1 for each n of the counts, in one array."""
    return np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)


def _runs(values: Integers, keys: Integers) -> tuple[Integers, Integers]:
    """Return the index of the first copy of each key in the sorted values, and the number of copies."""
    ordered = np.sort(values)
    first = np.searchsorted(ordered, keys, side="left")
    return first, np.searchsorted(ordered, keys, side="right") - first


def _side(side: str, pids: Values | None, camids: Values | None, *, lowest: int) -> tuple[Integers, Integers]:
    people, cameras = as_labels(f"{side}_pids", pids), as_labels(f"{side}_camids", camids)
    if len(people) != len(cameras):
        raise FeatureError(
            f"{side}_pids has {len(people)} labels and {side}_camids has {len(cameras)}; each item needs both"
        )
    low = np.flatnonzero(people < lowest)
    if len(low):
        meaning = (
            "a query must be a person, 1 or more" if lowest > DISTRACTOR else "-1 is junk, 0 a distractor"
        )
        raise FeatureError(f"{side}_pids: row {low[0]} is {people[low[0]]}, which is not allowed; {meaning}")
    return people, cameras
