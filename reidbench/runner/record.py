"""Records: one JSON file a run, with everything needed to believe its figures, and a side file of per-query values."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from reidbench.evaluation import Scores, summarize, trial_figures
from reidbench.files import write_text
from reidbench.plugin import as_plain
from reidbench.runner.environment import environment
from reidbench.runner.plan import Plan
from reidbench.runner.results import TrialResult

SCHEMA = 1
Record = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Identity:
    """Who made the embeddings of a record, on what, under which fingerprints.

    Attributes:
        variant: what tells this record from others of the method.
        further: fields that only this kind of record has.
    """

    method: str
    method_version: str | None
    variant: str
    protocol: str
    protocol_title: str
    synthetic: bool
    partial: bool
    transductive: bool
    preset: str | None
    config: Mapping[str, Any]
    seed: int
    run_fingerprint: str
    protocol_fingerprint: str
    dataset: str | None
    weights: str | None
    further: Mapping[str, Any] = field(default_factory=dict)

    @property
    def stem(self) -> str:
        """Name of the record's files without suffix."""
        return f"{self.method}-{self.run_fingerprint}"


def identity_of(plan: Plan) -> Identity:
    """Return the identity of a run."""
    choice = plan.choice
    further: dict[str, Any] = (
        {"conventions": dict(choice.request.conventions)} if choice.request.conventions else {}
    )
    if choice.protocol.train.dataset is not None:
        further["trained_on"] = {"dataset": choice.protocol.train.dataset, "digest": plan.training_digest}
    if choice.rerank is not None:
        further["rerank"] = {"method": "k-reciprocal", **asdict(choice.rerank)}
    return Identity(
        method=choice.method_class.name,
        method_version=choice.method_class.version,
        variant=choice.label,
        protocol=choice.protocol.name,
        protocol_title=choice.protocol.title,
        synthetic=plan.is_synthetic,
        partial=plan.is_partial,
        transductive=choice.rerank is not None,
        preset=choice.preset,
        config=as_plain(choice.config),
        seed=choice.request.seed,
        run_fingerprint=plan.run_fingerprint,
        protocol_fingerprint=plan.protocol_fingerprint,
        dataset=plan.dataset_digest,
        weights=choice.weights,
        further=further,
    )


def build_record(
    identity: Identity,
    results: Sequence[TrialResult],
    studied: Mapping[tuple[int, int], Sequence[TrialResult]] | None = None,
    attention: Mapping[str, Any] | None = None,
) -> tuple[Record, str]:
    """Return a record and the text of its side file (CSV, one row a query of a trial).

    `seconds` are those of the first computation, each shared part counted once; `cached` says what this run
    found done.

    Args:
        identity: whose record it is.
        results: of the trials.
        studied: results of the trials for each pair of query and gallery length of a sequence-length study.
        attention: where the method looks, where that was measured.
    """
    scores = [result.scores for result in results]
    side = _per_query(results)
    chances = [score.chance_rank1 for score in scores if not math.isnan(score.chance_rank1)]
    everything = [*results, *(result for group in (studied or {}).values() for result in group)]
    record: Record = {
        "schema": SCHEMA,
        "method": identity.method,
        "method_version": identity.method_version,
        "variant": identity.variant,
        "protocol": identity.protocol,
        "protocol_title": identity.protocol_title,
        "synthetic": identity.synthetic,
        "partial": identity.partial,
        "transductive": identity.transductive,
        "figures": _figures(scores),
        "trials": [
            {
                **trial_figures(score),
                "queries": score.queries,
                "queries_without_match": score.queries_without_match,
                "gallery": score.gallery,
            }
            for score in scores
        ],
        "chance": {"rank1": sum(chances) / len(chances) if chances else None},
        "seconds": _seconds(everything),
        "cached": {
            part: all(part not in result.computed for result in everything)
            for part in ("fit", "embed", "match")
        },
        "preset": identity.preset,
        "config": dict(identity.config),
        "seed": identity.seed,
        "fingerprints": {
            "run": identity.run_fingerprint,
            "protocol": identity.protocol_fingerprint,
            "dataset": identity.dataset,
            "fits": sorted({key for result in results for key in result.fit}),
            "weights": identity.weights,
        },
        "environment": environment(sorted({result.device for result in results})),
        "per_query": {
            "file": f"{identity.stem}.per_query.csv",
            "sha256": hashlib.sha256(side.encode()).hexdigest(),
        },
        **identity.further,
    }
    if tar := _mean_tar(results):
        record["tar_at_far"] = tar
    if attention is not None:
        record["attention"] = dict(attention)
    if studied:
        record["lengths"] = [
            {"query": query, "gallery": gallery, "figures": _figures([result.scores for result in group])}
            for (query, gallery), group in studied.items()
        ]
    plain: Record = json.loads(json.dumps(record, allow_nan=False))
    return plain, side


def write_record(record: Record, side: str, output: Path) -> Path:
    """Write the side file, then the record that names it; return the record's path."""
    folder = output / "records" / str(record["protocol"])
    path = folder / f"{record['method']}-{record['fingerprints']['run']}.json"
    write_text(folder / record["per_query"]["file"], side)
    write_text(path, json.dumps(record, indent=1, ensure_ascii=False) + "\n")
    return path


def _figures(scores: Sequence[Scores]) -> dict[str, dict[str, float | None]]:
    return {name: asdict(summary) for name, summary in summarize(scores).items()}


def _mean_tar(results: Sequence[TrialResult]) -> dict[str, float | None]:
    """Return the mean true accept rate over the trials by false accept rate; None where it is not defined."""
    means = {far: sum(result.tar[far] for result in results) / len(results) for far in results[0].tar}
    return {f"{far:g}": None if math.isnan(mean) else mean for far, mean in means.items()}


def _per_query(results: Sequence[TrialResult]) -> str:
    tables = [result.scores.per_query.assign(trial=index) for index, result in enumerate(results)]
    whole = pd.concat(tables, ignore_index=True)
    whole.insert(0, "trial", whole.pop("trial"))
    text: str = whole.to_csv(index=False, float_format="%.17g", lineterminator="\n")
    return text


def _seconds(results: Sequence[TrialResult]) -> dict[str, float]:
    fit = {key: cost for result in results for key, cost in result.fit.items()}
    embed = {key: cost for result in results for key, cost in result.embed.items()}
    parts = {
        "fit": sum(fit.values()),
        "embed": sum(embed.values()),
        "match": sum(result.match for result in results),
    }
    return {**parts, "total": sum(parts.values())}
