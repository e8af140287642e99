"""Records: one JSON file per run with everything needed to verify its figures."""

from reidbench.datasets.digests import Digests
from reidbench.records.build import RunResult, derive_figures, with_results
from reidbench.records.check import TOLERANCE, Difference, Interval, check_record, list_differences
from reidbench.records.compare import compare_scores
from reidbench.records.environment import current_environment, list_distinct
from reidbench.records.per_query import scores_to_csv
from reidbench.records.read import read_record, read_records
from reidbench.records.record import (
    SCHEMA,
    AttentionFigures,
    Cached,
    Chance,
    Cost,
    DataSource,
    Environment,
    EpochValues,
    FileDigest,
    Fingerprints,
    FitHistory,
    LengthFigures,
    Record,
    Seconds,
    TrialFigures,
)
from reidbench.records.trial import TrialResult, read_result, write_result
from reidbench.records.write import write_record

__all__ = [
    "SCHEMA",
    "TOLERANCE",
    "AttentionFigures",
    "Cached",
    "Chance",
    "Cost",
    "DataSource",
    "Difference",
    "Digests",
    "Environment",
    "EpochValues",
    "FileDigest",
    "Fingerprints",
    "FitHistory",
    "Interval",
    "LengthFigures",
    "Record",
    "RunResult",
    "Seconds",
    "TrialFigures",
    "TrialResult",
    "check_record",
    "compare_scores",
    "current_environment",
    "derive_figures",
    "list_differences",
    "list_distinct",
    "read_record",
    "read_records",
    "read_result",
    "scores_to_csv",
    "with_results",
    "write_record",
    "write_result",
]
