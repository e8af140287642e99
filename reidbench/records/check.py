"""Comparison of a record with what follows from its per-query values."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from reidbench.errors import FeatureError, RecordError, quote
from reidbench.evaluation import Scores, SingleShotScores
from reidbench.records.build import derive_figures
from reidbench.records.record import Record

TOLERANCE = 1e-9
"""Largest difference between a stored and a recomputed value that counts as equal."""


@dataclass(frozen=True)
class Interval:
    """The values from `low` to `high`, as the expected value of a difference."""

    low: float
    high: float

    def __repr__(self) -> str:
        """Return the interval in words."""
        return f"in [{self.low:.6g}, {self.high:.6g}]"


@dataclass(frozen=True)
class Difference:
    """A value of a record that is not the recomputed one.

    Attributes:
        name: path of the value, such as "figures.rank1.mean".
    """

    name: str
    stored: Any
    expected: Any

    def __str__(self) -> str:
        """Return the difference in words."""
        return f"{self.name} is {quote(self.stored)}, but must be {quote(self.expected)}"


def check_record(record: Record, path: Path) -> tuple[list[Difference], list[list[Scores]]]:
    """Compare a record with its per-query values.

    Args:
        record: the record.
        path: its file; the per-query file is read from the same folder.

    Returns:
        The differences: of figures, spread, intervals, chance, CMC and the trials, and contradictions in the record;
        and the scores of each trial (inner list) of each seed (outer list).

    Raises:
        RecordError: the per-query file is missing, has another digest, or does not fit the trials.
    """
    scores = record.read_scores(path)
    try:
        return [*_find_contradictions(record), *_compare_figures(record, scores)], scores
    except FeatureError as error:
        raise RecordError(f"record {path} contradicts itself: {error}; run again or remove it") from error


def list_differences(stored: Any, expected: Any, name: str = "") -> Iterator[Difference]:
    """Yield the differences between two values of JSON types; numbers may differ by `TOLERANCE`."""
    if isinstance(stored, Mapping) and isinstance(expected, Mapping):
        for key in dict.fromkeys((*expected, *stored)):
            inner = f"{name}.{key}" if name else str(key)
            yield from list_differences(stored.get(key), expected.get(key), inner)
    elif _is_list(stored) and _is_list(expected) and len(stored) == len(expected):
        for index, (one, other) in enumerate(zip(stored, expected, strict=True)):
            yield from list_differences(one, other, f"{name}[{index}]")
    elif _is_list(stored) and _is_list(expected):
        yield Difference(f"length of {name}", len(stored), len(expected))
    elif not _is_equal(stored, expected):
        yield Difference(name, stored, expected)


def _find_contradictions(record: Record) -> Iterator[Difference]:
    """Yield fields that must agree with another field."""
    if record.synthetic != record.tested_on.synthetic:
        yield Difference("synthetic", record.synthetic, record.tested_on.synthetic)
    seeds = tuple(dict.fromkeys(trial.seed for trial in record.trials))
    if record.seeds != seeds:
        yield Difference("seeds", list(record.seeds), list(seeds))
    if record.seed not in seeds[:1]:
        yield Difference("seed", record.seed, seeds[0] if seeds else None)


def _compare_figures(record: Record, scores: Sequence[Sequence[Scores]]) -> Iterator[Difference]:
    parts = [part for trials in scores for part in trials]
    keys = [(trial.seed, trial.trial) for trial in record.trials]
    order = list(dict.fromkeys(seed for seed, _ in keys))
    if keys != [key for seed in order for key in keys if key[0] == seed]:
        yield Difference("seeds of the trials", [seed for seed, _ in keys], "consecutive")
        return
    derived = msgspec.to_builtins(
        derive_figures([(seed, trial, part) for (seed, trial), part in zip(keys, parts, strict=True)])
    )
    stored = {name: msgspec.to_builtins(getattr(record, name)) for name in derived}
    if any(part.chances is None for part in parts):
        # Records of schema 1 have no CMC, either.
        if not stored["cmc"]:
            del stored["cmc"], derived["cmc"]
        del stored["chance"], derived["chance"]
        yield from _compare_chance(record.chance.rank1, parts)
    yield from list_differences(stored, derived)


def _compare_chance(chance: float | None, parts: Sequence[Scores]) -> Iterator[Difference]:
    """Compare the chance with its bounds; the files of schema 1 do not have the chance of each query."""
    bounds = [_lowest_chance(part) for part in parts]
    defined = [bound for bound in bounds if not math.isnan(bound)]
    if not defined and chance is None:
        return
    lowest = sum(defined) / len(defined) if defined else 0.0
    if chance is None or not lowest - TOLERANCE <= chance <= 1:
        yield Difference("chance.rank1", chance, Interval(lowest, 1.0))


def _lowest_chance(scores: Scores) -> float:
    """Return the mean chance if no item of the gallery were junk for any query; NaN if no query counts."""
    matches = scores.per_query["matches"].to_numpy()
    counted = matches if scores.unmatched == "miss" else matches[matches > 0]
    if not len(counted):
        return math.nan
    if isinstance(scores, SingleShotScores):
        counted = np.minimum(counted, 1)
    return float(counted.mean()) / max(scores.gallery, 1)


def _is_list(value: Any) -> bool:
    return isinstance(value, (list, tuple))


def _is_equal(stored: Any, expected: Any) -> bool:
    if isinstance(stored, bool) or isinstance(expected, bool):
        return stored is expected
    if isinstance(stored, (int, float)) and isinstance(expected, (int, float)):
        return math.isclose(stored, expected, rel_tol=0, abs_tol=TOLERANCE) or (
            math.isnan(stored) and math.isnan(expected)
        )
    return bool(stored == expected)
