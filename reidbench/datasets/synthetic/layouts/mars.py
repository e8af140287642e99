"""MARS layout: tracks of six cameras with junk and distractors, listed by index files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from reidbench.datasets.readers.mars import QUERY_FILE, person_folder, read_queries, read_tracks
from reidbench.datasets.synthetic.cameras import draw_camera
from reidbench.datasets.synthetic.label_sampling import (
    Lengths,
    Tracks,
    draw_scaled_visibility,
    draw_track_counts,
    resolve_people,
    scale_count,
    scale_counts,
)
from reidbench.datasets.synthetic.layout import Layout, TreePlan, format_mat
from reidbench.datasets.synthetic.people import Appearance, draw_appearance, draw_people
from reidbench.datasets.synthetic.rendering import TrackJob, plan_track
from reidbench.datasets.synthetic.seeding import Stream, make_rng
from reidbench.datasets.synthetic.settings import SyntheticSettings, derive_layout_settings
from reidbench.datasets.tracklets import IntArray

NAME = "mars"
LABEL_FILES = tuple(f"mars/{file}" for file in ("tracks_train_info.mat", "tracks_test_info.mat", QUERY_FILE))
# Shortest, longest and mean length in the official index files.
_LENGTHS = Lengths(2, 920, 58.2)
_SIZE = (128, 256)
# The track numbers of distractors have four digits.
_MAX_PEOPLE = 3_000

# Counted in the official index files: people seen by one camera, by two, ...; people and tracks per camera.
_TRAIN_BY_CAMERAS = (6, 221, 184, 137, 55, 22)
_TRAIN_PEOPLE = (520, 447, 314, 195, 375, 104)
_TRAIN_TRACKS = (1_816, 1_957, 1_321, 750, 1_880, 574)
_TEST_BY_CAMERAS = (8, 213, 202, 132, 54, 25)
# The eight test people of a single camera, who have no query.
_SINGLE_CAMERA = (4, 2, 1, 0, 1, 0)
_MULTI_CAMERA = (524, 456, 319, 191, 384, 106)
_TEST_TRACKS = (1_835, 1_910, 1_385, 666, 1_563, 703)
_JUNK_TRACKS = (110, 149, 14, 99, 145, 353)
_DISTRACTOR_TRACKS = (326, 1_666, 96, 259, 532, 369)


class Rows(NamedTuple):
    """Contents of an index file: person, camera and length (N,) of each track."""

    pids: IntArray
    camids: IntArray
    lengths: IntArray


class Labels(NamedTuple):
    """All index files; `queries` are 0-based rows of `test`."""

    train: Rows
    test: Rows
    queries: IntArray


def plan_tree(settings: SyntheticSettings) -> TreePlan:
    """Return the tracks of train and test, their name lists and index files."""
    settings = derive_layout_settings(NAME, settings)
    labels = _draw_labels(settings) if settings.labels is None else _read_official(settings, settings.labels)
    people = _assign_people(settings.seed, np.concatenate([labels.train.pids, labels.test.pids]))
    files = {f"info/{QUERY_FILE}": format_mat(query_IDX=_shrink_dtype(labels.queries[None] + 1))}
    jobs: list[TrackJob] = []
    for half, rows in (("train", labels.train), ("test", labels.test)):
        tracks = list(_yield_frame_names(rows))
        for names, camid in zip(tracks, rows.camids.tolist(), strict=True):
            frames = [f"bbox_{half}/{name[:4]}/{name}" for name in names]
            jobs.append(plan_track(settings, len(jobs), next(people), draw_camera(camid), frames, size=_SIZE))
        files[f"info/{half}_name.txt"] = _format_names(tracks)
        files[f"info/tracks_{half}_info.mat"] = format_mat(**{f"track_{half}_info": _make_index(rows)})
    return TreePlan(jobs=jobs, files=files)


def find_query_rows(pids: IntArray, camids: IntArray) -> IntArray:
    """Return the official query rows: the last row per person and camera, for people seen by two or more cameras.

    Args:
        pids: (N,) person of each test row; junk (-1) and distractors (0) are not people.
        camids: (N,) camera of each test row.

    Returns:
        Ascending 0-based rows.
    """
    pairs = zip(pids.tolist(), camids.tolist(), strict=True)
    last = {(pid, camid): row for row, (pid, camid) in enumerate(pairs) if pid > 0}
    cameras = Counter(pid for pid, _ in last)
    return np.array(sorted(row for (pid, _), row in last.items() if cameras[pid] > 1), dtype=np.int64)


def _read_official(settings: SyntheticSettings, folder: Path) -> Labels:
    """Read the labels of the official index files; `settings.frames` replaces their lengths."""
    train, test = (
        _read_rows(settings, folder / file, variable)
        for file, variable in zip(LABEL_FILES, ("track_train_info", "track_test_info"), strict=False)
    )
    return Labels(train, test, read_queries(folder / LABEL_FILES[2], test.pids))


def _read_rows(settings: SyntheticSettings, file: Path, variable: str) -> Rows:
    start, end, pids, camids = read_tracks(file, variable).T
    lengths = end - start + 1 if settings.frames is None else np.full(len(pids), settings.frames)
    return Rows(pids, camids, lengths)


def _draw_labels(settings: SyntheticSettings) -> Labels:
    """Draw labels with the official structure; with the official number of people, the counts are official."""
    rng = make_rng(Stream.LABELS, settings.seed)
    official_test = sum(_TEST_BY_CAMERAS)
    official = sum(_TRAIN_BY_CAMERAS) + official_test
    people = resolve_people(settings, official=official, minimum=4, maximum=_MAX_PEOPLE)
    test_people = scale_count(official_test, people, official, minimum=2)
    train = _draw_rows(
        settings, rng, _draw_pids(rng, people - test_people, 1), _draw_train_tracks(rng, people - test_people)
    )
    others = [
        scale_counts(counts, scale_count(sum(counts), test_people, official_test))
        for counts in (_JUNK_TRACKS, _DISTRACTOR_TRACKS)
    ]
    tracks = np.concatenate([np.array(others), _draw_test_tracks(rng, test_people)])
    test = _draw_rows(settings, rng, [-1, 0, *_draw_pids(rng, test_people, 2)], tracks)
    return Labels(train, test, find_query_rows(test.pids, test.camids))


def _draw_train_tracks(rng: np.random.Generator, people: int) -> Tracks:
    seen = draw_scaled_visibility(rng, people, _TRAIN_BY_CAMERAS, _TRAIN_PEOPLE)
    return draw_track_counts(rng, seen, _scale_tracks(_TRAIN_TRACKS, _TRAIN_PEOPLE, seen.sum(axis=0)))


def _draw_test_tracks(rng: np.random.Generator, people: int) -> Tracks:
    single_count, *_ = scale_counts(_TEST_BY_CAMERAS, people)
    single = draw_scaled_visibility(rng, single_count, (1,), _SINGLE_CAMERA)
    multiple = draw_scaled_visibility(rng, people - single_count, (0, *_TEST_BY_CAMERAS[1:]), _MULTI_CAMERA)
    seen = np.concatenate([single, multiple])[rng.permutation(people)]
    official = np.add(_SINGLE_CAMERA, _MULTI_CAMERA).tolist()
    return draw_track_counts(rng, seen, _scale_tracks(_TEST_TRACKS, official, seen.sum(axis=0)))


def _scale_tracks(tracks: Sequence[int], official: Sequence[int], people: IntArray) -> list[int]:
    """Scale the official tracks of each camera to the number of people that it sees."""
    return [round(a * c / b) for a, b, c in zip(tracks, official, people.tolist(), strict=True)]


def _draw_pids(rng: np.random.Generator, count: int, first: int) -> list[int]:
    """Draw ascending numbers from `first` in steps of 2 with gaps, such as 625 numbers in 1..1499."""
    pool = count + count // 5
    return [first + 2 * int(index) for index in np.sort(rng.choice(pool, count, replace=False))]


def _draw_rows(
    settings: SyntheticSettings, rng: np.random.Generator, pids: Sequence[int], tracks: Tracks
) -> Rows:
    """Draw rows with `tracks` (people, cameras) rows per person and camera, sorted by both."""
    person, camera = np.nonzero(tracks)
    repeats = tracks[person, camera]
    lengths = [_LENGTHS.draw(rng, settings) for _ in range(int(repeats.sum()))]
    row_pids = np.repeat(np.array(pids)[person], repeats)
    return Rows(row_pids, np.repeat(camera + 1, repeats), np.array(lengths, np.int64))


def _yield_frame_names(rows: Rows) -> Iterator[list[str]]:
    """Yield the frame names of each track; the tracks of a person are numbered over all cameras."""
    track_numbers: Counter[int] = Counter()
    for pid, camid, length in zip(*(column.tolist() for column in rows), strict=True):
        track_numbers[pid] += 1
        stem = f"{person_folder(pid)}C{camid}T{track_numbers[pid]:04d}"
        yield [f"{stem}F{frame:03d}.jpg" for frame in range(1, length + 1)]


def _format_names(tracks: Sequence[Sequence[str]]) -> bytes:
    return "".join(f"{name}\r\n" for names in tracks for name in names).encode("ascii")


def _make_index(rows: Rows) -> IntArray:
    end = np.cumsum(rows.lengths)
    table = np.stack([end - rows.lengths + 1, end, rows.pids, rows.camids], axis=1)
    # The official files contain int32.
    return table.astype(np.int32)


def _shrink_dtype(values: IntArray) -> IntArray:
    """Convert to the smallest dtype that can hold the values, as MATLAB does."""
    return values.astype(np.min_scalar_type(int(values.max())))


def _assign_people(seed: int, pids: IntArray) -> Iterator[Appearance]:
    """Yield the appearance of each track: a new person per distractor, a random known person for junk."""
    numbers = np.unique(pids[pids > 0]).tolist()
    people = dict(zip(numbers, draw_people(seed, len(numbers)), strict=True))
    junk = make_rng(Stream.LABELS, seed, 1)
    for index, pid in enumerate(pids.tolist()):
        if pid > 0:
            yield people[pid]
        elif pid == 0:
            yield draw_appearance(make_rng(Stream.PERSON, seed, len(numbers) + index))
        else:
            yield people[numbers[int(junk.integers(len(numbers)))]]


LAYOUT = Layout(
    name=NAME,
    folder="mars",
    people=sum(_TRAIN_BY_CAMERAS) + sum(_TEST_BY_CAMERAS),
    lengths=_LENGTHS,
    plan=plan_tree,
    run_frames=2,
    labels=LABEL_FILES,
)
