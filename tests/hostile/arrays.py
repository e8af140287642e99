"""Structural edits of files of arrays: HDF5, NumPy archives and MATLAB files."""

from __future__ import annotations

import io
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray
from scipy.io import loadmat, savemat

Array = NDArray[Any]
HUGE = 10**12


def edit_array(values: Array, random: Random) -> tuple[Array, str]:
    """Return an array with another type, shape or values, and what was done."""
    edits = _RETYPES + _RESHAPES + (_VALUE_EDITS if values.dtype.kind in "iuf" and values.size else ())
    name, edit = random.choice(edits)
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return np.asarray(edit(values, random)), name
        except (ValueError, TypeError, IndexError, OverflowError):
            return np.asarray(0), "scalar 0"


def _put(value: Any, kind: Any = float) -> Callable[[Array, Random], Array]:
    def edit(values: Array, random: Random) -> Array:
        changed = values.astype(kind)
        changed.ravel()[random.randrange(values.size)] = value
        return changed

    return edit


_Edits = tuple[tuple[str, Callable[[Array, Random], Any]], ...]
_RETYPES: _Edits = (
    ("float64", lambda a, r: a.astype("f8")),
    ("float16", lambda a, r: a.astype("f2")),
    ("int8", lambda a, r: a.astype("i1")),
    ("uint64", lambda a, r: a.astype("u8")),
    ("bool", lambda a, r: a.astype(bool)),
    ("complex", lambda a, r: a.astype("c16") + 1j),
    ("big endian", lambda a, r: a.astype(a.dtype.newbyteorder(">"))),
    ("bytes", lambda a, r: a.astype("S20")),
    ("structured", lambda a, r: np.zeros(a.shape, [("a", "f4"), ("b", "i4")])),
)
_RESHAPES: _Edits = (
    ("transposed", lambda a, r: a.T),
    ("shorter", lambda a, r: a[:-1]),
    ("longer", lambda a, r: np.concatenate([a, a[:1]])),
    ("reversed", lambda a, r: a[::-1]),
    ("rolled", lambda a, r: np.roll(a, 1, 0)),
    ("empty", lambda a, r: a[:0]),
    ("no columns", lambda a, r: a[..., :0]),
    ("extra axis", lambda a, r: a[None]),
    ("flat", lambda a, r: a.ravel()),
    ("scalar", lambda a, r: a.ravel()[0]),
    ("many axes", lambda a, r: a.reshape((1,) * 20 + a.shape)),
)
_VALUE_EDITS: _Edits = (
    ("nan", _put(np.nan)),
    ("inf", _put(np.inf)),
    ("1e308", _put(1e308)),
    ("5e-324", _put(5e-324)),
    ("-2", _put(-2)),
    ("half", _put(0.5)),
    ("2^53 + 2", _put(2.0**53 + 2)),
    ("2^64 - 1", _put(2**64 - 1, "u8")),
    ("2^63 - 1", _put(2**63 - 1, "i8")),
    ("int64 minimum", _put(-(2**63), "i8")),
    ("all nan", lambda a, r: np.full(a.shape, np.nan)),
    ("all equal", lambda a, r: np.full_like(a, a.ravel()[0])),
    ("all 1e200", lambda a, r: np.full(a.shape, 1e200)),
    ("random", lambda a, r: np.random.default_rng(r.randrange(2**32)).integers(-3, 9, a.shape)),
)


def damage_hdf5(path: Path, random: Random) -> str:
    """Apply a structural edit to an HDF5 file."""
    with h5py.File(path, "r+") as file:
        names: list[str] = []
        file.visit(names.append)
        name = random.choice(names)
        choice = random.random()
        if choice < 0.1:
            return _edit_attribute(file, name, random)
        if choice < 0.2:
            del file[name]
            return f"deleted {name}"
        if choice < 0.25:
            file.move(name, random.choice(["renamed", f"{name}_", "query/x", "../up"]))
            return f"renamed {name}"
        node = file[name]
        values = node[()] if isinstance(node, h5py.Dataset) else None
        if values is not None and choice < 0.65 and np.asarray(values).dtype.kind in "iufbS":
            changed, what = edit_array(np.asarray(values), random)
            attributes = dict(node.attrs)
            del file[name]
            file[name] = changed
            file[name].attrs.update(attributes)
            return f"{what} in {name}"
        what, put = random.choice(_HDF5_NODES)
        del file[name]
        put(file, name, path.parent)
        return f"{what} instead of {name}"


def _edit_attribute(file: Any, name: str, random: Random) -> str:
    node = random.choice([file, file[name]])
    texts = (
        "",
        "{}",
        "[]",
        "[" * 100_000,
        "\x1b[31m",
        "x" * 5000,
        '{"method": 1e999}',
        '{"method": "../../x"}',
    )
    value = random.choice([*texts, 0, -1, np.nan, 10**9, np.zeros(3), h5py.Empty("f4"), b"\xff\xfe"])
    existing = sorted(node.attrs)
    key = random.choice(
        [*existing, *existing, "about", "digest", "format_version", "MATLAB_class", "MATLAB_empty"]
    )
    if random.random() < 0.25 and key in node.attrs:
        del node.attrs[key]
        return f"deleted attribute {key}"
    node.attrs[key] = value
    return f"attribute {key} = {value!r:.30}"


def _put_virtual(file: Any, name: str, folder: Path) -> None:
    layout = h5py.VirtualLayout(shape=(8, 4), dtype="f4")
    layout[:] = h5py.VirtualSource(folder / "other.h5", "query/features", shape=(8, 4))
    file.create_virtual_dataset(name, layout)


def _put_raw_storage(file: Any, name: str, folder: Path) -> None:
    file.create_dataset(name, (8, 4), "u1", external=[("/etc/passwd", 0, 32)])


def _put_compressed(file: Any, name: str, folder: Path) -> None:
    file.create_dataset(name, (40_000, 40_000), "f4", chunks=(1000, 1000), compression="gzip")


_HDF5_NODES: tuple[tuple[str, Callable[[Any, str, Path], Any]], ...] = (
    ("external link to a file", lambda f, n, p: f.__setitem__(n, h5py.ExternalLink("other.h5", "/query/features"))),
    ("external link to a system file", lambda f, n, p: f.__setitem__(n, h5py.ExternalLink("/etc/hostname", "/x"))),
    ("link to itself", lambda f, n, p: f.__setitem__(n, h5py.SoftLink(f"/{n}"))),
    ("link to nothing", lambda f, n, p: f.__setitem__(n, h5py.SoftLink("/missing"))),
    ("link to the root", lambda f, n, p: f.__setitem__(n, f["/"])),
    ("virtual dataset", _put_virtual),
    ("external storage", _put_raw_storage),
    ("huge array", lambda f, n, p: f.create_dataset(n, (HUGE,), "f4", chunks=(1024,))),
    ("huge matrix", lambda f, n, p: f.create_dataset(n, (50_000, 50_000), "f8", chunks=(64, 64))),
    ("6 GB of one value", lambda f, n, p: f.create_dataset(n, (1_600_000_000,), "f4", chunks=(65536,), fillvalue=1)),
    ("compressed zeros", _put_compressed),
    ("group", lambda f, n, p: f.create_group(n)),
    ("empty dataset", lambda f, n, p: f.create_dataset(n, data=h5py.Empty("f4"))),
    ("texts", lambda f, n, p: f.create_dataset(n, data=["\x1b[31m", "a\nb", "x" * 9000, "1"])),
    ("type", lambda f, n, p: f.__setitem__(n, np.dtype("f4"))),
    ("references", lambda f, n, p: f.create_dataset(n, data=np.array([f.ref, None], dtype=h5py.ref_dtype))),
    ("arrays of variable length", lambda f, n, p: f.create_dataset(n, (3,), dtype=h5py.vlen_dtype("i4"))),
    ("scalar text", lambda f, n, p: f.create_dataset(n, data="text")),
)  # fmt: skip


def write_hdf5(path: Path, arrays: dict[str, Array]) -> None:
    """Write arrays such as `query_features` to groups such as `query`."""
    with h5py.File(path, "w") as file:
        for name, values in arrays.items():
            side, _, field = name.partition("_")
            file[f"{side}/{field.replace('camids', 'camid')}"] = values


def put_link(path: Path, random: Random) -> str:
    """Replace an array by one whose values are in another file."""
    what, put = random.choice([node for node in _HDF5_NODES if node[0].startswith(("external", "virtual"))])
    name = random.choice(["query/features", "gallery/features", "query/pid", "gallery/camid"])
    with h5py.File(path, "r+") as file:
        del file[name]
        put(file, name, path.parent)
    return f"{what} instead of {name}"


def damage_npz(path: Path, random: Random) -> str:
    """Apply a structural edit to a NumPy archive."""
    with np.load(path) as file:
        arrays = {name: file[name] for name in file.files}
    name = random.choice(sorted(arrays))
    choice = random.random()
    if choice < 0.5:
        arrays[name], what = edit_array(arrays[name], random)
        np.savez(path, **arrays)
        return f"{what} in {name}"
    if choice < 0.65:
        del arrays[name]
        np.savez(path, **arrays)
        return f"deleted {name}"
    members = {f"{key}.npy": _to_npy(values) for key, values in arrays.items()}
    member = f"{name}.npy"
    edits: dict[str, Callable[[], dict[str, bytes]]] = {
        "huge shape": lambda: {member: _npy_header((HUGE,))},
        "6 GB shape": lambda: {member: _npy_header((1_600_000_000,)) + b"\x00" * 64},
        "negative shape": lambda: {member: _npy_header((-1, 4)) + b"\x00" * 64},
        "header with code": lambda: {member: _npy_header("__import__('os').getcwd()")},
        "deep header": lambda: {member: _npy_header("(" * 3000)},
        "objects": lambda: {member: _to_npy(np.array([{"a": 1}], dtype=object))},
        "not an array": lambda: {member: b"text"},
        "path outside": lambda: {f"../../{member}": members[member]},
        "long name": lambda: {"x" * 60_000: members[member]},
        "control characters in a name": lambda: {"\x1b[31m.npy": members[member]},
    }
    what = random.choice(sorted(edits))
    with zipfile.ZipFile(path, "w", random.choice([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])) as file:
        for key, data in {**members, **edits[what]()}.items():
            file.writestr(key, data)
    return f"{what} in {name}"


def damage_npy(path: Path, random: Random) -> str:
    """Apply a structural edit to a NumPy array file."""
    headers = (
        _npy_header((HUGE,)),
        _npy_header((1_600_000_000,)),
        _npy_header((-1,)),
        _npy_header("(" * 3000),
    )
    if random.random() < 0.4:
        path.write_bytes(random.choice(headers))
        return "header"
    values, what = edit_array(np.load(path), random)
    path.write_bytes(_to_npy(values))
    return what


def _to_npy(values: Array) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, values, allow_pickle=True)
    return buffer.getvalue()


def _npy_header(shape: Any) -> bytes:
    header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}".encode()
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header


def damage_mat(path: Path, random: Random) -> str:
    """Apply a structural edit to a MATLAB file of version 5."""
    variables = {name: value for name, value in loadmat(path).items() if not name.startswith("__")}
    name = random.choice(sorted(variables))
    choice = random.random()
    if choice < 0.15:
        del variables[name]
        what = f"deleted {name}"
    elif choice < 0.25:
        variables[f"{name[:20]}_"] = variables.pop(name)
        what = f"renamed {name}"
    elif choice < 0.75 and variables[name].dtype.kind in "iufb":
        variables[name], edit = edit_array(variables[name], random)
        what = f"{edit} in {name}"
    else:
        edit = random.choice(sorted(_MAT_VALUES))
        variables[name] = _MAT_VALUES[edit]
        what = f"{edit} instead of {name}"
    try:
        savemat(path, variables, do_compression=random.random() < 0.5)
    # Not every array can be written.
    except (ValueError, TypeError, OverflowError):
        savemat(path, {})
        what = "no variables"
    return what


def _make_cell(*values: Any) -> Array:
    cell = np.empty((len(values), 1), dtype=object)
    for index, value in enumerate(values):
        cell[index, 0] = value
    return cell


_MAT_VALUES: dict[str, Any] = {
    "text": "text",
    "text with control characters": "\x1b[31mred",
    "cell of numbers": _make_cell(1, 2.5, -3),
    "cell of texts": _make_cell("a", "../../b", "c" * 2000),
    "nested cell": _make_cell(_make_cell(_make_cell(1))),
    "structure": {"a": 1, "b": {"c": [1, 2]}},
    "empty array": np.zeros((0, 0)),
    "three axes": np.zeros((2, 2, 2)),
    "complex numbers": np.array([[1 + 2j]]),
    "not a number": np.array([[np.nan]]),
    "infinity": np.array([[np.inf, 1, 2, 3]]),
    "fractions": np.array([[1.5, 2.5]]),
    "huge numbers": np.array([[1e300, 2**53]]),
    "negative numbers": np.array([[-1, -2, -3, -4]]),
    "booleans": np.array([[True, False]]),
}
