"""CUHK03 (Li et al., CVPR 2014): five camera pairs, detected and hand-drawn boxes, two protocols."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np

from reidbench.datasets.extract_cuhk03 import KINDS, RELEASE, images_folder, read_test_sets
from reidbench.datasets.matlab import check_integers, load_mat
from reidbench.datasets.reader import Counts, Dataset, match_files
from reidbench.datasets.tracklets import DatasetContents, IntArray, TrackletTable
from reidbench.errors import DatasetError, quote

IMAGE = re.compile(r"(?P<pair>[1-5])_(?P<person>\d{3})_(?P<view>[12])_(?P<image>\d{2})\.png")
PARTS = ("train", "query", "gallery")
# The new protocol, published as folders.
SORTED = "cuhk03-np"
SORTED_FOLDERS = {"train": "bounding_box_train", "query": "query", "gallery": "bounding_box_test"}
SORTED_IMAGE = re.compile(r"(?P<person>(?!0000)\d{4})_c(?P<camera>[12])_.+\.(png|jpg)")

Row = tuple[int, int, str, tuple[str, ...]]


@dataclass(frozen=True, kw_only=True)
class Config:
    """The new protocol for one kind of boxes (Zhong et al., CVPR 2017).

    Attributes:
        names: of all images, in the order of the file.
        labels: (N,) person of each image.
        parts: 0-based indices into `names`, ascending.
    """

    names: tuple[str, ...]
    labels: IntArray
    parts: Mapping[str, IntArray]


class Cuhk03(Dataset):
    """Reads `images_detected/` and `images_labeled/`, the new protocol's files and the release's test sets.

    A pid is the position of (camera pair, person) in sorted order, from 1, as in the files of the new protocol. The
    camera is the view, although there are five pairs of cameras. `splits` has one row per test set of the classic
    protocol: its people first, then all others in order. One kind of boxes and either protocol may be absent. Without
    these folders, the folder form of the new protocol, `cuhk03-np/`, is read; it has no classic test sets.
    """

    name = "cuhk03"
    official = {  # noqa: RUF012
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
        """Read the kinds of boxes that exist; a file of the new protocol lists the images of the table.

        Raises:
            DatasetError: there are no images, or a file contradicts them or is damaged.
        """
        kinds = [kind for kind in KINDS if (folder / images_folder(kind)).is_dir()]
        if not kinds:
            return _read_sorted(folder)
        configs = {kind: read_config(folder / config_file(kind)) for kind in kinds}
        names = {
            kind: _list_image_names(folder / images_folder(kind)) if config is None else config.names
            for kind, config in configs.items()
        }
        people = sorted({_parse_person(name) for name in chain.from_iterable(names.values())})
        pids = {person: position for position, person in enumerate(people, start=1)}
        rows: list[Row] = []
        parts = {}
        for kind, config in configs.items():
            first = len(rows)
            rows += [
                (pids[_parse_person(name)], int(name[6]), images_folder(kind), (name,))
                for name in names[kind]
            ]
            parts[kind] = np.arange(first, len(rows))
            if config is not None:
                _check_labels(folder / config_file(kind), config, [row[0] for row in rows[first:]])
                parts |= {f"{kind}-{part}": first + indices for part, indices in config.parts.items()}
        return DatasetContents(
            TrackletTable.of(folder, rows),
            parts=parts,
            people=tuple(pids.values()),
            splits=_read_splits(folder / RELEASE, pids),
        )

    def frame_folders(self, folder: Path) -> Sequence[Path]:
        """Return the folders of images that exist."""
        folders = [path for kind in KINDS if (path := folder / images_folder(kind)).is_dir()]
        return folders or [
            folder / SORTED / kind / name
            for kind in _find_sorted_kinds(folder)
            for name in SORTED_FOLDERS.values()
        ]


def config_file(kind: str) -> str:
    """Return the file of the new protocol for a kind of boxes, relative to the dataset folder."""
    return f"cuhk03_new_protocol_config_{kind}.mat"


def read_config(path: Path) -> Config | None:
    """Return the contents of a file of the new protocol, or None if it does not exist.

    Raises:
        DatasetError: the file is damaged: columns differ in length, a name has another form, or an index is out of
            range or repeated.
    """
    if not path.exists():
        return None
    indices = [f"{part}_idx" for part in PARTS]
    variables = load_mat(path, "filelist", "labels", *indices)
    names = tuple(
        str(np.ravel(cell)[0]) if np.size(cell) else "" for cell in variables.pop("filelist").ravel()
    )
    columns = {name: check_integers(path, name, array).ravel() for name, array in variables.items()}
    if wrong := [name for name in names if not IMAGE.fullmatch(name)]:
        raise DatasetError(
            f"{path}: names of images must have the form 1_001_1_01.png, got {quote(wrong[0])}; restore the file"
        )
    if len(columns["labels"]) != len(names):
        raise DatasetError(
            f"{path}: {len(columns['labels'])} labels for {len(names)} images; restore the file from its repository"
        )
    values = np.concatenate([columns[name] for name in indices])
    if (
        len(np.unique(values)) != len(values)
        or values.min(initial=1) < 1
        or values.max(initial=1) > len(names)
    ):
        raise DatasetError(
            f"{path}: train, query and gallery must be different rows in 1..{len(names)}, got {len(np.unique(values))} "
            f"of {len(values)} different in {values.min(initial=1)}..{values.max(initial=1)}; restore the file"
        )
    return Config(
        names=names,
        labels=columns["labels"],
        parts={part: np.sort(columns[f"{part}_idx"]) - 1 for part in PARTS},
    )


def _list_image_names(folder: Path) -> tuple[str, ...]:
    return tuple(match.string for match in match_files(folder, IMAGE))


def _parse_person(name: str) -> tuple[int, int]:
    """Return the camera pair and the number of the person in it."""
    return int(name[0]), int(name[2:5])


def _check_labels(path: Path, config: Config, pids: Sequence[int]) -> None:
    different = np.flatnonzero(config.labels != np.array(pids))
    if len(different):
        row = int(different[0])
        raise DatasetError(
            f"{path}: label of {config.names[row]} must be the position of its person among all, {pids[row]}, got "
            f"{config.labels[row]}; restore the files of the new protocol"
        )


def _read_splits(release: Path, pids: Mapping[tuple[int, int], int]) -> IntArray | None:
    if not release.exists():
        return None
    splits = []
    for number, test_set in enumerate(read_test_sets(release), start=1):
        chosen = dict.fromkeys(test_set)
        if unknown := [person for person in chosen if person not in pids]:
            raise DatasetError(
                f"{release}: test set {number} has person {unknown[0][1]} of camera pair {unknown[0][0]}, but there is "
                "no image of this person; restore the images and the release file"
            )
        if len(chosen) != len(test_set):
            raise DatasetError(f"{release}: test set {number} has a person twice; restore the file")
        splits.append(
            [pids[person] for person in chosen] + [pids[person] for person in pids if person not in chosen]
        )
    return np.array(splits, dtype=np.int64)


def _read_sorted(folder: Path) -> DatasetContents:
    """Read the folder form of the new protocol."""
    kinds = _find_sorted_kinds(folder)
    if not kinds and (folder / RELEASE).exists():
        raise DatasetError(
            f"{folder} has {RELEASE}, but not its images as files; run `reidbench data extract cuhk03` first"
        )
    if not kinds:
        raise DatasetError(
            f"{folder} has none of {', '.join(map(images_folder, KINDS))}, {SORTED} and {RELEASE}; unpack the "
            "dataset's archive again"
        )
    rows: list[Row] = []
    parts = {}
    for kind in kinds:
        start = len(rows)
        for part, name in SORTED_FOLDERS.items():
            first, path = len(rows), f"{SORTED}/{kind}/{name}"
            for match in match_files(folder / path, SORTED_IMAGE):
                rows.append((int(match["person"]), int(match["camera"]), path, (match.string,)))
            parts[f"{kind}-{part}"] = np.arange(first, len(rows))
        parts[kind] = np.arange(start, len(rows))
    return DatasetContents(TrackletTable.of(folder, rows), parts=parts)


def _find_sorted_kinds(folder: Path) -> list[str]:
    return [kind for kind in KINDS if (folder / SORTED / kind).is_dir()]
