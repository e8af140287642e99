"""The result of a trial and its cache file."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import pandas as pd

from reidbench.entries import read_json_entry, write_json_entry
from reidbench.evaluation import Scores, Unmatched, scores_from_table

Epochs: TypeAlias = Sequence[tuple[int, Mapping[str, float]]]
"""Reported values of a fit: (epoch, values by name), in the order of the epochs."""

RESULT_VERSION = 2
"""Part of the cache key of a result; changes when the file format changes."""


@dataclass(frozen=True)
class TrialResult:
    """The scores of a trial and the cost of their first computation.

    Attributes:
        tar: true accept rate by false accept rate; NaN without genuine or impostor pairs.
        fit: seconds by fit key; trials that share a fit have the same key.
        embed: seconds by block of embeddings; trials that share a block have the same key.
        match: seconds of distances and ranking.
        device: torch device that computed the result.
        item_bytes: mean bytes of the embedding of an item, by feature key.
        training: reported values by fit key.
        computed: the parts that this run computed: "fit", "embed", "match".
    """

    scores: Scores
    tar: Mapping[float, float]
    fit: Mapping[str, float]
    embed: Mapping[str, float]
    match: float
    device: str
    item_bytes: Mapping[str, float] = field(default_factory=dict)
    training: Mapping[str, Epochs] = field(default_factory=dict)
    computed: frozenset[str] = field(default=frozenset())


def write_result(path: Path, result: TrialResult) -> None:
    """Write a result as a cache entry."""
    columns = {name: column.tolist() for name, column in result.scores.per_query.items()}
    contents = {
        "per_query": {name: [_nan_to_none(value) for value in values] for name, values in columns.items()},
        "gallery": result.scores.gallery,
        "chance_rank1": _nan_to_none(result.scores.chance_rank1),
        "tar": [[far, _nan_to_none(rate)] for far, rate in result.tar.items()],
        "seconds": {"fit": dict(result.fit), "embed": dict(result.embed), "match": result.match},
        "device": result.device,
        "item_bytes": dict(result.item_bytes),
        "training": {
            key: [[epoch, dict(values)] for epoch, values in epochs]
            for key, epochs in result.training.items()
        },
    }
    write_json_entry(path, contents)


def read_result(path: Path, unmatched: Unmatched) -> TrialResult | None:
    """Return the result that `write_result` wrote; None if there is no file or a damaged one, which is removed.

    Raises:
        CacheError: the file cannot be read.
    """
    return read_json_entry(path, lambda contents: _parse_result(contents, unmatched))


def _parse_result(contents: dict[str, Any], unmatched: Unmatched) -> TrialResult:
    floats = dict.fromkeys(("ap", "ap_trapezoid", "inp"), float)
    scores = scores_from_table(
        pd.DataFrame(contents["per_query"]).astype(floats),
        gallery=contents["gallery"],
        chance_rank1=_none_to_nan(contents["chance_rank1"]),
        unmatched=unmatched,
    )
    seconds = contents["seconds"]
    return TrialResult(
        scores=scores,
        tar={far: _none_to_nan(rate) for far, rate in contents["tar"]},
        fit=seconds["fit"],
        embed=seconds["embed"],
        match=seconds["match"],
        device=contents["device"],
        item_bytes=contents["item_bytes"],
        training={
            key: [(epoch, values) for epoch, values in epochs] for key, epochs in contents["training"].items()
        },
    )


def _nan_to_none(value: float) -> float | None:
    return None if math.isnan(value) else value


def _none_to_nan(value: float | None) -> float:
    return math.nan if value is None else value
