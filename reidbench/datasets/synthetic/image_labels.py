"""Label files (npz) with the fields of image names as arrays."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from reidbench.arrays import ArrayError, read_npz
from reidbench.datasets.synthetic.layout import read_label_file
from reidbench.errors import DatasetError, describe_error


def read_image_labels(path: Path, prefix: str, fields: Sequence[str]) -> Iterator[tuple[Any, ...]]:
    """Yield one tuple per image: its values in the arrays `<prefix>_<field>` of an npz file.

    Raises:
        DatasetError: the file is missing or damaged, an array is missing, or the arrays differ in length.
    """
    names = [f"{prefix}_{field}" for field in fields]
    contents = io.BytesIO(read_label_file(path))
    try:
        arrays, _ = read_npz(contents, names)
        if missing := [name for name in names if not isinstance(arrays.get(name), np.ndarray)]:
            raise ArrayError(f"it has no array '{missing[0]}'")
        rows = list(zip(*(arrays[name].tolist() for name in names), strict=True))
    # NumPy raises many kinds of exceptions for a damaged file.
    except Exception as error:
        raise DatasetError(
            f"cannot use label file {path}: {describe_error(error)}. Restore the official file."
        ) from error
    yield from rows
