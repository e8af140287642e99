from __future__ import annotations

import shutil
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import pytest

from reidbench.datasets.extract_cuhk03 import RELEASE, extract
from reidbench.datasets.frames import decode
from reidbench.datasets.readers.cuhk03 import Cuhk03, config_file, read_config
from reidbench.datasets.synthetic import SyntheticSettings
from reidbench.datasets.synthetic.layout import TreePlan
from reidbench.datasets.synthetic.layouts import cuhk03 as layout
from reidbench.datasets.verify import compare_counts
from reidbench.errors import ConfigError, DatasetError
from tests.datasets.checks import (
    check_counts_are_official_except_per_camera,
    check_images_follow_the_plan,
    check_masks_have_the_size_of_their_images,
    check_random_streams_are_unique,
)
from tests.datasets.trees import (
    LABELS,
    labels,
    list_planned_frames,
    make_plan,
    names,
    needs,
    write_label_files,
)

SMALL = SyntheticSettings(people=5, seed=8, masks=True)


def test_rendered_tree_is_read_as_planned(rendered: Path) -> None:
    plan = layout.plan_tree(SMALL)

    check_images_follow_the_plan(Cuhk03(), rendered, plan)
    check_masks_have_the_size_of_their_images(rendered, plan)
    assert len({job.size for job in plan.jobs}) > 4


def test_rendered_release_contains_the_images(rendered: Path, tmp_path: Path) -> None:
    tree = shutil.copytree(rendered, tmp_path / "copy", ignore=shutil.ignore_patterns("images_*", "masks"))
    assert (tree / RELEASE).read_bytes().startswith(b"MATLAB 7.3 MAT-file")

    extract(tree, progress=False)

    for kind in ("detected", "labeled"):
        files = sorted((rendered / f"images_{kind}").iterdir())
        assert [file.name for file in files] == sorted(
            file.name for file in (tree / f"images_{kind}").iterdir()
        )
        for file in files:
            np.testing.assert_array_equal(decode(tree / f"images_{kind}" / file.name), decode(file))


def test_equal_settings_write_equal_release_files(rendered: Path, tmp_path: Path) -> None:
    second = layout.LAYOUT.synthesize(tmp_path, SMALL, workers=1, progress=False)

    for file in (RELEASE, config_file("detected"), config_file("labeled")):
        assert (second / file).read_bytes() == (rendered / file).read_bytes()


def list_planned_names(plan: TreePlan) -> dict[str, list[str]]:
    names_of_kind = defaultdict(list)
    for frame in sorted(list_planned_frames(plan)):
        folder, _, name = frame.partition("/")
        names_of_kind[folder.removeprefix("images_")].append(name)
    return names_of_kind


@pytest.mark.usefixtures("cheap_people")
def test_full_tree_has_the_official_counts(tmp_path: Path) -> None:
    plan = make_plan(layout.LAYOUT, SyntheticSettings(seed=3))
    contents = Cuhk03().read_layout(write_label_files(plan, tmp_path))

    check_counts_are_official_except_per_camera(Cuhk03(), contents)
    assert {kind: names(contents, kind) for kind in ("detected", "labeled")} == list_planned_names(plan)
    people = {name[:5] for name in names(contents, "detected")}
    assert Counter(name[0] for name in people) == {"1": 843, "2": 440, "3": 77, "4": 58, "5": 49}
    assert len(plan.finish.keywords["test_sets"]) == 20  # type: ignore[union-attr]
    assert {len(set(people)) for people in plan.finish.keywords["test_sets"]} == {100}  # type: ignore[union-attr]


@pytest.mark.usefixtures("cheap_people")
@pytest.mark.parametrize("people", [4, 5, 30])
def test_trees_of_any_size_fill_every_part(people: int, tmp_path: Path) -> None:
    contents = Cuhk03().read_layout(
        write_label_files(layout.plan_tree(SyntheticSettings(people=people)), tmp_path)
    )
    tested = {}
    for kind in ("detected", "labeled"):
        query, gallery = labels(contents, f"{kind}-query"), set(labels(contents, f"{kind}-gallery"))
        train, tested[kind] = {pid for pid, _ in labels(contents, f"{kind}-train")}, {pid for pid, _ in query}
        assert min(len(train), len(tested[kind])) >= 2
        assert train | tested[kind] == set(range(1, people + 1))
        assert not train & tested[kind]
        assert sorted(query) == [(pid, view) for pid in sorted(tested[kind]) for view in (1, 2)]
        assert gallery == set(query)

    assert len(tested["detected"] - tested["labeled"]) == 1


def test_detected_and_labeled_boxes_of_a_view_show_one_track() -> None:
    plan = layout.plan_tree(SyntheticSettings(people=4))

    tracks = [{frame.split("/")[-1][:8] for frame in job.frames} for job in plan.jobs]
    assert {len(track) for track in tracks} == {1}
    assert len(tracks) == 8
    assert all(
        {frame.split("/")[0] for frame in job.frames} == {"images_detected", "images_labeled"}
        for job in plan.jobs
    )
    check_random_streams_are_unique(plan)


@pytest.mark.parametrize("people", [3, 1_701])
def test_number_of_people_must_be_in_range(people: int) -> None:
    with pytest.raises(ConfigError, match=r"people must be a whole number in \[4, 1700\]"):
        layout.plan_tree(SyntheticSettings(people=people))


@needs("cuhk03")
@pytest.mark.usefixtures("cheap_people")
def test_tree_of_the_official_labels_has_their_rows(tmp_path: Path) -> None:
    plan = make_plan(layout.LAYOUT, SyntheticSettings(labels=LABELS))
    contents = Cuhk03().read_layout(write_label_files(plan, tmp_path))

    assert not list(compare_counts(Cuhk03(), contents))
    assert {kind: names(contents, kind) for kind in ("detected", "labeled")} == list_planned_names(plan)
    for kind in ("detected", "labeled"):
        official = read_config(LABELS / "cuhk03" / config_file(kind))
        assert official is not None
        assert contents.table.pids[contents.part(kind)].tolist() == official.labels.tolist()
        for part, rows in official.parts.items():
            assert names(contents, f"{kind}-{part}") == [official.names[row] for row in rows]


def test_missing_label_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"cannot read label file .*config_detected\.mat"):
        layout.plan_tree(SyntheticSettings(labels=tmp_path))
