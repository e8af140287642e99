from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from scipy.io import savemat

from reidbench.errors import FeatureError
from reidbench.features import Items, Search, SearchFile, read_searches, write_searches

RANDOM = np.random.default_rng(1)


def items(count: int, **changes: Any) -> Items:
    plain = {
        "features": RANDOM.normal(size=(count, 3)).astype(np.float32),
        "pid": np.arange(1, count + 1),
        "camid": np.ones(count, dtype=np.int64),
    }
    return Items(**{**plain, **changes})


def search(name: str = "", **changes: Any) -> Search:
    return Search(**{"name": name, "query": items(2), "gallery": items(4), **changes})


def same(first: Search, second: Search) -> bool:
    def arrays(one: Search) -> list[Any]:
        return [one.distances, *vars(one.query).values(), *vars(one.gallery).values()]

    return all(np.array_equal(a, b) for a, b in zip(arrays(first), arrays(second), strict=True))


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    names = np.array([b"a", b"b"])
    whole = search(query=items(2, tracklet_id=names), distances=RANDOM.normal(size=(2, 4)))
    write_searches(tmp_path / "f.h5", SearchFile(searches=[whole], about={"method": "m"}))

    found = read_searches(tmp_path / "f.h5")
    assert found.about == {"method": "m"}
    assert same(found.searches[0], whole)


def test_several_trials_keep_their_order(tmp_path: Path) -> None:
    trials = [search() for _ in range(12)]
    write_searches(tmp_path / "f.h5", SearchFile(searches=trials))

    found = read_searches(tmp_path / "f.h5").searches
    assert [one.name for one in found] == [f"trial_{index:02d}" for index in range(12)]
    assert all(same(ours, theirs) for ours, theirs in zip(found, trials, strict=True))


def test_npz_and_mat_files_hold_the_same(tmp_path: Path) -> None:
    one = search()
    q, g = one.query, one.gallery
    np.savez(
        tmp_path / "f.npz",
        query_features=q.features, query_pids=q.pid, query_camids=q.camid,
        gallery_features=g.features, gallery_pids=g.pid, gallery_camids=g.camid,
    )  # fmt: skip
    baseline = {
        "query_f": q.features, "query_label": q.pid, "query_cam": q.camid,
        "gallery_f": g.features, "gallery_label": g.pid, "gallery_cam": g.camid,
    }  # fmt: skip
    savemat(tmp_path / "f.mat", baseline)  # MATLAB makes (1, N) of (N,)
    np.savez(tmp_path / "baseline.npz", **baseline)

    for name in ("f.npz", "f.mat", "baseline.npz"):
        assert same(read_searches(tmp_path / name).searches[0], one)


def test_distances_need_no_features(tmp_path: Path) -> None:
    bare = search(query=items(2, features=None), gallery=items(4, features=None), distances=np.ones((2, 4)))
    write_searches(tmp_path / "f.h5", SearchFile(searches=[bare]))

    assert read_searches(tmp_path / "f.h5").searches[0].query.features is None


def write(folder: Path, one: Search) -> Path:
    write_searches(folder / "f.h5", SearchFile(searches=[one]))
    return folder / "f.h5"


def corrupt(folder: Path) -> Path:
    path = write(folder, search())
    path.write_bytes(path.read_bytes()[:900])
    return path


def without_labels(folder: Path) -> Path:
    path = write(folder, search())
    with h5py.File(path, "a") as file:
        del file["gallery"]["pid"]
    return path


def mat_without_cameras(folder: Path) -> Path:
    savemat(folder / "f.mat", {"query_f": np.ones((2, 3)), "query_label": np.ones(2)})
    return folder / "f.mat"


def pickled(folder: Path) -> Path:
    np.savez(folder / "f.npz", query_features=np.array([{"an": "object"}], dtype=object))
    return folder / "f.npz"


def no_archive(folder: Path) -> Path:
    (folder / "f.npz").write_bytes(b"PK\x03\x04 nothing more")
    return folder / "f.npz"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (corrupt, r"f\.h5 cannot be read"),
        (without_labels, r"f\.h5 lack 'gallery/pid'"),
        (mat_without_cameras, r"f\.mat lack 'query_cam'"),
        (pickled, r"f\.npz cannot be read: .*allow_pickle"),
        (no_archive, r"f\.npz cannot be read"),
        (
            lambda folder: write(folder, search(query=items(2, pid=np.arange(1)))),
            "query has 2 of features, 1 of pid",
        ),
        (
            lambda folder: write(folder, search(gallery=items(4, features=np.ones((3, 2))))),
            "gallery has 3 of features",
        ),
        (
            lambda folder: write(folder, search(distances=np.ones((4, 2)))),
            r"the shape \(2, 4\), got \(4, 2\)",
        ),
        (
            lambda folder: write(folder, search(query=items(2, features=np.ones((2, 5, 3))))),
            r"query holds sequences \(2, 5, 3\), which have no distance of their own",
        ),
        (lambda folder: folder / "f.pth", r"must be one of \.h5, \.hdf5, \.npz, \.mat, got '\.pth'"),
    ],
)
def test_files_that_cannot_be_used_are_refused_in_one_line(
    tmp_path: Path, make: Callable[[Path], Path], message: str
) -> None:
    with pytest.raises(FeatureError, match=message) as caught:
        read_searches(make(tmp_path))
    assert "\n" not in str(caught.value)
