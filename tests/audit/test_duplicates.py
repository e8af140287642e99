"""Counts of near-duplicate frames, planted in noise."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reidbench.audit.data import AuditedData
from reidbench.audit.duplicates import DuplicateCounts, count_duplicates
from reidbench.audit.embedding import embed_items
from reidbench.audit.run import DUPLICATES, create_audit, list_tested, windows_of
from reidbench.protocols.trials import Sides, Trial
from tests.audit.trees import PLUGINS, World, grow, paint_noise


def count(data: AuditedData) -> DuplicateCounts:
    windows = windows_of(data)
    methods = {DUPLICATES: create_audit(PLUGINS.method(DUPLICATES))}
    embedded = embed_items(methods, data.contents, list_tested(data, windows), shown=False)[DUPLICATES]
    return count_duplicates(data, embedded, windows, shown=False)


def share_frame(people: set[int]) -> Any:
    """Return a painter that gives some people one frame in common, with a little noise."""

    def paint(person: int, random: np.random.Generator) -> Any:
        frames = paint_noise(person, random)
        if person in people:
            shared = np.random.default_rng([99, 99]).integers(0, 256, (1, 16, 8, 3))
            frames[2] = np.clip(grow(shared)[0] + random.normal(0, 2, (128, 64, 3)), 0, 255)
        return frames

    return paint


def test_noise_has_no_near_duplicates(tmp_path: Path) -> None:
    counts = count(World(tmp_path).data)

    assert (counts.queries, counts.tested) == (20, 40)
    assert (counts.with_same_person, counts.with_other_person, counts.in_training) == (0, 0, None)


@pytest.mark.parametrize(("people", "same", "other"), [({3}, 1, 0), ({3, 4, 5}, 3, 3)], ids=["same", "other"])
def test_queries_with_near_duplicates_are_counted(
    tmp_path: Path, people: set[int], same: int, other: int
) -> None:
    counts = count(World(tmp_path, paint=share_frame(people)).data)

    assert (counts.with_same_person, counts.with_other_person) == (same, other)


def test_tested_tracklets_with_a_near_duplicate_in_training_are_counted(tmp_path: Path) -> None:
    data = World(tmp_path, paint=share_frame({1, 20})).data
    people = data.contents.table.pids
    query, gallery = (
        np.flatnonzero((people <= 10) & (data.contents.table.camids == camera)) for camera in (1, 2)
    )
    trial = Trial(0, np.flatnonzero(people > 10), (Sides(query, gallery),))

    counts = count(replace(data, trials=(trial,), trains_on_tested=True))

    assert (counts.tested, counts.in_training) == (20, 2)
