from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.io import loadmat

from reidbench.datasets.readers.market1501 import FOLDERS, IMAGE, Market1501
from reidbench.datasets.synthetic import SyntheticSettings
from reidbench.datasets.synthetic.layouts import market1501 as layout
from reidbench.datasets.verify import check_official, compare_counts
from reidbench.errors import ConfigError, DatasetError
from tests.datasets.checks import (
    check_counts_are_official_except_per_camera,
    check_error,
    check_every_query_has_a_match,
    check_images_follow_the_plan,
    check_masks_have_the_size_of_their_images,
    check_random_streams_are_unique,
    check_verify_names_additional_and_truncated_images,
    parametrize_faults,
)
from tests.datasets.trees import (
    LABELS,
    contents_of_plan,
    join_findings,
    labels,
    list_planned_frames,
    make_plan,
    needs,
    people_of,
    put_image,
)

SMALL = SyntheticSettings(people=4, seed=31, masks=True)
ROOT = "Market-1501-v15.09.15"
FILES = {
    "bounding_box_train": ["0002_c1s1_000451_03.jpg", "0002_c4s2_000001_01.jpg"],
    "query": ["0001_c1s1_001051_00.jpg", "0001_c2s1_000301_00.jpg.jpg"],
    "bounding_box_test": [
        "0001_c2s1_000301_01.jpg",
        "0000_c3s6_000100_02.jpg",
        "-1_c1s1_000401_03.jpg",
        "0001_c1s1_001051_01.jpg.jpg",
    ],
    "gt_bbox": ["0001_c1s1_001051_00.jpg", "0001_c1s1_001076_00.jpg", "0002_c1s1_000451_00.jpg"],
}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for folder, names in FILES.items():
        for name in names:
            put_image(tmp_path / ROOT / folder / name)
        (tmp_path / ROOT / folder / "Thumbs.db").write_bytes(b"x")
    (tmp_path / ROOT / "readme.txt").write_text("read me\n")
    return tmp_path


def test_labels_are_those_of_the_file_names(tree: Path) -> None:
    contents = Market1501().read(tree)

    assert labels(contents, "train") == [(2, 1), (2, 4)]
    assert labels(contents, "query") == [(1, 1), (1, 2)]
    assert labels(contents, "gallery") == [(-1, 1), (0, 3), (1, 1), (1, 2)]
    assert labels(contents, "query_boxes") == [(1, 1), (1, 1), (2, 1)]
    assert contents.table.files(0) == (tree / ROOT / "bounding_box_train/0002_c1s1_000451_03.jpg",)
    assert contents.table.lengths.tolist() == [1] * 11
    assert not contents.is_synthetic


def test_archive_files_may_be_directly_in_the_dataset_folder(tree: Path) -> None:
    for path in (tree / ROOT).iterdir():
        path.rename(tree / path.name)
    (tree / ROOT).rmdir()

    contents = Market1501().read(tree)

    assert labels(contents, "query") == [(1, 1), (1, 2)]
    assert all(contents.table.files(row)[0].is_file() for row in range(len(contents.table)))


def test_hand_drawn_boxes_are_optional(tree: Path) -> None:
    shutil.rmtree(tree / ROOT / "gt_bbox")

    contents = Market1501().read(tree)

    assert set(contents.parts) == {"train", "query", "gallery"}
    missing = [
        finding for finding in compare_counts(Market1501(), contents) if finding.where == "query_boxes"
    ]
    assert [finding.is_certain for finding in missing] == [False]


def test_real_tree_of_another_size_is_an_error(tree: Path) -> None:
    with pytest.raises(
        DatasetError, match=r"differs from the published market1501: train: tracklets: 2 found"
    ):
        check_official(Market1501(), Market1501().read(tree))


def remove_queries(tree: Path) -> None:
    shutil.rmtree(tree / ROOT / "query")


def empty_gallery(tree: Path) -> None:
    for file in (tree / ROOT / "bounding_box_test").iterdir():
        file.unlink()


def ask_for_a_distractor(tree: Path) -> None:
    put_image(tree / ROOT / "query/0000_c1s1_000001_00.jpg")


def train_on_junk(tree: Path) -> None:
    put_image(tree / ROOT / "bounding_box_train/-1_c1s1_000001_01.jpg")


def remove_everything(tree: Path) -> None:
    shutil.rmtree(tree / ROOT)


@parametrize_faults(
    (remove_queries, r"folder .*query is missing"),
    (empty_gallery, r"bounding_box_test has no frames with names like"),
    (
        ask_for_a_distractor,
        r"query/0000_c1s1_000001_00\.jpg has person 0000, which only bounding_box_test may have",
    ),
    (
        train_on_junk,
        r"bounding_box_train/-1_c1s1_000001_01\.jpg has person -1, which only bounding_box_test may have",
    ),
    (remove_everything, r"Market-1501-v15\.09\.15/bounding_box_train is missing"),
)
def test_first_fault_of_a_tree_is_named(tree: Path, fault: Callable[[Path], None], message: str) -> None:
    fault(tree)

    check_error(Market1501(), tree, message)


def test_rendered_tree_is_read_as_planned(rendered: Path) -> None:
    plan = layout.plan_tree(SMALL)

    check_images_follow_the_plan(Market1501(), rendered, plan)
    check_masks_have_the_size_of_their_images(rendered, plan)
    # The size of rendered images, 64 x 128.
    assert {job.size for job in plan.jobs} == {None}


def test_verify_names_unexpected_and_truncated_images(copied: Path) -> None:
    check_verify_names_additional_and_truncated_images(Market1501(), copied, f"{ROOT}/gt_bbox")


def test_verify_names_the_part_with_a_missing_image(tree: Path) -> None:
    (tree / ROOT / "query/0001_c1s1_001051_00.jpg").unlink()

    found = join_findings(Market1501(), tree)
    assert "query: tracklets: 1 found, 3,368 published;" in found


@pytest.mark.usefixtures("cheap_people")
def test_full_tree_has_the_official_counts() -> None:
    contents = contents_of_plan(make_plan(layout.LAYOUT, SyntheticSettings(seed=3)), ROOT, FOLDERS, IMAGE)

    check_counts_are_official_except_per_camera(Market1501(), contents)
    rows = contents.table.rows
    double = rows["folder"][rows["frames"].map(lambda names: names[0].endswith(".jpg.jpg"))]
    assert Counter(double) == {f"{ROOT}/query": 6, f"{ROOT}/bounding_box_test": 18}


@pytest.mark.usefixtures("cheap_people")
@pytest.mark.parametrize("people", [4, 5, 13, 100])
def test_small_tree_has_every_part_of_the_protocol(people: int) -> None:
    contents = contents_of_plan(
        layout.plan_tree(SyntheticSettings(people=people, seed=people)), ROOT, FOLDERS, IMAGE
    )
    train, query = people_of(contents, "train"), people_of(contents, "query")
    drawn = Counter(labels(contents, "query_boxes"))
    queried = labels(contents, "query")

    assert train | query == set(range(1, people + 1))
    assert min(len(train), len(query)) >= 2
    assert not train & query
    assert len(set(queried)) == len(queried)
    check_every_query_has_a_match(contents)
    assert people_of(contents, "gallery") >= {-1, 0}
    assert min(drawn[sighting] for sighting in [*queried, *labels(contents, "train")]) >= 2
    assert set(drawn) == {*queried, *labels(contents, "train")}


@pytest.mark.usefixtures("cheap_people")
def test_every_query_is_a_hand_drawn_box() -> None:
    plan = layout.plan_tree(SyntheticSettings(people=20))
    stems = {
        folder: {
            frame.split("/")[-1].split(".")[0]
            for frame in list_planned_frames(plan)
            if f"/{folder}/" in frame
        }
        for folder in ("query", "gt_bbox")
    }

    assert stems["query"]
    assert stems["query"] <= stems["gt_bbox"]


def test_images_of_one_sequence_come_from_one_walk() -> None:
    plan = layout.plan_tree(SyntheticSettings(people=4))
    walks = Counter(
        "_".join(job.frames[0].split("/")[-1].split("_")[:2])
        for job in plan.jobs
        if job.frames[0].split("/")[-1] > "0001"
    )

    assert set(walks.values()) == {1}
    check_random_streams_are_unique(plan)
    for job in plan.jobs:
        frames = [int(file.split("/")[-1].split("_")[2]) for file in job.frames]
        assert frames == sorted(frames)
    distractors = [job.person for job in plan.jobs if job.frames[0].split("/")[-1].startswith("0000")]
    assert len(set(distractors)) == len(distractors) > 1


def test_too_few_people_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"people must be a whole number in \[4, 9999\], got 3"):
        layout.LAYOUT.synthesize(tmp_path, SyntheticSettings(people=3), progress=False)


@needs("market1501/names.npz")
@pytest.mark.usefixtures("cheap_people")
def test_tree_with_official_labels_has_their_rows() -> None:
    plan = make_plan(layout.LAYOUT, SyntheticSettings(labels=LABELS))
    contents = contents_of_plan(plan, ROOT, FOLDERS, IMAGE)

    assert not list(compare_counts(Market1501(), contents))
    official = {
        "train": ("train_label", "label", "train_cam", "cam"),
        "query": ("queryID", "queryID", "queryCam", "queryCAM"),
        "gallery": ("testID", "testID", "testCam", "testCAM"),
    }
    for part, (pid_file, pid_name, camera_file, camera_name) in official.items():
        pids = loadmat(LABELS / f"market1501/{pid_file}.mat")[pid_name].ravel()
        cameras = loadmat(LABELS / f"market1501/{camera_file}.mat")[camera_name].ravel()
        assert labels(contents, part) == list(zip(pids.tolist(), cameras.tolist(), strict=True))
    assert sum(".jpg.jpg" in file for file in list_planned_frames(plan)) == 24


def damage(file: Path) -> None:
    file.write_bytes(b"PK no more")


def shorten(file: Path) -> None:
    arrays: dict[str, Any] = {f"train_{field}": np.ones(2) for field in ("cam", "seq", "frame", "box")}
    np.savez(file, **arrays)


def differ_in_length(file: Path) -> None:
    fields = ("pid", "cam", "seq", "frame", "box", "double_ext")
    arrays: dict[str, Any] = {f"train_{field}": np.ones(len(field), int) for field in fields}
    np.savez(file, **arrays)


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (lambda file: None, r"cannot read label file .*names\.npz"),
        (damage, r"cannot use label file .*names\.npz"),
        (shorten, r"cannot use label file .*names\.npz: .*train_pid"),
        (differ_in_length, r"cannot use label file .*names\.npz: zip"),
    ],
    ids=["missing", "damaged", "lacks an array", "arrays of different lengths"],
)
def test_damaged_label_files_are_named(tmp_path: Path, fault: Callable[[Path], None], message: str) -> None:
    (tmp_path / "market1501").mkdir()
    fault(tmp_path / "market1501/names.npz")

    with pytest.raises(DatasetError, match=message):
        layout.plan_tree(SyntheticSettings(labels=tmp_path))
