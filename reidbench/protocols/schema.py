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
class TrialRule:
    """How trials are drawn: `count` divisions of `people` into tested ones and the rest, which is trained on.

    Attributes:
        splits: "official" takes the dataset's own split file when it ships one and draws with `seed`
            otherwise; "seeded" always draws.
        tested_half: which end of a row of a split is tested.
    """

    count: int
    people: int
    test_people: int
    splits: Literal["official", "seeded"]
    tested_half: Literal["first", "second"]
    seed: int

    def __post_init__(self) -> None:
        if self.count < 1:
            raise ProtocolError(f"trials.count must be at least 1, got {self.count}")
        if not 1 <= self.test_people < self.people:
            raise ProtocolError(f"trials.test_people must be in 1..{self.people - 1}, got {self.test_people}")


@dataclass(frozen=True, kw_only=True)
class SideRule:
    """Which tracklets of the tested people stand on one side: those of one camera."""

    camera: int


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
class SyntheticRule:
    """The rendered tree that the protocol is made for, when it is made for one."""

    people: int
    min_frames: int
    max_frames: int
    mean_frames: int
    seed: int


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """One protocol: what exactly is measured."""

    name: str
    title: str
    dataset: str
    version: int
    trials: TrialRule
    query: SideRule
    gallery: SideRule
    modality: Literal["video", "image"] = "video"
    frames: FrameRule = FrameRule()
    synthetic: SyntheticRule | None = None
    unmatched: Literal["exclude", "miss"] = "exclude"
    sources: Mapping[str, str] = field(default_factory=dict)

    def semantics(self) -> dict[str, Any]:
        """Return all that changes figures, as JSON types."""
        return {name: value for name, value in dataclasses.asdict(self).items() if name not in PROSE}

    def fingerprint(self, *, dataset: str, evaluator: str) -> str:
        """Return the fingerprint of the protocol on a dataset (its digest) under an evaluator (its version)."""
        return fingerprint({"protocol": self.semantics(), "dataset": dataset, "evaluator": evaluator})


def parsed(name: str, text: Mapping[str, Any]) -> Protocol:
    """Return the protocol that a TOML table describes.

    Raises:
        ProtocolError: an unknown or missing key, a value of another type or out of range.
    """
    try:
        return _build(Protocol, {"name": name, **text}, "")
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
