from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
from scipy.io import loadmat, savemat

from reidbench.datasets.frames import decode
from reidbench.datasets.readers.mars import Mars
from reidbench.datasets.synthetic import SyntheticSettings
from reidbench.datasets.synthetic.label_sampling import draw_track_counts, draw_visibility, scale_counts
from reidbench.datasets.synthetic.layouts import mars as layout
from reidbench.datasets.synthetic.layouts.mars import find_query_rows
from reidbench.datasets.synthetic.rendering import TrackJob
from reidbench.datasets.verify import check_official, compare_counts, count_parts, verify
from reidbench.errors import ConfigError, DatasetError
from tests.datasets.checks import (
    check_error,
    check_every_query_has_a_match,
    check_masks_have_the_size_of_their_images,
    check_random_streams_are_unique,
    check_tracks_follow_the_plan,
    check_verify_finds_a_truncated_frame_only,
)
from tests.datasets.trees import LABELS, make_plan, needs, people_of, put_image, write_label_files

SMALL = SyntheticSettings(people=4, frames=2, seed=501, masks=True)
TRAIN = [(1, 1, ("T0001F001", "T0001F002")), (3, 2, ("T0001F001",))]
TEST = [
    (-1, 2, ("T0001F001",)),
    (0, 6, ("T0001F001", "T0001F002")),
    (2, 1, ("T0001F001",)),
    # Text order is not temporal order.
    (2, 1, ("T0002F998", "T0002F1000", "T0002F999")),
    (2, 4, ("T0003F001", "T0003F002")),
]
# From 1, the last row of each camera.
QUERIES = [4, 5]


def begins(pid: int, camera: int) -> str:
    return f"{'00-1' if pid == -1 else f'{pid:04d}'}C{camera}"


def write_half(tree: Path, half: str, rows: list[tuple[int, int, tuple[str, ...]]], dtype: str) -> None:
    names = [f"{begins(pid, camera)}{frame}.jpg" for pid, camera, frames in rows for frame in frames]
    for name in names:
        put_image(tree / f"bbox_{half}" / name[:4] / name)
    ends = np.cumsum([len(frames) for *_, frames in rows])
    index = [
        (end - len(frames) + 1, end, pid, camera)
        for end, (pid, camera, frames) in zip(ends.tolist(), rows, strict=True)
    ]
    info = tree / "info"
    info.mkdir(exist_ok=True)
    (info / f"{half}_name.txt").write_bytes("".join(f"{name}\r\n" for name in names).encode())
    savemat(info / f"tracks_{half}_info.mat", {f"track_{half}_info": np.array(index, dtype)})


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A real-looking tree with the traps of the real one: CRLF, the folder 00-1, small integer types."""
    write_half(tmp_path, "train", TRAIN, "uint8")
    write_half(tmp_path, "test", TEST, "int8")
    savemat(tmp_path / "info/query_IDX.mat", {"query_IDX": np.array([QUERIES], np.uint8)})
    return tmp_path


def test_rows_follow_the_index_with_frames_in_temporal_order(tree: Path) -> None:
    contents = Mars().read(tree)

    rows = contents.table.rows
    assert rows["pid"].tolist() == [1, 3, -1, 0, 2, 2, 2]
    assert rows["camid"].tolist() == [1, 2, 2, 6, 1, 1, 4]
    assert rows["folder"][2] == "bbox_test/00-1"
    assert rows["frames"][5] == ("0002C1T0002F998.jpg", "0002C1T0002F999.jpg", "0002C1T0002F1000.jpg")
    assert all(file.is_file() for row in range(7) for file in contents.table.files(row))
    assert not contents.is_synthetic


def test_gallery_has_every_test_row_including_queries(tree: Path) -> None:
    contents = Mars().read(tree)

    assert contents.part("train").tolist() == [0, 1]
    assert contents.part("gallery").tolist() == [2, 3, 4, 5, 6]
    assert contents.part("query").tolist() == [5, 6]
    assert contents.people == ()
    assert contents.splits is None


def test_line_ends_of_a_name_list_do_not_matter(tree: Path) -> None:
    before = Mars().read(tree).table.rows
    file = tree / "info/test_name.txt"
    file.write_bytes(file.read_bytes().replace(b"\r\n", b"\n").rstrip())

    assert Mars().read(tree).table.rows.equals(before)


def test_names_may_be_listed_with_their_folder(tree: Path) -> None:
    before = Mars().read(tree).table.rows
    file = tree / "info/test_name.txt"
    file.write_text("".join(f"{name[:4]}/{name}\r\n" for name in file.read_text().split()))

    assert Mars().read(tree).table.rows.equals(before)


def edit_names(old: str, new: str) -> Callable[[Path], None]:
    def edit(tree: Path) -> None:
        file = tree / "info/test_name.txt"
        file.write_bytes(file.read_bytes().replace(old.encode(), new.encode(), 1))

    return edit


def edit_index(row: int, column: int, value: int) -> Callable[[Path], None]:
    def edit(tree: Path) -> None:
        file = tree / "info/tracks_test_info.mat"
        index = loadmat(file)["track_test_info"].astype(np.int64)
        index[row, column] = value
        savemat(file, {"track_test_info": index})

    return edit


def put_queries(*rows: float | str) -> Callable[[Path], None]:
    return lambda tree: savemat(tree / "info/query_IDX.mat", {"query_IDX": np.array([rows])})


def put_index(**arrays: object) -> Callable[[Path], None]:
    return lambda tree: savemat(tree / "info/tracks_train_info.mat", arrays)


def remove(name: str) -> Callable[[Path], None]:
    def change(tree: Path) -> None:
        path = tree / name
        path.rename(tree / "moved") if path.is_dir() else path.unlink()

    return change


FAULTS: dict[str, tuple[Callable[[Path], None], str]] = {
    "no frames": (remove("bbox_test"), r"folder .*bbox_test is missing; unpack"),
    "no name list": (
        remove("info/test_name.txt"),
        r"info has no test_name\.txt: .*copy the folder .info. of https://github\.com/liangzheng06/MARS-eval",
    ),
    "no index": (remove("info/tracks_train_info.mat"), r"info has no tracks_train_info\.mat: "),
    "no queries": (remove("info/query_IDX.mat"), r"info has no query_IDX\.mat: "),
    "other variable": (put_index(track_info=[[1, 3, 1, 1]]), r"no variable 'track_train_info'"),
    "three columns": (put_index(track_train_info=[[1, 3, 1]]), r"four columns.*got an array \(1, 3\)"),
    "empty index": (put_index(track_train_info=np.zeros((0, 4))), r"four columns.*got an array \(0, 4\)"),
    "text for index": (
        put_index(track_train_info="nothing"),
        r"'track_train_info' must have whole numbers, got an array \(1,\) of <U7",
    ),
    "list too short": (
        edit_names("0002C4T0003F002.jpg\r\n", ""),
        r"has 8 frames, but tracks_test_info\.mat has 9",
    ),
    "list too long": (edit_names("0000C6", "0000C6T0001F000.jpg\r\n0000C6"), r"has 10 frames.* 9"),
    "other name": (
        edit_names("0002C4", "0002_4"),
        r"test_name\.txt, line 8 must be a name .*got '0002_4T0003F001\.jpg'",
    ),
    "other folder": (
        edit_names("0002C4T0003F001", "0003/0002C4T0003F001"),
        r"test_name\.txt, line 8 must have the folder of its person, got '0003/0002C4T0003F001\.jpg'",
    ),
    "not text": (edit_names("0002C4", "0002\xffC4"), r"cannot read .*test_name\.txt: .*ascii"),
    "person shifted": (edit_index(2, 2, 4), r"line 4 must start with '0004C1' .* got '0002C1T0001F001\.jpg'"),
    "camera differs": (edit_index(4, 3, 5), r"line 8 must start with '0002C5' .* got '0002C4T0003F001\.jpg'"),
    "gap in index": (edit_index(1, 0, 3), r"row 2 of 'track_test_info' is \[3, 3, 0, 6\]; .*line 2"),
    "end before start": (edit_index(1, 1, 1), r"row 2 of 'track_test_info'"),
    "camera 7": (edit_index(0, 3, 7), r"row 1 of 'track_test_info' is .*camera in 1\.\.6"),
    "person -2": (edit_index(0, 2, -2), r"row 1 of 'track_test_info'"),
    "query 0": (put_queries(0, 5), r"different rows in 1\.\.5.* got 2 values in 0\.\.5"),
    "query too large": (put_queries(4, 6), r"different rows in 1\.\.5.*4\.\.6"),
    "query twice": (put_queries(4, 4), r"different rows"),
    "no query": (put_queries(), r"'query_IDX' must have row numbers, got"),
    "query of junk": (put_queries(1, 4), r"query row 1 has person -1, which is junk"),
    "query of distractor": (put_queries(2, 4), r"query row 2 has person 0"),
}


@pytest.mark.parametrize(("fault", "message"), FAULTS.values(), ids=FAULTS)
def test_first_fault_of_a_tree_is_named(tree: Path, fault: Callable[[Path], None], message: str) -> None:
    fault(tree)

    check_error(Mars(), tree, message)


def test_verify_names_missing_and_unexpected_frames(tree: Path) -> None:
    (tree / "bbox_test/0002/0002C1T0002F999.jpg").unlink()
    (tree / "bbox_train/0001/0001C1T0001F003.jpg").write_bytes(b"one too many")
    (tree / "bbox_train/Thumbs.db").write_bytes(b"left by a viewer")
    files = {finding.what for finding in verify(Mars(), tree).findings if finding.where == "files"}

    assert files == {
        "1 missing file: bbox_test/0002/0002C1T0002F999.jpg",
        "1 unexpected file: bbox_train/0001/0001C1T0001F003.jpg",
    }


def test_real_tree_of_another_size_is_an_error(tree: Path) -> None:
    with pytest.raises(
        DatasetError, match="differs from the published mars: dataset: tracklets: 7 found, 20,478 published"
    ):
        check_official(Mars(), Mars().read(tree))


def test_rendered_tree_is_read_as_planned(rendered: Path) -> None:
    contents, plan = Mars().read(rendered), make_plan(layout.LAYOUT, SMALL)

    assert check_tracks_follow_the_plan(contents, rendered, plan) == plan.jobs
    check_masks_have_the_size_of_their_images(rendered, plan)
    assert decode(contents.table.files(0)[0]).shape == (256, 128, 3)


def test_verify_finds_a_truncated_frame_of_a_rendered_tree(rendered: Path) -> None:
    check_verify_finds_a_truncated_frame_only(Mars(), rendered)


@pytest.mark.parametrize("people", [4, 5, 7, 30])
@pytest.mark.parametrize("seed", [0, 1])
def test_small_tree_has_every_part_of_the_protocol(people: int, seed: int, tmp_path: Path) -> None:
    plan = make_plan(layout.LAYOUT, SyntheticSettings(people=people, frames=1, seed=seed))
    contents = Mars().read_layout(write_label_files(plan, tmp_path))
    found = count_parts(contents)

    assert (found["train"].people or 0) + (found["gallery"].people or 0) == people
    assert min(found["train"].people or 0, found["gallery"].people or 0) >= 2
    assert found["gallery"].junk
    assert found["gallery"].distractors
    check_every_query_has_a_match(contents)
    assert not people_of(contents, "train") & people_of(contents, "gallery")


@pytest.mark.usefixtures("cheap_people")
def test_full_tree_has_the_official_counts(tmp_path: Path) -> None:
    contents = Mars().read_layout(
        write_label_files(make_plan(layout.LAYOUT, replace(layout.LAYOUT.run_settings(), seed=3)), tmp_path)
    )
    train, gallery, query = (contents.part(name) for name in ("train", "gallery", "query"))
    table = contents.table

    differences = [finding.what for finding in compare_counts(Mars(), contents)]
    assert len(differences) == 4
    assert all("frames: " in what for what in differences)
    assert (table.pids[train] % 2 == 1).all()
    assert (table.pids[gallery][table.pids[gallery] > 0] % 2 == 0).all()
    pids, camids = table.pids[gallery], table.camids[gallery]
    np.testing.assert_array_equal(find_query_rows(pids, camids), query - gallery[0])
    # Sorted by person, then by camera.
    assert (np.diff(pids * 10 + camids) >= 0).all()


def test_people_keep_their_appearance_and_distractors_are_unique() -> None:
    walkers: dict[str, list[TrackJob]] = {}
    for job in make_plan(layout.LAYOUT, SMALL).jobs:
        walkers.setdefault(job.frames[0].split("/")[1], []).append(job)
    people = {pid: {job.person for job in jobs} for pid, jobs in walkers.items()}
    distractors, junk = people.pop("0000"), people.pop("00-1")

    assert all(len(looks) == 1 for looks in people.values())
    known = set().union(*people.values())
    assert len(known) == len(people) == SMALL.people
    assert len(distractors) == len(walkers["0000"])
    assert not distractors & known
    assert junk <= known


def test_random_streams_are_unique() -> None:
    check_random_streams_are_unique(make_plan(layout.LAYOUT, SMALL))


def test_natural_lengths_are_in_the_range_of_real_tracks() -> None:
    lengths = [len(job.frames) for job in make_plan(layout.LAYOUT, SyntheticSettings(people=60, seed=2)).jobs]

    assert min(lengths) >= 2
    assert max(lengths) <= 920
    assert np.mean(lengths) == pytest.approx(58, abs=8)


@pytest.mark.parametrize("people", [2, 3, 3_001])
def test_number_of_people_out_of_range_is_an_error(people: int) -> None:
    with pytest.raises(ConfigError, match="people must be"):
        make_plan(layout.LAYOUT, SyntheticSettings(people=people, frames=1))


@needs("mars")
@pytest.mark.usefixtures("cheap_people")
@pytest.mark.parametrize("frames", [None, 2], ids=["real lengths", "two frames"])
def test_tree_with_official_labels_has_their_rows(frames: int | None, tmp_path: Path) -> None:
    plan = make_plan(layout.LAYOUT, SyntheticSettings(labels=LABELS, frames=frames))
    contents = Mars().read_layout(write_label_files(plan, tmp_path))

    for name, variable in (("train", "track_train_info"), ("test", "track_test_info")):
        rendered, real = (
            loadmat(folder / f"tracks_{name}_info.mat")[variable]
            for folder in (tmp_path / "info", LABELS / "mars")
        )
        np.testing.assert_array_equal(rendered[:, 2:], real[:, 2:])
        if frames is None:
            np.testing.assert_array_equal(rendered, real)
    real = loadmat(LABELS / "mars/query_IDX.mat")["query_IDX"]
    np.testing.assert_array_equal(loadmat(tmp_path / "info/query_IDX.mat")["query_IDX"], real)
    np.testing.assert_array_equal(contents.part("query"), real[0].astype(np.int64) - 1 + 8_298)
    if frames is None:
        assert list(compare_counts(Mars(), contents)) == []
    else:
        assert set(contents.table.lengths.tolist()) == {2}


@needs("mars")
def test_query_rule_gives_the_official_queries() -> None:
    index = loadmat(LABELS / "mars/tracks_test_info.mat")["track_test_info"].astype(np.int64)
    official = loadmat(LABELS / "mars/query_IDX.mat")["query_IDX"][0].astype(np.int64) - 1

    np.testing.assert_array_equal(find_query_rows(index[:, 2], index[:, 3]), official)


def test_labels_and_people_together_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot combine people with labels"):
        layout.LAYOUT.resolve(SyntheticSettings(people=4, labels=tmp_path))


def test_missing_label_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"cannot read label file .*tracks_train_info\.mat"):
        layout.LAYOUT.synthesize(tmp_path / "root", SyntheticSettings(labels=tmp_path))


@pytest.mark.parametrize("total", [0, 1, 7, 634, 10_000])
def test_scaled_numbers_have_the_given_sum_and_keep_proportions(total: int) -> None:
    counted = [8, 213, 202, 132, 54, 25]
    drawn = scale_counts(counted, total)

    assert sum(drawn) == total
    np.testing.assert_array_less(np.abs(np.array(drawn) - np.array(counted) * total / 634), 1)


def test_drawn_sightings_keep_both_sums() -> None:
    # 93 sightings of 38 people.
    by_cameras, of_camera = [3, 20, 10, 5], [30, 25, 20, 15, 3]
    seen = draw_visibility(np.random.default_rng(0), by_cameras, of_camera)
    tracks = draw_track_counts(np.random.default_rng(0), seen, [100, 80, 70, 15, 1])

    assert np.bincount(seen.sum(axis=1)).tolist() == [0, *by_cameras]
    assert seen.sum(axis=0).tolist() == of_camera
    np.testing.assert_array_equal(tracks > 0, seen)
    assert tracks.sum(axis=0).tolist() == [100, 80, 70, 15, 3]


def test_no_people_give_no_sightings() -> None:
    assert draw_visibility(np.random.default_rng(0), [0], [0, 0]).shape == (0, 2)


def test_missing_index_folder_is_named_with_its_source(tree: Path) -> None:
    shutil.rmtree(tree / "info")

    check_error(
        Mars(),
        tree,
        r"folder .*info with train_name\.txt, test_name\.txt, tracks_train_info\.mat, .* is missing: the index files "
        r"are not in the archives of the frames; copy the folder 'info' of https://github\.com/.* to .*info",
    )


def test_index_files_may_be_matlab_7_3(tree: Path) -> None:
    before = Mars().read(tree)
    for file, variable in (("tracks_test_info", "track_test_info"), ("query_IDX", "query_IDX")):
        path = tree / f"info/{file}.mat"
        values = loadmat(path)[variable]
        with h5py.File(path, "w", userblock_size=512) as written:
            written.create_dataset(variable, data=values.T).attrs["MATLAB_class"] = np.bytes_("uint8")

    after = Mars().read(tree)

    assert after.table.rows.equals(before.table.rows)
    assert after.part("query").tolist() == before.part("query").tolist()
