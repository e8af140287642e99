"""Distances, exact ranks, figures of a trial and statistics over trials.

One semantics throughout: items of the query's person and camera, and of person -1, are junk; person 0 is a
distractor; ties count against the method; queries without a match are left out unless `unmatched="miss"`.
"""

from reidbench.evaluation.pairs import PairScorer
from reidbench.evaluation.scores import Scores, Unmatched, evaluate, evaluate_pairs
from reidbench.evaluation.statistics import (
    FIGURES,
    Summary,
    holm,
    paired_permutation_test,
    summarize,
    trial_figures,
)

__all__ = [
    "FIGURES",
    "PairScorer",
    "Scores",
    "Summary",
    "Unmatched",
    "evaluate",
    "evaluate_pairs",
    "holm",
    "paired_permutation_test",
    "summarize",
    "trial_figures",
]
