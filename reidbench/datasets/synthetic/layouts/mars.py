"""Writes the layout of MARS: tracks of six cameras, with junk and distractors, named by index files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from reidbench.datasets.masks import mask_files
from reidbench.datasets.readers.mars import CAMERAS, QUERY_FILE, person_folder, read_queries, read_tracks
from reidbench.datasets.synthetic.appearance import Appearance
from reidbench.datasets.synthetic.cameras import Camera, camera
from reidbench.datasets.synthetic.label_sampling import (
    Tracks,
    draw_scaled_visibility,
    draw_track_counts,
    scale_counts,
)
from reidbench.datasets.synthetic.layout import Layout, TreePlan, mat_bytes
from reidbench.datasets.synthetic.lengths import Lengths
from reidbench.datasets.synthetic.people import draw_appearance, draw_people
from reidbench.datasets.synthetic.rendering import TrackJob
from reidbench.datasets.synthetic.seeding import Stream, layout_seed, stream
from reidbench.datasets.synthetic.settings import SyntheticSettings
from reidbench.datasets.synthetic.shares import chosen_people, in_proportion
from reidbench.datasets.tracklets import IntArray

NAME = "mars"
LABEL_FILES = tuple(f"mars/{file}" for file in ("tracks_train_info.mat", "tracks_test_info.mat", QUERY_FILE))
_LENGTHS = Lengths(2, 920, 58.2)  # shortest, longest and mean of the official index files
_SIZE = (128, 256)
_MOST_PEOPLE = 3_000  # the tracks of their distractors have numbers of four digits

# Counted in the official index files: people seen by one camera, by two, ...; people and tracks of each camera.
_TRAIN_BY_CAMERAS = (6, 221, 184, 137, 55, 22)
_TRAIN_PEOPLE = (520, 447, 314, 195, 375, 104)
_TRAIN_TRACKS = (1_816, 1_957, 1_321, 750, 1_880, 574)
_TEST_BY_CAMERAS = (8, 213, 202, 132, 54, 25)
_ALONE = (4, 2, 1, 0, 1, 0)  # the eight test people of one camera, whom nobody can look for
_QUERIED = (524, 456, 319, 191, 384, 106)
_TEST_TRACKS = (1_835, 1_910, 1_385, 666, 1_563, 703)
_JUNK_TRACKS = (110, 149, 14, 99, 145, 353)
_DISTRACTOR_TRACKS = (326, 1_666, 96, 259, 532, 369)


class Rows(NamedTuple):
    """An index file without its line numbers: person, camera and length (N,) of each track."""

    pids: IntArray
    camids: IntArray
    lengths: IntArray


class Labels(NamedTuple):
    """All index files; the queries are rows of the test half, from 0."""

    train: Rows
    test: Rows
    queries: IntArray


def plan_tree(settings: SyntheticSettings) -> TreePlan:
    """Return the tracks of both halves, their name lists and index files."""
    seed = layout_seed(NAME, settings.seed)
    labels = _drawn(settings, seed) if settings.labels is None else _official(settings, settings.labels)
    walkers = iter(_cast(seed, np.concatenate([labels.train.pids, labels.test.pids])))
    files = {f"info/{QUERY_FILE}": mat_bytes(query_IDX=_smallest(labels.queries[None] + 1))}
    cameras = {number: camera(number) for number in range(1, CAMERAS + 1)}
    jobs: list[TrackJob] = []
    for half, rows in (("train", labels.train), ("test", labels.test)):
        tracks = list(_frame_names(rows))
        for names, camid in zip(tracks, rows.camids.tolist(), strict=True):
            jobs.append(
                _job(f"bbox_{half}", names, cameras[camid], next(walkers), index=len(jobs), seed=seed)
            )
        files[f"info/{half}_name.txt"] = _name_list(tracks)
        files[f"info/tracks_{half}_info.mat"] = mat_bytes(**{f"track_{half}_info": _index(rows)})
    return TreePlan(jobs=[_masked(job) for job in jobs] if settings.masks else jobs, files=files)


def find_query_rows(pids: IntArray, camids: IntArray) -> IntArray:
    """Return the official queries: the last row of each person and camera, of people seen by two cameras.

    Args:
        pids: (N,) person of each test row; junk and distractors are no people.
        camids: (N,) camera of each test row.

    Returns:
        Ascending rows, from 0.
    """
    pairs = zip(pids.tolist(), camids.tolist(), strict=True)
    last = {(pid, camid): row for row, (pid, camid) in enumerate(pairs) if pid > 0}
    cameras = Counter(pid for pid, _ in last)
    return np.array(sorted(row for (pid, _), row in last.items() if cameras[pid] > 1), dtype=np.int64)


def _official(settings: SyntheticSettings, folder: Path) -> Labels:
    """Return the labels of the official index files, and their lengths unless the settings name one."""
    train, test = (
        _official_rows(settings, folder / file, variable)
        for file, variable in zip(LABEL_FILES, ("track_train_info", "track_test_info"), strict=False)
    )
    return Labels(train, test, read_queries(folder / LABEL_FILES[2], test.pids))


def _official_rows(settings: SyntheticSettings, file: Path, variable: str) -> Rows:
    start, end, pids, camids = read_tracks(file, variable).T
    lengths = end - start + 1 if settings.frames is None else np.full(len(pids), settings.frames)
    return Rows(pids, camids, lengths)


def _drawn(settings: SyntheticSettings, seed: int) -> Labels:
    """Return labels of the official structure: with the official number of people, the official counts."""
    rng = stream(Stream.LABELS, seed)
    official_test = sum(_TEST_BY_CAMERAS)
    official = sum(_TRAIN_BY_CAMERAS) + official_test
    people = chosen_people(settings, official=official, least=4, most=_MOST_PEOPLE)
    testing = in_proportion(official_test, people, official, least=2)
    train = _drawn_rows(
        settings, rng, _numbers(rng, people - testing, 1), _train_tracks(rng, people - testing)
    )
    others = [
        scale_counts(counts, in_proportion(sum(counts), testing, official_test))
        for counts in (_JUNK_TRACKS, _DISTRACTOR_TRACKS)
    ]
    tracks = np.concatenate([np.array(others), _test_tracks(rng, testing)])
    test = _drawn_rows(settings, rng, [-1, 0, *_numbers(rng, testing, 2)], tracks)
    return Labels(train, test, find_query_rows(test.pids, test.camids))


def _train_tracks(rng: np.random.Generator, people: int) -> Tracks:
    seen = draw_scaled_visibility(rng, people, _TRAIN_BY_CAMERAS, _TRAIN_PEOPLE)
    return draw_track_counts(rng, seen, _in_step(_TRAIN_TRACKS, _TRAIN_PEOPLE, seen.sum(axis=0)))


def _test_tracks(rng: np.random.Generator, people: int) -> Tracks:
    alone, *_ = scale_counts(_TEST_BY_CAMERAS, people)
    single = draw_scaled_visibility(rng, alone, (1,), _ALONE)
    queried = draw_scaled_visibility(rng, people - alone, (0, *_TEST_BY_CAMERAS[1:]), _QUERIED)
    seen = np.concatenate([single, queried])[rng.permutation(people)]
    official = np.add(_ALONE, _QUERIED).tolist()
    return draw_track_counts(rng, seen, _in_step(_TEST_TRACKS, official, seen.sum(axis=0)))


def _in_step(tracks: Sequence[int], official: Sequence[int], people: IntArray) -> list[int]:
    """Return the tracks of each camera in proportion to the people it sees."""
    return [round(a * c / b) for a, b, c in zip(tracks, official, people.tolist(), strict=True)]


def _numbers(rng: np.random.Generator, count: int, first: int) -> list[int]:
    """Return ascending numbers, all odd or all even as the first, with gaps: 625 lie within 1..1499."""
    pool = count + count // 5
    return [first + 2 * int(index) for index in np.sort(rng.choice(pool, count, replace=False))]


def _drawn_rows(
    settings: SyntheticSettings, rng: np.random.Generator, pids: Sequence[int], tracks: Tracks
) -> Rows:
    """Return as many rows of each person and camera as `tracks` (people, cameras) says, sorted by both."""
    person, index = np.nonzero(tracks)
    repeats = tracks[person, index]
    natural = _LENGTHS.chosen_by(settings)
    count = int(repeats.sum())
    lengths = [natural.draw(rng) if settings.frames is None else settings.frames for _ in range(count)]
    return Rows(
        np.repeat(np.array(pids)[person], repeats), np.repeat(index + 1, repeats), np.array(lengths, np.int64)
    )


def _frame_names(rows: Rows) -> Iterator[list[str]]:
    """Yield the names of each track; tracks are counted for each person, over all cameras."""
    counted: Counter[int] = Counter()
    for pid, camid, length in zip(*(column.tolist() for column in rows), strict=True):
        counted[pid] += 1
        stem = f"{person_folder(pid)}C{camid}T{counted[pid]:04d}"
        yield [f"{stem}F{frame:03d}.jpg" for frame in range(1, length + 1)]


def _name_list(tracks: Sequence[Sequence[str]]) -> bytes:
    return "".join(f"{name}\r\n" for names in tracks for name in names).encode("ascii")


def _index(rows: Rows) -> IntArray:
    end = np.cumsum(rows.lengths)
    table = np.stack([end - rows.lengths + 1, end, rows.pids, rows.camids], axis=1)
    return table.astype(np.int32)  # as in the official files


def _smallest(values: IntArray) -> IntArray:
    """Return the values in the smallest type that holds them, as MATLAB stores them."""
    return values.astype(np.min_scalar_type(int(values.max())))


def _cast(seed: int, pids: IntArray) -> Iterator[Appearance]:
    """Yield who walks in each track: each distractor somebody of their own, junk one of the people."""
    known = np.unique(pids[pids > 0]).tolist()
    people = dict(zip(known, draw_people(seed, len(known)), strict=True))
    junk = stream(Stream.LABELS, seed, 1)
    for index, pid in enumerate(pids.tolist()):
        if pid > 0:
            yield people[pid]
        elif pid == 0:
            yield draw_appearance(stream(Stream.PERSON, seed, len(known) + index))
        else:
            yield people[known[int(junk.integers(len(known)))]]


def _job(
    half: str, names: Sequence[str], watcher: Camera, person: Appearance, *, index: int, seed: int
) -> TrackJob:
    return TrackJob(
        person=person,
        camera=watcher,
        index=index,
        seed=seed,
        frames=tuple(f"{half}/{name[:4]}/{name}" for name in names),
        size=_SIZE,
    )


def _masked(job: TrackJob) -> TrackJob:
    return replace(job, masks=mask_files(job.frames))


LAYOUT = Layout(
    name=NAME,
    folder="mars",
    people=sum(_TRAIN_BY_CAMERAS) + sum(_TEST_BY_CAMERAS),
    lengths=_LENGTHS,
    plan=plan_tree,
    run_frames=2,
    labels=LABEL_FILES,
)
