"""CUHK03 (Li et al., CVPR 2014): five camera pairs, boxes by a detector and by hand, two protocols."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np

from reidbench.datasets.extract_cuhk03 import KINDS, RELEASE, images_folder, read_test_sets
from reidbench.datasets.reader import Counts, Dataset, load_mat, matching_files
from reidbench.datasets.tracklets import DatasetContents, IntArray, TrackletTable
from reidbench.errors import DatasetError

IMAGE = re.compile(r"(?P<pair>[1-5])_(?P<person>\d{3})_(?P<view>[12])_(?P<image>\d{2})\.png")
PARTS = ("train", "query", "gallery")
SORTED = "cuhk03-np"  # the new protocol, published as folders
SORTED_FOLDERS = {"train": "bounding_box_train", "query": "query", "gallery": "bounding_box_test"}
SORTED_IMAGE = re.compile(r"(?P<person>(?!0000)\d{4})_c(?P<camera>[12])_.+\.(png|jpg)")

Row = tuple[int, int, str, tuple[str, ...]]


@dataclass(frozen=True, kw_only=True)
class Config:
    """The new protocol for one kind of boxes (Zhong et al., CVPR 2017).

    Attributes:
        names: of all images, in the order of the file.
        labels: (N,) person of each image.
        parts: 0-based positions in `names`, ascending.
    """

    names: tuple[str, ...]
    labels: IntArray
    parts: Mapping[str, IntArray]


class Cuhk03(Dataset):
    """Reads `images_detected/` and `images_labeled/`, the new protocol's files and the release's test sets.

    A pid is the position of (camera pair, person) in sorted order, from 1 on, as in the files of the new protocol;
    the camera is the view, although five pairs of cameras exist. `splits` has a row for each test set of the classic
    protocol: its people first, then all others in order. One kind of boxes may be absent, and either protocol. The new
    protocol's folder form `cuhk03-np/` is read where no such images are; it has no classic test sets.
    """

    name = "cuhk03"
    official = {  # noqa: RUF012  a table, not state
        "detected": Counts(tracklets=14_097, people=1_467, by_camera=(6_918, 7_179), optional=True),
        "detected-train": Counts(tracklets=7_365, people=767, by_camera=(3_601, 3_764), optional=True),
        "detected-query": Counts(tracklets=1_400, people=700, by_camera=(700, 700), optional=True),
        "detected-gallery": Counts(tracklets=5_332, people=700, by_camera=(2_617, 2_715), optional=True),
        "labeled": Counts(tracklets=14_096, people=1_467, by_camera=(6_922, 7_174), optional=True),
        "labeled-train": Counts(tracklets=7_368, people=767, by_camera=(3_607, 3_761), optional=True),
        "labeled-query": Counts(tracklets=1_400, people=700, by_camera=(700, 700), optional=True),
        "labeled-gallery": Counts(tracklets=5_328, people=700, by_camera=(2_615, 2_713), optional=True),
    }

    def read_layout(self, folder: Path) -> DatasetContents:
        """Read what lies there; images named by a file of the new protocol are the table.

        Raises:
            DatasetError: there are no images, or a file contradicts them or is damaged.
        """
        kinds = [kind for kind in KINDS if (folder / images_folder(kind)).is_dir()]
        if not kinds:
            return _read_sorted(folder)
        configs = {kind: read_config(folder / config_file(kind)) for kind in kinds}
        names = {
            kind: _listed(folder / images_folder(kind)) if config is None else config.names
            for kind, config in configs.items()
        }
        people = sorted({_person(name) for name in chain.from_iterable(names.values())})
        pids = {person: position for position, person in enumerate(people, start=1)}
        rows: list[Row] = []
        parts = {}
        for kind, config in configs.items():
            first = len(rows)
            rows += [
                (pids[_person(name)], int(name[6]), images_folder(kind), (name,)) for name in names[kind]
            ]
            parts[kind] = np.arange(first, len(rows))
            if config is not None:
                _check_labels(folder / config_file(kind), config, [row[0] for row in rows[first:]])
                parts |= {f"{kind}-{part}": first + places for part, places in config.parts.items()}
        return DatasetContents(
            TrackletTable.of(folder, rows),
            parts=parts,
            people=tuple(pids.values()),
            splits=_read_splits(folder / RELEASE, pids),
        )

    def frame_folders(self, folder: Path) -> Sequence[Path]:
        """Return the folders of images that are there."""
        found = [place for kind in KINDS if (place := folder / images_folder(kind)).is_dir()]
        return found or [
            folder / SORTED / kind / name
            for kind in _sorted_kinds(folder)
            for name in SORTED_FOLDERS.values()
        ]


def config_file(kind: str) -> str:
    """Return the file of the new protocol for a kind of boxes, below the dataset folder."""
    return f"cuhk03_new_protocol_config_{kind}.mat"


def read_config(path: Path) -> Config | None:
    """Return what a file of the new protocol says, or None when there is no such file.

    Raises:
        DatasetError: it is damaged: columns of different lengths, a name of another form, an index out of range or
            given twice.
    """
    if not path.exists():
        return None
    indices = [f"{part}_idx" for part in PARTS]
    variables = load_mat(path, "filelist", "labels", *indices)
    found = {name: np.asarray(array).ravel() for name, array in variables.items()}
    names = tuple(str(np.ravel(cell)[0]) if np.size(cell) else "" for cell in found["filelist"])
    if wrong := [name for name in names if not IMAGE.fullmatch(name)]:
        raise DatasetError(
            f"{path}: an image is named '{wrong[0]}', not like 1_001_1_01.png; restore the file"
        )
    if len(found["labels"]) != len(names):
        raise DatasetError(
            f"{path}: {len(found['labels'])} labels for {len(names)} images; restore the file from its repository"
        )
    places = np.concatenate([found[name].astype(np.int64) for name in indices])
    if (
        len(np.unique(places)) != len(places)
        or places.min(initial=1) < 1
        or places.max(initial=1) > len(names)
    ):
        raise DatasetError(
            f"{path}: train, query and gallery must be different rows in 1..{len(names)}, got {len(np.unique(places))} "
            f"of {len(places)} different in {places.min(initial=1)}..{places.max(initial=1)}; restore the file"
        )
    return Config(
        names=names,
        labels=found["labels"].astype(np.int64),
        parts={part: np.sort(found[f"{part}_idx"].astype(np.int64)) - 1 for part in PARTS},
    )


def _listed(place: Path) -> tuple[str, ...]:
    return tuple(match.string for match in matching_files(place, IMAGE))


def _person(name: str) -> tuple[int, int]:
    """Return camera pair and person in it."""
    return int(name[0]), int(name[2:5])


def _check_labels(path: Path, config: Config, pids: Sequence[int]) -> None:
    different = np.flatnonzero(config.labels != np.array(pids))
    if len(different):
        row = int(different[0])
        raise DatasetError(
            f"{path}: label {config.labels[row]} of {config.names[row]} is not the position of its person among all, "
            f"{pids[row]}; restore the files of the new protocol"
        )


def _read_splits(release: Path, pids: Mapping[tuple[int, int], int]) -> IntArray | None:
    if not release.exists():
        return None
    splits = []
    for number, test_set in enumerate(read_test_sets(release), start=1):
        chosen = dict.fromkeys(test_set)
        if unknown := [person for person in chosen if person not in pids]:
            raise DatasetError(
                f"{release}: test set {number} names person {unknown[0][1]} of camera pair {unknown[0][0]}, "
                "of whom there is no image; restore images and release file"
            )
        if len(chosen) != len(test_set):
            raise DatasetError(f"{release}: test set {number} names a person twice; restore the release file")
        splits.append(
            [pids[person] for person in chosen] + [pids[person] for person in pids if person not in chosen]
        )
    return np.array(splits, dtype=np.int64)


def _read_sorted(folder: Path) -> DatasetContents:
    """Read the folder form of the new protocol."""
    kinds = _sorted_kinds(folder)
    if not kinds and (folder / RELEASE).exists():
        raise DatasetError(
            f"{folder} holds {RELEASE}, but not its images as files: run `reidbench data extract cuhk03`"
        )
    if not kinds:
        raise DatasetError(
            f"{folder} holds neither {' nor '.join(map(images_folder, KINDS))}, nor {RELEASE} to extract them from; "
            "unpack the dataset's archive again"
        )
    rows: list[Row] = []
    parts = {}
    for kind in kinds:
        start = len(rows)
        for part, name in SORTED_FOLDERS.items():
            first, here = len(rows), f"{SORTED}/{kind}/{name}"
            for match in matching_files(folder / here, SORTED_IMAGE):
                rows.append((int(match["person"]), int(match["camera"]), here, (match.string,)))
            parts[f"{kind}-{part}"] = np.arange(first, len(rows))
        parts[kind] = np.arange(start, len(rows))
    return DatasetContents(TrackletTable.of(folder, rows), parts=parts)


def _sorted_kinds(folder: Path) -> list[str]:
    return [kind for kind in KINDS if (folder / SORTED / kind).is_dir()]
