"""Attention in records and pictures, through the command line, with methods of fixed attention."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from reidbench.datasets.masks import read_mask
from reidbench.datasets.readers.ilids_vid import IlidsVid
from reidbench.datasets.synthetic import SyntheticSettings
from reidbench.datasets.synthetic.layouts.ilids_vid import LAYOUT
from tests.calls import Answer

from .single_file_plugins import choose_method, write_plugin

Run = Callable[..., Answer]
Record = Callable[..., dict[str, Any]]

# Attends to the second quarter of each frame from the top, and to the first frame with twice the weight of others.
# Writes a line to a file per call.
SECOND_QUARTER = """
attends = True

def attention(self, tracklets):
    from pathlib import Path
    from reidbench.plugin import Attention
    with Path("calls").open("a") as file:
        file.write("called\\n")
    maps = []
    for tracklet in tracklets:
        frames = len(tracklet)
        spatial = torch.zeros(frames, 1, 4, 1)
        spatial[:, :, 1] = 1
        temporal = torch.ones(1, frames)
        temporal[:, 0] = 2
        temporal /= temporal.sum()
        maps.append(Attention(frames=torch.arange(frames), spatial=spatial, temporal=temporal))
    return maps
"""
SWITCHED_OFF = """
attends = True

def attention(self, tracklets):
    from reidbench.plugin import ConfigError
    raise ConfigError("attention is switched off")
"""
BROKEN = """
attends = True

def attention(self, tracklets):
    from reidbench.plugin import Attention
    return [Attention({returned}) for tracklet in tracklets]
"""
ALIGNS = """
aligns = True

def alignment(self, query, gallery):
    return torch.full((len(query), len(gallery)), 1 / len(gallery))
"""


@pytest.fixture(scope="module")
def masked_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data root with 12 people, 8 frames each, and masks; tests do not change it."""
    root = tmp_path_factory.mktemp("masked")
    settings = SyntheticSettings(people=12, frames=8, seed=77, masks=True)
    LAYOUT.synthesize(root, settings, workers=1, progress=False)
    return root


@pytest.fixture
def record(record_method: Record, masked_root: Path) -> Record:
    """Run a method on trials of six tested people and return the record."""
    return partial(record_method, root=masked_root)


def calls(folder: Path) -> int:
    return (folder / "calls").read_text().count("called") if (folder / "calls").exists() else 0


def test_a_record_contains_the_shares_of_attention(record: Record, tmp_path: Path, masked_root: Path) -> None:
    result = record(write_plugin(tmp_path, "looking", further=SECOND_QUARTER), trials=2)

    attention = result["attention"]
    figures = attention["figures"]
    assert attention["counts"]["tracklets"] == attention["counts"]["tested_tracklets"] == 2 * 12
    assert attention["counts"]["frames"] == 2 * 12 * 8
    assert set(figures["person"]) == {"mean", "std", "std_seeds", "low", "high"}
    assert figures["person"]["low"] < figures["person"]["mean"] < figures["person"]["high"]
    for group in (["person", "in_front", "background"], ["person_area", "in_front_area", "background_area"]):
        assert sum(figures[name]["mean"] for name in group) == pytest.approx(1)
    table = IlidsVid().read(masked_root / "ilids-vid").table
    masks = {
        pid: [
            read_mask(table.root, file)
            for row in np.flatnonzero(table.pids == pid)
            for file in table.files(int(row))
        ]
        for pid in set(table.pids.tolist())
    }
    side = (tmp_path / "runs/records/ilids" / result["per_query"]["file"]).read_text().splitlines()[1:]
    tested = [[int(line.split(",")[1]) for line in side if line.startswith(f"{n},")] for n in range(2)]
    assert figures["person"]["mean"] == pytest.approx(
        np.mean([[(mask[32:64] == 1).mean() for pid in trial for mask in masks[pid]] for trial in tested])
    )
    assert figures["in_front_area"]["mean"] == pytest.approx(
        np.mean([[(mask == 2).mean() for pid in trial for mask in masks[pid]] for trial in tested])
    )


def test_a_repeated_run_reads_attention_from_the_cache(record: Record, tmp_path: Path) -> None:
    plugin = write_plugin(tmp_path, "looking", further=SECOND_QUARTER)

    first = record(plugin, trials=2)
    first_calls = calls(tmp_path)
    second = record(plugin, trials=2)
    second_calls = calls(tmp_path)
    recomputed = record(plugin, "--no-resume", trials=2)

    assert first["attention"] == second["attention"] == recomputed["attention"]
    assert first_calls == second_calls == 2
    assert calls(tmp_path) == 4


def test_a_longer_run_measures_only_the_new_trial(record: Record, tmp_path: Path) -> None:
    plugin = write_plugin(tmp_path, "looking", further=SECOND_QUARTER)
    record(plugin, trials=1)
    part = record(plugin, trials=2)

    assert calls(tmp_path) == 2
    (tmp_path / "calls").unlink()
    assert record(plugin, "--no-resume", trials=2)["attention"] == part["attention"]


def test_attention_is_measured_on_a_limited_number_of_tracklets(
    record: Record, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reidbench.runner.attention.MAX_TRACKLETS", 5)

    counts = record(write_plugin(tmp_path, "looking", further=SECOND_QUARTER), trials=1)["attention"][
        "counts"
    ]

    assert (counts["tracklets"], counts["tested_tracklets"], counts["frames"]) == (5, 12, 40)


def test_records_without_attention_or_masks_have_no_shares(
    record: Record, tmp_path: Path, small_root: Path
) -> None:
    looking = write_plugin(tmp_path, "looking", further=SECOND_QUARTER)

    assert record(looking, trials=1, root=small_root)["attention"] is None
    assert record(write_plugin(tmp_path, "blind"), trials=1)["attention"] is None
    switched_off = write_plugin(tmp_path, "off", further=SWITCHED_OFF)
    # The second run reads the cache.
    for _ in range(2):
        assert record(switched_off, trials=1)["attention"] is None
    assert calls(tmp_path) == 0


@pytest.mark.parametrize(
    ("returned", "words"),
    [
        ("frames=torch.arange(99)", "frames must be indices less than 8"),
        ("frames=torch.arange(2)", "maps and weights are both missing"),
        ("frames=torch.arange(2), spatial=torch.ones(2, 4, 1)", "maps must have the shape (2, K, h, w)"),
        ("frames=torch.arange(2), spatial=torch.ones(2, 1, 4, 1)", "maps must be at least 0 and sum to 1"),
        ("frames=torch.arange(2), temporal=torch.tensor([[1.5, -0.5]])", "weights must be at least 0"),
        ("frames=torch.arange(2), temporal=torch.ones(2) / 2", "weights must have the shape (K, 2)"),
        (
            "frames=torch.arange(1), spatial=torch.ones(1, 1, 1, 1), extent=(0.5, 0, 0.5, 1)",
            "extent must be top, left, bottom and right",
        ),
    ],
)
def test_attention_of_a_wrong_shape_names_the_method(
    run_method: Run, masked_root: Path, tmp_path: Path, returned: str, words: str
) -> None:
    plugin = write_plugin(tmp_path, "broken", further=BROKEN.format(returned=returned))

    answer = run_method(plugin, root=masked_root, trials=1)

    assert answer.code == 3
    assert "method 'broken'" in answer.err
    assert words in answer.err


def test_a_damaged_measurement_is_named_and_repeated(
    record: Record, run_method: Run, masked_root: Path, tmp_path: Path
) -> None:
    from reidbench.cache import Cache

    plugin = write_plugin(tmp_path, "looking", further=SECOND_QUARTER)
    first = record(plugin, trials=1)
    (kept,) = (Cache().root / "attention").iterdir()
    kept.write_text("{}")

    answer = run_method(plugin, "--json", root=masked_root, trials=1)

    assert json.loads(answer.out)["attention"] == first["attention"]
    assert f"removed damaged cache entry {kept}" in answer.err


@pytest.fixture
def plot(reidbench: Run, masked_root: Path) -> Callable[..., Answer]:
    def call(plugin: Path, *options: str, out: str = "picture.png") -> Answer:
        data = ("-p", "ilids", "--data-root", str(masked_root))
        return reidbench("plot", "attention", *choose_method(plugin), *data, "--out", out, *options)

    return call


def height(picture: Path) -> int:
    image = cv2.imread(str(picture))
    assert image is not None
    return int(image.shape[0])


def test_a_picture_grows_with_tracklets_and_alignment(
    plot: Callable[..., Answer], tmp_path: Path, small_root: Path
) -> None:
    looking = write_plugin(tmp_path, "looking", further=SECOND_QUARTER)
    aligning = write_plugin(tmp_path, "aligning", further=SECOND_QUARTER + ALIGNS)

    one = plot(looking, "--tracklets", "1")
    assert one.code == 0, one.err
    assert one.out == "picture.png\n"
    heights = [height(tmp_path / "picture.png")]
    for number, (plugin, tracklets) in enumerate(((looking, "2"), (aligning, "2"))):
        assert plot(plugin, "--tracklets", tracklets, out=f"deep/{number}.png").code == 0
        heights.append(height(tmp_path / f"deep/{number}.png"))

    assert heights == sorted(set(heights))
    assert sorted(path.name for path in (tmp_path / "deep").iterdir()) == ["0.png", "1.png"]


def test_the_heat_map_is_drawn_where_the_method_attends(plot: Callable[..., Answer], tmp_path: Path) -> None:
    """Pictures of the same frames with two maps differ: the attended quarter of each is redder."""
    upper = write_plugin(tmp_path, "upper", further=SECOND_QUARTER)
    lower = write_plugin(tmp_path, "lower", further=SECOND_QUARTER.replace("[:, :, 1]", "[:, :, 2]"))
    pictures = []
    for name, plugin in (("upper", upper), ("lower", lower)):
        assert plot(plugin, "--tracklets", "1", out=f"{name}.png").code == 0
        image = cv2.imread(str(tmp_path / f"{name}.png"))
        assert image is not None
        # Without the title, which has the name of the method.
        pictures.append(image[80:].astype(int))

    redder = (pictures[0] - pictures[1])[:, :, 2]
    rows = np.arange(len(redder))[:, None]
    upper_centre = (rows * (redder > 30)).sum() / (redder > 30).sum()
    lower_centre = (rows * (redder < -30)).sum() / (redder < -30).sum()
    assert upper_centre < lower_centre


@pytest.mark.parametrize(
    ("further", "options", "words"),
    [
        ("", [], "cannot draw attention: method 'mine' has none"),
        (SWITCHED_OFF, [], "attention is switched off"),
        (SECOND_QUARTER, ["--out", "picture.gif"], "--out must end in .png, .pdf, .svg, got picture.gif"),
        (
            SECOND_QUARTER,
            ["--out", "/dev/null/picture.png"],
            "cannot write to --out /dev/null: /dev/null is not a writable directory",
        ),
        (SECOND_QUARTER, ["--preset", "big"], "unknown preset"),
    ],
    ids=["blind", "switched-off", "no-picture", "no-folder", "no-preset"],
)
def test_impossible_pictures_exit_2_in_one_line_and_write_no_file(
    plot: Callable[..., Answer], tmp_path: Path, further: str, options: list[str], words: str
) -> None:
    answer = plot(write_plugin(tmp_path, "mine", further=further), *options)

    assert answer.code == 2
    assert words in answer.err
    assert len(answer.err.splitlines()) == 1
    assert not [path for path in tmp_path.rglob("*") if "picture" in path.name]


def test_missing_matplotlib_names_the_extra(
    plot: Callable[..., Answer], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reidbench.runner.attention_picture.find_spec", lambda name: None)

    answer = plot(write_plugin(tmp_path, "looking", further=SECOND_QUARTER))

    assert answer.code == 2
    assert "pip install 'reidbench[plot]'" in answer.err
