"""Per-query values of a run: one row per query of each trial and seed, and what the rows of a file must satisfy."""

from __future__ import annotations

import io
import math
import re
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd

from reidbench.errors import FeatureError, describe_error, quote
from reidbench.evaluation import Scores, Unmatched, scores_from_table

COUNTS = ("pid", "camid", "first_match_rank", "matches")
SHARES = ("ap", "ap_trapezoid", "inp")
"""Values in (0, 1], empty for queries without a match."""
OPTIONAL = ("chance", "seed")
"""Columns that files of schema 1 do not have."""

_RANK_COLUMN = re.compile(r"rank[1-9][0-9]{0,3}", re.ASCII)
_MAX_HEADER = 32_768
# Two sums of the same values in different orders differ by less.
_TOLERANCE = 1e-9


def scores_to_csv(scores: Sequence[tuple[int, int, Scores]]) -> str:
    """Return the CSV text of (seed, trial, scores): the columns `trial`, those of `Scores.to_table`, and `seed`."""
    tables = [part.to_table().assign(trial=trial, seed=seed) for seed, trial, part in scores]
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
) -> list[list[Scores]]:
    """Return the scores of each trial (inner list) of each seed (outer list).

    Args:
        text: what `scores_to_csv` returned; the files of schema 1 have no columns `seed` and `chance`.
        trials: seed, trial and size of the gallery of each trial.
        chance_rank1: mean chance of the record, for files without the column `chance`.
        unmatched: rule of the record.

    Raises:
        FeatureError: the text is not such a table, does not have exactly these trials, or has impossible values.
    """
    if not trials:
        raise FeatureError("the record has no trials")
    table = _read_csv(text)
    if "seed" not in table.columns:
        table["seed"] = trials[0][0]
    groups = dict(iter(table.groupby(["seed", "trial"])))
    expected = [(seed, trial) for seed, trial, _ in trials]
    if len(groups) != len(expected) or set(groups) != set(expected):
        raise FeatureError("the rows are not those of the record's trials and seeds")
    seeds: dict[int, list[Scores]] = {}
    for seed, trial, gallery in trials:
        rows = groups[seed, trial].drop(columns=["seed", "trial"])
        check_rows(rows, gallery)
        scores = scores_from_table(
            rows,
            gallery=gallery,
            chance_rank1=math.nan if chance_rank1 is None else chance_rank1,
            unmatched=unmatched,
        )
        seeds.setdefault(seed, []).append(scores)
    return list(seeds.values())


def table_from_columns(columns: Mapping[str, Sequence[float | None]]) -> pd.DataFrame:
    """Return the table of one trial from its columns; None stands for an undefined value.

    Raises:
        FeatureError: a column is missing or unknown, or columns have different lengths or other types.
    """
    _check_columns(list(columns), COUNTS)
    types = _types(list(columns))
    try:
        return pd.DataFrame(
            {name: np.array(values, dtype=types[name]) for name, values in columns.items()},
        )
    except (ValueError, TypeError, OverflowError) as error:
        raise FeatureError(
            f"the per-query values are not a table of numbers: {describe_error(error)}"
        ) from error


def check_rows(table: pd.DataFrame, gallery: int) -> None:
    """Check the values of the queries of one trial.

    Args:
        table: what `Scores.to_table` returns.
        gallery: number of gallery items that are not junk.

    Raises:
        FeatureError: a value is out of its range or contradicts another one; the message names the row and the column.
    """
    for column, requirement, is_valid in _list_rules(table, gallery):
        wrong = np.flatnonzero(~is_valid)
        if len(wrong):
            value = table[column].to_numpy()[wrong[0]]
            raise FeatureError(f"row {wrong[0]}: {column} must be {requirement}, got {value}")


def _list_rules(table: pd.DataFrame, gallery: int) -> Iterator[tuple[str, str, np.ndarray]]:
    """Yield a column, what its values must be in words, and whether the value of each row is so."""
    first, matches = table["first_match_rank"].to_numpy(), table["matches"].to_numpy()
    is_matched = matches > 0
    yield "pid", "at least 1", table["pid"].to_numpy() >= 1
    yield "matches", f"in [0, {gallery}]", (matches >= 0) & (matches <= gallery)
    yield "first_match_rank", "0 for queries without a match only", (first != 0) == is_matched
    last = gallery - np.maximum(matches, 1) + 1
    yield "first_match_rank", "a rank that leaves room for all matches", (first >= 0) & (first <= last)
    for name in (*SHARES, *(name for name in table.columns if name == "chance")):
        values = table[name].to_numpy()
        # The trapezoidal average precision may be rounded to 0.
        is_defined = (values >= 0 if name == "ap_trapezoid" else values > 0) & (values <= 1 + _TOLERANCE)
        is_empty = values == 0 if name == "chance" else np.isnan(values)
        words = "0" if name == "chance" else "empty"
        yield name, f"in (0, 1], or {words} without a match", np.where(is_matched, is_defined, is_empty)
    safe = np.maximum(first, 1)
    single = ~(matches == 1)
    for name in ("ap", "inp"):
        values = table[name].to_numpy()
        yield name, "1 / first_match_rank for one match", single | (np.abs(values - 1 / safe) <= _TOLERANCE)
    highest = matches / np.maximum(first + matches - 1, 1) + _TOLERANCE
    yield "inp", "possible after first_match_rank", ~is_matched | (table["inp"].to_numpy() <= highest)


def _read_csv(text: bytes) -> pd.DataFrame:
    header = text[:_MAX_HEADER].split(b"\n", 1)[0].decode("ascii", "replace").split(",")
    _check_columns(header, (*COUNTS, "trial"))
    try:
        return pd.read_csv(
            io.BytesIO(text),
            dtype=_types(header),
            keep_default_na=False,
            na_values={name: [""] for name in header if name in SHARES or _RANK_COLUMN.fullmatch(name)},
            index_col=False,
        )
    except (ValueError, TypeError, OverflowError, MemoryError) as error:
        raise FeatureError(f"the text is not a table of numbers: {describe_error(error)}") from error


def _check_columns(names: Sequence[str], counts: Sequence[str]) -> None:
    needed = {*counts, *SHARES}
    unknown = [
        name for name in names if name not in needed | {*OPTIONAL} and not _RANK_COLUMN.fullmatch(name)
    ]
    missing = sorted(needed - set(names))
    if unknown:
        raise FeatureError(f"unknown column {quote(unknown[0])}")
    if missing:
        raise FeatureError(f"missing columns {', '.join(missing)}")
    if len(set(names)) < len(names):
        raise FeatureError("a column occurs twice")


def _types(names: Sequence[str]) -> dict[str, str]:
    integers = {*COUNTS, "trial", "seed"}
    return {name: "int64" if name in integers else "float64" for name in names}
