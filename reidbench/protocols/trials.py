"""Trials: the divisions of a protocol, drawn from a dataset."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from reidbench.datasets.tracklets import DatasetContents, IntArray
from reidbench.errors import ProtocolError
from reidbench.protocols.schema import Protocol, SideRule, SplitTable

JUNK = -1


@dataclass(frozen=True)
class Sides:
    """Who is searched among whom; rows of the tracklet table, ascending.

    Attributes:
        query: queries.
        gallery: what is ranked for each; without junk (person -1), which every evaluation ignores.
        boxes: further tracklets whose embeddings are pooled into the query of their person and camera.
    """

    query: IntArray
    gallery: IntArray
    boxes: IntArray | None = None


@dataclass(frozen=True)
class Trial:
    """One train / query / gallery division.

    Attributes:
        index: 0-based number of the trial.
        train: rows of the table that is trained on, ascending.
        sides: one, or two where both directions between two cameras are measured.
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
        """Number of gallery items, those of both directions together."""
        return sum(len(side.gallery) for side in self.sides)


def draw_trials(
    protocol: Protocol, contents: DatasetContents, training: DatasetContents | None = None
) -> list[Trial]:
    """Return all trials of a protocol, in order; the same for every run.

    A rendered tree may hold any number of people: the tested share stays that of the protocol, at least
    two people and not all of them. A real one must hold exactly the people that the protocol names.

    Args:
        protocol: the rules.
        contents: the tested dataset.
        training: the dataset that is trained on, where it is another one.

    Raises:
        ProtocolError: the tree has another number of people, or fewer divisions than the protocol has trials; or a
            side has no tracklet.
        DatasetError: the dataset has no such part.
    """
    sides = tested_sides(protocol, contents)
    trials = []
    for index, (train, _) in enumerate(_divisions(protocol, contents)):
        if training is not None:
            rows = _rows(training, protocol.train.part)
            train_rows = rows[training.table.pids[rows] > 0]
        else:
            train_rows = _of_people(
                contents, _rows(contents, protocol.named_part(protocol.train.part)), train
            )
        trials.append(Trial(index, train_rows, sides[index]))
    return trials


def tested_sides(protocol: Protocol, contents: DatasetContents) -> list[tuple[Sides, ...]]:
    """Return what each trial of a protocol tests; see `draw_trials`.

    Raises:
        ProtocolError: as `draw_trials`.
        DatasetError: as `draw_trials`.
    """
    trials = []
    for _, test in _divisions(protocol, contents):
        sides = tuple(
            _sides(protocol, contents, query, gallery, test) for query, gallery in _directions(protocol)
        )
        _check_all_sides(protocol, contents, sides)
        trials.append(sides)
    return trials


def _directions(protocol: Protocol) -> list[tuple[SideRule, SideRule]]:
    query, gallery = protocol.query, protocol.gallery
    turned = (
        SideRule(part=query.part, camera=gallery.camera),
        SideRule(part=gallery.part, camera=query.camera),
    )
    match protocol.conventions.direction:
        case "reverse":
            return [turned]
        case "both":
            return [(query, gallery), turned]
        case _:
            return [(query, gallery)]


def _sides(
    protocol: Protocol, contents: DatasetContents, query: SideRule, gallery: SideRule, test: IntArray | None
) -> Sides:
    queries = _side(protocol, contents, query, test)
    items = _side(protocol, contents, gallery, test)
    if protocol.conventions.query_tracklets == "removed":
        items = np.setdiff1d(items, queries)
    boxes = None
    if query.pooled_from is not None:
        boxes = _rows(contents, protocol.named_part(query.pooled_from))
        pids = contents.table.pids
        boxes = boxes[np.isin(pids[boxes], pids[queries])]
    return Sides(queries, items[contents.table.pids[items] != JUNK], boxes)


def _side(protocol: Protocol, contents: DatasetContents, rule: SideRule, test: IntArray | None) -> IntArray:
    rows = _of_people(contents, _rows(contents, protocol.named_part(rule.part)), test)
    return rows if rule.camera is None else rows[contents.table.camids[rows] == rule.camera]


def _rows(contents: DatasetContents, part: str | None) -> IntArray:
    return np.arange(len(contents.table)) if part is None else contents.part(part)


def _of_people(contents: DatasetContents, rows: IntArray, people: IntArray | None) -> IntArray:
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
                    f"protocol '{protocol.name}' finds no {name} below {contents.table.root}; restore the dataset"
                )


def _divisions(
    protocol: Protocol, contents: DatasetContents
) -> list[tuple[IntArray | None, IntArray | None]]:
    """Return the trained and the tested people of each trial; None = the parts say it all."""
    rule = protocol.trials
    if rule.people is None or rule.test_people is None:
        return [(None, None)] * rule.count
    orders = _orders(protocol, contents)
    people = orders.shape[1]
    if not contents.is_synthetic and people != rule.people:
        raise ProtocolError(
            f"protocol '{protocol.name}' divides {rule.people} people, {contents.table.root} has {people}; "
            "restore the missing or remove the additional person folders"
        )
    if people < 2:
        raise ProtocolError(
            f"protocol '{protocol.name}' needs at least 2 people, {contents.table.root} has {people}"
        )
    tested = min(max(2, people * rule.test_people // rule.people), people - 1)
    if protocol.conventions.tested_half == "first":
        return [(order[tested:], order[:tested]) for order in orders]
    return [(order[: people - tested], order[people - tested :]) for order in orders]


def _orders(protocol: Protocol, contents: DatasetContents) -> IntArray:
    """Return the order of the people (trials, P) in each trial, as person ids."""
    rule = protocol.trials
    if rule.splits == "official":
        orders = contents.splits
        if orders is None and protocol.split_table is not None:
            orders = _carried(protocol, protocol.split_table, contents)
        if orders is not None and len(orders) < rule.count:
            raise ProtocolError(
                f"protocol '{protocol.name}' has {rule.count} trials, the split file below {contents.table.root} "
                f"has {len(orders)}; restore it from the archive"
            )
        if orders is not None:
            return orders[: rule.count]
        if not contents.is_synthetic and rule.seed is None:
            raise ProtocolError(
                f"protocol '{protocol.name}' takes the dataset's own divisions, but {contents.table.root} ships none; "
                "restore the split file from the archive"
            )
    people = np.array(contents.people, dtype=np.int64)
    generator = np.random.default_rng(rule.seed or 0)
    drawn = [generator.permutation(len(people)) for _ in range(rule.count)]
    return people[np.stack(drawn)]


def _carried(protocol: Protocol, table: SplitTable, contents: DatasetContents) -> IntArray | None:
    """Return the divisions that the protocol carries, or None where they do not fit a rendered tree."""
    rows, people = np.array(table.rows, dtype=np.int64), np.array(contents.people, dtype=np.int64)
    if table.unit == "people":
        missing = np.setdiff1d(rows[0], people)
        if not len(missing):
            return rows
        problem = f"names person {missing[0]}, who is not there" + (
            f" (nor are {len(missing) - 1} others)" if len(missing) > 1 else ""
        )
    else:
        if rows.shape[1] == len(people):
            return people[rows - 1]
        problem = f"orders {rows.shape[1]} people, {len(people)} are there"
    if contents.is_synthetic:
        return None
    raise ProtocolError(
        f"protocol '{protocol.name}': its table of divisions {problem}, below {contents.table.root}; restore it"
    )
