"""`reidbench verify`: a record compared with its per-query values, with features, or with a new computation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from reidbench.cache import Cache
from reidbench.errors import ConfigError, RecordError
from reidbench.evaluation import RerankSettings, Scores, SingleShotScores
from reidbench.features import Search, read_searches
from reidbench.plugin.manager import Plugins
from reidbench.records import (
    Difference,
    Record,
    check_record,
    compare_scores,
    list_differences,
    read_record,
)
from reidbench.runner.matching import Rules, score_trial
from reidbench.runner.recompute import compare_computed, recompute
from reidbench.runner.stored_search import hash_file, make_stored_search


@dataclass(frozen=True, kw_only=True)
class Verification:
    """The result of a verification.

    Attributes:
        differences: one line per difference; empty if the record is verified.
        summary: what was compared with what, in one line.
    """

    differences: Sequence[str]
    summary: str


def verify_figures(path: Path) -> Verification:
    """Recompute the figures of a record from its per-query file.

    Raises:
        RecordError: the record cannot be read.
    """
    record, differences, _ = _check(path)
    return Verification(
        differences=differences, summary=_summarize(record, path, "follow from its per-query values")
    )


def verify_features(path: Path, features: Path, *, device: str) -> Verification:
    """Also recompute the per-query values of a record from a file of `run --save-features`, or of its own features.

    Args:
        path: the record.
        features: feature file; it has the trials of one training seed.
        device: torch device.

    Raises:
        RecordError: the record cannot be read.
        FeatureError: the feature file cannot be evaluated.
    """
    record, differences, scores = _check(path)
    if not differences:
        differences = [str(found) for found in _compare_features(record, scores, features, device)]
    return Verification(
        differences=differences, summary=_summarize(record, path, f"follow from the features {features}")
    )


def verify_run(
    path: Path, plugins: Plugins, *, data_root: Path | None, synthetic: bool, device: str
) -> Verification:
    """Also fit and embed again, without cached results, and compare.

    On the same CPU model with the same versions, all values must be equal; otherwise each mean must be inside the
    interval of the record.

    Args:
        path: the record.
        plugins: methods and protocols.
        data_root: directory that contains the datasets.
        synthetic: use a rendered tree as the protocol's data.
        device: torch device.

    Raises:
        RecordError: the record cannot be read.
        ConfigError: the record is that of a feature file.
        ReidbenchError: errors of the method, the protocol and its data.
    """
    record, differences, scores = _check(path)
    if record.features is not None:
        raise ConfigError(
            f"record {path} was computed from the feature file {record.features.file}; verify it with --features"
        )
    summary = "follow from its per-query values"
    if not differences:
        computed = recompute(
            record, plugins, Cache(), data_root=data_root, synthetic=synthetic, device=device
        )
        found, summary = compare_computed(record, scores, computed)
        differences = [str(difference) for difference in found]
    return Verification(differences=differences, summary=_summarize(record, path, summary))


def _check(path: Path) -> tuple[Record, list[str], list[list[Scores]]]:
    """Return a record, how it differs from its per-query values, and the scores of each trial of each seed."""
    record = read_record(path)
    try:
        differences, scores = check_record(record, path)
    except RecordError as error:
        return record, [str(error)], []
    return record, [str(difference) for difference in differences], scores


def _summarize(record: Record, path: Path, relation: str) -> str:
    queries = sum(trial.queries for trial in record.trials)
    return f"record {path}: the figures of {len(record.trials)} trials with {queries:,} queries {relation}"


def _compare_features(
    record: Record, scores: Sequence[Sequence[Scores]], features: Path, device: str
) -> Iterator[Difference]:
    if record.features is not None:
        digest = hash_file(features)
        if digest != record.features.sha256:
            yield Difference("features.sha256", record.features.sha256, digest)
            return
    file = read_searches(features)
    seed = file.about.get("seed", record.seed)
    if seed not in record.seeds:
        yield Difference("seed of the features", list(record.seeds), seed)
        return
    stored = scores[record.seeds.index(seed)]
    if len(file.searches) % len(stored):
        yield Difference("number of trials", len(stored), f"{len(file.searches)} searches")
        return
    is_ranked = not record.transductive or bool(file.about.get("transductive"))
    rules = Rules(
        unmatched=record.unmatched,
        shots="single" if isinstance(stored[0], SingleShotScores) else "all",
        fars=tuple(float(far) for far in record.tar_at_far or ()),
    )
    computed, tars = _score_searches(
        features, file.searches, len(stored), rules, None if is_ranked else RerankSettings(), device
    )
    yield from compare_scores(stored, computed, seed)
    if record.tar_at_far and len(record.seeds) == 1:
        means = {name: float(np.mean([tar[float(name)] for tar in tars])) for name in record.tar_at_far}
        plain = {name: None if np.isnan(mean) else mean for name, mean in means.items()}
        yield from list_differences(dict(record.tar_at_far), plain, "tar_at_far")


def _score_searches(
    file: Path,
    searches: Sequence[Search],
    trials: int,
    rules: Rules,
    settings: RerankSettings | None,
    device: str,
) -> tuple[list[Scores], list[dict[float, float]]]:
    """Return the scores and true accept rates of each trial; each has the same number of searches."""
    size = len(searches) // trials
    groups = [searches[start : start + size] for start in range(0, len(searches), size)]
    results = [
        score_trial([make_stored_search(file, stored, settings, device) for stored in group], rules)
        for group in groups
    ]
    return [scores for scores, _ in results], [tar for _, tar in results]
