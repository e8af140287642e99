"""Pool several features into one: the frames of a track, or all boxes of a query (multi-query of Market-1501)."""

from __future__ import annotations

import itertools
from typing import Literal, TypeAlias, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from reidbench.errors import ConfigError, FeatureError, quote
from reidbench.evaluation.inputs import Values, as_features, as_labels

How: TypeAlias = Literal["mean", "max"]
"""How the members of a group are pooled, dimension by dimension."""

Integers: TypeAlias = NDArray[np.int64]

# Features that are converted to float64 together.
_CHUNK_ELEMENTS = 1 << 22


def pool(
    features: Values,
    groups: Values,
    *,
    keys: Values | None = None,
    how: How = "mean",
    normalize: bool = False,
) -> Tensor:
    """Pool the features of each group.

    The MARS authors' feature of a track is `how="max", normalize=True` over its frames.

    Args:
        features: (N, D), an array or a tensor on any device.
        groups: (N,) integers, the group of each row.
        keys: (K,) groups to return, in this order, repeats allowed; by default every group
            once, ascending. Rows of other groups are ignored.
        how: `mean` (summed in float64, in the order of the rows) or `max`.
        normalize: divide the result by its Euclidean length; a zero vector stays zero.

    Returns:
        (K, D), dtype and device as `as_features` gives them.

    Raises:
        FeatureError: invalid features or labels, or a key without a row.
        ConfigError: another `how`.
    """
    values, labels = as_features("features", features), as_labels("groups", groups)
    _check_count("features", len(values), "groups", len(labels))
    chosen = np.unique(labels) if keys is None else as_labels("keys", keys)
    missing = chosen[~np.isin(chosen, labels)]
    if len(missing):
        raise FeatureError(f"keys: no feature is of group {missing[0]}; every key needs at least one")
    return _pool(values, labels, chosen, how, normalize=normalize)


def pool_queries(
    boxes: Values,
    box_pids: Values,
    box_camids: Values,
    query_pids: Values,
    query_camids: Values,
    *,
    how: How = "mean",
) -> Tensor:
    """Return the multi-query features of Market-1501: each query pooled over all boxes of its person and camera.

    Nothing is normalised after pooling (Zheng et al., ICCV 2015: mean and max); the scoring is that of single
    queries. A query's own image counts only if it is among the boxes.

    Args:
        boxes: (N, D) features of the boxes (`gt_bbox`).
        box_pids: (N,) persons.
        box_camids: (N,) cameras.
        query_pids: (Q,) persons.
        query_camids: (Q,) cameras.
        how: `mean` or `max`.

    Returns:
        (Q, D), dtype and device as `as_features` gives them.

    Raises:
        FeatureError: invalid features or labels, or a query without a box.
        ConfigError: another `how`.
    """
    values = as_features("boxes", boxes)
    box = _people_and_cameras("box", box_pids, box_camids)
    query = _people_and_cameras("query", query_pids, query_camids)
    _check_count("boxes", len(values), "box_pids", box.shape[1])
    _, number = np.unique(np.concatenate([box, query], axis=1), axis=1, return_inverse=True)
    groups, keys = np.split(number.reshape(-1).astype(np.int64), [box.shape[1]])
    missing = np.flatnonzero(~np.isin(keys, groups))
    if len(missing):
        person, camera = query[:, missing[0]]
        raise FeatureError(
            f"query {missing[0]} (person {person}, camera {camera}) has no box; "
            "multi-query needs at least one box of the same person and camera"
        )
    return _pool(values, groups, keys, how, normalize=False)


def _pool(values: Tensor, labels: Integers, keys: Integers, how: How, *, normalize: bool) -> Tensor:
    if how not in get_args(How):
        raise ConfigError(f"how must be one of {', '.join(get_args(How))}, got {quote(how)}")
    order = np.argsort(labels, kind="stable")
    first = np.searchsorted(labels[order], keys, side="left")
    lengths = np.searchsorted(labels[order], keys, side="right") - first
    pooled = values.new_empty(len(keys), values.shape[1])
    for part in _parts(lengths, max(1, _CHUNK_ELEMENTS // values.shape[1])):
        counts = lengths[part]
        within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        rows = torch.from_numpy(order[np.repeat(first[part], counts) + within]).to(values.device)
        segments = torch.from_numpy(counts).to(values.device)
        result = torch.segment_reduce(values[rows].double(), how, lengths=segments, axis=0)
        pooled[part] = (torch.nn.functional.normalize(result, dim=1) if normalize else result).to(
            values.dtype
        )
    return pooled


def _parts(lengths: Integers, limit: int) -> list[slice]:
    """Split the groups into runs of about `limit` rows."""
    window = (np.cumsum(lengths) - 1) // limit
    cuts = [0, *(np.flatnonzero(np.diff(window)) + 1).tolist(), len(lengths)]
    return [slice(start, stop) for start, stop in itertools.pairwise(cuts)]


def _people_and_cameras(side: str, pids: Values, camids: Values) -> Integers:
    people, cameras = as_labels(f"{side}_pids", pids), as_labels(f"{side}_camids", camids)
    _check_count(f"{side}_pids", len(people), f"{side}_camids", len(cameras))
    return np.stack([people, cameras])


def _check_count(what: str, count: int, partner: str, expected: int) -> None:
    if count != expected:
        raise FeatureError(
            f"{what} has {count} rows and {partner} has {expected}; each row needs one of both"
        )
