"""Trials: the train, query and gallery rows of a protocol on a dataset."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from reidbench.datasets.tracklets import DatasetContents, IntArray
from reidbench.errors import ProtocolError
from reidbench.protocols.schema import Protocol, SideRule, SplitTable

JUNK = -1


@dataclass(frozen=True)
class Sides:
    """Queries and gallery of one search, as ascending rows of the tracklet table.

    Attributes:
        query: rows of the queries.
        gallery: rows that are ranked for each query; without junk (person -1), which every evaluation ignores.
        boxes: rows whose embeddings are pooled into the query of their person and camera; None without pooling.
    """

    query: IntArray
    gallery: IntArray
    boxes: IntArray | None = None


@dataclass(frozen=True)
class Trial:
    """One train / query / gallery split.

    Attributes:
        index: 0-based number of the trial.
        train: rows of the training table, ascending.
        sides: one, or two where both directions between two cameras are evaluated.
    """

    index: int
    train: IntArray
    sides: tuple[Sides, ...]

    @property
    def queries(self) -> int:
        """Number of queries."""
        return sum(len(side.query) for side in self.sides)

    @property
    def gallery(self) -> int:
        """Number of gallery items, summed over both directions."""
        return sum(len(side.gallery) for side in self.sides)


def draw_trials(
    protocol: Protocol, contents: DatasetContents, training: DatasetContents | None = None
) -> list[Trial]:
    """Return all trials of a protocol, in order; every call returns the same ones.

    A rendered tree may have any number of people: the tested share is that of the protocol, at least two people and
    at most all but one. A real dataset must have exactly the people of the protocol.

    Args:
        protocol: the rules.
        contents: the tested dataset.
        training: the training dataset, if it is another one.

    Raises:
        ProtocolError: the dataset has another number of people, or fewer splits than the protocol has trials, or a
            side has no tracklet.
        DatasetError: the dataset does not have a part of the protocol.
    """
    sides = list_tested_sides(protocol, contents)
    trials = []
    for index, (train, _) in enumerate(_split_people(protocol, contents)):
        if training is not None:
            rows = _select_rows(training, protocol.train.part)
            train_rows = rows[training.table.pids[rows] > 0]
        else:
            train_rows = _select_people(
                contents, _select_rows(contents, protocol.fill_part(protocol.train.part)), train
            )
        trials.append(Trial(index, train_rows, sides[index]))
    return trials


def list_tested_sides(protocol: Protocol, contents: DatasetContents) -> list[tuple[Sides, ...]]:
    """Return the sides of each trial of a protocol; see `draw_trials`.

    Raises:
        ProtocolError: as `draw_trials`.
        DatasetError: as `draw_trials`.
    """
    trials = []
    for _, test in _split_people(protocol, contents):
        sides = tuple(
            _make_sides(protocol, contents, query, gallery, test)
            for query, gallery in _list_directions(protocol)
        )
        _check_all_sides(protocol, contents, sides)
        trials.append(sides)
    return trials


def _list_directions(protocol: Protocol) -> list[tuple[SideRule, SideRule]]:
    query, gallery = protocol.query, protocol.gallery
    swapped = (
        SideRule(part=query.part, camera=gallery.camera),
        SideRule(part=gallery.part, camera=query.camera),
    )
    match protocol.conventions.direction:
        case "reverse":
            return [swapped]
        case "both":
            return [(query, gallery), swapped]
        case _:
            return [(query, gallery)]


def _make_sides(
    protocol: Protocol, contents: DatasetContents, query: SideRule, gallery: SideRule, test: IntArray | None
) -> Sides:
    queries = _select_side(protocol, contents, query, test)
    items = _select_side(protocol, contents, gallery, test)
    if protocol.conventions.query_tracklets == "removed":
        items = np.setdiff1d(items, queries)
    boxes = None
    if query.pooled_from is not None:
        boxes = _select_rows(contents, protocol.fill_part(query.pooled_from))
        pids = contents.table.pids
        boxes = boxes[np.isin(pids[boxes], pids[queries])]
    return Sides(queries, items[contents.table.pids[items] != JUNK], boxes)


def _select_side(
    protocol: Protocol, contents: DatasetContents, rule: SideRule, test: IntArray | None
) -> IntArray:
    rows = _select_people(contents, _select_rows(contents, protocol.fill_part(rule.part)), test)
    return rows if rule.camera is None else rows[contents.table.camids[rows] == rule.camera]


def _select_rows(contents: DatasetContents, part: str | None) -> IntArray:
    return np.arange(len(contents.table)) if part is None else contents.part(part)


def _select_people(contents: DatasetContents, rows: IntArray, people: IntArray | None) -> IntArray:
    return rows if people is None else rows[np.isin(contents.table.pids[rows], people)]


def _check_all_sides(protocol: Protocol, contents: DatasetContents, sides: tuple[Sides, ...]) -> None:
    for side in sides:
        for name, rows in (
            ("queries", side.query),
            ("gallery tracklets", side.gallery),
            ("boxes", side.boxes),
        ):
            if rows is not None and not len(rows):
                raise ProtocolError(
                    f"protocol '{protocol.name}' has no {name} in {contents.table.root}; restore the dataset"
                )


def _split_people(
    protocol: Protocol, contents: DatasetContents
) -> list[tuple[IntArray | None, IntArray | None]]:
    """Return the training and the tested people of each trial; None = all people of the parts."""
    rule = protocol.trials
    if rule.people is None or rule.test_people is None:
        return [(None, None)] * rule.count
    orders = _order_people(protocol, contents)
    people = orders.shape[1]
    if not contents.is_synthetic and people != rule.people:
        raise ProtocolError(
            f"protocol '{protocol.name}' splits {rule.people} people, but {contents.table.root} has {people}; "
            "restore missing person folders or remove additional ones"
        )
    if people < 2:
        raise ProtocolError(
            f"protocol '{protocol.name}' needs at least 2 people, but {contents.table.root} has {people}; add people"
        )
    tested = min(max(2, people * rule.test_people // rule.people), people - 1)
    if protocol.conventions.tested_half == "first":
        return [(order[tested:], order[:tested]) for order in orders]
    return [(order[: people - tested], order[people - tested :]) for order in orders]


def _order_people(protocol: Protocol, contents: DatasetContents) -> IntArray:
    """Return the order of the people (trials, P) in each trial, as person ids."""
    rule = protocol.trials
    if rule.splits == "official":
        orders = contents.splits
        if orders is None and protocol.split_table is not None:
            orders = _order_by_table(protocol, protocol.split_table, contents)
        if orders is not None and len(orders) < rule.count:
            raise ProtocolError(
                f"protocol '{protocol.name}' has {rule.count} trials, but the split file in {contents.table.root} has "
                f"{len(orders)}; restore it from the archive"
            )
        if orders is not None:
            return orders[: rule.count]
        if not contents.is_synthetic and rule.seed is None:
            raise ProtocolError(
                f"protocol '{protocol.name}' needs the split file of the dataset, but {contents.table.root} has none; "
                "restore it from the archive"
            )
    people = np.array(contents.people, dtype=np.int64)
    generator = np.random.default_rng(rule.seed or 0)
    permutations = [generator.permutation(len(people)) for _ in range(rule.count)]
    return people[np.stack(permutations)]


def _order_by_table(protocol: Protocol, table: SplitTable, contents: DatasetContents) -> IntArray | None:
    """Return the orders of the protocol's split table, or None where they do not fit a rendered tree."""
    rows, people = np.array(table.rows, dtype=np.int64), np.array(contents.people, dtype=np.int64)
    if table.unit == "people":
        missing = np.setdiff1d(rows[0], people)
        if not len(missing):
            return rows
        others = f", nor are {len(missing) - 1} others of its people" if len(missing) > 1 else ""
        problem = f"person {missing[0]} is not in the dataset{others}"
    else:
        if rows.shape[1] == len(people):
            return people[rows - 1]
        problem = f"it orders {rows.shape[1]} people, the dataset has {len(people)}"
    if contents.is_synthetic:
        return None
    raise ProtocolError(
        f"the split table of protocol '{protocol.name}' does not fit {contents.table.root}: {problem}; "
        "restore the dataset"
    )
