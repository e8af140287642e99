from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path, PurePosixPath

import h5py
import numpy as np
import pytest

from reidbench.datasets.readers import lsvid as reader
from reidbench.datasets.readers.lsvid import LsVid
from reidbench.datasets.synthetic import SyntheticSettings
from reidbench.datasets.synthetic.layouts import lsvid as layout
from reidbench.datasets.synthetic.layouts.lsvid import format_query_file
from reidbench.datasets.verify import check_official, compare_counts, verify
from reidbench.errors import ConfigError, DatasetError
from tests.datasets.checks import (
    check_error,
    check_every_query_has_a_match,
    check_masks_have_the_size_of_their_images,
    check_random_streams_are_unique,
    check_tracks_follow_the_plan,
    check_verify_finds_a_truncated_frame_only,
)
from tests.datasets.trees import (
    join_findings,
    list_planned_frames,
    make_plan,
    people_of,
    put_image,
    write_empty_frames,
    write_label_files,
)

SMALL = SyntheticSettings(people=4, frames=2, seed=501, masks=True)
# Per list: prefix, person, and the ends of the frame names.
TRACKS = {
    "train": [
        ("tracklet_train/0001/0001_0001_1", 1, ["_0999", "_10000", "_1000"])
        # Text order is not temporal order.
    ],
    "val": [("tracklet_val/0002/0002_0001_15_", 2, ["0001"])],
    "test": [
        # Many people in one folder.
        ("tracklet_test/0003_0001_1", 3, ["_0001", "_0002"]),
        # Starts like the one before.
        ("tracklet_test/0003_0001_10", 3, ["_0001"]),
        ("tracklet_test/0003_0002_02", 3, ["_0001"]),
        ("tracklet_test/0004_0001_03", 4, ["_0007"]),
    ],
}
# From 1.
QUERIES = [1, 3]


def frame(tree: Path, name: str) -> None:
    put_image(tree / "LS-VID" / f"{name}.jpg")


def put_queries(*rows: float) -> Callable[[Path], object]:
    def put(tree: Path) -> None:
        file = tree / "LS-VID/test/data/info_test.mat"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(format_query_file(np.array(rows) - 1))

    return put


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    lists = tmp_path / "LS-VID/list_sequence"
    lists.mkdir(parents=True)
    for name, tracks in TRACKS.items():
        lines = [f"{prefix} {person}" for prefix, person, _ in tracks]
        (lists / f"list_seq_{name}.txt").write_bytes("\r\n".join([*lines, ""]).encode())
        for prefix, _, ends in tracks:
            for end in ends:
                frame(tmp_path, prefix + end)
    put_queries(*QUERIES)(tmp_path)
    return tmp_path


def test_rows_follow_the_lists_with_frames_in_temporal_order(tree: Path) -> None:
    rows = LsVid().read(tree).table.rows

    assert rows["pid"].tolist() == [1, 2, 3, 3, 3, 4]
    assert rows["camid"].tolist() == [1, 15, 1, 10, 2, 3]
    assert rows["folder"].tolist()[:3] == [
        "LS-VID/tracklet_train/0001",
        "LS-VID/tracklet_val/0002",
        "LS-VID/tracklet_test",
    ]
    assert rows["frames"][0] == ("0001_0001_1_0999.jpg", "0001_0001_1_1000.jpg", "0001_0001_1_10000.jpg")
    assert rows["frames"][2] == ("0003_0001_1_0001.jpg", "0003_0001_1_0002.jpg")


def test_queries_are_rows_of_the_gallery(tree: Path) -> None:
    contents = LsVid().read(tree)

    assert {name: rows.tolist() for name, rows in contents.parts.items()} == {
        "train": [0],
        "validation": [1],
        "gallery": [2, 3, 4, 5],
        "query": [2, 4],
    }
    assert contents.splits is None
    assert not contents.is_synthetic


def test_lists_and_queries_may_be_in_info(tree: Path) -> None:
    before = LsVid().read(tree).table.rows
    root = tree / "LS-VID"
    (root / "info").mkdir()
    (root / "list_sequence").rename(root / "info/list_sequence")
    (root / "test/data").rename(root / "info/data")

    assert LsVid().read(tree).table.rows.equals(before)


def test_queries_may_be_a_column_or_a_row(tree: Path) -> None:
    with h5py.File(tree / "LS-VID/test/data/info_test.mat", "w") as file:
        file["query"] = np.array([[3], [1]], np.uint16)

    assert LsVid().read(tree).part("query").tolist() == [2, 4]


def test_people_numbered_from_0_are_not_distractors(tree: Path) -> None:
    file = tree / "LS-VID/list_sequence/list_seq_test.txt"
    file.write_text(file.read_text().replace(" 4", " 0"))

    assert LsVid().read(tree).table.pids.tolist() == [2, 3, 4, 4, 4, 1]


def test_prefix_may_be_a_folder(tree: Path) -> None:
    file = tree / "LS-VID/list_sequence/list_seq_train.txt"
    file.write_text("/tracklet_train/0001/ 1\n\n")

    assert len(LsVid().read(tree).table.files(0)) == 3


def test_other_files_are_ignored(tree: Path) -> None:
    (tree / "LS-VID/tracklet_test/Thumbs.db").write_bytes(b"x")
    (tree / "LS-VID/tracklet_test/0003_0001_1_notes").mkdir()

    assert LsVid().read(tree).table.lengths.tolist() == [3, 1, 2, 1, 1, 1]
    assert not [found for found in verify(LsVid(), tree).findings if found.where == "files"]


def put_line(line: str) -> Callable[[Path], object]:
    return lambda tree: (tree / "LS-VID/list_sequence/list_seq_val.txt").write_text(line)


def put_hdf5(**arrays: object) -> Callable[[Path], object]:
    def put(tree: Path) -> None:
        with h5py.File(tree / "LS-VID/test/data/info_test.mat", "w") as file:
            for name, values in arrays.items():
                file[name] = values

    return put


def remove(name: str) -> Callable[[Path], object]:
    return lambda tree: (tree / "LS-VID" / name).unlink()


def add_camera_16(tree: Path) -> None:
    frame(tree, "tracklet_val/0002/0002_0009_16_1")
    put_line("tracklet_val/0002/0002_0009 1")(tree)


FAULTS: dict[str, tuple[Callable[[Path], object], str]] = {
    "no list": (
        remove("list_sequence/list_seq_train.txt"),
        r"no file list_sequence/list_seq_train\.txt or info/",
    ),
    "no queries": (remove("test/data/info_test.mat"), r"no file test/data/info_test\.mat or info/data"),
    "no folder": (
        lambda tree: shutil.rmtree(tree / "LS-VID/tracklet_val"),
        r"folder .*tracklet_val/0002 is missing",
    ),
    "no frames": (
        remove("tracklet_test/0004_0001_03_0007.jpg"),
        r"tracklet_test/0004_0001_03\*: .*got 0 frames",
    ),
    "empty list": (put_line("\n"), r"list_seq_val\.txt is empty"),
    "no person": (
        put_line("tracklet_val/0002/0002_0001_15_\n"),
        r"list_seq_val\.txt, line 1 must be a prefix .*got 'tracklet_val/",
    ),
    "no prefix": (put_line("\n 12\n"), r"line 2 must be a prefix of file names, .*got ' 12'"),
    "junk": (put_line("tracklet_val/0002/0002_0001_15 -1"), r"line 1 must be a prefix of file names"),
    "outside": (put_line("tracklet_val/../../secret 1"), r"line 1 must be a prefix of file names"),
    "two cameras": (
        put_line("tracklet_test/0003_0001_ 1"),
        r"0003_0001_\*: .*got 3 frames of cameras \[1, 10\]",
    ),
    "camera 16": (
        add_camera_16,
        r"one camera in 1\.\.15 .*frames of cameras \[16\]",
    ),
    "query 0": (put_queries(0, 1), r"different lines in 1\.\.4 .* got 2 values in 0\.\.1"),
    "query too large": (put_queries(5), r"different lines in 1\.\.4 .*5\.\.5"),
    "query twice": (put_queries(2, 2), r"different lines in 1\.\.4"),
    "no query": (put_queries(), r"got 0 values"),
    "other dataset": (put_hdf5(rows=[1]), r"info_test\.mat has no variable 'query'"),
    "text": (put_hdf5(query="one"), r"'query' must have whole numbers, got "),
    "not HDF5": (
        lambda tree: (tree / "LS-VID/test/data/info_test.mat").write_bytes(b"MATLAB 5.0 MAT-file"),
        r"cannot read .*info_test\.mat: ",
    ),
}


@pytest.mark.parametrize(("fault", "message"), FAULTS.values(), ids=FAULTS)
def test_first_fault_of_a_tree_is_named(tree: Path, fault: Callable[[Path], object], message: str) -> None:
    fault(tree)

    check_error(LsVid(), tree, message)


def test_verify_names_unexpected_files(tree: Path) -> None:
    (tree / "LS-VID/tracklet_train/0001/0009_0001_1_0001.jpg").write_bytes(b"of no list")

    found = join_findings(LsVid(), tree)
    assert found.endswith("files: 1 unexpected file: LS-VID/tracklet_train/0001/0009_0001_1_0001.jpg")


def test_real_tree_of_another_size_is_an_error(tree: Path) -> None:
    with pytest.raises(
        DatasetError, match="differs from the published lsvid: train: tracklets: 1 found, 2,831 published"
    ):
        check_official(LsVid(), LsVid().read(tree))


def test_rendered_tree_is_read_as_planned(rendered: Path) -> None:
    plan = make_plan(layout.LAYOUT, SMALL)

    assert check_tracks_follow_the_plan(LsVid().read(rendered), rendered, plan) == plan.jobs
    check_masks_have_the_size_of_their_images(rendered, plan)


def test_query_file_has_the_header_of_matlab(rendered: Path) -> None:
    data = (rendered / "LS-VID/test/data/info_test.mat").read_bytes()

    assert data.startswith(b"MATLAB 7.3 MAT-file")
    assert data[124:128] == b"\x00\x02IM"
    with h5py.File(rendered / "LS-VID/test/data/info_test.mat") as file:
        assert file["query"].shape[0] == 1
        assert file["query"].dtype == np.float64


def test_verify_finds_a_truncated_frame_of_a_rendered_tree(rendered: Path) -> None:
    check_verify_finds_a_truncated_frame_only(LsVid(), rendered)


@pytest.mark.usefixtures("cheap_people")
def test_full_tree_has_the_official_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = make_plan(layout.LAYOUT, SyntheticSettings(frames=1, seed=3))
    folders: dict[PurePosixPath, list[str]] = {}
    for path in (PurePosixPath(name).relative_to("LS-VID") for name in list_planned_frames(plan)):
        folders.setdefault(path.parent, []).append(path.name)

    def with_prefix(_: object, folder: PurePosixPath, prefix: str) -> list[str]:
        return [name for name in folders[folder] if name.startswith(prefix)]

    monkeypatch.setattr(reader._Names, "with_prefix", with_prefix)
    contents = LsVid().read(write_label_files(plan, tmp_path))
    (finding,) = compare_counts(LsVid(), contents)

    assert "frames: " in finding.what
    assert set(contents.table.camids.tolist()) == set(range(1, 16))


@pytest.mark.usefixtures("cheap_people")
@pytest.mark.parametrize("people", [4, 5, 31])
def test_small_tree_has_every_part_of_the_protocol(people: int, tmp_path: Path) -> None:
    plan = make_plan(layout.LAYOUT, SyntheticSettings(people=people, frames=1, seed=people))
    contents = LsVid().read(write_empty_frames(plan, tmp_path))
    pids = {name: people_of(contents, name) for name in contents.parts}

    assert len(pids["train"]) + len(pids["gallery"]) == people
    assert min(map(len, pids.values())) >= 2
    assert pids["query"] == pids["gallery"]
    assert not (pids["train"] | pids["validation"]) & pids["gallery"]
    check_every_query_has_a_match(contents)


@pytest.mark.usefixtures("cheap_people")
def test_random_streams_are_unique() -> None:
    check_random_streams_are_unique(make_plan(layout.LAYOUT, SyntheticSettings(people=20, frames=1)))


@pytest.mark.parametrize("people", [3, 9_001])
def test_number_of_people_out_of_range_is_an_error(people: int) -> None:
    with pytest.raises(ConfigError, match="people must be"):
        make_plan(layout.LAYOUT, SyntheticSettings(people=people, frames=1))


def test_label_files_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="does not support labels"):
        layout.LAYOUT.resolve(SyntheticSettings(labels=tmp_path))
