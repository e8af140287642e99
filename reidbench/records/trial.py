"""The result of a trial and its cache file."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import msgspec

from reidbench.entries import read_json_entry, write_json_entry
from reidbench.errors import FeatureError
from reidbench.evaluation import Scores, Unmatched, scores_from_table
from reidbench.records.fields import Count, Number, Text
from reidbench.records.per_query import check_rows, table_from_columns
from reidbench.records.record import Environment

Epochs: TypeAlias = Sequence[tuple[int, Mapping[str, float]]]
"""Reported values of a fit: (epoch, values by name), in the order of the epochs."""

RESULT_VERSION = 3
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
        environments: machine and software of the computation: of the ranking, then others of fits and embeddings.
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
    environments: tuple[Environment, ...]
    item_bytes: Mapping[str, float] = field(default_factory=dict)
    training: Mapping[str, Epochs] = field(default_factory=dict)
    computed: frozenset[str] = field(default=frozenset())


def write_result(path: Path, result: TrialResult) -> None:
    """Write a result as a cache entry."""
    columns = {name: column.tolist() for name, column in result.scores.to_table().items()}
    contents = {
        "per_query": {name: [_nan_to_none(value) for value in values] for name, values in columns.items()},
        "gallery": result.scores.gallery,
        "chance_rank1": _nan_to_none(result.scores.chance_rank1),
        "tar": [[far, _nan_to_none(rate)] for far, rate in result.tar.items()],
        "seconds": {"fit": dict(result.fit), "embed": dict(result.embed), "match": result.match},
        "device": result.device,
        "environments": msgspec.to_builtins(result.environments),
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


@dataclass(frozen=True, kw_only=True)
class _SecondsFields:
    fit: Mapping[Text, float]
    embed: Mapping[Text, float]
    match: float


@dataclass(frozen=True, kw_only=True)
class _ResultFields:
    """The shape of the file of a result; None stands for an undefined value."""

    per_query: Mapping[Text, list[Number | float | None]]
    gallery: Count
    chance_rank1: float | None
    tar: list[tuple[float, float | None]]
    seconds: _SecondsFields
    device: Text
    environments: tuple[Environment, ...]
    item_bytes: Mapping[Text, float]
    training: Mapping[Text, list[tuple[Count, Mapping[Text, float]]]]


def _parse_result(contents: dict[str, Any], unmatched: Unmatched) -> TrialResult:
    """Return the result in the fields of a file.

    Raises:
        ValueError: a field is missing or has another type, or the values of a query contradict each other.
    """
    try:
        fields = msgspec.convert(contents, _ResultFields)
        table = table_from_columns(fields.per_query)
        check_rows(table, fields.gallery)
        scores = scores_from_table(
            table,
            gallery=fields.gallery,
            chance_rank1=_none_to_nan(fields.chance_rank1),
            unmatched=unmatched,
        )
    except (msgspec.ValidationError, FeatureError) as error:
        raise ValueError(str(error)) from error
    return TrialResult(
        scores=scores,
        tar={far: _none_to_nan(rate) for far, rate in fields.tar},
        fit=fields.seconds.fit,
        embed=fields.seconds.embed,
        match=fields.seconds.match,
        device=fields.device,
        environments=fields.environments,
        item_bytes=fields.item_bytes,
        training=fields.training,
    )


def _nan_to_none(value: float) -> float | None:
    return None if math.isnan(value) else value


def _none_to_nan(value: float | None) -> float:
    return math.nan if value is None else value
