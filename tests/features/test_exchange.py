from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from scipy.io import savemat
from scipy.sparse import csc_matrix

from reidbench.errors import FeatureError
from reidbench.features import Items, Search, SearchFile, read_searches, write_searches
from tests.arrays.hostile_files import (
    write_external_link,
    write_external_storage,
    write_hdf5_bomb,
    write_mat5_bomb,
    write_npz_bomb,
    write_virtual,
)

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


def write(folder: Path, one: Search) -> Path:
    write_searches(folder / "f.h5", SearchFile(searches=[one]))
    return folder / "f.h5"


def store(path: Path, key: str, values: Any) -> None:
    """Replace a dataset of a file, as another program would write it: without our digest."""
    with h5py.File(path, "a") as file:
        file.attrs.pop("digest", None)
        del file[key]
        file[key] = values


def baseline_names(one: Search) -> dict[str, Any]:
    q, g = one.query, one.gallery
    return {
        "query_f": q.features, "query_label": q.pid, "query_cam": q.camid,
        "gallery_f": g.features, "gallery_label": g.pid, "gallery_cam": g.camid,
    }  # fmt: skip


def write_mat73(path: Path, arrays: dict[str, Any]) -> None:
    """Write arrays as MATLAB 7.3 does: HDF5 behind a header, axes reversed, vectors as (1, N), text as uint16."""
    with h5py.File(path, "w", userblock_size=512) as file:
        for key, array in arrays.items():
            matrix = np.atleast_2d(array)
            if matrix.dtype.kind == "U":
                file[key] = np.array([[ord(letter) for letter in word] for word in array], np.uint16).T
            else:
                file[key] = matrix.T
            file[key].attrs["MATLAB_class"] = np.bytes_("char" if matrix.dtype.kind == "U" else "double")
    header = b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM"
    with path.open("r+b") as handle:
        handle.write(header)


def test_searches_survive_writing_and_reading(tmp_path: Path) -> None:
    names = np.array([b"a", b"b"])
    written = search(query=items(2, tracklet_id=names), distances=RANDOM.normal(size=(2, 4)))
    write_searches(tmp_path / "f.h5", SearchFile(searches=[written], about={"method": "m"}))

    file = read_searches(tmp_path / "f.h5")
    assert file.about == {"method": "m"}
    assert same(file.searches[0], written)


@pytest.mark.parametrize("count", [12, 101])
def test_trials_keep_their_order(tmp_path: Path, count: int) -> None:
    trials = [search() for _ in range(count)]
    write_searches(tmp_path / "f.h5", SearchFile(searches=trials))

    searches = read_searches(tmp_path / "f.h5").searches
    assert [one.name for one in searches] == [f"trial_{index:02d}" for index in range(count)]
    assert all(same(ours, theirs) for ours, theirs in zip(searches, trials, strict=True))


def test_npz_and_mat_files_hold_the_same_search(tmp_path: Path) -> None:
    one = search(distances=RANDOM.normal(size=(2, 4)))
    q, g = one.query, one.gallery
    np.savez(
        tmp_path / "f.npz",
        query_features=q.features, query_pids=q.pid, query_camids=q.camid, distances=one.distances,
        gallery_features=g.features, gallery_pids=g.pid, gallery_camids=g.camid,
    )  # fmt: skip
    baseline = {**baseline_names(one), "distances": one.distances}
    # MATLAB stores (N,) as (1, N).
    savemat(tmp_path / "f.mat", baseline)
    write_mat73(tmp_path / "f73.MAT", baseline)
    np.savez(tmp_path / "baseline.npz", **baseline)

    for name in ("f.npz", "f.mat", "f73.MAT", "baseline.npz"):
        assert same(read_searches(tmp_path / name).searches[0], one), name


def test_distances_need_no_features(tmp_path: Path) -> None:
    bare = search(query=items(2, features=None), gallery=items(4, features=None), distances=np.ones((2, 4)))

    assert read_searches(write(tmp_path, bare)).searches[0].query.features is None


@pytest.mark.parametrize(
    "labels",
    [
        np.array([[5, 1, -1, 0]]),
        np.array([[5], [1], [-1], [0]]),
        np.array([5.0, 1.0, -1.0, 0.0]),
        np.array([5, 1, -1, 0], np.int16),
        np.array([b"5", b"0001", b"-1", b"0"]),
        np.array(["5", "0001", "-1", "0"], h5py.string_dtype()),
        np.array([["5", "0001", "-1", "0"]], h5py.string_dtype()),
    ],
    ids=["row", "column", "floats", "int16", "byte-digits", "unicode-digits", "row-of-digits"],
)
def test_labels_may_be_matrices_floats_or_digits(tmp_path: Path, labels: Any) -> None:
    path = write(tmp_path, search())
    store(path, "gallery/pid", labels)

    pid = read_searches(path).searches[0].gallery.pid
    assert pid.tolist() == [5, 1, -1, 0]
    assert pid.dtype == np.int64


@pytest.mark.parametrize("kind", ["char", "cell", "char-7.3", "npz"])
def test_digit_strings_of_other_formats_are_integers(tmp_path: Path, kind: str) -> None:
    arrays = baseline_names(search()) | {"gallery_label": np.array(["05", "01", "-1", "00"])}
    if kind == "npz":
        np.savez(tmp_path / "f.npz", **arrays)
    elif kind == "char-7.3":
        write_mat73(tmp_path / "f.mat", arrays)
    else:
        dtype = object if kind == "cell" else None
        savemat(tmp_path / "f.mat", arrays | {"gallery_label": arrays["gallery_label"].astype(dtype)})

    (path,) = tmp_path.iterdir()
    assert read_searches(path).searches[0].gallery.pid.tolist() == [5, 1, -1, 0]


def test_tracklet_ids_of_any_string_type_are_read(tmp_path: Path) -> None:
    path = write(tmp_path, search(query=items(2, tracklet_id=np.array([b"a", b"b"]))))
    store(path, "query/tracklet_id", np.array([["a", "b"]], h5py.string_dtype()))

    names = read_searches(path).searches[0].query.tracklet_id
    assert names is not None
    assert names.tolist() == ["a", "b"]


def hostile(write: Callable[[Path, str], Path]) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        suffix = ".npz" if "npz" in write.__name__ else ".mat" if "mat5" in write.__name__ else ".h5"
        name = "query/features" if suffix == ".h5" else "query_f"
        return write(folder / f"f{suffix}", name)

    return make


def corrupt(folder: Path) -> Path:
    path = write(folder, search())
    path.write_bytes(path.read_bytes()[:900])
    return path


def without_labels(folder: Path) -> Path:
    path = write(folder, search())
    with h5py.File(path, "a") as file:
        del file["gallery"]["pid"]
    return path


def write_embed_file(folder: Path) -> Path:
    with h5py.File(folder / "f.h5", "w") as file:
        file["features"], file["files"] = np.ones((2, 3)), [b"a", b"b"]
    return folder / "f.h5"


def with_labels(key: str, values: Any, *, trials: int = 1) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        write_searches(folder / "f.h5", SearchFile(searches=[search()] * trials))
        store(folder / "f.h5", key, values)
        return folder / "f.h5"

    return make


def with_about(text: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        write_searches(folder / "f.h5", SearchFile(searches=[search()]))
        with h5py.File(folder / "f.h5", "a", libver="latest") as file:
            file.attrs["about"] = text
        return folder / "f.h5"

    return make


def mat_without_cameras(folder: Path) -> Path:
    savemat(folder / "f.mat", {"query_f": np.ones((2, 3)), "query_label": np.ones(2)})
    return folder / "f.mat"


def mat73_without_cameras(folder: Path) -> Path:
    write_mat73(folder / "f.mat", {"query_f": np.ones((2, 3)), "query_label": np.ones(2)})
    return folder / "f.mat"


def mat_of_words(folder: Path) -> Path:
    savemat(folder / "f.mat", baseline_names(search()) | {"query_label": np.array(["a", "b"])})
    return folder / "f.mat"


def sparse_mat(folder: Path) -> Path:
    savemat(folder / "f.mat", baseline_names(search()) | {"query_f": csc_matrix(np.eye(2))})
    return folder / "f.mat"


def write_pickle(folder: Path) -> Path:
    np.savez(folder / "f.npz", query_features=np.array([{"an": "object"}], dtype=object))
    return folder / "f.npz"


def no_archive(folder: Path) -> Path:
    (folder / "f.npz").write_bytes(b"PK\x03\x04 nothing more")
    return folder / "f.npz"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (corrupt, "cannot read features {path}: "),
        (
            without_labels,
            "features {path}: key 'gallery/pid' is missing, found gallery/camid, gallery/features, query/camid, "
            "query/features, query/pid; add the missing key",
        ),
        (
            write_embed_file,
            "features {path}: key 'query/features' is missing, found features, files; add the missing key",
        ),
        (
            mat_without_cameras,
            "features {path}: key 'query_cam' is missing, found query_f, query_label; add the missing key",
        ),
        (
            mat73_without_cameras,
            "features {path}: key 'query_cam' is missing, found query_f, query_label; add the missing key",
        ),
        (
            with_labels("trial_01/query/pid", [b"1", b"tom"], trials=2),
            "features {path} (trial_01): query/pid row 1 must be an integer or a string of digits, got 'tom'; "
            "number the labels",
        ),
        (
            mat_of_words,
            "features {path}: query_label row 0 must be an integer or a string of digits, got 'a'; number the labels",
        ),
        (
            with_labels("gallery/camid", [1.0, 2.0, 2.5, 1.0]),
            "features {path}: gallery/camid row 2 must be an integer or a string of digits, got 2.5; number the labels",
        ),
        (
            with_labels("gallery/camid", np.array([1, 2**64 - 1, 1, 1], np.uint64)),
            "features {path}: gallery/camid row 1 must fit into 64 bits, got 18446744073709551615; "
            "number the labels from 1",
        ),
        (
            with_labels("gallery/pid", [True] * 4),
            "features {path}: gallery/pid must be integers, got bool; store integer labels",
        ),
        (
            with_labels("gallery/pid", np.ones((2, 2))),
            "features {path}: gallery/pid must have the shape (N,), (1, N) or (N, 1), got (2, 2); "
            "store one value per tracklet",
        ),
        (
            with_labels("gallery/pid", np.ones(0)),
            "features {path}: gallery/pid is empty; store one value per tracklet",
        ),
        (
            write_pickle,
            "features {path}: query_features must be a full array of numbers or strings, got Python objects; "
            "store a plain array",
        ),
        (sparse_mat, "features {path}: query_f must be a full array of numbers or strings, got a sparse one"),
        (no_archive, "cannot read features {path}: "),
        (
            lambda folder: write(folder, search(query=items(2, pid=np.arange(1)))),
            "features {path}: the fields of query must have the same length, "
            "got 2 in query/features, 1 in query/pid, 2 in query/camid; store one row per tracklet",
        ),
        (
            lambda folder: write(folder, search(gallery=items(4, features=np.ones((3, 4))))),
            "features {path}: the fields of gallery must have the same length, "
            "got 3 in gallery/features, 4 in gallery/pid, 4 in gallery/camid; store gallery/features as (N, D)",
        ),
        (
            lambda folder: write(folder, search(distances=np.ones((4, 2)))),
            "features {path}: distances must have the shape (2, 4) (query, gallery), got (4, 2); "
            "store the transposed matrix",
        ),
        (
            lambda folder: write(folder, search(query=items(2, features=np.ones((2, 5, 3))))),
            "features {path}: query/features must have the shape (N, D), got (2, 5, 3); "
            "add 'distances' (query, gallery), or store one vector per tracklet",
        ),
        *(
            (hostile(write), f"cannot read features {{path}}: {message}")
            for write, message in [
                (write_hdf5_bomb, "'query/features' has the shape (750000, 1000) of float64, which are 6 GB; the"),
                (write_npz_bomb, "'query_f' has the shape (750000, 1000) of float64, which are 6 GB; the"),
                (write_mat5_bomb, "'query_f' has the shape (750000, 1000) of |S8, which are 6 GB; the arrays of"),
                (write_external_link, "'query/features' is a link out of the file, to "),
                (write_virtual, "'query/features' is a virtual dataset, which has its values in other files"),
                (write_external_storage, "'query/features' has its values in the external file "),
            ]
        ),
        (
            with_about("[" * 100_000),
            "features {path}: attribute 'about' must be a JSON object, but ",
        ),
        (
            with_labels("gallery/pid", [b"9" * 5000] * 4),
            "features {path}: gallery/pid row 0 must fit into 64 bits, got '99999",
        ),
        (
            lambda folder: folder / "f.pth",
            "suffix of features {path} must be one of .h5, .hdf5, .npz, .mat, got '.pth'; convert the file",
        ),
    ],
    ids=[
        "truncated", "missing-key", "embed-file", "missing-mat-key", "missing-mat73-key", "word", "mat-word",
        "fraction", "uint64", "bool", "matrix", "no-rows", "objects", "sparse", "not-an-archive", "lengths",
        "transposed-features", "transposed-distances", "sequences", "hdf5-bomb", "npz-bomb", "mat-bomb",
        "external-link", "virtual", "external-storage", "nested-json", "long-number", "suffix",
    ],
)  # fmt: skip
def test_unusable_files_raise_feature_error_in_one_line(
    tmp_path: Path, make: Callable[[Path], Path], message: str
) -> None:
    path = make(tmp_path)

    with pytest.raises(FeatureError) as caught:
        read_searches(path)
    assert str(caught.value).startswith(message.format(path=path))
    assert "\n" not in str(caught.value)
