"""Check the inputs of users and convert them to tensors and arrays.

Every error is a `FeatureError` that names the argument, the position and the value.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from reidbench.errors import FeatureError, describe_error, quote

Values: TypeAlias = ArrayLike | Tensor
"""Numbers in any usual form: a NumPy array, a (nested) sequence, or a torch tensor on any device."""

# Rows per block of the search for a value that is not finite.
_SEARCH_ROWS = 1024


def as_features(name: str, values: Values) -> Tensor:
    """Return features as a finite float tensor (N, D) on their device.

    float64 and float32 stay as they are and are not copied; narrower floats become float32; integers and
    booleans become float64, which holds every integer up to 2**53.

    Raises:
        FeatureError: not numbers, not (N, D), no row, no column, or a value that is not finite.
    """
    features = _as_floats(name, values)
    if features.ndim != 2 or features.shape[1] == 0:
        raise FeatureError(
            f"{name} must have the shape (items, dimensions), got {tuple(features.shape)}; "
            "pass sequences as a pair scorer to make_search"
        )
    if features.shape[0] == 0:
        raise FeatureError(f"{name} has no rows: there is nothing to evaluate")
    check_finite(name, features)
    return features


def as_distances(values: Values) -> Tensor:
    """Return a distance matrix as a finite float tensor (Q, G); dtypes as in `as_features`, sign is free.

    Raises:
        FeatureError: not numbers, not (Q, G), empty, or a value that is not finite.
    """
    distances = _as_floats("distances", values)
    if distances.ndim != 2:
        raise FeatureError(f"distances must have the shape (queries, gallery), got {tuple(distances.shape)}")
    if 0 in distances.shape:
        raise FeatureError(
            f"distances is empty, shape {tuple(distances.shape)}: there is nothing to evaluate"
        )
    check_finite("distances", distances)
    return distances


def as_labels(name: str, values: Values | None) -> NDArray[np.int64]:
    """Return labels as an int64 array (N,); floats are accepted if all are whole numbers up to 2**53.

    Raises:
        FeatureError: missing, not one-dimensional, empty, not whole numbers, or outside of the range of int64.
    """
    if values is None:
        raise FeatureError(f"{name} is missing: pass one integer per row")
    labels = values.detach().cpu().numpy() if isinstance(values, Tensor) else _as_array(name, values)
    if labels.ndim != 1:
        raise FeatureError(f"{name} must have one dimension, got the shape {labels.shape}")
    if labels.size == 0:
        raise FeatureError(f"{name} is empty: there is nothing to evaluate")
    if labels.dtype.kind not in "iu" and not _is_whole(labels):
        raise FeatureError(f"{name} must be integers, got {labels.dtype}; number the labels first")
    _check_range(name, labels)
    return labels.astype(np.int64)


def _check_range(name: str, labels: NDArray[np.generic]) -> None:
    """Check that labels keep their values as int64: large whole numbers share a float, and uint64 would wrap."""
    limit = 2**63 - 1
    if labels.dtype.kind == "f":
        limit = min(2**53, 2 ** (np.finfo(labels.dtype.char).nmant + 1))
    elif labels.dtype != np.uint64:
        return
    is_outside = np.greater(np.abs(labels), limit)
    if is_outside.any():
        row = int(np.flatnonzero(is_outside)[0])
        raise FeatureError(
            f"{name} must be at most {limit:,} as {labels.dtype}, got {quote(labels[row])} in row {row}; number the "
            "labels from 1"
        )


def check_finite(name: str, values: Tensor, *, origin: tuple[int, int] = (0, 0)) -> None:
    """Check that all values (N, D) are finite; the error names the first row and column that is not.

    Args:
        name: name of the argument, for the message.
        values: some of its rows and columns.
        origin: row and column of the first value in the argument.

    Raises:
        FeatureError: a value is not finite.
    """
    # One pass and no copy.
    if all(bool(torch.isfinite(bound)) for bound in torch.aminmax(values)):
        return
    for start in range(0, len(values), _SEARCH_ROWS):
        bad = torch.nonzero(~torch.isfinite(values[start : start + _SEARCH_ROWS]))
        if len(bad):
            row, column = bad[0].tolist()
            value = values[start + row, column].item()
            raise FeatureError(
                f"{name}: row {origin[0] + start + row}, column {origin[1] + column} is {value}; "
                "every value must be finite, correct or remove this item"
            )


def _is_whole(labels: NDArray[np.generic]) -> bool:
    return (
        labels.dtype.kind == "f"
        and bool(np.all(labels == np.rint(labels)))
        and bool(np.isfinite(labels).all())
    )


def _as_floats(name: str, values: Values) -> Tensor:
    tensor = values.detach() if isinstance(values, Tensor) else _as_tensor(name, values)
    if tensor.is_complex() or tensor.layout != torch.strided:
        raise FeatureError(f"{name} must be dense real numbers, got {tensor.dtype} in layout {tensor.layout}")
    # MPS has no float64.
    if tensor.device.type == "mps":
        tensor = tensor.cpu()
    if tensor.dtype in (torch.float32, torch.float64):
        return tensor
    return tensor.to(torch.float32 if tensor.is_floating_point() else torch.float64)


def _as_array(name: str, values: ArrayLike) -> NDArray[np.generic]:
    try:
        return np.asarray(values)
    # Rows of different lengths.
    except ValueError as error:
        raise FeatureError(f"{name} must be an array of numbers: {describe_error(error)}") from error


def _as_tensor(name: str, values: ArrayLike) -> Tensor:
    array = _as_array(name, values)
    if array.dtype.kind not in "fiub":
        raise FeatureError(f"{name} must be real numbers, got an array of {array.dtype}")
    if array.dtype.kind != "f" or array.dtype.itemsize > 8:
        array = array.astype(np.float64)
    # torch shares memory only with writable arrays of native byte order and positive strides
    array = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("="))
    return torch.from_numpy(array if array.flags.writeable else array.copy())
