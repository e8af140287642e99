"""Trials: the divisions of a protocol, drawn from a dataset."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from reidbench.datasets.tracklets import DatasetContents, IntArray
from reidbench.errors import ProtocolError
from reidbench.protocols.schema import Protocol


@dataclass(frozen=True)
class Trial:
    """One train / query / gallery division; rows of the tracklet table, ascending.

    Attributes:
        index: 0-based number of the trial.
    """

    index: int
    train: IntArray
    query: IntArray
    gallery: IntArray


def draw_trials(protocol: Protocol, contents: DatasetContents) -> list[Trial]:
    """Return all trials of a protocol, in order; the same for every run.

    A rendered tree may hold any number of people: the tested share stays that of the protocol, at least one
    person on either side. A real one must hold exactly the people that the protocol names.

    Raises:
        ProtocolError: the tree has another number of people, or fewer divisions than the protocol has trials.
    """
    people = np.array(contents.people, dtype=np.int64)
    rule = protocol.trials
    if not contents.is_synthetic and len(people) != rule.people:
        raise ProtocolError(
            f"protocol '{protocol.name}' divides {rule.people} people, {contents.table.root} has {len(people)}; "
            "restore the missing or remove the additional person folders"
        )
    if len(people) < 2:
        raise ProtocolError(
            f"protocol '{protocol.name}' needs at least 2 people, {contents.table.root} has {len(people)}"
        )
    tested = min(max(1, len(people) * rule.test_people // rule.people), len(people) - 1)
    divisions = _divisions(protocol, contents)
    return [_trial(index, protocol, contents, people[row], tested) for index, row in enumerate(divisions)]


def _divisions(protocol: Protocol, contents: DatasetContents) -> IntArray:
    rule = protocol.trials
    if rule.splits == "official" and contents.splits is not None:
        if len(contents.splits) < rule.count:
            raise ProtocolError(
                f"protocol '{protocol.name}' has {rule.count} trials, the split file below {contents.table.root} "
                f"has {len(contents.splits)}; restore it from the archive"
            )
        return contents.splits[: rule.count]
    generator = np.random.default_rng(rule.seed)
    return np.stack([generator.permutation(len(contents.people)) for _ in range(rule.count)]).astype(np.int64)


def _trial(index: int, protocol: Protocol, contents: DatasetContents, order: IntArray, tested: int) -> Trial:
    if protocol.trials.tested_half == "first":
        test, train = order[:tested], order[tested:]
    else:
        train, test = order[: len(order) - tested], order[len(order) - tested :]
    table = contents.table
    is_tested = np.isin(table.pids, test)
    return Trial(
        index,
        train=np.flatnonzero(np.isin(table.pids, train)),
        query=np.flatnonzero(is_tested & (table.camids == protocol.query.camera)),
        gallery=np.flatnonzero(is_tested & (table.camids == protocol.gallery.camera)),
    )
