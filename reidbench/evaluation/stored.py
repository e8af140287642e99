"""Scores from and to tables: joining the directions of a trial, rebuilding what was stored."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pandas as pd

from reidbench.evaluation.scores import Scores, Unmatched
from reidbench.evaluation.single_shot import SingleShotScores


def scores_from_table(
    per_query: pd.DataFrame,
    *,
    gallery: int,
    chance_rank1: float = math.nan,
    unmatched: Unmatched = "exclude",
) -> Scores:
    """Return the scores that a per-query table was made from; single-gallery-shot where it holds expectations.

    Args:
        per_query: as `Scores.to_table` returns.
        gallery: as in `Scores`.
        chance_rank1: as in `Scores`; used only if the table has no column `chance`.
        unmatched: as in `Scores`.

    Raises:
        FeatureError: as `Scores.from_per_query`.
    """
    kind = SingleShotScores if "rank1" in per_query.columns else Scores
    return kind.from_per_query(per_query, gallery=gallery, chance_rank1=chance_rank1, unmatched=unmatched)


def concat_scores(parts: Sequence[Scores]) -> Scores:
    """Return the scores of several searches as those of one: all queries count alike.

    Used where both directions between two cameras are measured. The gallery is the sum of the galleries.
    """
    if len(parts) == 1:
        return parts[0]
    return scores_from_table(
        pd.concat([part.to_table() for part in parts], ignore_index=True),
        gallery=sum(part.gallery for part in parts),
        unmatched=parts[0].unmatched,
    )
