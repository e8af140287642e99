"""Writes the layout of CUHK03: five camera pairs, two kinds of boxes, the files of both protocols."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from reidbench.datasets.extract_cuhk03 import IMAGES_OF_A_PERSON, KINDS, image_name, images_folder
from reidbench.datasets.masks import mask_files
from reidbench.datasets.readers.cuhk03 import IMAGE, config_file, read_config
from reidbench.datasets.synthetic.cameras import camera
from reidbench.datasets.synthetic.cuhk03_release import write_release
from reidbench.datasets.synthetic.layout import Layout, TreePlan, mat_bytes, read_label_file
from reidbench.datasets.synthetic.people import draw_people
from reidbench.datasets.synthetic.rendering import TrackJob
from reidbench.datasets.synthetic.seeding import Stream, layout_seed, stream
from reidbench.datasets.synthetic.settings import SyntheticSettings
from reidbench.datasets.synthetic.shares import chosen_people, in_proportion, share_out

NAME = "cuhk03"
_PAIRS = (843, 440, 77, 58, 49)  # people of each camera pair
_PEOPLE = sum(_PAIRS)
_TRAIN_PEOPLE, _TEST_PEOPLE = 767, 700
_TRAIN_IMAGES = {"detected": 7_365, "labeled": 7_368}
_TEST_IMAGES = {"detected": 1_400 + 5_332, "labeled": 1_400 + 5_328}  # queries and gallery
_VIEWS, _MOST = 2, IMAGES_OF_A_PERSON // 2
_TEST_SETS, _TEST_SET_PEOPLE = 20, 100  # of the classic protocol
_SIZES = ((44, 112), (64, 160))  # (width, height), from small to large

Person = tuple[int, int]  # camera pair and number in it, both from 1


def plan_tree(settings: SyntheticSettings) -> TreePlan:
    """Return the images of both kinds of boxes, the files of the new protocol and the release file."""
    seed = layout_seed(NAME, settings.seed)
    rng = stream(Stream.LABELS, seed)
    if settings.labels is None:
        names, files = _draw_protocol(rng, settings)
    else:
        names, files = _labelled(settings.labels)
    found = [_view_of(name) for name in sorted({name for kind in KINDS for name in names[kind]})]
    finish = partial(write_release, people=_people_of_pairs(found), test_sets=_draw_test_sets(rng, names))
    return TreePlan(jobs=_jobs(rng, seed, names, masks=settings.masks), files=files, finish=finish)


def label_file(kind: str) -> str:
    """Return the official file of the new protocol below the folder of labels."""
    return f"cuhk03/{config_file(kind)}"


def _labelled(labels: Path) -> tuple[dict[str, Sequence[str]], dict[str, bytes]]:
    """Return the image names of each kind and the files, as they are."""
    files = {config_file(kind): read_label_file(labels / label_file(kind)) for kind in KINDS}
    configs = {kind: read_config(labels / label_file(kind)) for kind in KINDS}
    return {kind: config.names for kind, config in configs.items() if config is not None}, files


def _draw_protocol(
    rng: np.random.Generator, settings: SyntheticSettings
) -> tuple[dict[str, Sequence[str]], dict[str, bytes]]:
    """Return names and files in the proportions of the release; the kinds differ in one test person."""
    count = chosen_people(settings, official=_PEOPLE, least=4, most=1_700)
    edges = np.rint(np.cumsum((0, *_PAIRS)) * count / _PEOPLE).astype(int)
    sizes = np.diff(edges).tolist()
    people = [(pair, number + 1) for pair, size in enumerate(sizes, start=1) for number in range(size)]
    train = in_proportion(_TRAIN_PEOPLE, count, _PEOPLE, least=2)
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
    """Return the image names of one kind of boxes, and its file of the new protocol."""
    counts = np.zeros((len(people), _VIEWS), np.int64)
    kinds = ((~is_test, _TRAIN_PEOPLE, _TRAIN_IMAGES, 1), (is_test, _TEST_PEOPLE, _TEST_IMAGES, 2))
    for chosen, official, images, low in kinds:
        total = in_proportion(images[kind], int(chosen.sum()), official)
        shares = share_out(rng, total, _VIEWS * int(chosen.sum()), low=low, high=_MOST)
        counts[chosen] = np.reshape(shares, (-1, _VIEWS))
    names: list[str] = []
    rows: dict[str, list[int]] = {"train_idx": [], "query_idx": [], "gallery_idx": []}
    labels = []
    for label, (pair, person) in enumerate(people, start=1):
        for view, count in enumerate(counts[label - 1].tolist()):
            here = list(range(len(names) + 1, len(names) + count + 1))
            names += [image_name(pair, person, view * _MOST + image + 1) for image in range(count)]
            labels += [label] * count
            if is_test[label - 1]:
                rows["query_idx"].append(here.pop(int(rng.integers(count))))
            rows["gallery_idx" if is_test[label - 1] else "train_idx"] += here
    return names, _config_bytes(names, labels, rows)


def _config_bytes(names: Sequence[str], labels: Sequence[int], rows: Mapping[str, Sequence[int]]) -> bytes:
    filelist = np.empty((len(names), 1), object)
    filelist[:, 0] = names
    return mat_bytes(
        filelist=filelist,
        labels=np.array(labels, np.uint16)[:, None],
        camId=np.array([_view_of(name)[2] for name in names], np.uint8)[:, None],
        **{name: np.array(indices, np.uint16)[:, None] for name, indices in rows.items()},
    )


def _view_of(name: str) -> tuple[int, int, int]:
    """Return camera pair, person in it and view of an image."""
    match = IMAGE.fullmatch(name)
    if match is None:
        raise ValueError(f"'{name}' is no image of CUHK03")
    return int(match["pair"]), int(match["person"]), int(match["view"])


def _people_of_pairs(found: Sequence[tuple[int, int, int]]) -> list[int]:
    return [
        max((person for pair, person, _ in found if pair == wanted), default=0)
        for wanted in range(1, len(_PAIRS) + 1)
    ]


def _draw_test_sets(rng: np.random.Generator, names: Mapping[str, Sequence[str]]) -> list[list[Person]]:
    """Return test sets of people who are seen in both views by both kinds of boxes."""
    views: dict[Person, set[tuple[str, int]]] = defaultdict(set)
    for kind, found in names.items():
        for pair, person, view in map(_view_of, found):
            views[pair, person].add((kind, view))
    people = sorted(person for person, seen in views.items() if len(seen) == _VIEWS * len(KINDS))
    count = in_proportion(_TEST_SET_PEOPLE, len(views), _PEOPLE, least=2)
    drawn = [rng.choice(len(people), count, replace=False).tolist() for _ in range(_TEST_SETS)]
    return [[people[index] for index in sorted(indices)] for indices in drawn]


def _jobs(
    rng: np.random.Generator, seed: int, names: Mapping[str, Sequence[str]], *, masks: bool
) -> list[TrackJob]:
    """Return one walk of each person in each view; both kinds of boxes show it."""
    walks = defaultdict(list)
    for name, kind in sorted((name, kind) for kind, found in names.items() for name in found):
        walks[_view_of(name)].append(f"{images_folder(kind)}/{name}")
    known = sorted({(pair, person) for pair, person, _ in walks})
    people = dict(zip(known, draw_people(seed, len(known)), strict=True))
    small, large = np.array(_SIZES)
    jobs = []
    for index, ((pair, person, view), files) in enumerate(walks.items()):
        width, height = np.rint(small + rng.random() * (large - small)).astype(int).tolist()
        jobs.append(
            TrackJob(
                person=people[pair, person],
                camera=camera(_VIEWS * (pair - 1) + view),  # ten cameras, of which labels tell two views
                index=index,
                seed=seed,
                frames=tuple(files),
                masks=mask_files(files) if masks else None,
                size=(width, height),
            )
        )
    return jobs


LAYOUT = Layout(
    name=NAME,
    folder=NAME,
    people=_PEOPLE,
    lengths=None,
    plan=plan_tree,
    labels=tuple(label_file(kind) for kind in KINDS),
)
