"""Per-query values of a run as CSV: one row per query of each trial and seed."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence

import pandas as pd

from reidbench.errors import FeatureError
from reidbench.evaluation import Scores, Unmatched, scores_from_table


def scores_to_csv(scores: Sequence[tuple[int, int, Scores]]) -> str:
    """Return the CSV text of (seed, trial, scores): the columns `trial`, those of `per_query`, and `seed`."""
    tables = [part.per_query.assign(trial=trial, seed=seed) for seed, trial, part in scores]
    table = pd.concat(tables, ignore_index=True)
    table.insert(0, "trial", table.pop("trial"))
    text: str = table.to_csv(index=False, float_format="%.17g", lineterminator="\n")
    return text


def scores_from_csv(
    text: bytes,
    trials: Sequence[tuple[int, int, int]],
    *,
    chance_rank1: float | None,
    unmatched: Unmatched,
) -> list[list[Scores]] | None:
    """Return the scores of each trial (inner list) of each seed (outer list).

    Args:
        text: what `scores_to_csv` returned; the files of schema 1 have no column `seed`.
        trials: seed, trial and size of the gallery of each trial.
        chance_rank1: mean chance of the record.
        unmatched: rule of the record.

    Returns:
        None if the text does not have exactly these trials.
    """
    try:
        table = pd.read_csv(io.BytesIO(text))
        if "seed" not in table.columns:
            table["seed"] = trials[0][0]
        groups = dict(iter(table.groupby(["seed", "trial"], dropna=False)))
    except (ValueError, KeyError, IndexError):
        return None
    if set(groups) != {(seed, trial) for seed, trial, _ in trials} or len(groups) != len(trials):
        return None
    seeds: dict[int, list[Scores]] = {}
    for seed, trial, gallery in trials:
        try:
            scores = scores_from_table(
                groups[seed, trial],
                gallery=gallery,
                chance_rank1=math.nan if chance_rank1 is None else chance_rank1,
                unmatched=unmatched,
            )
        except FeatureError:
            return None
        seeds.setdefault(seed, []).append(scores)
    return list(seeds.values())
