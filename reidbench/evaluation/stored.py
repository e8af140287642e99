"""Scores from and to tables: joining the directions of a trial, rebuilding what was stored."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from reidbench.evaluation.scores import Scores, Unmatched
from reidbench.evaluation.single_shot import SingleShotScores


def scores_from_table(
    per_query: pd.DataFrame, *, gallery: int, chance_rank1: float, unmatched: Unmatched = "exclude"
) -> Scores:
    """Return the scores that a per-query table was made from; single-gallery-shot where it holds expectations.

    Args:
        per_query: as `Scores.per_query`.
        gallery: as in `Scores`.
        chance_rank1: as in `Scores`.
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
    first = parts[0]
    counted = [
        part.queries - (part.queries_without_match if part.unmatched == "exclude" else 0) for part in parts
    ]
    chances = [part.chance_rank1 for part in parts]
    defined = [(chance, number) for chance, number in zip(chances, counted, strict=True) if number]
    chance = (
        float(np.average([c for c, _ in defined], weights=[n for _, n in defined]))
        if defined
        else float("nan")
    )
    return scores_from_table(
        pd.concat([part.per_query for part in parts], ignore_index=True),
        gallery=sum(part.gallery for part in parts),
        chance_rank1=chance,
        unmatched=first.unmatched,
    )
