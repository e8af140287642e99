from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from reidbench.datasets.frames import decode
from reidbench.datasets.readers.dukemtmc_videoreid import DukeMtmcVideoReid
from reidbench.datasets.synthetic import SyntheticSettings
from reidbench.datasets.synthetic.layouts import dukemtmc_videoreid as layout
from reidbench.datasets.verify import check_official, compare_counts, count_parts, verify
from reidbench.errors import ConfigError
from tests.datasets.checks import (
    check_error,
    check_every_query_has_a_match,
    check_masks_have_the_size_of_their_images,
    check_random_streams_are_unique,
    check_tracks_follow_the_plan,
    check_verify_finds_a_truncated_frame_only,
)
from tests.datasets.trees import make_plan, put_image, write_empty_frames

SMALL = SyntheticSettings(people=4, frames=2, seed=501, masks=True)
ROOT = "DukeMTMC-VideoReID"
TRACKS = {
    "train/0001/0001": ["0001_C6_F0002_X30835.jpg", "0001_C6_F0001_X30823.jpg"],
    "train/0001/0002": ["0001_C2_F0099_X1200.jpg", "0001_C2_F0100_X1212.jpg", "0001_C2_F10000_X9.jpg"],
    "gallery/0005/0001": ["0005_C1_F0001_X12.jpg"],
    # Some tracks start at the second frame.
    "gallery/0005/0002": ["0005_C8_F0002_X12.jpg"],
    "gallery/0007/0001": ["0007_C3_F0001_X1.jpg"],
    # This person has no query.
    "gallery/0009/0001": ["0009_C8_F0001_D33.jpg"],
    # A copy of the gallery track.
    "query/0005/0001": ["0005_C1_F0001_X12.jpg"],
    # Not a copy: only the folder has the same name.
    "query/0007/0001": ["0007_C4_F0001_X1.jpg"],
}


def add(tree: Path, track: str, name: str) -> None:
    put_image(tree / ROOT / track / name)


@pytest.fixture(params=["underscores", "older names"])
def tree(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    for track, names in TRACKS.items():
        for name in names:
            add(tmp_path, track, name if request.param == "underscores" else name.replace("_", ""))
    return tmp_path


@pytest.fixture
def underscored(tmp_path: Path) -> Path:
    for track, names in TRACKS.items():
        for name in names:
            add(tmp_path, track, name)
    return tmp_path


def test_frames_are_in_temporal_order_in_both_styles_of_names(tree: Path) -> None:
    rows = DukeMtmcVideoReid().read(tree).table.rows

    assert rows["pid"].tolist() == [1, 1, 5, 5, 7, 9, 7]
    assert rows["camid"].tolist() == [6, 2, 1, 8, 3, 8, 4]
    assert rows["folder"][0] == f"{ROOT}/train/0001/0001"
    assert [name.replace("_", "")[6:-4] for name in rows["frames"][0]] == ["F0001X30823", "F0002X30835"]
    assert [name.replace("_", "")[6:-4] for name in rows["frames"][1]] == [
        "F0099X1200",
        "F0100X1212",
        "F10000X9",
    ]


def test_query_row_is_its_gallery_copy_if_there_is_one(tree: Path) -> None:
    contents = DukeMtmcVideoReid().read(tree)
    folders = contents.table.rows["folder"]

    assert contents.part("train").tolist() == [0, 1]
    assert contents.part("gallery").tolist() == [2, 3, 4, 5, 6]
    assert contents.part("query").tolist() == [2, 6]
    assert folders[2] == f"{ROOT}/gallery/0005/0001"
    assert folders[6] == f"{ROOT}/query/0007/0001"


def test_query_without_a_gallery_copy_is_added_to_the_gallery(underscored: Path) -> None:
    shutil.rmtree(underscored / ROOT / "gallery/0005/0001")
    contents = DukeMtmcVideoReid().read(underscored)

    assert len(contents.part("gallery")) == 5
    assert contents.table.rows["folder"][contents.part("query")].tolist() == [
        f"{ROOT}/query/0005/0001",
        f"{ROOT}/query/0007/0001",
    ]


def test_other_files_are_ignored(underscored: Path) -> None:
    (underscored / ROOT / "train/0001/0001/Thumbs.db").write_bytes(b"x")
    (underscored / ROOT / "train/notes").mkdir()
    (underscored / ROOT / "train/LICENSE.txt").write_text("CC BY-NC-SA 4.0")

    assert len(DukeMtmcVideoReid().read(underscored).table) == 7
    assert not [
        found for found in verify(DukeMtmcVideoReid(), underscored).findings if found.where == "files"
    ]


def remove(name: str) -> Callable[[Path], None]:
    return lambda tree: shutil.rmtree(tree / ROOT / name)


def empty(name: str) -> Callable[[Path], None]:
    def change(tree: Path) -> None:
        remove(name)(tree)
        (tree / ROOT / name).mkdir()

    return change


FAULTS: dict[str, tuple[Callable[[Path], None], str]] = {
    "no train": (remove("train"), r"folder .*train is missing; unpack"),
    "no query": (remove("query"), r"folder .*query is missing; unpack"),
    "empty gallery": (empty("gallery"), r"gallery has no track folders like 0001/0001"),
    "empty track": (empty("gallery/0005/0002"), r"0005/0002 has no frames"),
    "other person": (
        lambda tree: add(tree, "train/0001/0001", "0002_C6_F0003_X1.jpg"),
        r"0002_C6_F0003_X1\.jpg: .*got person 0002 .* of person 0001",
    ),
    "other camera": (
        lambda tree: add(tree, "train/0001/0001", "0001_C5_F0003_X1.jpg"),
        r"0001_C5_F0003_X1\.jpg: .* in camera 5 in the track of .* in camera 6",
    ),
    "camera 9": (lambda tree: add(tree, "query/0010/0001", "0010_C9_F0001_X1.jpg"), r"one camera in 1\.\.8"),
}


@pytest.mark.parametrize(("fault", "message"), FAULTS.values(), ids=FAULTS)
def test_first_fault_of_a_tree_is_named(
    underscored: Path, fault: Callable[[Path], None], message: str
) -> None:
    fault(underscored)

    check_error(DukeMtmcVideoReid(), underscored, message)


def test_difference_from_uncertain_numbers_is_not_an_error(underscored: Path) -> None:
    contents = DukeMtmcVideoReid().read(underscored)

    assert any("tracklets: " in finding.what for finding in compare_counts(DukeMtmcVideoReid(), contents))
    check_official(DukeMtmcVideoReid(), contents)


def test_verify_names_unexpected_files_in_all_folders(underscored: Path) -> None:
    for track in ("train/0001/0001", "gallery/0005/0001", "query/0007/0001"):
        (underscored / ROOT / track / "extra.txt").write_text("one too many")
    what = [finding.what for finding in verify(DukeMtmcVideoReid(), underscored).findings]

    assert (
        f"3 unexpected files: {ROOT}/train/0001/0001/extra.txt, {ROOT}/gallery/0005/0001/extra.txt, "
        f"{ROOT}/query/0007/0001/extra.txt"
    ) in what


def test_incomplete_query_copy_counts_as_another_tracklet(rendered: Path) -> None:
    before = DukeMtmcVideoReid().read(rendered)
    victim = next((rendered / ROOT / "query").rglob("*.jpg"))
    contents_of_victim = victim.read_bytes()
    victim.unlink()
    after = DukeMtmcVideoReid().read(rendered)
    victim.write_bytes(contents_of_victim)

    assert len(after.part("gallery")) == len(before.part("gallery")) + 1


def test_rendered_tree_is_read_as_planned(rendered: Path) -> None:
    contents, plan = DukeMtmcVideoReid().read(rendered), make_plan(layout.LAYOUT, SMALL)
    jobs = check_tracks_follow_the_plan(contents, rendered, plan)

    check_masks_have_the_size_of_their_images(rendered, plan)
    for row, job in enumerate(jobs):
        width, height = job.size or (0, 0)
        assert {decode(file).shape for file in contents.table.files(row)} == {(height, width, 3)}
    assert len({job.size for job in jobs}) > 1


def test_rendered_queries_are_copies_of_gallery_tracks(rendered: Path) -> None:
    contents = DukeMtmcVideoReid().read(rendered)

    for row in contents.part("query"):
        for file in contents.table.files(int(row)):
            query = Path(str(file).replace("/gallery/", "/query/"))
            assert query != file
            assert query.read_bytes() == file.read_bytes()


def test_verify_finds_a_truncated_frame_of_a_rendered_tree(rendered: Path) -> None:
    check_verify_finds_a_truncated_frame_only(DukeMtmcVideoReid(), rendered)


@pytest.mark.usefixtures("cheap_people")
def test_full_tree_has_the_official_counts(tmp_path: Path) -> None:
    contents = DukeMtmcVideoReid().read(
        write_empty_frames(make_plan(layout.LAYOUT, SyntheticSettings(frames=1, seed=3)), tmp_path)
    )
    table = contents.table

    assert list(compare_counts(DukeMtmcVideoReid(), contents)) == []
    assert count_parts(contents)["query"].people == 702
    assert (table.pids > 0).all()
    assert len(set(zip(table.pids.tolist(), table.camids.tolist(), strict=True))) == len(table)


@pytest.mark.usefixtures("cheap_people")
@pytest.mark.parametrize("people", [4, 5, 31])
def test_small_tree_has_every_part_of_the_protocol(people: int, tmp_path: Path) -> None:
    plan = make_plan(layout.LAYOUT, SyntheticSettings(people=people, frames=1, seed=people))
    contents = DukeMtmcVideoReid().read(write_empty_frames(plan, tmp_path))
    table, train, query, gallery = (
        contents.table,
        *(contents.part(name) for name in ("train", "query", "gallery")),
    )

    assert len(set(table.pids[train])) >= 2
    assert len(set(table.pids[train])) + len(query) == people
    assert len(set(table.pids[query])) == len(query) >= 2
    check_every_query_has_a_match(contents)
    distractors = {row for row in gallery if "_D" in table.rows["frames"][row][0]}
    assert len(set(table.pids[list(distractors)])) >= 2
    assert not set(table.pids[list(distractors)]) & (set(table.pids[query]) | set(table.pids[train]))


@pytest.mark.usefixtures("cheap_people")
def test_random_streams_are_unique_and_some_tracks_start_late() -> None:
    plan = make_plan(layout.LAYOUT, SyntheticSettings(people=60, frames=1))

    check_random_streams_are_unique(plan)
    assert 0 < sum("_F0002_" in job.frames[0] for job in plan.jobs) < len(plan.jobs) / 2


@pytest.mark.usefixtures("cheap_people")
def test_tracks_have_every_twelfth_frame_of_the_video() -> None:
    for job in make_plan(layout.LAYOUT, SyntheticSettings(people=4, frames=5)).jobs:
        moments = [int(name.removesuffix(".jpg").split("_")[-1][1:]) for name in job.frames]
        assert np.diff(moments).tolist() == [12] * 4


@pytest.mark.parametrize("people", [3, 7_001])
def test_number_of_people_out_of_range_is_an_error(people: int) -> None:
    with pytest.raises(ConfigError, match="people must be"):
        make_plan(layout.LAYOUT, SyntheticSettings(people=people, frames=1))


def test_label_files_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="does not support labels"):
        layout.LAYOUT.resolve(SyntheticSettings(labels=tmp_path))
