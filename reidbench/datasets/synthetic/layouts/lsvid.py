"""Writes the layout of LS-VID: tracks of fifteen cameras, named by lists of file name prefixes."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import NamedTuple

import h5py
import numpy as np

from reidbench.datasets.masks import mask_files
from reidbench.datasets.readers.lsvid import CAMERAS, LIST_FOLDERS, LISTS, QUERY_FILES, ROOT
from reidbench.datasets.synthetic.cameras import camera
from reidbench.datasets.synthetic.layout import Layout, TreePlan
from reidbench.datasets.synthetic.lengths import Lengths
from reidbench.datasets.synthetic.people import draw_people
from reidbench.datasets.synthetic.rendering import TrackJob
from reidbench.datasets.synthetic.seeding import Stream, layout_seed, stream
from reidbench.datasets.synthetic.settings import SyntheticSettings
from reidbench.datasets.synthetic.shares import chosen_people, draw_sightings, in_proportion, share_out
from reidbench.datasets.tracklets import IntArray

NAME = "lsvid"
_FOLDERS = {"train": "tracklet_train", "validation": "tracklet_val", "gallery": "tracklet_test"}
_PEOPLE = {"train": 842, "validation": 200, "gallery": 2_730}
_TRACKS = {"train": 2_831, "validation": 779, "gallery": 11_333}
_QUERIES = 3_504
_SEEN = 0.8  # pairs of person and camera for each track; not published
_MOST_OF_PAIR = 8  # tracks of one person in one camera
_LENGTHS = Lengths(10, 900, 199.6)  # 2,982,685 boxes in 14,943 tracks; the ends are guesses
_MAT_HEADER = b"MATLAB 7.3 MAT-file, written by reidbench".ljust(124) + b"\x00\x02IM"


class Walk(NamedTuple):
    """One track, the running number of it among those of the person."""

    part: str
    pid: int
    track: int
    camid: int

    @property
    def prefix(self) -> str:
        """How the names of its frames begin, relative to the folder of the archive."""
        return f"{_FOLDERS[self.part]}/{self.pid:04d}/{self.pid:04d}_{self.track:04d}_{self.camid:02d}"


def plan_tree(settings: SyntheticSettings) -> TreePlan:
    """Return the tracks of all parts, their lists and the query file."""
    seed = layout_seed(NAME, settings.seed)
    rng = stream(Stream.LABELS, seed)
    walks = _draw_walks(rng, settings)
    pids = sorted({walk.pid for walk in walks})
    cast = dict(zip(pids, draw_people(seed, len(pids)), strict=True))
    cameras = {number: camera(number) for number in range(1, CAMERAS + 1)}
    jobs = []
    for index, walk in enumerate(walks):
        frames = _frames(settings, seed, index, walk)
        jobs.append(
            TrackJob(
                person=cast[walk.pid],
                camera=cameras[walk.camid],
                index=index,
                seed=seed,
                frames=tuple(f"{frame}.jpg" for frame in frames),
                masks=mask_files(f"{frame}.jpg" for frame in frames) if settings.masks else None,
            )
        )
    files = {f"{ROOT}/{LIST_FOLDERS[0]}/{file}": _list(walks, part) for part, file in LISTS.items()}
    tested = [walk for walk in walks if walk.part == "gallery"]
    files[f"{ROOT}/{QUERY_FILES[0]}"] = query_bytes(_draw_queries(rng, tested))
    return TreePlan(jobs=jobs, files=files)


def query_bytes(rows: IntArray) -> bytes:
    """Return a MATLAB v7.3 file, which is HDF5 behind a header, with the rows (from 0) as 1-based `query`."""
    buffer = io.BytesIO()
    with h5py.File(buffer, "w", userblock_size=512) as file:
        query = file.create_dataset("query", data=(rows[None] + 1).astype(np.float64))  # a column in MATLAB
        query.attrs["MATLAB_class"] = np.bytes_("double")
    return _MAT_HEADER + buffer.getvalue()[len(_MAT_HEADER) :]


def _draw_walks(rng: np.random.Generator, settings: SyntheticSettings) -> list[Walk]:
    """Return the tracks of all people, as many for each as in the release; those for validation come on top."""
    official = _PEOPLE["train"] + _PEOPLE["gallery"]
    people = chosen_people(settings, official=official, least=4, most=9_000)
    counts = {
        "train": in_proportion(_PEOPLE["train"], people, official, least=2),
        "validation": in_proportion(_PEOPLE["validation"], people, official, least=2),
    }
    counts["gallery"] = people - counts["train"]
    pids = rng.permutation(sum(counts.values())) + 1
    walks: list[Walk] = []
    for part, count in counts.items():
        chosen, pids = np.sort(pids[:count]).tolist(), pids[count:]
        walks += _draw_part(rng, part, chosen)
    return walks


def _draw_part(rng: np.random.Generator, part: str, pids: list[int]) -> list[Walk]:
    tracks = in_proportion(_TRACKS[part], len(pids), _PEOPLE[part], least=2 * len(pids))
    seen = draw_sightings(rng, pids, CAMERAS, max(2 * len(pids), round(_SEEN * tracks)))
    counts = share_out(rng, tracks, len(seen), low=1, high=_MOST_OF_PAIR)
    walks: list[Walk] = []
    for (pid, camid), count in zip(seen, counts, strict=True):
        first = walks[-1].track + 1 if walks and walks[-1].pid == pid else 1
        walks += [Walk(part, pid, first + index, camid) for index in range(count)]
    return walks


def _draw_queries(rng: np.random.Generator, tested: Sequence[Walk]) -> IntArray:
    """Return rows of the test list: one of each person, and more of some in other cameras, the last of each camera."""
    last = {(walk.pid, walk.camid): row for row, walk in enumerate(tested)}
    order = list(last)
    pairs = [order[index] for index in rng.permutation(len(last)).tolist()]
    of_each = list({pid: (pid, camid) for pid, camid in pairs}.values())
    chosen = set(of_each)
    others = [pair for pair in pairs if pair not in chosen]
    more = in_proportion(_QUERIES, len(of_each), _PEOPLE["gallery"]) - len(of_each)
    return np.array(sorted(last[pair] for pair in of_each + others[:more]), dtype=np.int64)


def _frames(settings: SyntheticSettings, seed: int, index: int, walk: Walk) -> list[str]:
    """Return the frames of a track without their suffix, relative to the dataset folder."""
    length = settings.frames
    if length is None:
        length = _LENGTHS.chosen_by(settings).draw(stream(Stream.LENGTH, seed, index))
    prefix = walk.prefix
    return [f"{ROOT}/{prefix}_{frame:04d}" for frame in range(1, length + 1)]


def _list(walks: Sequence[Walk], part: str) -> bytes:
    return "".join(f"{walk.prefix} {walk.pid}\n" for walk in walks if walk.part == part).encode("ascii")


LAYOUT = Layout(
    name=NAME,
    folder="ls-vid",
    people=_PEOPLE["train"] + _PEOPLE["gallery"],
    lengths=_LENGTHS,
    plan=plan_tree,
    run_frames=2,
)
