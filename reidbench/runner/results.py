"""What a trial came to, and its file in the cache."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from reidbench.errors import CacheError
from reidbench.evaluation import Scores, Unmatched, scores_from_table
from reidbench.files import write_text
from reidbench.fingerprints import canonical_json


@dataclass(frozen=True)
class TrialResult:
    """Scores of a trial and what they cost when they were computed.

    Attributes:
        tar: true accept rate by false accept rate, where it was asked for; NaN without genuine or impostor pairs.
        fit: seconds by fit key; trials that share a fit name the same key.
        embed: seconds by block of embeddings; shared likewise.
        match: seconds of distances and ranking.
        device: where it was computed.
        computed: the parts this run computed: of "fit", "embed", "match".
    """

    scores: Scores
    tar: Mapping[float, float]
    fit: Mapping[str, float]
    embed: Mapping[str, float]
    match: float
    device: str
    computed: frozenset[str] = field(default=frozenset())


def write_result(place: Path, result: TrialResult) -> None:
    """Write a result whole or not at all."""
    columns = {name: column.tolist() for name, column in result.scores.per_query.items()}
    contents = {
        "per_query": {name: [_defined(value) for value in values] for name, values in columns.items()},
        "gallery": result.scores.gallery,
        "chance_rank1": _defined(result.scores.chance_rank1),
        "tar": [[far, _defined(rate)] for far, rate in result.tar.items()],
        "seconds": {"fit": dict(result.fit), "embed": dict(result.embed), "match": result.match},
        "device": result.device,
    }
    write_text(place, canonical_json(contents) + "\n")


def read_result(place: Path, unmatched: Unmatched) -> TrialResult:
    """Read a result back.

    Raises:
        CacheError: the file is damaged.
    """
    try:
        contents = json.loads(place.read_text(encoding="utf-8"))
        floats = dict.fromkeys(("ap", "ap_trapezoid", "inp"), float)
        scores = scores_from_table(
            pd.DataFrame(contents["per_query"]).astype(floats),
            gallery=contents["gallery"],
            chance_rank1=_or_nan(contents["chance_rank1"]),
            unmatched=unmatched,
        )
        seconds = contents["seconds"]
        tar = {far: _or_nan(rate) for far, rate in contents["tar"]}
        return TrialResult(
            scores, tar, seconds["fit"], seconds["embed"], seconds["match"], contents["device"]
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CacheError(
            f"cached trial {place} is damaged ({error}); delete it to compute it again"
        ) from error


def _defined(value: float) -> float | None:
    return None if math.isnan(value) else value


def _or_nan(value: float | None) -> float:
    return math.nan if value is None else value
