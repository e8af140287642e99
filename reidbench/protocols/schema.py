"""The schema of protocol files: every key, its type and its meaning."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec

from reidbench.datasets.digests import Digests
from reidbench.errors import ProtocolError, quote
from reidbench.fingerprints import fingerprint
from reidbench.protocols.validation import convert_table

Side = Literal["first", "last", "all"]
# Larger numbers are mistakes, and would fill the memory or take for ever.
TrialCount = Annotated[int, msgspec.Meta(le=10_000)]
PeopleCount = Annotated[int, msgspec.Meta(le=1_000_000)]
FrameCount = Annotated[int, msgspec.Meta(le=1_000_000)]
Number = Annotated[int, msgspec.Meta(ge=-(2**31), le=2**31 - 1)]
Seed = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
SplitNumber = Annotated[int, msgspec.Meta(ge=0, le=1_000_000)]
# Fields that change no figure.
PROSE = ("title", "sources")


class SplitTable(msgspec.Struct, frozen=True, kw_only=True):
    """Splits in a file of the protocol: each row is an order of the people, in the unit of the table.

    Attributes:
        unit: "positions" in the sorted list of the dataset's people, from 1, or "people" by their numbers.
        rows: one per trial.
    """

    unit: Literal["positions", "people"]
    rows: tuple[tuple[SplitNumber, ...], ...]


class TrialRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How trials are drawn.

    With `people`, each trial splits that many people into tested ones and training ones. Without it, the dataset's
    own parts define training, query and gallery tracklets.

    Attributes:
        count: number of trials.
        splits: "official" uses the splits in the dataset's files, else those of `table`, else, for rendered trees,
            random ones drawn with `seed`; "seeded" always draws.
        table: file of splits, relative to the protocol file.
        seed: None = a real dataset without its split file is an error.
    """

    count: TrialCount = 1
    people: PeopleCount | None = None
    test_people: PeopleCount | None = None
    splits: Literal["official", "seeded"] = "seeded"
    table: str | None = None
    seed: Seed | None = None

    def __post_init__(self) -> None:
        if self.count < 1:
            raise ProtocolError(f"trials.count must be at least 1, got {self.count}")
        if self.people is None:
            given = [name for name in ("test_people", "table") if getattr(self, name) is not None]
            if self.count > 1:
                given.append("count")
            if given:
                raise ProtocolError(f"trials.people must be given together with trials.{given[0]}")
            return
        if self.test_people is None or not 1 <= self.test_people < self.people:
            raise ProtocolError(f"trials.test_people must be in 1..{self.people - 1}, got {self.test_people}")


class SyntheticRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The rendered tree of a protocol that needs no files.

    Attributes:
        masks: also write a mask of each frame; frames are the same with and without.
    """

    people: PeopleCount
    seed: Seed
    frames: FrameCount | None = None
    min_frames: FrameCount | None = None
    max_frames: FrameCount | None = None
    mean_frames: FrameCount | None = None
    masks: bool = False

    def settings(self) -> dict[str, Any]:
        """Return the settings of the renderer."""
        return msgspec.structs.asdict(self)


class TrainRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The training data: a part of the dataset, without the people that are tested.

    Attributes:
        dataset: another dataset than the tested one, for transfer; None = the tested one.
        part: only tracklets of this part; None = all.
        synthetic: the rendered tree of the other dataset; None = the dataset in the data root.
    """

    dataset: str | None = None
    part: str | None = None
    synthetic: SyntheticRule | None = None

    def __post_init__(self) -> None:
        if self.synthetic is not None and self.dataset is None:
            raise ProtocolError("train.dataset must be given together with train.synthetic")


class SideRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The tracklets of one side, query or gallery: those of one part, of one camera, or both.

    Attributes:
        pooled_from: of queries only: the part whose embeddings are pooled into the query of the same person and
            camera (multi-query).
    """

    part: str | None = None
    camera: Number | None = None
    pooled_from: str | None = None


class Conventions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The rules on which the literature differs, and the choice of this protocol; `--convention` changes it.

    None means that the rule does not apply to the protocol.

    Attributes:
        tested_half: which end of a row of a split is tested.
        query_tracklets: whether the query tracklets are also in the gallery, where they can be wrong answers to
            other queries.
        direction: from the camera of the query to that of the gallery, the reverse, or both, one after the other.
        pooling: of multi-query embeddings.
        boxes: source of the bounding boxes; replaces "{boxes}" in names of parts.
    """

    tested_half: Literal["first", "second"] | None = None
    query_tracklets: Literal["in-gallery", "removed"] | None = None
    direction: Literal["forward", "reverse", "both"] | None = None
    pooling: Literal["mean", "max"] | None = None
    boxes: Literal["detected", "labeled"] | None = None


class FrameRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The frames that methods receive: the first or last `limit` of a query or gallery tracklet, or all."""

    query: Side = "all"
    gallery: Side = "all"
    limit: FrameCount | None = None

    def __post_init__(self) -> None:
        if self.limit is None and (self.query, self.gallery) != ("all", "all"):
            raise ProtocolError("frames.limit must be given unless frames.query and frames.gallery are 'all'")
        if self.limit is not None and self.limit < 1:
            raise ProtocolError(f"frames.limit must be at least 1, got {self.limit}")


class Protocol(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One protocol: the people, cameras, trials and rules of a measurement.

    Attributes:
        name: the stem of the file; not a key of it.
        shots: "all" ranks the complete gallery; "single" draws one gallery image of each person, and the figures are
            the exact expectation over the draws.
        split_table: the contents of `trials.table`; not a key of the file.
    """

    name: str
    title: str
    dataset: str
    version: Number
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
    sources: Mapping[str, str] = msgspec.field(default_factory=dict)
    split_table: SplitTable | None = None

    def __post_init__(self) -> None:
        if self.trials.people and self.trials.splits == "seeded" and self.trials.seed is None:
            raise ProtocolError("trials.seed must be given where trials.splits is 'seeded'")
        _check_both("query.camera", self.query.camera, "gallery.camera", self.gallery.camera)
        conventions = self.conventions
        _check_both("conventions.tested_half", conventions.tested_half, "trials.people", self.trials.people)
        _check_both("conventions.direction", conventions.direction, "query.camera", self.query.camera)
        _check_both("conventions.pooling", conventions.pooling, "query.pooled_from", self.query.pooled_from)

    def semantics(self) -> dict[str, Any]:
        """Return everything that changes figures, as JSON types; a split table by its digest."""
        facts: dict[str, Any] = msgspec.to_builtins(self)
        table = facts.pop("split_table")
        rules = {name: value for name, value in facts.items() if name not in PROSE}
        return rules | {"split_table": None if table is None else fingerprint(table)}

    def with_conventions(self, conventions: Mapping[str, str]) -> Protocol:
        """Return the protocol with other conventions, by name.

        Raises:
            ProtocolError: the protocol does not have the convention, or the convention not the value.
        """
        current = {
            name: value
            for name, value in msgspec.structs.asdict(self.conventions).items()
            if value is not None
        }
        for name in conventions:
            if name not in current:
                listed = ", ".join(current) or "none"
                raise ProtocolError(
                    f"protocol '{self.name}' has no convention {quote(name)}; it has {listed}"
                )
        changed = convert_table(Conventions, {**current, **conventions}, "conventions")
        others = [f"{name} = {value}" for name, value in conventions.items() if value != current[name]]
        return msgspec.structs.replace(self, conventions=changed, title="; ".join([self.title, *others]))

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
            dataset=other.dataset, part=other.fill_part(other.train.part), synthetic=other.synthetic
        )
        return msgspec.structs.replace(self, train=rule, title=f"{self.title}; trained on {other.name}")

    def fill_part(self, part: str | None) -> str | None:
        """Return the name of a part with the conventions filled in."""
        return None if part is None else part.replace("{boxes}", self.conventions.boxes or "{boxes}")

    def fingerprint(self, tested: Digests, training: Digests | None = None, *, evaluator: str) -> str:
        """Return the fingerprint of the protocol on its data.

        It depends on labels and markers, not on the contents of files: re-encoded copies of a dataset, and features
        without images, share a board.

        Args:
            tested: digests of the tested dataset.
            training: digests of the training dataset if it is another one.
            evaluator: version of the evaluator.
        """
        datasets = [[digests.labels, digests.marker] for digests in (tested, training) if digests is not None]
        return fingerprint({"protocol": self.semantics(), "datasets": datasets, "evaluator": evaluator})


def parse_protocol(name: str, table: Mapping[str, Any], split_table: SplitTable | None = None) -> Protocol:
    """Return the protocol that a TOML table describes.

    Args:
        name: of the protocol.
        table: the contents of the file.
        split_table: the contents of the file that `trials.table` names.

    Raises:
        ProtocolError: a key is unknown or missing, or a value has the wrong type or is out of range.
    """
    try:
        if "readings" in table:
            raise ProtocolError("the table [readings] is now called [conventions]; rename it in the file")
        if "name" in table:
            raise ProtocolError("unknown key 'name'; a protocol has the name of its file")
        if "split_table" in table:
            raise ProtocolError("unknown key 'split_table'; name the file in trials.table")
        protocol = convert_table(Protocol, {"name": name, **table}, hidden=("name", "split_table"))
        return msgspec.structs.replace(protocol, split_table=split_table)
    except ProtocolError as error:
        raise ProtocolError(f"protocol '{name}': {error}") from None


def _check_both(first: str, value: object, second: str, other: object) -> None:
    if (value is None) != (other is None):
        given, missing = (second, first) if value is None else (first, second)
        raise ProtocolError(f"{missing} must be given together with {given}")
