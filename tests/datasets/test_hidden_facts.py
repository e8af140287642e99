"""Facts that views hide: numbers in names, and who may read facts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from reidbench.datasets import FrameLoader, FrameWindow, TrackletTable, make_views
from reidbench.datasets.hidden_facts import read_name_numbers
from reidbench.errors import PluginError


def read(rows: Sequence[tuple[int, int, str, tuple[str, ...]]]) -> list[list[float]]:
    return read_name_numbers(TrackletTable.of(Path("root"), rows)).tolist()


def test_numbers_of_labels_are_left_out() -> None:
    rows = [
        (person, camera, f"cam{camera}", (f"person{person:03}.png",))
        for person in (1, 5, 9)
        for camera in (1, 2)
    ]

    assert read(rows) == [[0.0]] * 6


def test_labels_that_are_counted_from_another_number_are_left_out() -> None:
    rows = [
        (person, camera, f"c{camera - 1}", (f"{person + 100}.png",))
        for person in (1, 5, 9)
        for camera in (1, 2)
    ]

    assert read(rows) == [[0.0]] * 6


def test_numbers_that_count_people_within_groups_are_left_out() -> None:
    # As in CUHK03: people are counted again in every pair of cameras.
    rows = [
        (person, view, "", (f"{1 + (person > 3)}_{1 + (person - 1) % 3:03}_{view}.png",))
        for person in range(1, 7)
        for view in (1, 2)
    ]

    assert read(rows) == [[0.0]] * 12


def test_time_of_each_person_is_no_label() -> None:
    rows = [(person, camera, "", (f"{37 * person}.png",)) for person in (1, 2, 3) for camera in (1, 2)]

    assert read(rows) == [[0.0], [0.0], [0.5], [0.5], [1.0], [1.0]]


def test_frame_numbers_are_scaled_to_the_table() -> None:
    rows = [
        (1, 1, "c1", ("1_0100.png", "1_0110.png")),
        (2, 1, "c1", ("2_0300.png", "2_0310.png")),
        (2, 2, "c2", ("2_0150.png", "2_0190.png")),
    ]

    # Of the first and of the last frame.
    assert read(rows) == [[0.0, 0.0], [1.0, 1.0], [0.25, 0.4]]


def test_numbers_that_never_change_are_left_out() -> None:
    rows = [(person, 1, "2014", (f"{person}_s1_{7 * person * person}.png",)) for person in (1, 2, 3)]

    assert np.array(read(rows)).shape == (3, 1)


def test_labels_of_distractors_and_junk_do_not_matter() -> None:
    rows = [
        (1, 1, "", ("0001_5.png",)),
        (2, 1, "", ("0002_8.png",)),
        (0, 3, "", ("0000_6.png",)),
        (-1, 1, "", ("-1_7.png",)),
    ]

    assert np.array(read(rows))[:, 0] == pytest.approx([0, 1, 1 / 3, 2 / 3])


def test_names_with_fewer_numbers_than_others_have_zeros() -> None:
    rows = [(1, 1, "", ("a3_4.png",)), (2, 1, "", ("a9.png",)), (3, 1, "", ("b.png",))]

    assert np.array(read(rows)).tolist() == [[1 / 3, 1.0], [1.0, 0.0], [0.0, 0.0]]


def test_view_of_a_method_has_no_facts(tmp_path: Path) -> None:
    table = TrackletTable.of(tmp_path, [(1, 1, "", ("a.png",))])
    (view,) = make_views(table, np.array([0]), FrameLoader(), FrameWindow(), with_camera=False)

    with pytest.raises(PluginError, match="only the audits of reidbench"):
        _ = view.facts
