from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from reidbench.datasets.readers.viper import Viper
from reidbench.datasets.synthetic import SyntheticSettings
from reidbench.datasets.synthetic.layouts import viper as layout
from reidbench.datasets.synthetic.people import draw_people
from reidbench.datasets.verify import check_official
from reidbench.errors import ConfigError, DatasetError
from tests.datasets.checks import (
    check_error,
    check_images_follow_the_plan,
    check_masks_have_the_size_of_their_images,
    check_verify_names_additional_and_truncated_images,
    parametrize_faults,
)
from tests.datasets.trees import LABELS, make_plan, needs, put_image

SMALL = SyntheticSettings(people=6, seed=2, masks=True)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Numbers from 0 on with gaps, angles that differ between the cameras."""
    for camera, names in {
        "cam_a": ("000_45", "002_0", "010_90"),
        "cam_b": ("010_0", "000_180", "002_90"),
    }.items():
        for name in names:
            put_image(tmp_path / f"VIPeR/{camera}/{name}.bmp")
        (tmp_path / "VIPeR" / camera / "Thumbs.db").write_bytes(b"x")
    return tmp_path


def test_images_are_paired_by_the_number_of_the_person(tree: Path) -> None:
    contents = Viper().read(tree)

    rows = contents.table.rows
    assert rows["pid"].tolist() == [1, 3, 11, 1, 3, 11]
    assert rows["camid"].tolist() == [1, 1, 1, 2, 2, 2]
    assert [names[0] for names in rows["frames"][3:]] == ["000_180.bmp", "002_90.bmp", "010_0.bmp"]
    assert contents.people == (1, 3, 11)
    assert contents.splits is None


def test_cameras_may_be_directly_in_the_dataset_folder(tree: Path) -> None:
    for camera in ("cam_a", "cam_b"):
        (tree / "VIPeR" / camera).rename(tree / camera)
    (tree / "VIPeR").rmdir()

    assert Viper().read(tree).table.files(0) == (tree / "cam_a/000_45.bmp",)


def remove_camera(tree: Path) -> None:
    shutil.rmtree(tree / "VIPeR/cam_b")


def remove_person(tree: Path) -> None:
    (tree / "VIPeR/cam_b/002_90.bmp").unlink()


def show_twice(tree: Path) -> None:
    shutil.copy(tree / "VIPeR/cam_a/002_0.bmp", tree / "VIPeR/cam_a/002_45.bmp")


def empty_camera(tree: Path) -> None:
    for file in (tree / "VIPeR/cam_a").iterdir():
        file.unlink()


@parametrize_faults(
    (remove_camera, r"folder .*cam_b is missing"),
    (remove_person, r"1 people of cam_a have no image in cam_b, first 002_0\.bmp"),
    (show_twice, r"cam_a has two images of one person, 002_0\.bmp and 002_45\.bmp"),
    (empty_camera, r"cam_a has no frames with names like"),
)
def test_first_fault_of_a_tree_is_named(tree: Path, fault: Callable[[Path], None], message: str) -> None:
    fault(tree)

    check_error(Viper(), tree, message)


def test_real_tree_of_another_size_is_an_error(tree: Path) -> None:
    with pytest.raises(
        DatasetError, match=r"differs from the published viper: dataset: tracklets: 6 found, 1,264 published"
    ):
        check_official(Viper(), Viper().read(tree))


def test_verify_names_unexpected_and_truncated_images(tree: Path) -> None:
    check_verify_names_additional_and_truncated_images(Viper(), tree, "VIPeR/cam_a")


def test_rendered_tree_is_read_as_planned(rendered: Path) -> None:
    plan = layout.plan_tree(SMALL)
    contents = Viper().read(rendered)

    check_images_follow_the_plan(Viper(), rendered, plan)
    check_masks_have_the_size_of_their_images(rendered, plan)
    assert {job.size for job in plan.jobs} == {(48, 128)}
    assert len(contents.table) == 12
    assert len(contents.people) == 6
    for job in plan.jobs:
        for file in job.masks or ():
            mask = cv2.imread(str(rendered / file), cv2.IMREAD_UNCHANGED)
            assert mask is not None
            assert mask.shape == (128, 48)
            assert set(np.unique(mask)) <= {0, 1, 2}


def test_angles_differ_between_cameras(rendered: Path) -> None:
    a, b = (
        [name.removesuffix(".bmp").split("_") for (name,) in names]
        for _, names in Viper().read(rendered).table.rows.groupby("camid")["frames"]
    )

    assert [number for number, _ in a] == [number for number, _ in b]
    assert all(here != there for (_, here), (_, there) in zip(a, b, strict=True))


@pytest.mark.usefixtures("cheap_people")
def test_full_tree_has_the_official_counts_and_numbers_with_gaps() -> None:
    plan = make_plan(layout.LAYOUT, SyntheticSettings())
    names = [job.frames[0].split("/")[-2:] for job in plan.jobs]
    numbers = {
        camera: sorted(int(name[:3]) for at, name in names if at == camera) for camera in ("cam_a", "cam_b")
    }

    assert len(numbers["cam_a"]) == len(set(numbers["cam_a"])) == 632
    assert numbers["cam_a"] == numbers["cam_b"]
    assert max(numbers["cam_a"]) > 631
    official = Viper.official[""]
    assert (official.tracklets, official.people) == (len(plan.jobs), 632)


def test_layouts_of_one_seed_have_different_people() -> None:
    here = {job.person for job in layout.plan_tree(SyntheticSettings(people=10)).jobs}

    assert not here & set(draw_people(0, 10))
    assert here != {job.person for job in layout.plan_tree(SyntheticSettings(people=10, seed=1)).jobs}


def test_number_of_people_out_of_range_is_an_error() -> None:
    with pytest.raises(ConfigError, match=r"people must be a whole number in \[2, 1000\], got 1001"):
        layout.plan_tree(SyntheticSettings(people=1001))


def test_label_files_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="layout 'viper' does not support labels"):
        layout.LAYOUT.resolve(SyntheticSettings(labels=tmp_path))


@needs("viper/splits_neu.json")
def test_published_split_has_all_people_of_the_dataset() -> None:
    for split in json.loads((LABELS / "viper/splits_neu.json").read_text(encoding="utf-8")):
        assert sorted(split["train"] + split["test"]) == list(range(Viper.official[""].people or 0))
