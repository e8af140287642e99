"""Label files that hold the parts of image names as arrays."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from reidbench.datasets.synthetic.layout import read_label_file
from reidbench.errors import DatasetError


def read_name_list(path: Path, prefix: str, fields: Sequence[str]) -> Iterator[tuple[Any, ...]]:
    """Yield the values of each image: a row across the arrays `<prefix>_<field>` of an npz file.

    Raises:
        DatasetError: the file is missing or damaged, lacks an array, or its arrays differ in length.
    """
    contents = io.BytesIO(read_label_file(path))
    try:
        with np.load(contents, allow_pickle=False) as arrays:
            columns = [arrays[f"{prefix}_{field}"].tolist() for field in fields]
        rows = list(zip(*columns, strict=True))
    except Exception as error:  # the parser of a damaged file may raise anything
        raise DatasetError(f"label file {path} cannot be used ({error}); restore it") from error
    yield from rows
