"""CUHK03 layout: five camera pairs, detected and labeled boxes, and the files of both protocols."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from reidbench.datasets.extract_cuhk03 import IMAGES_PER_PERSON, KINDS, image_name, images_folder
from reidbench.datasets.readers.cuhk03 import IMAGE, config_file, read_config
from reidbench.datasets.synthetic.cameras import draw_camera
from reidbench.datasets.synthetic.cuhk03_release import write_release
from reidbench.datasets.synthetic.label_sampling import draw_size, resolve_people, scale_count, split_total
from reidbench.datasets.synthetic.layout import Layout, TreePlan, format_mat, read_label_file
from reidbench.datasets.synthetic.people import draw_people
from reidbench.datasets.synthetic.rendering import TrackJob, plan_track
from reidbench.datasets.synthetic.seeding import Stream, make_rng
from reidbench.datasets.synthetic.settings import SyntheticSettings, derive_layout_settings

NAME = "cuhk03"
# People of each camera pair.
_PAIRS = (843, 440, 77, 58, 49)
_PEOPLE = sum(_PAIRS)
_TRAIN_PEOPLE, _TEST_PEOPLE = 767, 700
_TRAIN_IMAGES = {"detected": 7_365, "labeled": 7_368}
# Queries and gallery.
_TEST_IMAGES = {"detected": 1_400 + 5_332, "labeled": 1_400 + 5_328}
_VIEWS, _MAX_IMAGES_PER_VIEW = 2, IMAGES_PER_PERSON // 2
# Test sets of the classic protocol.
_TEST_SETS, _TEST_SET_PEOPLE = 20, 100
# Smallest and largest (width, height).
_SIZES = ((44, 112), (64, 160))

Person = tuple[int, int]
"""Camera pair and number in the pair, both from 1."""


def plan_tree(settings: SyntheticSettings) -> TreePlan:
    """Return the images of both box kinds, the files of the new protocol and the release file."""
    settings = derive_layout_settings(NAME, settings)
    rng = make_rng(Stream.LABELS, settings.seed)
    if settings.labels is None:
        names, files = _draw_protocol(rng, settings)
    else:
        names, files = _read_labels(settings.labels)
    views = [_parse_name(name) for name in sorted({name for kind in KINDS for name in names[kind]})]
    finish = partial(
        write_release, people=_count_people_per_pair(views), test_sets=_draw_test_sets(rng, names)
    )
    return TreePlan(jobs=_make_jobs(rng, settings, names), files=files, finish=finish)


def label_file(kind: str) -> str:
    """Return the path of the official file of the new protocol, relative to the directory of labels."""
    return f"cuhk03/{config_file(kind)}"


def _read_labels(labels: Path) -> tuple[dict[str, Sequence[str]], dict[str, bytes]]:
    """Read the image names of each box kind and the bytes of the official files."""
    files = {config_file(kind): read_label_file(labels / label_file(kind)) for kind in KINDS}
    configs = {kind: read_config(labels / label_file(kind)) for kind in KINDS}
    return {kind: config.names for kind, config in configs.items() if config is not None}, files


def _draw_protocol(
    rng: np.random.Generator, settings: SyntheticSettings
) -> tuple[dict[str, Sequence[str]], dict[str, bytes]]:
    """Draw names and files in the proportions of the release; the test people of the kinds differ in one."""
    count = resolve_people(settings, official=_PEOPLE, minimum=4, maximum=1_700)
    edges = np.rint(np.cumsum((0, *_PAIRS)) * count / _PEOPLE).astype(int)
    sizes = np.diff(edges).tolist()
    people = [(pair, number + 1) for pair, size in enumerate(sizes, start=1) for number in range(size)]
    train = scale_count(_TRAIN_PEOPLE, count, _PEOPLE, minimum=2)
    order = rng.permutation(count)
    names: dict[str, Sequence[str]] = {}
    files = {}
    for kind in KINDS:
        is_test = np.zeros(count, bool)
        is_test[order[train:]] = True
        names[kind], files[config_file(kind)] = _draw_kind(rng, kind, people, is_test)
        order[[0, train]] = order[[train, 0]]
    return names, files


def _draw_kind(
    rng: np.random.Generator, kind: str, people: Sequence[Person], is_test: npt.NDArray[np.bool_]
) -> tuple[list[str], bytes]:
    """Draw the image names of one box kind and its file of the new protocol."""
    counts = np.zeros((len(people), _VIEWS), np.int64)
    halves = ((~is_test, _TRAIN_PEOPLE, _TRAIN_IMAGES, 1), (is_test, _TEST_PEOPLE, _TEST_IMAGES, 2))
    for members, official, images, low in halves:
        total = scale_count(images[kind], int(members.sum()), official)
        numbers = split_total(rng, total, _VIEWS * int(members.sum()), low=low, high=_MAX_IMAGES_PER_VIEW)
        counts[members] = np.reshape(numbers, (-1, _VIEWS))
    names: list[str] = []
    rows: dict[str, list[int]] = {"train_idx": [], "query_idx": [], "gallery_idx": []}
    labels = []
    for label, (pair, person) in enumerate(people, start=1):
        for view, count in enumerate(counts[label - 1].tolist()):
            indices = list(range(len(names) + 1, len(names) + count + 1))
            names += [
                image_name(pair, person, view * _MAX_IMAGES_PER_VIEW + image + 1) for image in range(count)
            ]
            labels += [label] * count
            if is_test[label - 1]:
                rows["query_idx"].append(indices.pop(int(rng.integers(count))))
            rows["gallery_idx" if is_test[label - 1] else "train_idx"] += indices
    return names, _format_config(names, labels, rows)


def _format_config(names: Sequence[str], labels: Sequence[int], rows: Mapping[str, Sequence[int]]) -> bytes:
    filelist = np.empty((len(names), 1), object)
    filelist[:, 0] = names
    return format_mat(
        filelist=filelist,
        labels=np.array(labels, np.uint16)[:, None],
        camId=np.array([_parse_name(name)[2] for name in names], np.uint8)[:, None],
        **{name: np.array(indices, np.uint16)[:, None] for name, indices in rows.items()},
    )


def _parse_name(name: str) -> tuple[int, int, int]:
    """Return the camera pair, person number and view of an image name."""
    match = IMAGE.fullmatch(name)
    if match is None:
        raise ValueError(f"'{name}' is not an image name of CUHK03")
    return int(match["pair"]), int(match["person"]), int(match["view"])


def _count_people_per_pair(views: Sequence[tuple[int, int, int]]) -> list[int]:
    return [
        max((person for pair, person, _ in views if pair == number), default=0)
        for number in range(1, len(_PAIRS) + 1)
    ]


def _draw_test_sets(rng: np.random.Generator, names: Mapping[str, Sequence[str]]) -> list[list[Person]]:
    """Draw test sets of people with images of both box kinds in both views."""
    views: dict[Person, set[tuple[str, int]]] = defaultdict(set)
    for kind, kind_names in names.items():
        for pair, person, view in map(_parse_name, kind_names):
            views[pair, person].add((kind, view))
    people = sorted(person for person, seen in views.items() if len(seen) == _VIEWS * len(KINDS))
    count = scale_count(_TEST_SET_PEOPLE, len(views), _PEOPLE, minimum=2)
    samples = [rng.choice(len(people), count, replace=False).tolist() for _ in range(_TEST_SETS)]
    return [[people[index] for index in sorted(indices)] for indices in samples]


def _make_jobs(
    rng: np.random.Generator, settings: SyntheticSettings, names: Mapping[str, Sequence[str]]
) -> list[TrackJob]:
    """Return one track per person and view, shown by both box kinds."""
    tracks = defaultdict(list)
    for name, kind in sorted((name, kind) for kind, kind_names in names.items() for name in kind_names):
        tracks[_parse_name(name)].append(f"{images_folder(kind)}/{name}")
    keys = sorted({(pair, person) for pair, person, _ in tracks})
    people = dict(zip(keys, draw_people(settings.seed, len(keys)), strict=True))
    jobs = []
    for index, ((pair, person, view), files) in enumerate(tracks.items()):
        # Ten cameras; the labels contain only the view, 1 or 2.
        camera = draw_camera(_VIEWS * (pair - 1) + view)
        size = draw_size(rng, *_SIZES)
        jobs.append(plan_track(settings, index, people[pair, person], camera, files, size=size))
    return jobs


LAYOUT = Layout(
    name=NAME,
    folder=NAME,
    people=_PEOPLE,
    lengths=None,
    plan=plan_tree,
    labels=tuple(label_file(kind) for kind in KINDS),
)
