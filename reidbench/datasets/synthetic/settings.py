"""Settings of a synthetic tree."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

from reidbench.errors import ConfigError, quote
from reidbench.fingerprints import derive_seed

# Folder numbers and label files of every layout can hold this many people.
MAX_PEOPLE = 10_000
MAX_FRAMES = 1_000


@dataclass(frozen=True, kw_only=True)
class SyntheticSettings:
    """Size, seed and contents of a synthetic tree. The renderer version fixes its difficulty."""

    people: int | None = field(
        default=None,
        metadata={"help": "people for training and testing; none: as many as in the official dataset"},
    )
    frames: int | None = field(
        default=None, metadata={"help": "frames per track; none: natural track lengths"}
    )
    seed: int = field(default=0, metadata={"help": "seed of all random draws"})
    masks: bool = field(default=False, metadata={"help": "write a mask of each frame"})
    labels: Path | None = field(
        default=None, metadata={"help": "directory of official label files to follow"}
    )
    min_frames: int | None = field(default=None, metadata={"help": "shortest natural track length"})
    max_frames: int | None = field(default=None, metadata={"help": "longest natural track length"})
    mean_frames: float | None = field(default=None, metadata={"help": "mean natural track length"})

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            ConfigError: a value is out of range; the message names it.
        """
        if self.people is not None:
            check_integer("people", self.people, 2, MAX_PEOPLE)
        check_integer("seed", self.seed, 0, 2**63 - 1)
        if self.frames is not None:
            check_integer("frames", self.frames, 1, MAX_FRAMES)


def derive_layout_settings(layout: str, settings: SyntheticSettings) -> SyntheticSettings:
    """Return settings with the seed of a layout, so that two layouts with the same seed contain different people."""
    return replace(settings, seed=derive_seed("layout", layout, settings.seed))


def check_integer(name: str, value: int, low: int, high: int) -> None:
    """Check that a setting is an integer in [low, high].

    Raises:
        ConfigError: the value is not an integer in the range; the message names the setting.
    """
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise ConfigError(
            f"synthetic setting {name} must be a whole number in [{low}, {high}], got {quote(value)}"
        )
