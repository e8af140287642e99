"""Label files (npz) with the fields of image names as arrays."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from reidbench.datasets.synthetic.layout import read_label_file
from reidbench.errors import DatasetError


def read_image_labels(path: Path, prefix: str, fields: Sequence[str]) -> Iterator[tuple[Any, ...]]:
    """Yield one tuple per image: its values in the arrays `<prefix>_<field>` of an npz file.

    Raises:
        DatasetError: the file is missing or damaged, an array is missing, or the arrays differ in length.
    """
    contents = io.BytesIO(read_label_file(path))
    try:
        with np.load(contents, allow_pickle=False) as arrays:
            columns = [arrays[f"{prefix}_{field}"].tolist() for field in fields]
        rows = list(zip(*columns, strict=True))
    # NumPy raises many kinds of exceptions for a damaged file.
    except Exception as error:
        raise DatasetError(f"cannot use label file {path}: {error}. Restore the official file.") from error
    yield from rows
