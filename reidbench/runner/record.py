"""Records: one JSON file a run, with everything needed to believe its figures, and a side file of per-query values."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd

from reidbench.evaluation import summarize, trial_figures
from reidbench.files import write_text
from reidbench.plugin import as_plain
from reidbench.runner.environment import environment
from reidbench.runner.plan import Plan
from reidbench.runner.trial import TrialResult

SCHEMA = 1
Record = dict[str, Any]


def build_record(plan: Plan, results: Sequence[TrialResult]) -> tuple[Record, str]:
    """Return the record of a run and the text of its side file (CSV, one row a query of a trial).

    `seconds` are those of the first computation, each shared part counted once; `cached` says what this run
    found done.
    """
    choice = plan.choice
    scores = [result.scores for result in results]
    side = _per_query(results)
    chances = [score.chance_rank1 for score in scores if not math.isnan(score.chance_rank1)]
    record: Record = {
        "schema": SCHEMA,
        "method": choice.method_class.name,
        "method_version": choice.method_class.version,
        "variant": choice.label,
        "protocol": choice.protocol.name,
        "protocol_title": choice.protocol.title,
        "synthetic": plan.contents.is_synthetic,
        "partial": plan.is_partial,
        "transductive": False,
        "figures": {name: asdict(summary) for name, summary in summarize(scores).items()},
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
        "seconds": _seconds(results),
        "cached": {
            part: all(part not in result.computed for result in results) for part in ("fit", "embed", "match")
        },
        "preset": choice.preset,
        "config": as_plain(choice.config),
        "seed": choice.request.seed,
        "fingerprints": {
            "run": plan.run_fingerprint,
            "protocol": plan.protocol_fingerprint,
            "dataset": plan.dataset_digest,
            "fits": sorted({key for result in results for key in result.fit}),
            "weights": choice.weights,
        },
        "environment": environment(sorted({result.device for result in results})),
        "per_query": {
            "file": f"{_stem(plan)}.per_query.csv",
            "sha256": hashlib.sha256(side.encode()).hexdigest(),
        },
    }
    plain: Record = json.loads(json.dumps(record, allow_nan=False))
    return plain, side


def write_record(record: Record, side: str, output: Path) -> Path:
    """Write the side file, then the record that names it; return the record's path."""
    folder = output / "records" / str(record["protocol"])
    path = folder / f"{record['method']}-{record['fingerprints']['run']}.json"
    write_text(folder / record["per_query"]["file"], side)
    write_text(path, json.dumps(record, indent=1, ensure_ascii=False) + "\n")
    return path


def _stem(plan: Plan) -> str:
    return f"{plan.choice.method_class.name}-{plan.run_fingerprint}"


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
