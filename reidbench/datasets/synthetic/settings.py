"""What a user may choose about a synthetic tree."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from reidbench.errors import ConfigError

LARGEST_TREE = 10_000  # people; the layouts number folders and positions well below this
LONGEST_TRACK = 1_000  # frames


@dataclass(frozen=True, kw_only=True)
class SyntheticSettings:
    """Size and seed of a synthetic tree; how hard it is, is fixed by the renderer version."""

    people: int | None = field(
        default=None,
        metadata={"help": "people that are divided or trained on and tested; none = all official"},
    )
    frames: int | None = field(
        default=None, metadata={"help": "frames of every track; none = natural lengths"}
    )
    seed: int = field(default=0, metadata={"help": "seed of everything that is drawn"})
    masks: bool = field(default=False, metadata={"help": "also write who covers which pixel"})
    labels: Path | None = field(default=None, metadata={"help": "folder of official label files to follow"})
    min_frames: int | None = field(default=None, metadata={"help": "shortest natural track"})
    max_frames: int | None = field(default=None, metadata={"help": "longest natural track"})
    mean_frames: float | None = field(default=None, metadata={"help": "mean length of natural tracks"})

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            ConfigError: a value is out of range; the message names it.
        """
        if self.people is not None:
            check_integer("people", self.people, 2, LARGEST_TREE)
        check_integer("seed", self.seed, 0, 2**63 - 1)
        if self.frames is not None:
            check_integer("frames", self.frames, 1, LONGEST_TRACK)


def check_integer(name: str, value: int, low: int, high: int) -> None:
    """Demand a whole number in a range.

    Raises:
        ConfigError: it is not; the message names the setting.
    """
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise ConfigError(
            f"synthetic setting {name} must be a whole number in [{low}, {high}], got {value!r}"
        )
