"""Small files that would fill the memory, lead to other files, or crash the libraries that read them."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from pathlib import Path

import h5py
import numpy as np

# 6 GB as float64.
LARGE = (750_000, 1000)


def npy_header(shape: tuple[int, ...], descr: str = "<f8") -> bytes:
    text = repr({"descr": descr, "fortran_order": False, "shape": shape}).encode()
    text += b" " * (-(len(text) + 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text


def write_npz_bomb(path: Path, name: str) -> Path:
    """Write an archive whose array has 6 GB in its header, and little in the file."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"{name}.npy", npy_header(LARGE) + bytes(1 << 20))
    return path


def write_hdf5_bomb(path: Path, name: str) -> Path:
    """Write a dataset of 6 GB of which no chunk is stored."""
    with h5py.File(path, "w") as file:
        file.create_dataset(name, LARGE, np.float64, chunks=(1000, 1000), compression="gzip")
    return path


def write_chunk_bomb(path: Path, name: str) -> Path:
    """Write one value in a chunk of 3.2 GB, which is decompressed as a whole."""
    with h5py.File(path, "w") as file:
        file.create_dataset(name, (1,), np.float64, chunks=(1,), maxshape=(None,))
        properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        properties.set_chunk((400_000_000,))
        properties.set_deflate(1)
        space = h5py.h5s.create_simple((1,), (h5py.h5s.UNLIMITED,))
        del file[name]
        h5py.h5d.create(file.id, name.encode(), h5py.h5t.NATIVE_DOUBLE, space, properties)
    return path


def write_external_link(path: Path, name: str) -> Path:
    with h5py.File(path.with_name("other.h5"), "w") as file:
        file["secret"] = np.arange(6.0).reshape(2, 3)
    with h5py.File(path, "w") as file:
        file[name] = h5py.ExternalLink(str(path.with_name("other.h5")), "secret")
    return path


def write_external_group(path: Path, name: str) -> Path:
    """Write a soft link whose path goes through an external link."""
    write_external_link(path, "door")
    with h5py.File(path, "a") as file:
        file[name] = h5py.SoftLink("/door")
    return path


def write_endless_link(path: Path, name: str) -> Path:
    with h5py.File(path, "w") as file:
        file[name] = h5py.SoftLink(f"/{name}")
    return path


def write_virtual(path: Path, name: str) -> Path:
    other = path.with_name("other.h5")
    with h5py.File(other, "w") as file:
        file["secret"] = np.arange(6.0).reshape(2, 3)
    layout = h5py.VirtualLayout((2, 3), np.float64)
    layout[...] = h5py.VirtualSource(str(other), "secret", (2, 3))
    with h5py.File(path, "w") as file:
        file.create_virtual_dataset(name, layout)
    return path


def write_external_storage(path: Path, name: str) -> Path:
    path.with_name("secret.bin").write_bytes(np.arange(6.0).tobytes())
    with h5py.File(path, "w") as file:
        file.create_dataset(name, (2, 3), np.float64, external=[(str(path.with_name("secret.bin")), 0, 48)])
    return path


def mat5_element(kind: int, contents: bytes) -> bytes:
    return struct.pack("<II", kind, len(contents)) + contents + bytes(-len(contents) % 8)


def write_mat5(
    path: Path, name: str, shape: tuple[int, int], contents: bytes, *, class_number: int = 6
) -> Path:
    """Write a compressed matrix of doubles whose header may contradict its contents."""
    flags = mat5_element(6, struct.pack("<II", class_number, 0))
    sizes = mat5_element(5, struct.pack("<ii", *shape))
    matrix = flags + sizes + mat5_element(1, name.encode()) + contents
    packed = zlib.compress(mat5_element(14, matrix))
    header = b"MATLAB 5.0 MAT-file".ljust(124) + b"\x00\x01IM"
    path.write_bytes(header + struct.pack("<II", 15, len(packed)) + packed)
    return path


def write_mat5_bomb(path: Path, name: str) -> Path:
    return write_mat5(path, name, LARGE, mat5_element(9, bytes(8)))


def write_cell_bomb(path: Path, name: str) -> Path:
    """Write a cell array of 10**9 cells, which are 8 GB of pointers."""
    return write_mat5(path, name, (1_000_000, 1000), b"", class_number=1)


def write_object_npz(path: Path, name: str) -> Path:
    buffer = io.BytesIO()
    np.save(buffer, np.array([print], dtype=object), allow_pickle=True)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{name}.npy", buffer.getvalue())
    return path
