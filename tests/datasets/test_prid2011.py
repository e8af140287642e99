from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.io import loadmat

from reidbench.datasets.frames import decode
from reidbench.datasets.readers.prid2011 import Prid2011, read_splits
from reidbench.datasets.synthetic import SyntheticSettings
from reidbench.datasets.synthetic.layout import TreePlan
from reidbench.datasets.synthetic.layouts import prid2011 as layout
from reidbench.datasets.verify import check_official, compare_counts, verify
from reidbench.errors import ConfigError, DatasetError
from tests.datasets.checks import (
    check_error,
    check_masks_have_the_size_of_their_images,
    check_random_streams_are_unique,
    check_tracks_follow_the_plan,
    check_verify_finds_a_truncated_frame_only,
)
from tests.datasets.trees import LABELS, make_plan, needs, put_image, write_empty_frames

LEFT_OUT = {
    6,
    19,
    31,
    52,
    57,
    62,
    71,
    94,
    106,
    120,
    136,
    138,
    139,
    142,
    145,
    158,
    159,
    166,
    183,
    190,
    199,
    200,
}
SMALL = SyntheticSettings(people=6, frames=2, seed=501, masks=True)
FOLDERS = {"cam_a": (1, 2, 5, 200, 250), "cam_b": (1, 2, 5, 200, 250, 749)}
SPLITS = [
    {"test": ["person_0001", "person_0005"], "train": ["person_0002", "person_0200"]},
    {"train": ["person_0001", "person_0200"], "test": ["person_0005", "person_0002"]},
]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A real-looking tree: camera b's person 250 is not camera a's; text order is not the order in time."""
    for camera, numbers in FOLDERS.items():
        for number in numbers:
            folder = tmp_path / f"prid_2011/multi_shot/{camera}/person_{number:04d}"
            for frame in ("0999", "10000", "1000"):
                put_image(folder / f"{frame}.png")
    (tmp_path / "splits_prid2011.json").write_text(json.dumps(SPLITS))
    return tmp_path


def lengths_of(plan: TreePlan) -> dict[str, int]:
    """Return the frames of each track by camera and person."""
    return {"/".join(Path(job.frames[0]).parts[-3:-1]): len(job.frames) for job in plan.jobs}


def people_of_splits(plan: TreePlan) -> set[str]:
    trials = json.loads(plan.files["splits_prid2011.json"])
    return set(trials[0]["test"] + trials[0]["train"])


def test_rows_have_both_cameras_with_frames_in_temporal_order(tree: Path) -> None:
    contents = Prid2011().read(tree)

    rows = contents.table.rows
    assert rows["camid"].tolist() == [1] * 5 + [2] * 6
    assert rows["folder"][0] == "prid_2011/multi_shot/cam_a/person_0001"
    assert set(rows["frames"]) == {("0999.png", "1000.png", "10000.png")}
    assert not contents.is_synthetic


def test_people_above_200_differ_between_cameras(tree: Path) -> None:
    contents = Prid2011().read(tree)

    assert contents.table.pids.tolist() == [1, 2, 5, 200, 250, 1, 2, 5, 200, 1250, 1749]
    assert contents.people == (1, 2, 5, 200)
    assert contents.part("shared").tolist() == [0, 1, 2, 3, 5, 6, 7, 8]


def test_splits_have_the_tested_half_first(tree: Path) -> None:
    splits = Prid2011().read(tree).splits

    assert splits is not None
    assert splits.tolist() == [[1, 5, 2, 200], [5, 2, 1, 200]]


def test_tree_without_a_split_file_has_no_splits(tree: Path) -> None:
    (tree / "splits_prid2011.json").unlink()

    assert Prid2011().read(tree).splits is None


def test_other_files_are_ignored(tree: Path) -> None:
    (tree / "prid_2011/multi_shot/cam_a/person_0001/Thumbs.db").write_bytes(b"x")
    (tree / "prid_2011/multi_shot/cam_a/notes").mkdir()

    assert len(Prid2011().read(tree).table) == 11


def remove(name: str) -> Callable[[Path], None]:
    return lambda tree: shutil.rmtree(tree / "prid_2011/multi_shot" / name)


def copy(source: str, target: str) -> Callable[[Path], object]:
    return lambda tree: shutil.copytree(*(tree / layout.SEQUENCES / path for path in (source, target)))


def empty(name: str) -> Callable[[Path], None]:
    def change(tree: Path) -> None:
        remove(name)(tree)
        (tree / "prid_2011/multi_shot" / name).mkdir()

    return change


def put_splits(text: str) -> Callable[[Path], object]:
    return lambda tree: (tree / "splits_prid2011.json").write_text(text)


def edit_trial(**halves: list[str]) -> Callable[[Path], object]:
    return put_splits(json.dumps([SPLITS[0], SPLITS[1] | halves]))


P1, P2, P5, P200 = ("person_0001", "person_0002", "person_0005", "person_0200")
FAULTS: dict[str, tuple[Callable[[Path], object], str]] = {
    "no camera": (remove("cam_b"), r"folder .*cam_b is missing"),
    "empty camera": (empty("cam_b"), r"cam_b has no person folders"),
    "no person in b": (
        remove("cam_b/person_0005"),
        r"1 of the people 1\.\.200 .* person_0005, .* missing in cam_b",
    ),
    "no person in a": (remove("cam_a/person_0002"), r"person_0002, .* missing in cam_a"),
    "person twice": (
        copy("cam_b/person_0005", "cam_b/person_5"),
        r"cam_b has two folders of person 5, person_0005 and person_5; keep the one",
    ),
    "no frames": (empty("cam_b/person_0749"), r"person_0749 has no frames"),
    "cut off": (
        put_splits('[{"test": ["person_0001"'),
        r"must be a list of objects .*Input data was truncated",
    ),
    "an object": (
        put_splits('{"test": ["person_0001"], "train": []}'),
        r"must be a list of objects .*Expected `array`, got `object`",
    ),
    "no train": (
        put_splits('[{"test": ["person_0001"]}]'),
        r"must be a list of objects .*missing required field `train`",
    ),
    "numbers": (put_splits('[{"test": [1], "train": [2]}]'), r"must be a list of objects"),
    "other name": (edit_trial(test=["person_1", "cam_a"]), r"'cam_a' is not a folder name like person_0001"),
    "no trials": (put_splits("[]"), r"its 0 trials must split the same people"),
    "uneven": (edit_trial(test=[P5]), r"trial 2: .* same size, got 1 test and 2 train"),
    "empty halves": (edit_trial(test=[], train=[]), r"trial 2: .* got 0 test and 0 train"),
    "overlap": (edit_trial(test=[P1, P2]), r"trial 2: a person is listed twice"),
    "unknown person": (
        edit_trial(test=[P5, "person_0250"]),
        r"trial 2: person_0250 is not one of the 4 people",
    ),
    "other people": (edit_trial(test=[P5], train=[P1]), r"its 2 trials must split the same people"),
}


@pytest.mark.parametrize(("fault", "message"), FAULTS.values(), ids=FAULTS)
def test_first_fault_of_a_tree_is_named(tree: Path, fault: Callable[[Path], object], message: str) -> None:
    fault(tree)

    check_error(Prid2011(), tree, message)


def test_verify_names_unexpected_files_and_counts_tracklets(tree: Path) -> None:
    (tree / "prid_2011/multi_shot/cam_a/person_0001/frame.txt").write_bytes(b"one too many")
    verification = verify(Prid2011(), tree)
    what = {finding.what: finding.is_certain for finding in verification.findings}

    assert what["1 unexpected file: prid_2011/multi_shot/cam_a/person_0001/frame.txt"]
    assert what["tracklets: 8 found, 400 published"]
    assert not what["tracklets: 11 found, 1,134 published"]


def test_real_tree_of_another_size_is_an_error(tree: Path) -> None:
    with pytest.raises(
        DatasetError, match="differs from the published prid2011: shared: tracklets: 8 found, 400 published"
    ):
        check_official(Prid2011(), Prid2011().read(tree))


def test_rendered_tree_is_read_as_planned(rendered: Path) -> None:
    contents, plan = Prid2011().read(rendered), make_plan(layout.LAYOUT, SMALL)

    check_tracks_follow_the_plan(contents, rendered, plan)
    check_masks_have_the_size_of_their_images(rendered, plan)
    assert contents.people == tuple(range(1, 7))
    assert contents.splits is not None
    assert contents.splits.shape == (10, 6)


def test_single_images_are_copies_of_frames_in_official_size(rendered: Path) -> None:
    for single in (rendered / "prid_2011/single_shot").rglob("*.png"):
        frames = rendered / "prid_2011/multi_shot" / single.parent.name / single.stem
        assert single.read_bytes() in [frame.read_bytes() for frame in frames.iterdir()]
        assert decode(single).shape == (128, 64, 3)


def test_verify_finds_a_truncated_frame_of_a_rendered_tree(rendered: Path) -> None:
    check_verify_finds_a_truncated_frame_only(Prid2011(), rendered)


@pytest.mark.usefixtures("cheap_people")
def test_full_tree_has_the_official_counts() -> None:
    plan = make_plan(layout.LAYOUT, replace(layout.LAYOUT.run_settings(), seed=3))
    lengths = lengths_of(plan)

    assert sum(name.startswith("cam_a") for name in lengths) == 385
    assert sum(name.startswith("cam_b") for name in lengths) == 749
    assert len({job.person for job in plan.jobs}) == 934
    assert set(lengths.values()) == {layout.LAYOUT.run_frames}
    assert len(people_of_splits(plan)) == 178
    check_random_streams_are_unique(plan)


@pytest.mark.usefixtures("cheap_people")
def test_reader_accepts_the_counts_of_a_full_tree(tmp_path: Path) -> None:
    contents = Prid2011().read(
        write_empty_frames(make_plan(layout.LAYOUT, SyntheticSettings(frames=1)), tmp_path)
    )

    assert list(compare_counts(Prid2011(), contents)) == []


@pytest.mark.usefixtures("cheap_people")
@pytest.mark.parametrize(
    "labels", [None, pytest.param(LABELS, marks=needs("prid2011"))], ids=["drawn", "official"]
)
def test_people_of_the_splits_have_27_frames_in_both_cameras(labels: Path | None) -> None:
    plan = make_plan(layout.LAYOUT, SyntheticSettings(seed=4, labels=labels))
    lengths = lengths_of(plan)
    people = [f"person_{number:04d}" for number in range(1, 201)]

    long = {name for name in people if min(lengths[f"cam_a/{name}"], lengths[f"cam_b/{name}"]) >= 27}
    assert long == people_of_splits(plan)
    assert min(lengths.values()) >= 5
    assert max(lengths.values()) <= 675
    assert np.mean(list(lengths.values())) == pytest.approx(100, abs=10)


@pytest.mark.usefixtures("cheap_people")
def test_natural_lengths_follow_the_settings_below_27() -> None:
    plan = make_plan(layout.LAYOUT, SyntheticSettings(people=20, min_frames=4, max_frames=12, mean_frames=7))

    assert min(lengths_of(plan).values()) >= 4
    assert max(lengths_of(plan).values()) <= 12


@pytest.mark.usefixtures("cheap_people")
@pytest.mark.parametrize("people", [4, 5, 33, 200])
def test_drawn_splits_are_ten_even_splits_of_shared_people(people: int, tmp_path: Path) -> None:
    file = tmp_path / "splits.json"
    file.write_bytes(
        make_plan(layout.LAYOUT, SyntheticSettings(people=people, frames=1)).files["splits_prid2011.json"]
    )
    splits = read_splits(file, range(1, people + 1))

    assert splits is not None
    assert len(splits) == 10
    assert splits.shape[1] % 2 == 0
    assert splits.shape[1] >= 4
    assert people < 33 or len({tuple(row) for row in splits.tolist()}) == 10


@pytest.mark.parametrize("people", [3, 201])
def test_number_of_people_out_of_range_is_an_error(people: int) -> None:
    with pytest.raises(ConfigError, match="people must be"):
        make_plan(layout.LAYOUT, SyntheticSettings(people=people, frames=1))


@pytest.mark.usefixtures("cheap_people")
@needs("prid2011")
def test_tree_with_official_labels_has_their_splits(tmp_path: Path) -> None:
    plan = make_plan(layout.LAYOUT, SyntheticSettings(labels=LABELS, frames=1))
    file = tmp_path / "splits.json"
    file.write_bytes(plan.files["splits_prid2011.json"])
    splits = read_splits(file, range(1, 201))
    matlab = loadmat(LABELS / "prid2011/splits_prid.mat")
    real = matlab["select_idx"].ravel().astype(np.int64)[matlab["ls_set"].astype(np.int64) - 1]

    assert splits is not None
    assert set(range(1, 201)) - set(splits[0].tolist()) == LEFT_OUT
    np.testing.assert_array_equal(np.sort(splits[:, :89]), np.sort(real[:, :89]))
    np.testing.assert_array_equal(np.sort(splits[:, 89:]), np.sort(real[:, 89:]))


def test_missing_label_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"cannot read label file .*splits_prid2011\.json"):
        layout.LAYOUT.synthesize(tmp_path / "root", SyntheticSettings(labels=tmp_path))
