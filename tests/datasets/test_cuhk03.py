from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import h5py
import numpy as np
import numpy.typing as npt
import pytest
from scipy.io import savemat

from reidbench.datasets import extract_cuhk03
from reidbench.datasets.extract_cuhk03 import RELEASE, extract
from reidbench.datasets.frames import decode
from reidbench.datasets.readers.cuhk03 import Cuhk03, config_file
from reidbench.datasets.verify import check_official, compare_counts
from reidbench.errors import DatasetError
from tests.datasets.checks import check_error, parametrize_faults
from tests.datasets.trees import join_findings, names, put_image

NAMES = [
    "1_001_1_01.png",
    "1_001_1_02.png",
    "1_001_2_06.png",
    "1_002_1_01.png",
    "1_002_2_06.png",
    "3_007_1_01.png",
    "3_007_2_06.png",
    "3_007_2_07.png",
]
PEOPLE = [1, 1, 1, 2, 2, 3, 3, 3]
TEST_SETS = [[(3, 7), (1, 1)], [(1, 2), (3, 7)]]


def write_config(folder: Path, kind: str, **others: Any) -> None:
    """Write the new protocol: person 1 for training, the others tested; MATLAB chose the smallest types."""
    filelist = np.empty((len(NAMES), 1), object)
    filelist[:, 0] = NAMES
    variables = {
        "filelist": filelist,
        "labels": np.array(PEOPLE, np.uint8)[:, None],
        "camId": np.array([int(name[6]) for name in NAMES], np.uint8)[:, None],
        "train_idx": np.array([[1], [2], [3]], np.uint8),
        "query_idx": np.array([[4], [5], [6], [8]], np.uint8),
        "gallery_idx": np.array([[7]], np.uint8),
    }
    savemat(folder / config_file(kind), variables | others)


def write_release(folder: Path, *, test_sets: Sequence[Any] = TEST_SETS, images: Any = None) -> None:
    """Write a release file as MATLAB does: arrays transposed, cells of references, empty cells as shapes."""
    (folder / RELEASE).parent.mkdir(exist_ok=True)
    with h5py.File(folder / RELEASE, "w") as file:

        def put(array: Any) -> Any:
            return file.create_dataset(f"#refs#/{len(file.get('#refs#', ()))}", data=array).ref

        empty = put(np.zeros(2, np.uint64))
        for kind in ("detected", "labeled"):
            pairs: list[Any] = []
            for people in (2, 0, 7, 0, 0):
                cell = np.full((10, people), empty, dtype=h5py.ref_dtype)
                for name in NAMES if images is None else ():
                    pair, person, image = int(name[0]), int(name[2:5]), int(name[8:10])
                    if pair == len(pairs) + 1:
                        cell[image - 1, person - 1] = put(pixels(kind, name).T)
                if images is not None and len(pairs) == 0:
                    cell[0, 0] = put(images[kind].T)
                pairs.append(put(cell))
            file[kind] = np.array([pairs], dtype=h5py.ref_dtype)
        sets = [put(np.array(people, float).T) for people in test_sets]
        file["testsets"] = np.array([sets], dtype=h5py.ref_dtype)


def pixels(kind: str, name: str) -> npt.NDArray[np.uint8]:
    """Return an RGB picture (9, 4, 3) that is like no other."""
    rng = np.random.default_rng([len(kind), NAMES.index(name)])
    return rng.integers(0, 256, (9, 4, 3), dtype=np.uint8)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for kind in ("detected", "labeled"):
        (tmp_path / f"images_{kind}").mkdir()
        for name in NAMES:
            file = tmp_path / f"images_{kind}" / name
            assert cv2.imwrite(str(file), pixels(kind, name)[:, :, ::-1])
        (tmp_path / f"images_{kind}" / "Thumbs.db").write_bytes(b"x")
        write_config(tmp_path, kind)
    write_release(tmp_path)
    return tmp_path


def test_pids_are_positions_and_cameras_are_views(tree: Path) -> None:
    contents = Cuhk03().read(tree)

    assert contents.table.pids.tolist() == PEOPLE * 2
    assert contents.table.camids.tolist() == [1, 1, 2, 1, 2, 1, 2, 2] * 2
    assert contents.people == (1, 2, 3)
    assert contents.table.files(8) == (tree / "images_labeled/1_001_1_01.png",)
    assert not contents.is_synthetic


def test_each_kind_of_boxes_has_the_parts_of_the_new_protocol(tree: Path) -> None:
    write_config(tree, "labeled", query_idx=np.array([[7, 4, 6]]), gallery_idx=np.array([[5, 8]]))

    contents = Cuhk03().read(tree)

    assert names(contents, "detected") == names(contents, "labeled") == NAMES
    assert names(contents, "detected-train") == NAMES[:3]
    assert names(contents, "detected-query") == [NAMES[3], NAMES[4], NAMES[5], NAMES[7]]
    assert names(contents, "detected-gallery") == [NAMES[6]]
    assert contents.part("labeled-query").tolist() == [11, 13, 14]
    assert contents.part("labeled-gallery").tolist() == [12, 15]


def test_splits_start_with_the_classic_test_sets(tree: Path) -> None:
    splits = Cuhk03().read(tree).splits

    assert splits is not None
    assert splits.tolist() == [[3, 1, 2], [2, 3, 1]]


def test_classic_splits_need_the_release_file(tree: Path) -> None:
    (tree / RELEASE).unlink()

    assert Cuhk03().read(tree).splits is None


def test_kind_of_boxes_may_be_absent(tree: Path) -> None:
    shutil.rmtree(tree / "images_detected")

    contents = Cuhk03().read(tree)

    assert set(contents.parts) == {"labeled", "labeled-train", "labeled-query", "labeled-gallery"}
    assert contents.table.pids.tolist() == PEOPLE
    missing = [
        difference for difference in compare_counts(Cuhk03(), contents) if "detected" in difference.where
    ]
    assert len(missing) == 4
    assert not any(difference.is_certain for difference in missing)


def test_images_are_listed_without_a_file_of_the_new_protocol(tree: Path) -> None:
    (tree / config_file("detected")).unlink()

    contents = Cuhk03().read(tree)

    assert names(contents, "detected") == NAMES
    assert "detected-train" not in contents.parts
    assert "labeled-train" in contents.parts


def test_real_tree_of_another_size_is_an_error(tree: Path) -> None:
    with pytest.raises(
        DatasetError,
        match=r"differs from the published cuhk03: detected: tracklets: 8 found, 14,097 published",
    ):
        check_official(Cuhk03(), Cuhk03().read(tree))


def test_verify_names_missing_unexpected_and_truncated_images(tree: Path) -> None:
    (tree / "images_detected" / NAMES[0]).unlink()
    (tree / "images_labeled/1_001_1_03.png").write_bytes(b"x")
    found = join_findings(Cuhk03(), tree)
    assert f"1 missing file: images_detected/{NAMES[0]}" in found
    assert "1 unexpected file: images_labeled/1_001_1_03.png" in found

    shutil.copy(tree / "images_detected" / NAMES[1], tree / "images_detected" / NAMES[0])
    victim = tree / "images_labeled" / NAMES[2]
    victim.write_bytes(victim.read_bytes()[:60])
    found = join_findings(Cuhk03(), tree, deep=True)
    assert f"cannot read frame {victim}" in found


def test_folder_form_of_the_new_protocol_is_read(tmp_path: Path) -> None:
    for folder, files in {
        "bounding_box_train": ["0001_c1_1.png", "0001_c2_6.png"],
        "query": ["0003_c1_21.png"],
        "bounding_box_test": ["0003_c2_27.png", "0004_c1_31.png"],
    }.items():
        path = tmp_path / "cuhk03-np/labeled" / folder
        for name in files:
            put_image(path / name)
        (path / "Thumbs.db").write_bytes(b"x")

    contents = Cuhk03().read(tmp_path)

    assert set(contents.parts) == {"labeled", "labeled-train", "labeled-query", "labeled-gallery"}
    assert contents.table.pids.tolist() == [1, 1, 3, 3, 4]
    assert contents.table.camids.tolist() == [1, 2, 1, 2, 1]
    assert contents.part("labeled-gallery").tolist() == [3, 4]
    assert contents.splits is None
    (tmp_path / "cuhk03-np/labeled/query/notes.txt").write_text("x")
    assert "1 unexpected file" in join_findings(Cuhk03(), tmp_path)


def remove_everything(tree: Path) -> None:
    remove_images(tree)
    shutil.rmtree(tree / "cuhk03_release")


def remove_images(tree: Path) -> None:
    shutil.rmtree(tree / "images_detected")
    shutil.rmtree(tree / "images_labeled")


def empty_kind(tree: Path) -> None:
    (tree / config_file("labeled")).unlink()
    for file in (tree / "images_labeled").iterdir():
        file.unlink()


def damage_config(tree: Path) -> None:
    (tree / config_file("detected")).write_bytes(b"MATLAB 5.0 no more")


def lack_queries(tree: Path) -> None:
    savemat(tree / config_file("detected"), {"filelist": 1, "labels": 1, "train_idx": 1, "gallery_idx": 1})


def shorten_labels(tree: Path) -> None:
    write_config(tree, "detected", labels=np.array(PEOPLE[:-1]))


def mix_labels(tree: Path) -> None:
    write_config(tree, "detected", labels=np.array([1, 1, 1, 2, 3, 3, 3, 3]))


def rename_image(tree: Path) -> None:
    filelist = np.array([["x.png"]] * 8, object)
    write_config(tree, "detected", filelist=filelist)


def query_beyond(tree: Path) -> None:
    write_config(tree, "detected", query_idx=np.array([[9]]))


def query_before(tree: Path) -> None:
    write_config(tree, "detected", query_idx=np.array([[0]]))


def query_twice(tree: Path) -> None:
    write_config(tree, "detected", query_idx=np.array([[4], [7]]))


def damage_release(tree: Path) -> None:
    (tree / RELEASE).write_bytes((tree / RELEASE).read_bytes()[:500])


def lack_test_sets(tree: Path) -> None:
    with h5py.File(tree / RELEASE, "a") as file:
        del file["testsets"]


def query_an_unknown_person(tree: Path) -> None:
    write_release(tree, test_sets=[[(1, 1), (5, 49)]])


def flatten_test_set(tree: Path) -> None:
    write_release(tree, test_sets=[[1, 2, 3]])


def repeat_in_test_set(tree: Path) -> None:
    write_release(tree, test_sets=[[(1, 1), (1, 1)]])


@parametrize_faults(
    (
        remove_everything,
        r"has none of images_detected, images_labeled, cuhk03-np and cuhk03_release/cuhk-03\.mat",
    ),
    (remove_images, r"run `reidbench data extract cuhk03`"),
    (empty_kind, r"images_labeled has no frames with names like"),
    (damage_config, r"cannot read .*config_detected\.mat"),
    (lack_queries, r"config_detected\.mat has no variable 'query_idx'"),
    (shorten_labels, r"config_detected\.mat: 7 labels for 8 images"),
    (mix_labels, r"label of 1_002_2_06\.png must be the position of its person among all, 2, got 3"),
    (rename_image, r"must have the form 1_001_1_01\.png, got 'x\.png'"),
    (query_beyond, r"different rows in 1\.\.8, got 5 of 5 different in 1\.\.9"),
    (query_before, r"different rows in 1\.\.8, got 5 of 5 different in 0\.\.7"),
    (query_twice, r"different rows in 1\.\.8, got 5 of 6 different"),
    (damage_release, r"cannot read .*cuhk-03\.mat"),
    (lack_test_sets, r"cuhk-03\.mat has no variable 'testsets'"),
    (query_an_unknown_person, r"test set 1 has person 49 of camera pair 5, but there is no image"),
    (flatten_test_set, r"test set 1 must be an array \(people, 2\), got \(3,\)"),
    (repeat_in_test_set, r"test set 1 has a person twice"),
)
def test_first_fault_of_a_tree_is_named(tree: Path, fault: Callable[[Path], None], message: str) -> None:
    fault(tree)

    check_error(Cuhk03(), tree, message)


def test_extraction_writes_the_images_of_the_release(tree: Path) -> None:
    remove_images(tree)

    assert extract(tree, progress=False) == 2 * len(NAMES)

    for kind in ("detected", "labeled"):
        assert sorted(file.name for file in (tree / f"images_{kind}").iterdir()) == NAMES
        for name in NAMES:
            np.testing.assert_array_equal(decode(tree / f"images_{kind}" / name), pixels(kind, name))
    assert names(Cuhk03().read(tree), "detected-train") == NAMES[:3]


def test_repeated_extraction_keeps_existing_folders(tree: Path) -> None:
    shutil.rmtree(tree / "images_labeled")
    (tree / ".images_labeled.of-a-killed-attempt.unfinished").mkdir()
    (tree / "images_detected" / NAMES[0]).write_bytes(b"mine")

    assert extract(tree, progress=False) == len(NAMES)
    assert extract(tree, progress=False) == 0

    assert (tree / "images_detected" / NAMES[0]).read_bytes() == b"mine"
    assert not list(tree.glob("*.unfinished"))
    assert not list(tree.glob(".*.unfinished"))


def test_failed_extraction_leaves_no_partial_folder(tree: Path) -> None:
    remove_images(tree)
    good, bad = np.zeros((4, 2, 3), np.uint8), np.zeros((4, 2, 3), np.float64)
    write_release(tree, images={"detected": good, "labeled": bad})

    with pytest.raises(DatasetError, match=r"'labeled' 1_001_1_01\.png must be 8-bit colour, got float64"):
        extract(tree, progress=False)

    assert [file.name for file in (tree / "images_detected").iterdir()] == ["1_001_1_01.png"]
    assert not (tree / "images_labeled").exists()
    assert not list(tree.glob(".*.unfinished"))


def test_full_disk_is_reported_and_leaves_no_partial_folder(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    remove_images(tree)

    def encode(pixels: Any, where: str, *, is_rendered: bool) -> bytes:
        if NAMES[3] in where:
            raise OSError("No space left on device")
        return b"png"

    monkeypatch.setattr(extract_cuhk03, "_encode", encode)

    with pytest.raises(DatasetError, match=r"cannot extract to .*images_detected: No space left on device"):
        extract(tree, progress=False)

    assert not [path for path in tree.glob("*images*") if path.is_dir()]


def test_missing_release_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"file .*cuhk03_release/cuhk-03\.mat is missing"):
        extract(tmp_path, progress=False)


def test_release_cells_of_another_form_are_an_error(tree: Path) -> None:
    remove_images(tree)
    with h5py.File(tree / RELEASE, "a") as file:
        file["nine"] = np.full((9, 2), file["detected"].ref, dtype=h5py.ref_dtype)
        cells = file["detected"][()]
        cells[0, 0] = file["nine"].ref
        file["detected"][...] = cells

    with pytest.raises(
        DatasetError, match=r"'detected' of camera pair 1 must have 10 images each, got .*\(2, 9\)"
    ):
        extract(tree, progress=False)
