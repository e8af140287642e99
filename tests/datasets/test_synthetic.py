from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import scipy.io

from reidbench.datasets.marker import FILE_LIST_NAME
from reidbench.datasets.synthetic import (
    MARKER_NAME,
    SyntheticSettings,
    read_marker,
)
from reidbench.datasets.synthetic import layout as layout_module
from reidbench.datasets.synthetic.cameras import SIDE
from reidbench.datasets.synthetic.layouts.ilids_vid import (
    LAYOUT,
    draw_folder_numbers,
    draw_track_length,
    plan_tree,
)
from reidbench.datasets.synthetic.people import draw_people
from reidbench.datasets.synthetic.scene import Track
from reidbench.errors import ConfigError, DatasetError

SMALL = SyntheticSettings(people=5, frames=4, seed=501, masks=True)


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return LAYOUT.synthesize(tmp_path_factory.mktemp("root"), SMALL, workers=1, progress=False)


def hash_files(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def list_names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_tree_does_not_depend_on_the_number_of_workers(tree: Path, tmp_path: Path) -> None:
    second = LAYOUT.synthesize(tmp_path, SMALL, workers=2, progress=False)

    assert hash_files(second) == hash_files(tree)


def test_repeated_rendering_in_one_process_writes_the_same_bytes(tree: Path, tmp_path: Path) -> None:
    assert hash_files(LAYOUT.synthesize(tmp_path, SMALL, workers=1)) == hash_files(tree)


def test_masks_do_not_change_the_images(tree: Path, tmp_path: Path) -> None:
    without_masks = LAYOUT.synthesize(tmp_path, replace(SMALL, masks=False), workers=1)

    assert hash_files(without_masks / "i-LIDS-VID") == hash_files(tree / "i-LIDS-VID")
    assert not (without_masks / "masks").exists()


def test_seed_changes_people_images_and_splits(tree: Path, tmp_path: Path) -> None:
    other = LAYOUT.synthesize(tmp_path, replace(SMALL, seed=502), workers=1)

    assert not set(hash_files(other).values()) & set(hash_files(tree).values())
    assert draw_people(501, 5) != draw_people(502, 5)


def test_files_have_the_official_names(tree: Path) -> None:
    files = [FILE_LIST_NAME, MARKER_NAME]
    assert list_names(tree) == ["i-LIDS-VID", "masks", *files, "train-test people splits"]
    numbers = draw_folder_numbers(SMALL)
    for camera in ("cam1", "cam2"):
        folder = tree / "i-LIDS-VID" / "sequences" / camera
        assert list_names(folder) == [f"person{number:03d}" for number in numbers]
        for person in list_names(folder):
            frames = list_names(folder / person)
            matches = [re.fullmatch(rf"{camera}_{person}_(\d{{5}})\.png", name) for name in frames]
            order = [int(match[1]) for match in matches if match]
            assert order == list(range(order[0], order[0] + 4))
            assert order[0] > 1
            assert list_names(tree / "masks" / "i-LIDS-VID" / "sequences" / camera / person) == frames


def test_single_shot_image_is_one_of_the_frames(tree: Path) -> None:
    singles = sorted((tree / "i-LIDS-VID" / "images").rglob("*.png"))

    assert len(singles) == 2 * 5
    for single in singles:
        camera, person = single.parts[-3:-1]
        assert single.name == f"{camera}_{person}.png"
        frames = (tree / "i-LIDS-VID" / "sequences" / camera / person).iterdir()
        assert single.read_bytes() in [frame.read_bytes() for frame in frames]


def test_frames_are_64_x_128_pixels_and_8_bit_colour(tree: Path) -> None:
    for path in (tree / "i-LIDS-VID").rglob("*.png"):
        image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        assert image is not None
        assert image.shape == (128, 64, 3)
        assert image.dtype == np.uint8


def test_split_file_rows_are_permutations_of_positions(tree: Path) -> None:
    path = tree / "train-test people splits" / "train_test_splits_ilidsvid.mat"
    rows = scipy.io.loadmat(path)["ls_set"]

    assert rows.shape == (10, 5)
    np.testing.assert_array_equal(np.sort(rows, axis=1), np.tile(np.arange(1, 6), (10, 1)))
    assert len({tuple(row) for row in rows.tolist()}) > 1


def test_folder_numbers_of_300_people_are_in_1_to_319() -> None:
    numbers = draw_folder_numbers(SyntheticSettings(seed=501))

    assert len(set(numbers.tolist())) == 300
    assert 1 <= numbers.min() < numbers.max() <= 319


def test_mask_files_equal_the_masks_of_the_tracks(tree: Path) -> None:
    number = draw_folder_numbers(SMALL)[2]
    files = sorted((tree / "masks/i-LIDS-VID/sequences/cam2" / f"person{number:03d}").iterdir())
    track = Track(draw_people(SMALL.seed, 5)[2], SIDE, seed=SMALL.seed, index=2, frames=4)
    for frame, path in enumerate(files):
        mask = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        np.testing.assert_array_equal(mask, track.render_mask(frame))


def test_natural_lengths_match_the_real_dataset() -> None:
    lengths = [
        draw_track_length(SyntheticSettings(seed=501), index, camera)
        for index in range(700)
        for camera in (1, 2)
    ]

    assert min(lengths) >= 23
    assert max(lengths) <= 192
    assert np.mean(lengths) == pytest.approx(73, abs=3)
    assert np.median(lengths) < np.mean(lengths)


def test_natural_lengths_follow_the_settings() -> None:
    settings = SyntheticSettings(seed=501, min_frames=12, max_frames=24, mean_frames=17)
    lengths = [draw_track_length(settings, index, 1) for index in range(500)]

    assert 12 <= min(lengths) < max(lengths) <= 24
    assert np.mean(lengths) == pytest.approx(17, abs=0.5)


def test_marker_contains_the_settings_and_their_digest(tree: Path) -> None:
    marker = read_marker(tree)

    assert marker is not None
    assert marker.layout == "ilids-vid"
    assert marker.parameters["seed"] == 501
    assert marker.digest == LAYOUT.digest(SMALL)
    for other in (replace(SMALL, seed=1), replace(SMALL, people=6), replace(SMALL, masks=False)):
        assert LAYOUT.digest(other) != LAYOUT.digest(SMALL)
    assert replace(LAYOUT, name="mars").digest(SMALL) != LAYOUT.digest(SMALL)


def test_read_marker_is_none_for_a_folder_without_marker(tmp_path: Path) -> None:
    assert read_marker(tmp_path) is None
    assert read_marker(tmp_path / "absent") is None


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[:40],
        lambda text: "[]",
        lambda text: json.dumps(json.loads(text) | {"renderer": "another"}),
        lambda text: json.dumps({k: v for k, v in json.loads(text).items() if k != "digest"}),
    ],
    ids=["truncated", "not an object", "edited", "no digest"],
)
def test_damaged_marker_raises_dataset_error(
    tree: Path, tmp_path: Path, damage: Callable[[str], str]
) -> None:
    (tmp_path / MARKER_NAME).write_text(damage((tree / MARKER_NAME).read_text()))

    with pytest.raises(DatasetError, match=MARKER_NAME):
        read_marker(tmp_path)


def test_existing_equal_tree_is_reused(tree: Path) -> None:
    before = (tree / MARKER_NAME).stat().st_mtime_ns

    assert LAYOUT.synthesize(tree.parent, SMALL, workers=1) == tree
    assert (tree / MARKER_NAME).stat().st_mtime_ns == before


def test_tree_with_other_settings_is_not_overwritten(tree: Path) -> None:
    before = hash_files(tree)

    with pytest.raises(DatasetError, match="a synthetic tree with other settings"):
        LAYOUT.synthesize(tree.parent, replace(SMALL, seed=9), workers=1)
    assert hash_files(tree) == before


def test_other_files_are_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "ilids-vid").mkdir()
    (tmp_path / "ilids-vid" / "precious.txt").write_text("real data")

    with pytest.raises(DatasetError, match="not a synthetic tree"):
        LAYOUT.synthesize(tmp_path, SMALL, workers=1)
    assert list_names(tmp_path / "ilids-vid") == ["precious.txt"]


def test_empty_destination_is_filled_and_unfinished_folders_are_removed(tree: Path, tmp_path: Path) -> None:
    (tmp_path / "ilids-vid").mkdir()
    (tmp_path / ".ilids-vid.0.unfinished" / "masks").mkdir(parents=True)
    (tmp_path / ".ilids-vid.0.unfinished" / "masks" / "half.png").write_bytes(b"half")

    assert hash_files(LAYOUT.synthesize(tmp_path, SMALL, workers=1)) == hash_files(tree)
    assert not list(tmp_path.glob(".ilids-vid.*.unfinished"))


def test_failed_rendering_leaves_no_tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*arguments: object, **options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(layout_module, "write_marker", stop)
    with pytest.raises(KeyboardInterrupt):
        LAYOUT.synthesize(tmp_path, replace(SMALL, people=2, frames=1), workers=1)
    assert not (tmp_path / "ilids-vid").exists()
    assert not list(tmp_path.glob(".ilids-vid.*.unfinished"))


def test_data_root_must_not_be_a_file(tmp_path: Path) -> None:
    (tmp_path / "root").write_text("")

    with pytest.raises(DatasetError, match="cannot render to"):
        LAYOUT.synthesize(tmp_path / "root", SMALL, workers=1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"people": 1}, "people must be"),
        ({"people": 2.5}, "people must be"),
        ({"people": True}, "people must be"),
        ({"frames": 0}, "frames must be"),
        ({"frames": 1001}, "frames must be"),
        ({"seed": -1}, "seed must be"),
        ({"min_frames": 0}, "min_frames must be"),
        ({"max_frames": 23}, "max_frames must be"),
        ({"mean_frames": 200.0}, "mean_frames must be between"),
        ({"people": 5, "labels": Path("labels")}, "leave out --people or --labels"),
    ],
)
def test_invalid_settings_raise_config_error(change: dict[str, int], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        LAYOUT.resolve(SyntheticSettings(**change))  # type: ignore[arg-type]


def test_label_files_set_the_splits_and_the_digest(tmp_path: Path) -> None:
    positions = np.stack([np.random.default_rng(n).permutation(300) + 1 for n in range(10)]).astype(np.uint16)
    (tmp_path / "ilids_vid").mkdir()
    scipy.io.savemat(tmp_path / "ilids_vid/splits_ilidsvid.mat", {"ls_set": positions})
    settings = SyntheticSettings(labels=tmp_path)

    (split_file,) = plan_tree(LAYOUT.resolve(settings)).files.values()
    assert split_file == (tmp_path / "ilids_vid/splits_ilidsvid.mat").read_bytes()
    assert LAYOUT.digest(settings) != LAYOUT.digest(SyntheticSettings())
    with pytest.raises(DatasetError, match=r"cannot read label file .*splits_ilidsvid\.mat"):
        LAYOUT.digest(SyntheticSettings(labels=tmp_path / "ilids_vid"))


def test_number_of_workers_must_be_at_least_1(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="workers must be at least 1"):
        LAYOUT.synthesize(tmp_path, SMALL, workers=0)


def test_progress_bar_is_written_to_stderr_only_on_request(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tiny = replace(SMALL, people=2, frames=1)
    LAYOUT.synthesize(tmp_path / "quiet", tiny, workers=1)
    assert capsys.readouterr() == ("", "")
    LAYOUT.synthesize(tmp_path / "shown", tiny, workers=1, progress=True)
    assert capsys.readouterr().out == ""
