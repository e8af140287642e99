"""Records: one JSON file per run with everything needed to verify its figures."""

from reidbench.datasets.digests import Digests
from reidbench.records.build import RunResult, with_results
from reidbench.records.check import Difference, check_record, list_differences
from reidbench.records.environment import current_environment, list_distinct
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
    "LengthFigures",
    "Record",
    "RunResult",
    "Seconds",
    "TrialFigures",
    "TrialResult",
    "check_record",
    "current_environment",
    "list_differences",
    "list_distinct",
    "read_record",
    "read_records",
    "read_result",
    "with_results",
    "write_record",
    "write_result",
]
