from __future__ import annotations

from dataclasses import replace

import msgspec
import numpy as np
import pytest

from reidbench.datasets.tracklets import DatasetContents
from reidbench.errors import DatasetError, ProtocolError
from reidbench.protocols.schema import SplitTable
from reidbench.protocols.trials import draw_trials, list_tested_sides

from .worlds import MARKER, labels, make_parted, protocol, two_cameras


def test_ilids_is_ten_trials_of_150_people_from_camera_1_to_2() -> None:
    split = 3 * np.stack([np.random.default_rng(n).permutation(300) for n in range(10)]) + 1
    contents = two_cameras(300, splits=split)
    trials = draw_trials(protocol("ilids"), contents)

    pids, camids = contents.table.pids, contents.table.camids
    assert len(trials) == 10
    for trial, row in zip(trials, split, strict=True):
        (side,) = trial.sides
        assert sorted(pids[side.query]) == sorted(pids[side.gallery]) == sorted(row[:150])
        assert set(camids[side.query]) == {1}
        assert set(camids[side.gallery]) == {2}
        assert sorted(pids[trial.train]) == sorted(np.repeat(row[150:], 2))


def test_tested_half_second_tests_the_other_half() -> None:
    split = np.stack([3 * np.arange(300) + 1] * 10)
    contents = two_cameras(300, splits=split)

    trial = draw_trials(protocol("ilids", tested_half="second"), contents)[0]
    assert contents.table.pids[trial.sides[0].query].tolist() == split[0, 150:].tolist()


def test_direction_convention_chooses_query_and_gallery_cameras() -> None:
    contents = two_cameras(300)

    def cameras(direction: str) -> list[tuple[set[int], set[int]]]:
        trial = draw_trials(protocol("ilids", direction=direction), contents)[0]
        camids = contents.table.camids
        return [
            (set(camids[side.query].tolist()), set(camids[side.gallery].tolist())) for side in trial.sides
        ]

    assert cameras("forward") == [({1}, {2})]
    assert cameras("reverse") == [({2}, {1})]
    assert cameras("both") == [({1}, {2}), ({2}, {1})]


def test_split_table_replaces_a_missing_split_file() -> None:
    rule = protocol("ilids")
    table = rule.split_table
    assert table is not None
    people = np.array(two_cameras(300).people)

    shipped = two_cameras(300, splits=people[np.array(table.rows) - 1])
    for table_trial, file_trial in zip(
        draw_trials(rule, two_cameras(300)), draw_trials(rule, shipped), strict=True
    ):
        assert np.array_equal(table_trial.train, file_trial.train)
        assert np.array_equal(table_trial.sides[0].query, file_trial.sides[0].query)


def test_prid2011_table_splits_178_of_200_people_ten_times() -> None:
    table = protocol("prid2011").split_table
    assert table is not None
    missing = set(range(1, 201)) - set(table.rows[0])
    assert missing == {
        6, 19, 31, 52, 57, 62, 71, 94, 106, 120, 136, 138, 139, 142, 145, 158, 159, 166, 183, 190, 199, 200,
    }  # fmt: skip
    assert len({frozenset(row[:89]) for row in table.rows}) == 10


def test_seeded_splits_never_change() -> None:
    trials = [trial.sides[0].query.tolist() for trial in draw_trials(protocol("demo"), two_cameras(240))]

    assert trials == [
        trial.sides[0].query.tolist() for trial in draw_trials(protocol("demo"), two_cameras(240))
    ]
    assert len({tuple(trial) for trial in trials}) == 3
    # The draw of NumPy for this seed; if it changes, published figures are no longer comparable.
    assert trials[0][:6] == [0, 1, 2, 5, 6, 9]


def test_smaller_rendered_tree_keeps_the_share_of_tested_people() -> None:
    trials = draw_trials(protocol("ilids"), two_cameras(9, synthetic=True))

    assert all((t.queries, t.gallery, len(t.train)) == (4, 4, 10) for t in trials)


@pytest.mark.parametrize("people", [299, 301])
def test_real_tree_with_another_number_of_people_is_an_error(people: int) -> None:
    with pytest.raises(ProtocolError, match=rf"orders 300 people, the dataset has {people}"):
        draw_trials(protocol("ilids"), two_cameras(people))
    with pytest.raises(ProtocolError, match=rf"splits 240 people, but nowhere has {people}"):
        draw_trials(protocol("demo"), two_cameras(people))


def test_split_table_with_an_unknown_person_is_an_error() -> None:
    contents = replace(two_cameras(200), people=tuple(range(2, 202)))

    with pytest.raises(
        ProtocolError,
        match="the split table of protocol 'prid2011' does not fit nowhere: person 1 is not in the",
    ):
        draw_trials(protocol("prid2011"), contents)


def test_split_file_with_too_few_rows_is_an_error() -> None:
    with pytest.raises(ProtocolError, match="has 10 trials, but the split file in nowhere has 1"):
        draw_trials(protocol("ilids"), two_cameras(300, splits=np.arange(300)[None]))


def test_missing_split_file_is_an_error_without_table_and_seed() -> None:
    contents = two_cameras(1467)
    contents = replace(contents, parts={"detected": np.arange(len(contents.table))})

    with pytest.raises(ProtocolError, match="needs the split file of the dataset, but nowhere has none"):
        draw_trials(protocol("cuhk03-classic"), contents)
    assert len(draw_trials(protocol("cuhk03-classic"), replace(contents, marker=MARKER))) == 20


MARS = {
    "train": [(1, 1), (1, 2), (3, 1)],
    "query": [(2, 1), (2, 2)],
    "gallery": [(-1, 1), (0, 3), (2, 3), (4, 1)],
}


def test_mars_gallery_has_the_queries_and_no_junk() -> None:
    contents = make_parted(**MARS, queries_in_gallery=True)
    (trial,) = draw_trials(protocol("mars"), contents)

    (side,) = trial.sides
    assert labels(contents, trial.train) == MARS["train"]
    assert labels(contents, side.query) == [(2, 1), (2, 2)]
    assert labels(contents, side.gallery) == [(2, 1), (2, 2), (0, 3), (2, 3), (4, 1)]


@pytest.mark.parametrize("rule", [protocol("mars-9330"), protocol("mars", query_tracklets="removed")])
def test_mars_9330_gallery_has_no_queries(rule: object) -> None:
    contents = make_parted(**MARS, queries_in_gallery=True)
    (trial,) = draw_trials(rule, contents)  # type: ignore[arg-type]

    assert labels(contents, trial.sides[0].gallery) == [(0, 3), (2, 3), (4, 1)]


def test_multi_query_pools_boxes_of_queried_people_only() -> None:
    contents = make_parted([(9, 1)], [(2, 1)], [(2, 2)], boxes=[(2, 1), (2, 1), (9, 1)])
    (trial,) = draw_trials(protocol("market1501-multiquery"), contents)

    assert trial.sides[0].boxes is not None
    assert labels(contents, trial.sides[0].boxes) == [(2, 1), (2, 1)]


def test_missing_part_is_named() -> None:
    contents = replace(make_parted([(1, 1)], [(2, 1)], [(2, 2)]), parts={"train": np.arange(1)})

    with pytest.raises(DatasetError, match=r"nowhere has no part 'query'; it has train"):
        draw_trials(protocol("market1501"), contents)


def test_empty_gallery_is_an_error() -> None:
    contents = make_parted([(1, 1)], [(2, 1)], [(-1, 2)])

    with pytest.raises(ProtocolError, match="protocol 'market1501' has no gallery tracklets in nowhere"):
        draw_trials(protocol("market1501"), contents)


def test_transfer_has_the_same_training_rows_in_all_trials() -> None:
    mars, ilids = make_parted(**MARS), two_cameras(300)
    trials = draw_trials(protocol("mars-to-ilids"), ilids, mars)
    plain = draw_trials(protocol("ilids"), ilids)

    assert {tuple(trial.train) for trial in trials} == {(0, 1, 2)}
    for trial, same in zip(trials, plain, strict=True):
        assert np.array_equal(trial.sides[0].query, same.sides[0].query)


def test_training_data_comes_from_another_dataset_only() -> None:
    general = protocol("prid2011").with_training_data(protocol("market1501"))
    assert (general.train.dataset, general.train.part) == ("market1501", "train")
    assert "trained on market1501" in general.title
    assert protocol("viper").with_training_data(protocol("cuhk03-classic")).train.part == "detected"
    transfer = protocol("prid2011").with_training_data(protocol("ilids"))
    prid = DatasetContents(two_cameras(200).table, people=tuple(range(1, 201)), marker=MARKER)
    assert len(draw_trials(transfer, prid, two_cameras(300))[0].train) == 600

    with pytest.raises(
        ProtocolError, match="'mars' cannot be trained on 'mars-9330': both use the dataset 'mars'"
    ):
        protocol("mars").with_training_data(protocol("mars-9330"))
    with pytest.raises(ProtocolError, match="'mars-to-ilids': it is a transfer protocol"):
        protocol("viper").with_training_data(protocol("mars-to-ilids"))


def test_tested_sides_need_no_training_data() -> None:
    sides = list_tested_sides(protocol("mars-to-ilids"), two_cameras(300))

    assert len(sides) == 10
    assert len(sides[0][0].query) == 150


def test_split_table_that_does_not_fit_a_rendered_tree_is_ignored() -> None:
    rule = msgspec.structs.replace(
        protocol("ilids"), split_table=SplitTable(unit="positions", rows=((1, 2, 3),) * 10)
    )

    assert len(draw_trials(rule, two_cameras(6, synthetic=True))) == 10
