"""Attention in records and pictures, whole program, with methods that look where they are told to."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from reidbench.datasets.masks import read_mask
from reidbench.datasets.readers.ilids_vid import IlidsVid
from reidbench.datasets.synthetic import SyntheticSettings
from reidbench.datasets.synthetic.layouts.ilids_vid import LAYOUT

from .conftest import Answer
from .single_file_plugins import write_plugin

Run = Callable[..., Answer]

# Looks at the second quarter of each frame, from above, and at the first frame twice as much as at any other. Keeps
# count of its calls in a file.
SECOND_QUARTER = """
attends = True

def attention(self, tracklets):
    from pathlib import Path
    from reidbench.plugin import Attention
    with Path("calls").open("a") as file:
        file.write("called\\n")
    found = []
    for tracklet in tracklets:
        frames = len(tracklet)
        spatial = torch.zeros(frames, 1, 4, 1)
        spatial[:, :, 1] = 1
        temporal = torch.ones(1, frames)
        temporal[:, 0] = 2
        temporal /= temporal.sum()
        found.append(Attention(frames=torch.arange(frames), spatial=spatial, temporal=temporal))
    return found
"""
SWITCHED_OFF = """
attends = True

def attention(self, tracklets):
    from reidbench.plugin import ConfigError
    raise ConfigError("there is none")
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
    """A data root with 12 people, 8 frames each, and masks; not to be changed."""
    root = tmp_path_factory.mktemp("masked")
    settings = SyntheticSettings(people=12, frames=8, seed=77, masks=True)
    LAYOUT.synthesize(root, settings, workers=1, progress=False)
    return root


@pytest.fixture
def record(reidbench: Run, tmp_path: Path, masked_root: Path) -> Callable[..., dict[str, Any]]:
    """Run a method on trials of six tested people and return the record."""

    def call(plugin: Path, *options: str, root: Path = masked_root) -> dict[str, Any]:
        method = plugin.stem.removesuffix("_plugin")
        answer = reidbench(
            "run", "-m", method, "-p", "ilids", "--data-root", str(root), "--plugin", str(plugin), "--json",
            *options,
        )  # fmt: skip
        assert answer.code == 0, answer.err
        found: dict[str, Any] = json.loads(answer.out)
        return found

    return call


def calls(folder: Path) -> int:
    return (folder / "calls").read_text().count("called") if (folder / "calls").exists() else 0


def test_a_record_says_where_a_method_looks(
    record: Callable[..., dict[str, Any]], tmp_path: Path, masked_root: Path
) -> None:
    found = record(write_plugin(tmp_path, "looking", further=SECOND_QUARTER), "--trials", "2")

    attention = found["attention"]
    figures = attention["figures"]
    assert attention["counts"]["tracklets"] == attention["counts"]["tested_tracklets"] == 2 * 12
    assert attention["counts"]["frames"] == 2 * 12 * 8
    assert set(figures["person"]) == {"mean", "std", "low", "high"}
    assert figures["person"]["low"] < figures["person"]["mean"] < figures["person"]["high"]
    for group in (["person", "in_front", "background"], ["person_area", "in_front_area", "background_area"]):
        assert sum(figures[name]["mean"] for name in group) == pytest.approx(1)
    table = IlidsVid().read(masked_root / "ilids-vid").table
    masks = {
        pid: [
            read_mask(table.root, file)
            for row in np.flatnonzero(table.pids == pid)
            for file in table.files(row)
        ]
        for pid in set(table.pids.tolist())
    }
    side = (tmp_path / "runs/records/ilids" / found["per_query"]["file"]).read_text().splitlines()[1:]
    tested = [[int(line.split(",")[1]) for line in side if line.startswith(f"{n},")] for n in range(2)]
    assert figures["person"]["mean"] == pytest.approx(
        np.mean([[(mask[32:64] == 1).mean() for pid in trial for mask in masks[pid]] for trial in tested])
    )
    assert figures["in_front_area"]["mean"] == pytest.approx(
        np.mean([[(mask == 2).mean() for pid in trial for mask in masks[pid]] for trial in tested])
    )


def test_a_repeated_run_says_the_same_without_looking_again(
    record: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    plugin = write_plugin(tmp_path, "looking", further=SECOND_QUARTER)

    first = record(plugin, "--trials", "2")
    after_one = calls(tmp_path)
    second = record(plugin, "--trials", "2")
    after_two = calls(tmp_path)
    anew = record(plugin, "--trials", "2", "--no-resume")

    assert first["attention"] == second["attention"] == anew["attention"]
    assert after_one == after_two == 2
    assert calls(tmp_path) == 4


def test_what_was_cut_short_in_one_trial_goes_on_with_the_next(
    record: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    plugin = write_plugin(tmp_path, "looking", further=SECOND_QUARTER)
    record(plugin, "--trials", "1")
    part = record(plugin, "--trials", "2")

    assert calls(tmp_path) == 2
    (tmp_path / "calls").unlink()
    assert record(plugin, "--trials", "2", "--no-resume")["attention"] == part["attention"]


def test_of_many_tracklets_some_are_looked_at(
    record: Callable[..., dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reidbench.runner.attention.MOST_TRACKLETS", 5)

    counts = record(write_plugin(tmp_path, "looking", further=SECOND_QUARTER), "--trials", "1")["attention"][
        "counts"
    ]

    assert (counts["tracklets"], counts["tested_tracklets"], counts["frames"]) == (5, 12, 40)


def test_nothing_is_said_without_attention_or_without_masks(
    record: Callable[..., dict[str, Any]], tmp_path: Path, small_root: Path
) -> None:
    looking = write_plugin(tmp_path, "looking", further=SECOND_QUARTER)

    assert "attention" not in record(looking, "--trials", "1", root=small_root)
    assert "attention" not in record(write_plugin(tmp_path, "blind"), "--trials", "1")
    switched_off = write_plugin(tmp_path, "off", further=SWITCHED_OFF)
    for _ in range(2):  # from the cache, too
        assert "attention" not in record(switched_off, "--trials", "1")
    assert calls(tmp_path) == 0


@pytest.mark.parametrize(
    ("returned", "words"),
    [
        ("frames=torch.arange(99)", "frames must be positions below 8"),
        ("frames=torch.arange(2)", "maps and weights are both missing"),
        ("frames=torch.arange(2), spatial=torch.ones(2, 4, 1)", "maps must have the shape (2, K, h, w)"),
        ("frames=torch.arange(2), spatial=torch.ones(2, 1, 4, 1)", "maps must be 0 or more and sum to 1"),
        ("frames=torch.arange(2), temporal=torch.tensor([[1.5, -0.5]])", "weights must be 0 or more"),
        ("frames=torch.arange(2), temporal=torch.ones(2) / 2", "weights must have the shape (K, 2)"),
        (
            "frames=torch.arange(1), spatial=torch.ones(1, 1, 1, 1), extent=(0.5, 0, 0.5, 1)",
            "extent must be top, left, bottom and right",
        ),
    ],
)
def test_attention_that_breaks_the_contract_names_the_plugin(
    reidbench: Run, masked_root: Path, tmp_path: Path, returned: str, words: str
) -> None:
    plugin = write_plugin(tmp_path, "broken", further=BROKEN.format(returned=returned))

    answer = reidbench(
        "run", "-m", "broken", "-p", "ilids", "--data-root", str(masked_root), "--plugin", str(plugin),
        "--trials", "1",
    )  # fmt: skip

    assert answer.code == 3
    assert "method 'broken'" in answer.err
    assert words in answer.err


def test_a_damaged_file_in_the_cache_is_named(
    record: Callable[..., dict[str, Any]], reidbench: Run, masked_root: Path, tmp_path: Path
) -> None:
    from reidbench.cache import Cache

    plugin = write_plugin(tmp_path, "looking", further=SECOND_QUARTER)
    record(plugin, "--trials", "1")
    (kept,) = (Cache().root / "attention").iterdir()
    kept.write_text("{}")

    answer = reidbench(
        "run", "-m", "looking", "-p", "ilids", "--data-root", str(masked_root), "--plugin", str(plugin),
        "--trials", "1",
    )  # fmt: skip

    assert answer.code == 2
    assert f"cached attention {kept} is damaged" in answer.err


@pytest.fixture
def plot(reidbench: Run, masked_root: Path) -> Callable[..., Answer]:
    def call(plugin: Path, *options: str, out: str = "picture.png") -> Answer:
        method = plugin.stem.removesuffix("_plugin")
        return reidbench(
            "plot", "attention", "-m", method, "-p", "ilids", "--data-root", str(masked_root),
            "--plugin", str(plugin), "--out", out, *options,
        )  # fmt: skip

    return call


def height(picture: Path) -> int:
    image = cv2.imread(str(picture))
    assert image is not None
    return int(image.shape[0])


def test_a_picture_shows_as_many_tracklets_as_asked_for_and_the_alignment(
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


def test_the_heat_lies_where_the_method_looks(plot: Callable[..., Answer], tmp_path: Path) -> None:
    """The same frames with another map differ; more red lies on the quarter that is looked at."""
    upper = write_plugin(tmp_path, "upper", further=SECOND_QUARTER)
    lower = write_plugin(tmp_path, "lower", further=SECOND_QUARTER.replace("[:, :, 1]", "[:, :, 2]"))
    pictures = []
    for name, plugin in (("upper", upper), ("lower", lower)):
        assert plot(plugin, "--tracklets", "1", out=f"{name}.png").code == 0
        image = cv2.imread(str(tmp_path / f"{name}.png"))
        assert image is not None
        pictures.append(image[80:].astype(int))  # below the title, which has the name

    redder = (pictures[0] - pictures[1])[:, :, 2]
    rows = np.arange(len(redder))[:, None]
    centre_above = (rows * (redder > 30)).sum() / (redder > 30).sum()
    centre_below = (rows * (redder < -30)).sum() / (redder < -30).sum()
    assert centre_above < centre_below


@pytest.mark.parametrize(
    ("further", "options", "words"),
    [
        ("", [], "method 'mine' has no attention to draw"),
        (SWITCHED_OFF, [], "there is none"),
        (SECOND_QUARTER, ["--out", "picture.gif"], "--out must end in .png, .pdf, .svg, got picture.gif"),
        (SECOND_QUARTER, ["--out", "/dev/null/picture.png"], "--out /dev/null cannot be written"),
        (SECOND_QUARTER, ["--preset", "big"], "unknown preset"),
    ],
    ids=["blind", "switched-off", "no-picture", "no-folder", "no-preset"],
)
def test_what_cannot_be_drawn_is_one_line_exit_2_and_no_file(
    plot: Callable[..., Answer], tmp_path: Path, further: str, options: list[str], words: str
) -> None:
    answer = plot(write_plugin(tmp_path, "mine", further=further), *options)

    assert answer.code == 2
    assert words in answer.err
    assert len(answer.err.splitlines()) == 1
    assert not [path for path in tmp_path.rglob("*") if "picture" in path.name]


def test_without_matplotlib_the_extra_is_named(
    plot: Callable[..., Answer], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reidbench.runner.attention_picture.find_spec", lambda name: None)

    answer = plot(write_plugin(tmp_path, "looking", further=SECOND_QUARTER))

    assert answer.code == 2
    assert "pip install 'reidbench[plot]'" in answer.err
