"""Trees of datasets: real and rendered ones, label files, markers, and archives."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from random import Random

from reidbench.plugin.loading import load_target
from reidbench.plugin.manager import Plugins
from tests.calls import Answer, run_command
from tests.hostile.arrays import damage_hdf5, damage_mat
from tests.hostile.damage import BYTE_EDITS, TEXT_EDITS, damage_file, damage_files
from tests.hostile.pictures import make_picture, write_picture
from tests.hostile.reader import Reader, judge_exact, write_truth
from tests.hostile.structures import damage_json

# People and frames of the tree of each dataset, and whether it has tracks.
TREES = {
    "ilids-vid": (4, 2),
    "prid2011": (4, 2),
    "mars": (4, 2),
    "dukemtmc-videoreid": (4, 2),
    "lsvid": (4, 2),
    "market1501": (4, None),
    "dukemtmc-reid": (4, None),
    "cuhk03": (4, None),
    "viper": (4, None),
}
LABEL_SUFFIXES = {".txt", ".mat", ".json", ".csv"}
ODD_NAMES = (
    "..", "\x1b[31m", "a\nb", "person_0001", "person_1", "cam_a", "cam1", "0001", "1", "00001", "-1", "0" * 200,
    "9" * 30, "\udcff", "0001_c1s1_000001_00.jpg", "0000_000.bmp", "1_001_1_01.png", " ", "0001C1T0001F001.jpg",
    "x.jpg", ".hidden", "٣", "person٣", "0001_c٣s1_000001_00.jpg",
)  # fmt: skip


def write_tree(dataset: str, root: Path, *, marked: bool) -> None:
    """Write a small tree: rendered, with its marker, or with random pictures and no marker."""
    from reidbench.datasets.synthetic import SyntheticSettings

    people, frames = TREES[dataset]
    spec = Plugins().dataset(dataset)
    layout = load_target(dataset, str(spec.layout))
    settings = SyntheticSettings(people=people, frames=frames, seed=4, masks=marked)
    if marked or dataset == "cuhk03":
        layout.synthesize(root, settings, workers=1, progress=False)
        if not marked:
            for path in (root / spec.folder).glob("reidbench-synthetic*"):
                path.unlink()
        return
    plan, random = layout.plan(layout.resolve(settings)), Random(3)
    for name, data in plan.files.items():
        (root / spec.folder / name).parent.mkdir(parents=True, exist_ok=True)
        (root / spec.folder / name).write_bytes(data)
    for job in plan.jobs:
        for frame in job.frames:
            write_picture(root / spec.folder / frame, random)


def prepare_tree(folder: Path, *, dataset: str, marked: bool) -> None:
    """Write the tree of a dataset to the data root `data`."""
    write_tree(dataset, folder / "data", marked=marked)
    write_truth(folder, read_tree(folder, dataset=dataset))


def read_tree(folder: Path, *, dataset: str) -> Answer:
    """Verify a tree."""
    return run_command(folder, ["data", "verify", dataset, "--data-root", "data", "--deep", "--json"])


def damage_tree(folder: Path, random: Random) -> str:
    """Damage a label file, a frame, or the name of a file or folder."""
    entries = sorted(path for path in (folder / "data").rglob("*") if path != folder / "data")
    files = [path for path in entries if path.is_file()]
    labels = [path for path in files if path.suffix in LABEL_SUFFIXES]
    choice = random.random()
    if labels and choice < 0.6:
        path = random.choice(labels)
        return damage_label_file(path, random, [other for other in labels if other.suffix == path.suffix])
    if choice < 0.8:
        path = random.choice(entries)
        try:
            new = path.with_name(
                random.choice((*ODD_NAMES, f"{path.name}.jpg", path.name.upper(), f"0{path.name}"))
            )
            if new.exists():
                shutil.rmtree(path) if path.is_dir() else path.unlink()
                return f"deleted {path.name!r}"
            path.rename(new)
        # Not every name is allowed.
        except (OSError, ValueError):
            return "nothing"
        return f"renamed {path.name!r} to {new.name!r:.60}"
    path = random.choice(files)
    if choice < 0.9:
        return f"{damage_file(path, random)} in {path.name}"
    data, _, what = make_picture(random)
    path.write_bytes(data)
    return f"{what} in {path.name}"


def damage_label_file(path: Path, random: Random, others: Sequence[Path] = ()) -> str:
    """Damage a label file by its type."""
    if path.suffix == ".mat" and random.random() < 0.6:
        structure = damage_hdf5 if path.read_bytes().startswith(b"MATLAB 7.3") else damage_mat
        return f"{structure(path, random)} ({path.name})"
    if path.suffix == ".json" and random.random() < 0.6:
        return f"{damage_json(path, random)} ({path.name})"
    edits = BYTE_EDITS if path.suffix == ".mat" else TEXT_EDITS
    return damage_file(path, random, edits, others)


def prepare_marker(folder: Path) -> None:
    """Write a rendered tree with its marker."""
    prepare_tree(folder, dataset="viper", marked=True)


def damage_marker(folder: Path, random: Random) -> str:
    """Damage the marker or the list of files."""
    marker, listing = sorted(folder.glob("data/viper/reidbench-synthetic*"), key=lambda path: path.suffix)
    if random.random() < 0.3:
        return damage_file(listing, random, TEXT_EDITS, [marker])
    return damage_json(marker, random) if random.random() < 0.6 else damage_file(marker, random, TEXT_EDITS)


def prepare_labels(folder: Path) -> None:
    """Write the label files of MARS, from which a tree can be rendered."""
    write_tree("mars", folder / "source", marked=False)
    (folder / "labels").mkdir()
    shutil.copytree(folder / "source" / "mars" / "info", folder / "labels", dirs_exist_ok=True)
    shutil.rmtree(folder / "source")


def damage_labels(folder: Path, random: Random) -> str:
    """Damage one label file."""
    files = sorted(path for path in folder.rglob("*") if path.suffix in LABEL_SUFFIXES)
    return damage_label_file(random.choice(files), random)


def read_labels(folder: Path) -> Answer:
    """Render a tree from the label files."""
    options = ["--out", "out", "--labels", "labels", "--workers", "1", "--frames", "1"]
    return run_command(folder, ["data", "synthesize", "mars", *options])


def prepare_archive(folder: Path) -> None:
    """Write the release file of CUHK03."""
    write_tree("cuhk03", folder / "data", marked=False)
    for path in (folder / "data" / "cuhk03").glob("images_*"):
        shutil.rmtree(path)


def read_archive(folder: Path) -> Answer:
    """Extract the images."""
    return run_command(folder, ["data", "extract", "cuhk03", "--data-root", "data"])


READERS = (
    *(
        Reader(
            name=f"tree-{dataset}",
            prepare=partial(prepare_tree, dataset=dataset, marked=False),
            damage=damage_tree,
            read=partial(read_tree, dataset=dataset),
        )
        for dataset in TREES
    ),
    # A damaged rendered tree must not hold, unless it reads like the valid one.
    Reader(
        name="tree-rendered",
        prepare=prepare_marker,
        damage=damage_tree,
        read=partial(read_tree, dataset="viper"),
        judge=judge_exact,
    ),
    Reader(
        name="marker",
        prepare=prepare_marker,
        damage=damage_marker,
        read=partial(read_tree, dataset="viper"),
        judge=judge_exact,
    ),
    Reader(name="labels", prepare=prepare_labels, damage=damage_labels, read=read_labels, share=0.3),
    Reader(
        name="archive",
        prepare=prepare_archive,
        damage=damage_files("cuhk-03.mat", damage_hdf5, share=0.6),
        read=read_archive,
    ),
)
