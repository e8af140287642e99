from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reidbench.datasets import TrackletTable
from reidbench.errors import FeatureError
from reidbench.features import Items, Search
from reidbench.protocols.trials import Sides
from reidbench.runner.label_check import check_labels, find_query_rows

Pair = tuple[int, int]


def table_of(pairs: Sequence[Pair]) -> TrackletTable:
    rows = ((pid, camid, "", (f"{row}.png",)) for row, (pid, camid) in enumerate(pairs))
    return TrackletTable.of(Path(), rows)


def items(pairs: Sequence[Pair], names: Sequence[Any] | None = None) -> Items:
    return Items(
        features=np.ones((len(pairs), 2)),
        pid=np.array([pid for pid, _ in pairs]),
        camid=np.array([camid for _, camid in pairs]),
        tracklet_id=None if names is None else np.array(names),
    )


def search_of(query: Sequence[Pair], gallery: Sequence[Pair]) -> Search:
    return Search(name="", query=items(query), gallery=items(gallery))


# Rows 0 to 3 are queries. Persons 1 and 2 are in cameras 1 and 2, person 3 in cameras 2 and 3.
PAIRS: list[Pair] = [(1, 1), (2, 1), (3, 2), (3, 2), (1, 2), (2, 2), (3, 3), (1, 2), (0, 3)]
QUERY, GALLERY = [0, 1, 2, 3], [4, 5, 6, 7, 8]


def check(query: Sequence[Pair], gallery: Sequence[Pair], *, pairs: Sequence[Pair] = PAIRS) -> None:
    side = Sides(np.array(QUERY), np.array(GALLERY))
    check_labels(Path("f.h5"), [search_of(query, gallery)], [side], table_of(pairs))


def pick(rows: Sequence[int], *, codes: dict[int, int]) -> list[Pair]:
    return [(PAIRS[row][0], codes[PAIRS[row][1]]) for row in rows]


@given(
    codes=st.lists(st.integers(-9, 99), min_size=3, max_size=3, unique=True),
    query=st.permutations(QUERY),
    gallery=st.permutations(GALLERY),
)
def test_cameras_may_be_renumbered_and_rows_reordered(
    codes: list[int], query: list[int], gallery: list[int]
) -> None:
    names = dict(zip((1, 2, 3), codes, strict=True))

    check(pick(query, codes=names), [*pick(gallery, codes=names), (-1, 500)])


def test_interchangeable_cameras_are_matched() -> None:
    """Cameras 1 and 2 have the same tracklets, and so have the cameras 8 and 9 of the file."""
    pairs = [(1, 1), (1, 2), (2, 3), (2, 3), (1, 1), (1, 2), (2, 4), (2, 4), (2, 4)]

    check([(1, 9), (1, 8), (2, 0), (2, 0)], [(2, 1), (2, 1), (2, 1), (1, 9), (1, 8)], pairs=pairs)


SAME = {1: 1, 2: 2, 3: 3}


@pytest.mark.parametrize(
    ("query", "gallery", "message"),
    [
        (
            pick([0, 1, 2], codes=SAME),
            pick(GALLERY, codes=SAME),
            "trial 0, query must have 4 tracklets that are not junk, got 3; ",
        ),
        (
            pick(QUERY, codes=SAME),
            [*pick([4, 5, 6, 7], codes=SAME), (9, 3)],
            "trial 0, gallery: person 9 must have 0 tracklets, got 1; ",
        ),
        (
            pick(QUERY, codes=SAME),
            [(1, 3), *pick([5, 6, 7, 8], codes=SAME)],
            "trial 0, gallery: camera 2 matches no camera of the protocol; person 1 has 1 tracklet in it and 2 in the "
            "most similar one, camera 2; ",
        ),
        (
            pick(QUERY, codes={1: 1, 2: 2, 3: 3}),
            pick(GALLERY, codes={1: 2, 2: 1, 3: 3}),
            "trial 0, query: camera 1 matches no camera of the protocol; person 1 has 1 tracklet in it and 0 in the "
            "most similar one, camera 2; ",
        ),
        (
            pick(QUERY, codes={1: 1, 2: 1, 3: 3}),
            pick(GALLERY, codes={1: 1, 2: 1, 3: 3}),
            "trial 0, query: camera 1 matches no camera of the protocol; person 1 has 1 tracklet in it and 0 in the "
            "most similar one, camera 2; number the cameras consistently over query and gallery",
        ),
    ],
    ids=["missing-row", "other-person", "other-camera", "renumbered-on-one-side", "merged-cameras"],
)
def test_other_labels_name_the_first_person_or_camera(
    query: list[Pair], gallery: list[Pair], message: str
) -> None:
    with pytest.raises(FeatureError) as caught:
        check(query, gallery)

    assert str(caught.value).startswith(f"features f.h5: {message}")
    assert "\n" not in str(caught.value)


def test_another_number_of_searches_is_an_error() -> None:
    with pytest.raises(FeatureError, match=r"f\.h5 must have 1 searches, .* got 0"):
        check_labels(Path("f.h5"), [], [Sides(np.array(QUERY), np.array(GALLERY))], table_of(PAIRS))


# Queries 0, 2 and 3 are in the gallery.
OVERLAP = Sides(np.array([0, 1, 2, 3]), np.array([0, 2, 3, 4, 5, 6, 7, 8]))


def file_of(
    query: Sequence[int], gallery: Sequence[int], *, with_names: bool = False, codes: dict[int, int] = SAME
) -> Search:
    names = [f"t{row}" for row in range(len(PAIRS))]
    return Search(
        name="",
        query=items(pick(query, codes=codes), [names[row] for row in query] if with_names else None),
        gallery=items(
            pick(gallery, codes=codes), [names[row].encode() for row in gallery] if with_names else None
        ),
    )


def test_query_rows_follow_tracklet_ids_of_any_string_type() -> None:
    search = file_of([3, 2, 1, 0], [8, 3, 2, 7, 0, 6, 5, 4], with_names=True)

    assert find_query_rows(search).tolist() == [1, 2, -1, 4]
    assert find_query_rows(search, OVERLAP, table_of(PAIRS)).tolist() == [1, 2, -1, 4]


def test_query_rows_follow_the_order_of_the_protocol() -> None:
    swapped = file_of(OVERLAP.query.tolist(), OVERLAP.gallery.tolist(), codes={1: 2, 2: 1, 3: 3})

    assert find_query_rows(swapped, OVERLAP, table_of(PAIRS)).tolist() == [0, -1, 1, 2]


def test_query_rows_follow_unique_labels_in_any_order() -> None:
    """All gallery tracklets of (1, 1) and (3, 2) are queries."""
    search = file_of([3, 1, 0, 2], [8, 7, 6, 5, 4, 3, 2, 0], codes={1: 7, 2: 5, 3: 6})

    rows = find_query_rows(search, OVERLAP, table_of(PAIRS)).tolist()
    assert rows[1:3] == [-1, 7]
    assert {rows[0], rows[3]} == {5, 6}


def test_queries_outside_the_gallery_have_no_rows() -> None:
    outside = Sides(np.array([0, 1, 3]), np.array([2, 4, 5, 6, 7, 8]))
    search = file_of([3, 1, 0], [2, 4, 5, 6, 7, 8])

    assert find_query_rows(search, outside, table_of(PAIRS)).tolist() == [-1] * 3
    assert find_query_rows(search_of([(1, 1)], [(1, 2)])).tolist() == [-1]


def test_ambiguous_labels_raise_the_reason() -> None:
    """Gallery tracklet 3 has the labels of query 2, so both could be the query."""
    side = Sides(np.array([0, 1, 2]), np.array([0, 2, 3, 4, 5, 6, 7, 8]))
    search = file_of([2, 1, 0], [8, 7, 6, 5, 4, 3, 2, 0])

    with pytest.raises(
        FeatureError, match="tracklet_id is missing, the rows are not in the order of the proto"
    ):
        find_query_rows(search, side, table_of(PAIRS))


def test_interchangeable_cameras_with_other_queries_are_ambiguous() -> None:
    """Cameras 1 and 2 have the same tracklets, but only the query of camera 1 is in the gallery."""
    pairs = [(1, 1), (1, 2), (1, 2)]
    side = Sides(np.array([0, 1]), np.array([0, 2]))

    with pytest.raises(FeatureError, match="the labels are ambiguous"):
        find_query_rows(search_of([(1, 2), (1, 1)], [(1, 1), (1, 2)]), side, table_of(pairs))


@pytest.mark.parametrize(
    ("names", "reason"),
    [
        (["a", "a"], "tracklet_id 'a' is not unique in the gallery"),
        (["b", "a"], "tracklet_id 'a' has other labels in query than in gallery"),
        (None, "tracklet_id is missing; store one tracklet_id per row"),
    ],
    ids=["duplicate", "other-labels", "missing"],
)
def test_unusable_tracklet_ids_raise_the_reason(names: list[str] | None, reason: str) -> None:
    search = Search(name="", query=items([(1, 1)], ["a"]), gallery=items([(1, 1), (1, 2)], names))

    with pytest.raises(FeatureError, match=f"cannot tell which gallery rows are the queries: {reason}"):
        find_query_rows(search)


def test_tracklet_ids_with_too_few_queries_in_the_gallery_are_not_used() -> None:
    """The ids of query and gallery have no common value, so the order of the protocol decides."""
    search = file_of(OVERLAP.query.tolist(), OVERLAP.gallery.tolist())
    named = replace(
        search,
        query=replace(search.query, tracklet_id=np.array(list("abcd"))),
        gallery=replace(search.gallery, tracklet_id=np.array(list("efghijkl"))),
    )

    assert find_query_rows(named, OVERLAP, table_of(PAIRS)).tolist() == [0, -1, 1, 2]
