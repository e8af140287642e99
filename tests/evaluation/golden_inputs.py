"""The inputs of the golden cases: synthetic features on synthetic or official labels.

The features are integers from a counter-based hash, the same on every machine and in every version of NumPy, and
their squared distances are less than 2**53. The README of the golden files describes their origin.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.io import loadmat

from reidbench.evaluation import Scores, evaluate

Integers = NDArray[np.int64]
Recipe = dict[str, Any]
# Query pid, query cam, gallery pid, gallery cam.
Parts = tuple[Integers, Integers, Integers, Integers]

HERE = Path(__file__).parents[1] / "data" / "golden"
SHARED = Path(os.environ.get("REIDBENCH_GOLDEN", Path(__file__).parents[3] / "shared"))

# Purposes of a hash.
CENTRE, CAMERA, NOISE, LEVEL, NEAR, LABEL = 1, 2, 3, 4, 5, 6
IMAGES = 20


@dataclass(frozen=True, kw_only=True)
class Case:
    """Features (N, D) and labels (N,) of both sides."""

    q_feat: Integers
    g_feat: Integers
    q_pid: Integers
    g_pid: Integers
    q_cam: Integers
    g_cam: Integers

    def scores(self, queries: Any = slice(None), gallery: Any = slice(None), **others: Any) -> Scores:
        """Evaluate some queries against some of the gallery, with other gallery labels where given."""
        return evaluate(
            self.q_feat[queries].astype(np.float64),
            self.g_feat[gallery].astype(np.float64),
            self.q_pid[queries],
            others.pop("g_pid", self.g_pid)[gallery],
            self.q_cam[queries],
            others.pop("g_cam", self.g_cam)[gallery],
            **others,
        )

    @property
    def inputs(self) -> tuple[Any, ...]:
        """Features and labels in the order in which `evaluate` takes them; features as float64."""
        features = self.q_feat.astype(np.float64), self.g_feat.astype(np.float64)
        return *features, self.q_pid, self.g_pid, self.q_cam, self.g_cam

    def digest(self, name: str) -> str:
        return digest(getattr(self, name))


def digest(values: Any) -> str:
    """Return the SHA-256 of whole numbers, as the golden files have it."""
    return hashlib.sha256(np.ascontiguousarray(values, dtype="<i8").tobytes()).hexdigest()


def is_here(name: str) -> bool:
    """Whether a golden file can be read."""
    return any((folder / f"{name}.json").exists() for folder in (HERE, SHARED / "golden"))


def load(name: str) -> dict[str, Any]:
    """Read a golden file, from the repository or else from the shared folder."""
    folder = HERE if (HERE / f"{name}.json").exists() else SHARED / "golden"
    case: dict[str, Any] = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
    return case


def build(recipe: Recipe) -> Case:
    """Build the inputs that a golden file describes."""
    # The queries are rows of the gallery.
    if recipe["kind"] == "mars":
        (_, _, g_pid, g_cam), rows = mars_labels()
        g_feat = features(recipe, g_pid, g_cam, np.arange(len(g_pid)))
        return Case(
            q_feat=g_feat[rows], g_feat=g_feat, q_pid=g_pid[rows], g_pid=g_pid, q_cam=g_cam[rows], g_cam=g_cam
        )
    # The queries are the gallery.
    if recipe["kind"] == "single_shot":
        pid, cam = single_shot_labels(recipe)
        feat = features(recipe, pid, cam, np.arange(len(pid)))
        return Case(q_feat=feat, g_feat=feat, q_pid=pid, g_pid=pid, q_cam=cam, g_cam=cam)
    if recipe["kind"] == "pairs":
        people, cameras = np.arange(1, recipe["persons"] + 1), np.ones(recipe["persons"], np.int64)
        q_pid, q_cam, g_pid, g_cam = people, cameras, people, 2 * cameras
        items = np.arange(2 * len(people))
    else:
        readers = {"cuhk03np": cuhk03_labels, "duke": duke_labels, "market": market_labels}
        q_pid, q_cam, g_pid, g_cam = readers.get(recipe["kind"], synthetic_labels)(recipe)
        items = np.r_[len(g_pid) : len(g_pid) + len(q_pid), 0 : len(g_pid)]
    feat = features(recipe, np.r_[q_pid, g_pid], np.r_[q_cam, g_cam], items) // recipe.get("coarse", 1)
    q_feat, g_feat = feat[: len(q_pid)], feat[len(q_pid) :]
    return Case(q_feat=q_feat, g_feat=g_feat, q_pid=q_pid, g_pid=g_pid, q_cam=q_cam, g_cam=g_cam)


def features(recipe: Recipe, pid: Integers, cam: Integers, item: Integers) -> Integers:
    """Return the weighted sum of the parts of a person, a camera and an item, int64 (N, D).

    Distractors resemble no person, junk resembles a real person, and items differ in their amount of noise.
    """
    seed, dim, (of_person, of_camera, of_item) = recipe["seed"], recipe["dim"], recipe["weights"]
    real = np.unique(pid[pid > 0])
    look = np.where(pid == 0, 1_000_000 + item, pid)
    look = np.where(pid == -1, real[draw_below(seed, NEAR, item, len(real))], look)
    total = of_person * bell(seed, CENTRE, look, dim) + of_camera * bell(seed, CAMERA, cam, dim)
    level = 1 + draw_below(seed, LEVEL, item, 4)
    result: Integers = (total + of_item * level[:, None] * bell(seed, NOISE, item, dim)) >> 4
    return result


def synthetic_labels(recipe: Recipe) -> Parts:
    seed, people, cameras = recipe["seed"], recipe["ids"], recipe["cams"]
    junk, distractors = recipe.get("junk_pct", 0), recipe.get("distractor_pct", 0)
    item, query = np.arange(recipe["gallery"]), np.arange(recipe["query"])
    g_pid, g_cam = 1 + draw_below(seed, LABEL, item, people), 1 + draw_below(seed, LABEL + 1, item, cameras)
    share = draw_below(seed, LABEL + 2, item, 100)
    g_pid[share < junk] = -1
    g_pid[(share >= junk) & (share < junk + distractors)] = 0
    q_pid, q_cam = (
        1 + draw_below(seed, LABEL + 3, query, people),
        1 + draw_below(seed, LABEL + 4, query, cameras),
    )
    share = draw_below(seed, LABEL + 5, query, 100)
    # Not in the gallery at all.
    q_pid[share < recipe.get("absent_pct", 0)] += people
    for index in np.flatnonzero(share >= 100 - recipe.get("single_cam_pct", 0)):
        # In the gallery, but seen by no other camera.
        g_cam[g_pid == q_pid[index]] = q_cam[index]
    return q_pid, q_cam, g_pid, g_cam


def single_shot_labels(recipe: Recipe) -> tuple[Integers, Integers]:
    """Return person and camera of every image: one to a few of each person in each of two cameras."""
    person, camera = (
        part.ravel() for part in np.meshgrid(np.arange(1, recipe["ids"] + 1), [1, 2], indexing="ij")
    )
    images = 1 + draw_below(recipe["seed"], IMAGES, 10 * person + camera, recipe["max_images"])
    return np.repeat(person, images), np.repeat(camera, images)


def mars_labels() -> tuple[Parts, Integers]:
    """Return the labels, and the gallery rows that are the queries."""
    table = loadmat(SHARED / "data/mars/tracks_test_info.mat")["track_test_info"].astype(np.int64)
    rows = loadmat(SHARED / "data/mars/query_IDX.mat")["query_IDX"].ravel().astype(np.int64) - 1
    pid, cam = table[:, 2], table[:, 3]
    return (pid[rows], cam[rows], pid, cam), rows


def market_labels(recipe: Recipe) -> Parts:
    names = ("queryID", "queryID"), ("queryCam", "queryCAM"), ("testID", "testID"), ("testCam", "testCAM")
    q_pid, q_cam, g_pid, g_cam = (
        loadmat(SHARED / f"data/market1501/{file}.mat")[name].ravel().astype(np.int64) for file, name in names
    )
    return q_pid, q_cam, g_pid, g_cam


def duke_labels(recipe: Recipe) -> Parts:
    table = np.load(SHARED / "data/dukemtmc_reid/labels.npz")
    names = ("query_pid", "query_cam", "gallery_pid", "gallery_cam")
    q_pid, q_cam, g_pid, g_cam = (table[name].astype(np.int64) for name in names)
    return q_pid, q_cam, g_pid, g_cam


def cuhk03_labels(recipe: Recipe) -> Parts:
    table = loadmat(SHARED / f"data/cuhk03/cuhk03_new_protocol_config_{recipe['boxes']}.mat")
    pid, cam = (table[name].ravel().astype(np.int64) for name in ("labels", "camId"))
    query, gallery = (table[name].ravel().astype(np.int64) - 1 for name in ("query_idx", "gallery_idx"))
    return pid[query], cam[query], pid[gallery], cam[gallery]


def draw_below(seed: int, purpose: int, keys: Integers, bound: int) -> Integers:
    """One number of 0 .. bound - 1 for each key."""
    return (words(seed, purpose, keys, 1)[:, 0] % np.uint64(bound)).astype(np.int64)


def bell(seed: int, purpose: int, keys: Integers, columns: int) -> Integers:
    """Bell-shaped numbers around zero (N, columns): the sum of the four 16-bit parts of a hash."""
    parts = words(seed, purpose, keys, columns).view(np.uint16).reshape(len(keys), columns, 4)
    sums: Integers = parts.sum(axis=2, dtype=np.int64)
    return sums - 131070


def words(seed: int, purpose: int, keys: Integers, columns: int) -> NDArray[np.uint64]:
    """One hash (N, columns) of seed, purpose, key and column."""
    start = mix(np.array([seed], np.uint64) * np.uint64(0xA0761D6478BD642F) + np.uint64(purpose))
    key = mix(start + (keys.astype(np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15))
    column = np.arange(1, columns + 1, dtype=np.uint64) * np.uint64(0xD1342543DE82EF95)
    return mix(key[:, None] + column)


def mix(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The finaliser of SplitMix64 (Steele et al., OOPSLA 2014)."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))
