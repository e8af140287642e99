"""Distances, exact ranks, figures of a trial and statistics over trials.

One semantics throughout: items of the query's person and camera, and of person -1, are junk; person 0 is a
distractor; ties count against the method; queries without a match are left out unless `unmatched="miss"`.
"""

from reidbench.evaluation.conventions import Convention, conventions
from reidbench.evaluation.exact.pairs import PairScorer
from reidbench.evaluation.labels import Labels
from reidbench.evaluation.pooling import pool, pool_queries
from reidbench.evaluation.reranking import RerankSettings, rerank, rerank_pairs
from reidbench.evaluation.scores import Scores, Unmatched, evaluate, evaluate_search
from reidbench.evaluation.search import Search, make_search
from reidbench.evaluation.single_shot import SingleShotScores, single_shot_scores
from reidbench.evaluation.statistics import (
    FIGURES,
    Summary,
    compute_p_values,
    holm,
    paired_permutation_test,
    paired_permutation_test_seeds,
    summarize,
    summarize_seeds,
    trial_figures,
)
from reidbench.evaluation.stored import concat_scores, scores_from_table
from reidbench.evaluation.verification import tar_at_far

__all__ = [
    "FIGURES",
    "Convention",
    "Labels",
    "PairScorer",
    "RerankSettings",
    "Scores",
    "Search",
    "SingleShotScores",
    "Summary",
    "Unmatched",
    "compute_p_values",
    "concat_scores",
    "conventions",
    "evaluate",
    "evaluate_search",
    "holm",
    "make_search",
    "paired_permutation_test",
    "paired_permutation_test_seeds",
    "pool",
    "pool_queries",
    "rerank",
    "rerank_pairs",
    "scores_from_table",
    "single_shot_scores",
    "summarize",
    "summarize_seeds",
    "tar_at_far",
    "trial_figures",
]
