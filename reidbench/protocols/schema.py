"""The schema of protocol files: what a protocol may say, and what it must."""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from reidbench.errors import ProtocolError
from reidbench.fingerprints import fingerprint

T = TypeVar("T")
Side = Literal["first", "last", "all"]
PROSE = ("title", "sources")  # read by people, not by the harness


@dataclass(frozen=True, kw_only=True)
class SplitTable:
    """Divisions that a protocol carries: each row an order of the people, in the unit of the table.

    Attributes:
        unit: "positions" in the sorted list of the dataset's people, from 1, or "people" by their numbers.
        rows: one a trial.
    """

    unit: Literal["positions", "people"]
    rows: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, kw_only=True)
class TrialRule:
    """How trials are drawn.

    With `people`, each trial divides that many people into tested ones and the rest, which is trained on. Without,
    the dataset's own parts say who is trained on, queried and searched.

    Attributes:
        count: number of trials.
        splits: "official" takes the divisions that the dataset ships, else those of `table`, else draws with `seed`
            where the tree is a rendered one; "seeded" always draws.
        table: file of divisions, relative to the protocol file.
        seed: None = a real dataset without its divisions is refused.
    """

    count: int = 1
    people: int | None = None
    test_people: int | None = None
    splits: Literal["official", "seeded"] = "seeded"
    table: str | None = None
    seed: int | None = None

    def __post_init__(self) -> None:
        if self.count < 1:
            raise ProtocolError(f"trials.count must be at least 1, got {self.count}")
        if self.people is None:
            if self.count > 1 or self.test_people is not None or self.table is not None:
                raise ProtocolError("trials.people must be given where trials divide people")
            return
        if self.test_people is None or not 1 <= self.test_people < self.people:
            raise ProtocolError(f"trials.test_people must be in 1..{self.people - 1}, got {self.test_people}")


@dataclass(frozen=True, kw_only=True)
class SyntheticRule:
    """The rendered tree that the protocol is made for, when it is made for one.

    Attributes:
        masks: also write who covers which pixel, which no picture depends on.
    """

    people: int
    seed: int
    frames: int | None = None
    min_frames: int | None = None
    max_frames: int | None = None
    mean_frames: int | None = None
    masks: bool = False

    def settings(self) -> dict[str, Any]:
        """Return the settings of the renderer."""
        return dataclasses.asdict(self)


@dataclass(frozen=True, kw_only=True)
class TrainRule:
    """What is trained on: of a divided dataset the people that are not tested, else a part.

    Attributes:
        dataset: another dataset than the tested one, whole or a part of it; None = the tested one.
        part: only tracklets of this part; None = all.
        synthetic: the rendered tree of the other dataset that is trained on; None = the dataset as it is found.
    """

    dataset: str | None = None
    part: str | None = None
    synthetic: SyntheticRule | None = None

    def __post_init__(self) -> None:
        if self.synthetic is not None and self.dataset is None:
            raise ProtocolError("train.synthetic belongs to protocols with train.dataset")


@dataclass(frozen=True, kw_only=True)
class SideRule:
    """Which tracklets stand on one side: those of one part, of one camera, or both.

    Attributes:
        pooled_from: of queries only: the part whose embeddings of the same person and camera are pooled into the
            query's (multi-query).
    """

    part: str | None = None
    camera: int | None = None
    pooled_from: str | None = None


@dataclass(frozen=True, kw_only=True)
class Conventions:
    """Where the literature reads one protocol in more than one way: the reading this file takes.

    None means that the question does not arise; `--convention` on the command line takes another one.

    Attributes:
        tested_half: which end of a row of a split is tested.
        query_tracklets: whether the query tracklets also stand in the gallery, where they can be wrong answers to
            others' queries.
        direction: from the camera of the query to that of the gallery, the reverse, or both, one after the other.
        pooling: of multi-query embeddings.
        boxes: which boxes; stands in for "{boxes}" in names of parts.
    """

    tested_half: Literal["first", "second"] | None = None
    query_tracklets: Literal["in-gallery", "removed"] | None = None
    direction: Literal["forward", "reverse", "both"] | None = None
    pooling: Literal["mean", "max"] | None = None
    boxes: Literal["detected", "labeled"] | None = None


@dataclass(frozen=True, kw_only=True)
class FrameRule:
    """Which frames methods see: the first or last `limit` of a query or gallery tracklet, or all."""

    query: Side = "all"
    gallery: Side = "all"
    limit: int | None = None

    def __post_init__(self) -> None:
        if self.limit is None and (self.query, self.gallery) != ("all", "all"):
            raise ProtocolError(
                "frames.limit must be given where frames.query or frames.gallery is not 'all'"
            )
        if self.limit is not None and self.limit < 1:
            raise ProtocolError(f"frames.limit must be at least 1, got {self.limit}")


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """One protocol: what exactly is measured.

    Attributes:
        shots: "all" ranks the whole gallery; "single" draws one gallery image of each person, and the figures are
            the exact expectation over the draws.
        split_table: the contents of `trials.table`.
    """

    name: str
    title: str
    dataset: str
    version: int
    query: SideRule
    gallery: SideRule
    trials: TrialRule = TrialRule()
    train: TrainRule = TrainRule()
    conventions: Conventions = Conventions()
    modality: Literal["video", "image"] = "video"
    frames: FrameRule = FrameRule()
    shots: Literal["all", "single"] = "all"
    synthetic: SyntheticRule | None = None
    unmatched: Literal["exclude", "miss"] = "exclude"
    sources: Mapping[str, str] = field(default_factory=dict)
    split_table: SplitTable | None = None

    def __post_init__(self) -> None:
        if (self.trials.people is not None) != (self.conventions.tested_half is not None):
            raise ProtocolError("conventions.tested_half belongs to protocols that divide trials.people")
        if self.trials.people and self.trials.splits == "seeded" and self.trials.seed is None:
            raise ProtocolError("trials.seed must be given where divisions are drawn")
        if (self.query.camera is None) != (self.gallery.camera is None):
            raise ProtocolError("query.camera and gallery.camera must be given together")
        if (self.query.camera is not None) != (self.conventions.direction is not None):
            raise ProtocolError(
                "conventions.direction belongs to protocols with query.camera and gallery.camera"
            )
        if (self.query.pooled_from is not None) != (self.conventions.pooling is not None):
            raise ProtocolError("conventions.pooling belongs to protocols with query.pooled_from")

    def semantics(self) -> dict[str, Any]:
        """Return all that changes figures, as JSON types; a table of divisions by its digest."""
        facts = {name: value for name, value in dataclasses.asdict(self).items() if name not in PROSE}
        table = facts.pop("split_table")
        return facts | {"split_table": None if table is None else fingerprint(table)}

    def with_conventions(self, conventions: Mapping[str, str]) -> Protocol:
        """Return the protocol with other conventions, by name.

        Raises:
            ProtocolError: the protocol knows no such question, or the literature no such answer.
        """
        known = {
            name: value for name, value in dataclasses.asdict(self.conventions).items() if value is not None
        }
        for name in conventions:
            if name not in known:
                listed = ", ".join(known) or "none"
                raise ProtocolError(f"protocol '{self.name}' has no convention '{name}'; it has {listed}")
        changed = _build(Conventions, {**known, **conventions}, "conventions.")
        others = [f"{name} = {value}" for name, value in conventions.items() if value != known[name]]
        return dataclasses.replace(self, conventions=changed, title="; ".join([self.title, *others]))

    def with_training_data(self, other: Protocol) -> Protocol:
        """Return the protocol with the training data of another one, for cross-dataset transfer.

        All people of the other protocol are trained on: none of them is tested here. A protocol that renders its own
        data does so here too; its people are different from those of the real dataset of the same layout.

        Raises:
            ProtocolError: both protocols use the same data, so that tested people could be trained on.
        """
        if (other.dataset, other.synthetic) == (self.dataset, self.synthetic):
            raise ProtocolError(
                f"protocol '{self.name}' cannot be trained on '{other.name}': both use the dataset '{self.dataset}', "
                "so tested people would be trained on; name a protocol of another dataset"
            )
        if other.train.dataset is not None:
            raise ProtocolError(
                f"cannot take the training data of protocol '{other.name}': it is a transfer protocol that trains on "
                f"'{other.train.dataset}'; name a protocol of that dataset instead"
            )
        rule = TrainRule(
            dataset=other.dataset, part=other.named_part(other.train.part), synthetic=other.synthetic
        )
        return dataclasses.replace(self, train=rule, title=f"{self.title}; trained on {other.name}")

    def named_part(self, part: str | None) -> str | None:
        """Return the name of a part with the conventions filled in."""
        return None if part is None else part.replace("{boxes}", self.conventions.boxes or "{boxes}")

    def fingerprint(self, *, dataset: str, evaluator: str) -> str:
        """Return the fingerprint of the protocol on a dataset (its digest) under an evaluator (its version)."""
        return fingerprint({"protocol": self.semantics(), "dataset": dataset, "evaluator": evaluator})


def parse_protocol(name: str, text: Mapping[str, Any], split_table: SplitTable | None = None) -> Protocol:
    """Return the protocol that a TOML table, and the file of divisions that it names, describe.

    Raises:
        ProtocolError: an unknown or missing key, a value of another type or out of range.
    """
    try:
        if "split_table" in text:
            raise ProtocolError("unknown key 'split_table'; name the file in trials.table")
        return dataclasses.replace(_build(Protocol, {"name": name, **text}, ""), split_table=split_table)
    except ProtocolError as error:
        raise ProtocolError(f"protocol '{name}': {error}") from None


def _build(kind: type[T], table: Any, place: str) -> T:
    if not isinstance(table, Mapping):
        raise ProtocolError(f"[{place.rstrip('.')}] must be a table, got {table!r}")
    hints = get_type_hints(kind)
    known = {item.name: item for item in dataclasses.fields(kind)}  # type: ignore[arg-type]
    if unknown := sorted(set(table) - set(known)):
        raise ProtocolError(f"unknown key '{place}{unknown[0]}'; the keys are {', '.join(sorted(known))}")
    for item in known.values():
        required = item.default is dataclasses.MISSING and item.default_factory is dataclasses.MISSING
        if required and item.name not in table:
            raise ProtocolError(f"key '{place}{item.name}' is missing")
    return kind(**{key: _value(hints[key], value, f"{place}{key}") for key, value in table.items()})


def _value(hint: Any, value: Any, place: str) -> Any:
    origin = get_origin(hint)
    if origin in (Union, types.UnionType):
        return _value(next(choice for choice in get_args(hint) if choice is not type(None)), value, place)
    if isinstance(hint, type) and dataclasses.is_dataclass(hint):
        return _build(hint, value, f"{place}.")
    if origin is Literal:
        if value not in get_args(hint):
            choices = ", ".join(repr(choice) for choice in get_args(hint))
            raise ProtocolError(f"{place} must be one of {choices}, got {value!r}")
        return value
    kind = Mapping if origin is not None else hint
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise ProtocolError(f"{place} must be of type {getattr(kind, '__name__', kind)}, got {value!r}")
    return value
