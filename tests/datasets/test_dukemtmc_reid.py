from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from reidbench.datasets.readers.dukemtmc_reid import FOLDERS, IMAGE, DukeMtmcReid
from reidbench.datasets.synthetic import SyntheticSettings
from reidbench.datasets.synthetic.layouts import dukemtmc_reid as layout
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
    make_plan,
    names,
    needs,
    people_of,
    put_image,
)

SMALL = SyntheticSettings(people=4, seed=31, masks=True)
ROOT = "DukeMTMC-reID"
FILES = {
    "bounding_box_train": ["0001_c2_f0046182.jpg", "0001_c8_f0000100.jpg"],
    "query": ["0005_c2_f0046985.jpg", "0005_c5_f0051341.jpg"],
    "bounding_box_test": [
        "0005_c2_f0046865.jpg",
        "0005_c5_f0000009.jpg",
        "0005_c5_f0051221.jpg",
        "0033_c1_f0000001.jpg",
    ],
}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for folder, files in FILES.items():
        for name in files:
            put_image(tmp_path / ROOT / folder / name, len(folder), 5)
        (tmp_path / ROOT / folder / "Thumbs.db").write_bytes(b"x")
    for text in ("LICENSE_DukeMTMC.txt", "LICENSE_DukeMTMC-reID.txt", "CITATION.txt", "README.md"):
        (tmp_path / ROOT / text).write_text("terms\n")
    return tmp_path


def test_labels_are_those_of_the_file_names(tree: Path) -> None:
    contents = DukeMtmcReid().read(tree)

    assert labels(contents, "train") == [(1, 2), (1, 8)]
    assert labels(contents, "query") == [(5, 2), (5, 5)]
    assert labels(contents, "gallery") == [(5, 2), (5, 5), (5, 5), (33, 1)]
    assert contents.table.files(2) == (tree / ROOT / "query/0005_c2_f0046985.jpg",)
    assert not contents.is_synthetic


def test_archive_files_may_be_directly_in_the_dataset_folder(tree: Path) -> None:
    for path in (tree / ROOT).iterdir():
        path.rename(tree / path.name)
    (tree / ROOT).rmdir()

    assert labels(DukeMtmcReid().read(tree), "query") == [(5, 2), (5, 5)]


def test_real_tree_of_another_size_is_an_error(tree: Path) -> None:
    with pytest.raises(
        DatasetError,
        match=r"differs from the published dukemtmc-reid: train: tracklets: 2 found, 16,522 published",
    ):
        check_official(DukeMtmcReid(), DukeMtmcReid().read(tree))


def remove_queries(tree: Path) -> None:
    shutil.rmtree(tree / ROOT / "query")


def empty_gallery(tree: Path) -> None:
    for file in (tree / ROOT / "bounding_box_test").iterdir():
        file.unlink()


def rename_archive(tree: Path) -> None:
    (tree / ROOT).rename(tree / "DukeMTMC4ReID")


@parametrize_faults(
    (remove_queries, r"folder .*query is missing"),
    (empty_gallery, r"bounding_box_test has no frames with names like"),
    (rename_archive, r"folder .*DukeMTMC-reID/bounding_box_train is missing"),
)
def test_first_fault_of_a_tree_is_named(tree: Path, fault: Callable[[Path], None], message: str) -> None:
    fault(tree)

    check_error(DukeMtmcReid(), tree, message)


def test_files_of_person_0_or_camera_9_are_ignored(tree: Path) -> None:
    for name in ("0000_c1_f0000001.jpg", "-1_c1_f0000001.jpg", "0005_c9_f0000001.jpg"):
        (tree / ROOT / "bounding_box_test" / name).write_bytes(b"x")

    assert len(DukeMtmcReid().read(tree).part("gallery")) == 4
    assert "3 unexpected files" in join_findings(DukeMtmcReid(), tree)


def test_rendered_tree_is_read_as_planned(rendered: Path) -> None:
    plan = layout.plan_tree(SMALL)

    check_images_follow_the_plan(DukeMtmcReid(), rendered, plan)
    check_masks_have_the_size_of_their_images(rendered, plan)
    assert len({job.size for job in plan.jobs}) > 4


def test_verify_names_unexpected_and_truncated_images(copied: Path) -> None:
    check_verify_names_additional_and_truncated_images(DukeMtmcReid(), copied, f"{ROOT}/query")


def test_verify_counts_missing_images(tree: Path) -> None:
    (tree / ROOT / "query/0005_c2_f0046985.jpg").unlink()

    found = join_findings(DukeMtmcReid(), tree)
    assert "query: tracklets: 1 found, 2,228 published;" in found


@pytest.mark.usefixtures("cheap_people")
def test_full_tree_has_the_official_counts() -> None:
    contents = contents_of_plan(make_plan(layout.LAYOUT, SyntheticSettings(seed=3)), ROOT, FOLDERS, IMAGE)

    check_counts_are_official_except_per_camera(DukeMtmcReid(), contents)
    assert len(people_of(contents, "gallery") - people_of(contents, "query")) == 408


@pytest.mark.usefixtures("cheap_people")
@pytest.mark.parametrize("people", [4, 5, 13, 100])
def test_small_tree_has_every_part_of_the_protocol(people: int) -> None:
    contents = contents_of_plan(
        layout.plan_tree(SyntheticSettings(people=people, seed=people)), ROOT, FOLDERS, IMAGE
    )
    train, query = people_of(contents, "train"), people_of(contents, "query")
    gallery, queried = people_of(contents, "gallery"), labels(contents, "query")

    assert len(train) + len(query) == people
    assert min(len(train), len(query)) >= 2
    assert not train & (query | gallery)
    assert len(set(queried)) == len(queried)
    check_every_query_has_a_match(contents)
    others = Counter(pid for pid, _ in set(labels(contents, "gallery")) if pid not in query)
    assert len(others) >= 2
    # Each is seen by one camera.
    assert set(others.values()) == {1}


def test_images_of_one_person_and_camera_come_from_one_walk() -> None:
    plan = layout.plan_tree(SyntheticSettings(people=4))

    walks = [{file.split("/")[-1].split("_f")[0] for file in job.frames} for job in plan.jobs]
    assert {len(walk) for walk in walks} == {1}
    assert len(set().union(*walks)) == len(walks)
    check_random_streams_are_unique(plan)


@pytest.mark.parametrize("people", [3, 7_001])
def test_number_of_people_out_of_range_is_an_error(people: int) -> None:
    with pytest.raises(ConfigError, match=r"people must be a whole number in \[4, 7000\]"):
        layout.plan_tree(SyntheticSettings(people=people))


@needs("dukemtmc_reid/labels.npz")
@pytest.mark.usefixtures("cheap_people")
def test_tree_with_official_labels_has_their_rows() -> None:
    contents = contents_of_plan(
        make_plan(layout.LAYOUT, SyntheticSettings(labels=LABELS)), ROOT, FOLDERS, IMAGE
    )

    assert not list(compare_counts(DukeMtmcReid(), contents))
    with np.load(LABELS / "dukemtmc_reid/labels.npz") as official:
        for part in ("train", "query", "gallery"):
            columns = [official[f"{part}_{name}"].tolist() for name in ("pid", "cam", "frame")]
            files = [f"{pid:04d}_c{cam}_f{frame:07d}.jpg" for pid, cam, frame in zip(*columns, strict=True)]
            assert names(contents, part) == files
            assert labels(contents, part) == list(zip(*columns[:2], strict=True))


def test_missing_label_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"cannot read label file .*dukemtmc_reid/labels\.npz"):
        layout.plan_tree(SyntheticSettings(labels=tmp_path))
