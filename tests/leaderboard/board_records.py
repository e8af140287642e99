"""Records for tests of boards."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd

from reidbench.datasets.marker import RENDERER_VERSION
from reidbench.evaluation import Summary, Unmatched
from reidbench.records import Chance, DataSource, Digests, FileDigest, Fingerprints, Record, TrialFigures

QUERIES = 60


def record(
    folder: Path,
    name: str,
    hits: int,
    *,
    partial: bool = False,
    protocol: str = "p1",
    shift: int = 0,
    matched: int = QUERIES,
    unmatched: Unmatched = "exclude",
) -> tuple[Path, Record]:
    """Write the per-query file of a record of one trial with 60 queries, and return the record and its path.

    Args:
        folder: where to write.
        name: method and file name.
        hits: number of queries whose match is nearest; the match of others is fifth.
        partial: as in `Record`.
        protocol: protocol fingerprint.
        shift: first query that hits.
        matched: number of queries with a match.
        unmatched: rule for the others.
    """
    first = np.where((np.arange(QUERIES) - shift) % QUERIES < hits, 1.0, 5.0)
    first[matched:] = np.nan
    counted = matched if unmatched == "exclude" else QUERIES
    table = pd.DataFrame(
        {
            "trial": 0,
            "pid": np.arange(1, QUERIES + 1),
            "camid": 1,
            "ap": 1 / first,
            "ap_trapezoid": 1 / first,
            "inp": 1 / first,
            "first_match_rank": np.nan_to_num(first).astype(int),
            "matches": (np.arange(QUERIES) < matched).astype(int),
        }
    )
    side = table.to_csv(index=False)
    (folder / f"{name}.per_query.csv").write_text(side)
    figure = Summary(mean=hits / counted, std=None, low=None, high=None)
    trial = TrialFigures(
        trial=0,
        seed=0,
        rank1=hits / counted,
        rank5=1.0,
        rank10=1.0,
        rank20=1.0,
        map=0.5,
        map_trapezoid=0.5,
        minp=0.5,
        queries=QUERIES,
        queries_without_match=QUERIES - matched,
        gallery=QUERIES,
    )
    source = DataSource(dataset="d", digests=Digests(labels="l"), synthetic=True, renderer=RENDERER_VERSION)
    return folder / f"{name}.json", Record(
        method=name,
        method_version="1",
        settings="",
        preset=None,
        config={},
        protocol="p",
        protocol_title="a protocol for tests",
        conventions={},
        unmatched=unmatched,
        seed=0,
        seeds=(0,),
        synthetic=True,
        partial=partial,
        transductive=False,
        tested_on=source,
        trained_on=(source,),
        fingerprints=Fingerprints(run=name, protocol=protocol, fits=("f",)),
        figures=dict.fromkeys(("rank1", "rank5", "rank10", "rank20", "map"), figure),
        trials=(trial,),
        chance=Chance(rank1=1 / QUERIES),
        per_query=FileDigest(file=f"{name}.per_query.csv", sha256=hashlib.sha256(side.encode()).hexdigest()),
    )
